//! What a series comes to today: one rule for the exit code, the page, the tables and JSON.

use super::accepted::Tolerance;
use super::missing::MissingNight;
use super::record::NightRecord;
use super::story::SeriesStory;
use serde::Serialize;

/// How a series stands, the gravest first; the order of the exit codes 4, 5, 1, 3, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeriesState {
    /// The last night could not be measured. Exit code 4.
    Broken,
    /// The program died in the last night, was never ready, or made no progress. Exit code 5.
    Died,
    /// A change for the worse is confirmed, and nobody accepted it. Exit code 1.
    Worse,
    /// The last night leaks, or its verdict is not the one that it declares. Exit code 1.
    Unexpected,
    /// The last night did not come to its end, or nothing was measured. Exit code 3.
    Unfinished,
    /// The last night is missing. Exit code 3.
    Missing,
    /// A change for the worse is suspected. Exit code 3.
    Suspected,
    /// It became worse, or leaks, or died, and somebody accepted that. Exit code 0.
    Accepted,
    /// Nothing became worse. Exit code 0.
    Good,
}

impl SeriesState {
    /// All of them, the gravest first.
    pub const ALL: [Self; 9] = [
        Self::Broken,
        Self::Died,
        Self::Worse,
        Self::Unexpected,
        Self::Unfinished,
        Self::Missing,
        Self::Suspected,
        Self::Accepted,
        Self::Good,
    ];

    /// How `story` stands, given what is tolerated and which nights are missing.
    #[must_use]
    pub fn of(story: &SeriesStory, tolerance: &Tolerance, missing: &[MissingNight]) -> Self {
        let mut all = vec![Self::Good];
        for (figure, _) in story.harm() {
            all.push(match tolerance.of(story, figure) {
                Some(_) => Self::Accepted,
                None => Self::Worse,
            });
        }
        for night in story.last_run() {
            all.push(match (Self::of_night(night), tolerance.of_night(night)) {
                (Self::Good, _) => Self::Good,
                (_, Some(_)) => Self::Accepted,
                (state, None) => state,
            });
        }
        if story.missing_of(missing).next().is_some() {
            all.push(Self::Missing);
        }
        if story.is_suspected() {
            all.push(Self::Suspected);
        }
        all.into_iter().min().unwrap_or(Self::Good)
    }

    /// What a night came to by itself; one that was measured and not decided adds to the others.
    fn of_night(night: &NightRecord) -> Self {
        match night.exit_code {
            Some(4) => Self::Broken,
            Some(5) => Self::Died,
            Some(1) => Self::Unexpected,
            Some(3) if !night.is_whole() || night.figures.is_empty() => Self::Unfinished,
            _ => Self::Good,
        }
    }

    /// The exit code that it stands for.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Broken => 4,
            Self::Died => 5,
            Self::Worse | Self::Unexpected => 1,
            Self::Unfinished | Self::Missing | Self::Suspected => 3,
            Self::Accepted | Self::Good => 0,
        }
    }

    /// A sign that stands for it beside its words, so that colour is not the only signal.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Broken => "⊘",
            Self::Died => "†",
            Self::Worse | Self::Unexpected => "✗",
            Self::Unfinished | Self::Missing | Self::Suspected => "?",
            Self::Accepted | Self::Good => "✓",
        }
    }

    /// Class of the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Broken | Self::Died | Self::Worse | Self::Unexpected => "bad",
            Self::Unfinished | Self::Missing | Self::Suspected => "unsure",
            Self::Accepted => "open",
            Self::Good => "good",
        }
    }

    /// What it is in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Broken => "the last night could not be measured",
            Self::Died => "the last night died or made no progress",
            Self::Worse => "worse",
            Self::Unexpected => "the last night leaks, or is not what it declares",
            Self::Unfinished => "the last night did not come to its end",
            Self::Missing => "the last night is missing",
            Self::Suspected => "perhaps worse",
            Self::Accepted => "worse, accepted",
            Self::Good => "no change for the worse",
        }
    }

    /// The same of an amount of series, to follow it.
    #[must_use]
    pub fn counted(self) -> &'static str {
        match self {
            Self::Broken => "could not be measured in the last night",
            Self::Died => "died or made no progress in the last night",
            Self::Worse => "became worse",
            Self::Unexpected => "leaked in the last night, or was not what it declares",
            Self::Unfinished => "did not come to an end in the last night",
            Self::Missing => "without the last night",
            Self::Suspected => "perhaps worse",
            Self::Accepted => "worse and accepted",
            Self::Good => "without a change for the worse",
        }
    }
}

/// What does not gate in a series, and who accepted it, a line each.
#[must_use]
pub fn accepted_lines(story: &SeriesStory, tolerance: &Tolerance) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: String| {
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    for (figure, _) in story.harm() {
        if let Some(why) = tolerance.of(story, figure) {
            add(format!("does not gate: {}: {why}", figure.figure.name()));
        }
    }
    for night in story.last_run() {
        let is_good = SeriesState::of_night(night) == SeriesState::Good;
        if let Some(why) = tolerance.of_night(night).filter(|_| !is_good) {
            add(format!(
                "does not gate: the last night ({}): {why}",
                night.standing
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{AcceptedUpTo, Acknowledgement, stories};
    use leaklab_judge::Verdict;

    fn night(day: u32, outcome: &str, exit_code: u8) -> NightRecord {
        NightRecord {
            time_utc: format!("2026-11-{day:02}T03:00:00Z"),
            run: format!("night-{day}"),
            cell: "shop".to_owned(),
            series: "shop".to_owned(),
            verdict: Verdict::NoLeak,
            outcome: outcome.to_owned(),
            exit_code: Some(exit_code),
            is_good: exit_code == 0,
            ..NightRecord::default()
        }
    }

    fn state_after(last: NightRecord, tolerance: &Tolerance) -> SeriesState {
        let mut records: Vec<NightRecord> = (1..=5).map(|day| night(day, "completed", 0)).collect();
        records.push(last);
        SeriesState::of(&stories(records)[0], tolerance, &[])
    }

    #[test]
    fn a_last_night_that_died_or_was_cut_short_is_no_green() {
        for (outcome, exit_code, wanted) in [
            ("completed", 0, SeriesState::Good),
            ("completed", 1, SeriesState::Unexpected),
            ("died", 5, SeriesState::Died),
            ("never-ready", 5, SeriesState::Died),
            ("unfinished", 3, SeriesState::Unfinished),
            ("harness-failed", 4, SeriesState::Broken),
        ] {
            let state = state_after(night(6, outcome, exit_code), &Tolerance::default());
            assert_eq!(state, wanted, "{outcome}");
            assert_eq!(state.exit_code(), exit_code, "{outcome}");
        }
    }

    #[test]
    fn a_night_in_quarantine_does_not_gate_and_a_broken_harness_does() {
        let one = Acknowledgement {
            cell: "shop".to_owned(),
            what: AcceptedUpTo::Quarantine,
            reason: "ticket 8".to_owned(),
            owner: "ops".to_owned(),
            expires: "2026-12-31".to_owned(),
        };
        let tolerance = Tolerance {
            acknowledged: vec![one],
            ..Tolerance::default()
        };
        let died = state_after(night(6, "died", 5), &tolerance);
        assert_eq!(died, SeriesState::Accepted);
        let broken = state_after(night(6, "load-failed", 4), &tolerance);
        assert_eq!(broken, SeriesState::Broken);
    }

    #[test]
    fn the_dead_night_of_a_series_that_is_not_run_any_more_does_not_gate_for_ever() {
        let mut records = vec![night(1, "died", 5)];
        let after = |last: u32| {
            (2..=last).map(|day| NightRecord {
                series: "shop rate=10".to_owned(),
                ..night(day, "completed", 0)
            })
        };
        records.extend(after(5));
        let of = |records: &[NightRecord]| {
            SeriesState::of(&stories(records.to_vec())[0], &Tolerance::default(), &[])
        };
        assert_eq!(of(&records), SeriesState::Died);
        records.extend(after(15));
        assert_eq!(of(&records), SeriesState::Good);
    }

    #[test]
    fn the_order_is_that_of_the_exit_codes() {
        let codes = SeriesState::ALL.map(SeriesState::exit_code);
        assert_eq!(codes, [4, 5, 1, 1, 3, 3, 3, 0, 0]);
        assert!(SeriesState::ALL.is_sorted());
    }
}
