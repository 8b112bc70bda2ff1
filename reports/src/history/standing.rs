//! What a series comes to today: one rule for the exit code, the page, the tables and JSON.

use super::accepted::Tolerance;
use super::lost::lost_lines;
use super::missing::MissingNight;
use super::record::NightRecord;
use super::story::SeriesStory;
use super::together::{Says, Together};
use leaklab_judge::Verdict;
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
    /// The last night was not decided, and with those before it it leaks. Exit code 1.
    LeakTogether,
    /// The last night did not come to its end, or nothing was measured. Exit code 3.
    Unfinished,
    /// The last night, or a repetition of it, is missing. Exit code 3.
    Missing,
    /// A change for the worse is suspected. Exit code 3.
    Suspected,
    /// The last night was good, and some before it were not, with good ones between. Exit code 3.
    Unsteady,
    /// A figure that was recorded is not any more. Exit code 3.
    FigureLost,
    /// The last night was not decided, neither by itself nor with those before it. Exit code 3.
    Undecided,
    /// It became worse, or leaks, or died, or was not decided, and somebody accepted that. Exit
    /// code 0.
    Accepted,
    /// It is not run any more, however its last night was. Exit code 0.
    Left,
    /// Nothing became worse. Exit code 0.
    Good,
}

impl SeriesState {
    /// All of them, the gravest first.
    pub const ALL: [Self; 14] = [
        Self::Broken,
        Self::Died,
        Self::Worse,
        Self::Unexpected,
        Self::LeakTogether,
        Self::Unfinished,
        Self::Missing,
        Self::Suspected,
        Self::Unsteady,
        Self::FigureLost,
        Self::Undecided,
        Self::Accepted,
        Self::Left,
        Self::Good,
    ];

    /// How `story` stands, given what is tolerated and which nights are missing.
    #[must_use]
    pub fn of(story: &SeriesStory, tolerance: &Tolerance, missing: &[MissingNight]) -> Self {
        if !story.is_current {
            return Self::Left;
        }
        let mut all = vec![Self::Good];
        for (figure, change) in story.harm() {
            all.push(match tolerance.of_change(story, figure, change) {
                Some(_) => Self::Accepted,
                None => Self::Worse,
            });
        }
        for (figure, change) in story.suspected() {
            all.push(match tolerance.of_change(story, figure, change) {
                Some(_) => Self::Accepted,
                None => Self::Suspected,
            });
        }
        for last in last_nights(story, tolerance) {
            all.push(match (last.state, last.accepted) {
                (Self::Good, _) => Self::Good,
                (_, Some(_)) => Self::Accepted,
                (state, None) => state,
            });
        }
        if !lost_lines(story).is_empty() {
            all.push(match tolerance.of_series(&story.series, story.cell()) {
                Some(_) => Self::Accepted,
                None => Self::FigureLost,
            });
        }
        if story.missing_of(missing).next().is_some() {
            all.push(Self::Missing);
        }
        if story.lacking_repetition().is_some() {
            all.push(match tolerance.of_series(&story.series, story.cell()) {
                Some(_) => Self::Accepted,
                None => Self::Missing,
            });
        }
        if troubled_nights(story, tolerance).spells >= SPELLS {
            all.push(Self::Unsteady);
        }
        all.into_iter().min().unwrap_or(Self::Good)
    }

    /// What a night came to by itself.
    pub(super) fn of_night(night: &NightRecord) -> Self {
        match night.exit_code {
            Some(4) => Self::Broken,
            Some(5) => Self::Died,
            Some(1) => Self::Unexpected,
            Some(3) if !night.is_whole() || night.figures.is_empty() => Self::Unfinished,
            Some(3) => Self::Undecided,
            None if night.is_good => Self::Good,
            None => match night.verdict {
                Verdict::Leak => Self::Unexpected,
                Verdict::Inconclusive => Self::Undecided,
                Verdict::NoLeak => Self::Good,
            },
            _ => Self::Good,
        }
    }

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    /// The exit code that it stands for.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Broken => 4,
            Self::Died => 5,
            Self::Worse | Self::Unexpected | Self::LeakTogether => 1,
            Self::Unfinished
            | Self::Missing
            | Self::Suspected
            | Self::Unsteady
            | Self::FigureLost
            | Self::Undecided => 3,
            Self::Accepted | Self::Left | Self::Good => 0,
        }
    }

    /// A sign that stands for it beside its words, so that colour is not the only signal.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match (self, self.exit_code()) {
            (Self::Broken, _) => "⊘",
            (Self::Died, _) => "†",
            (_, 1) => "✗",
            (_, 3) => "?",
            (Self::Accepted | Self::Left, _) => "·",
            _ => "✓",
        }
    }

    /// Class of the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match (self, self.exit_code()) {
            (Self::Good, _) => "good",
            (_, 0) => "open",
            (_, 3) => "unsure",
            _ => "bad",
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
            Self::LeakTogether => "the last nights leak together",
            Self::Unfinished => "the last night did not come to its end",
            Self::Missing => "the last night is missing",
            Self::Suspected => "perhaps worse",
            Self::Unsteady => "nights between good ones leaked or died",
            Self::FigureLost => "a figure is not recorded any more",
            Self::Undecided => "the last night is not decided",
            Self::Accepted => "accepted; does not gate",
            Self::Left => "not run any more",
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
            Self::LeakTogether => "leaked over the last nights together",
            Self::Unfinished => "did not come to an end in the last night",
            Self::Missing => "without the last night",
            Self::Suspected => "perhaps worse",
            Self::Unsteady => "leaked or died in nights between good ones",
            Self::FigureLost => "without a figure that was recorded before",
            Self::Undecided => "not decided in the last night",
            Self::Accepted => "accepted without being good",
            Self::Left => "not run any more",
            Self::Good => "without a change for the worse",
        }
    }
}

/// A line of the last run: what it comes to with the nights before it, and who accepted that.
struct LastNight<'a> {
    night: &'a NightRecord,
    state: SeriesState,
    accepted: Option<String>,
}

fn last_nights<'a>(story: &'a SeriesStory, tolerance: &Tolerance) -> Vec<LastNight<'a>> {
    let together = Together::of(story);
    let of = |night: &'a NightRecord| {
        let mut accepted = tolerance.of_night(night);
        let state = match (SeriesState::of_night(night), &together) {
            (SeriesState::Undecided, Some(together)) => match together.says {
                Says::Within => SeriesState::Good,
                Says::Open => SeriesState::Undecided,
                Says::Beyond => {
                    let figure = together.figure;
                    accepted = accepted.or_else(|| tolerance.of_level(story, figure?));
                    SeriesState::LeakTogether
                }
            },
            (state, _) => state,
        };
        LastNight {
            night,
            state,
            accepted,
        }
    };
    let earlier = story.leaks_of_last_night().map(|night| LastNight {
        night,
        state: SeriesState::Unexpected,
        accepted: tolerance.of_night(night),
    });
    story.last_run().map(of).chain(earlier).collect()
}

/// Runs of a series that are looked at for nights that died or leaked between good ones.
const LOOKED_AT: usize = 10;

/// Spells of such nights that make a series unsteady: one that was over is a thing that was mended.
const SPELLS: usize = 2;

/// Which of the last nights of a series leaked or died, and in how many spells.
pub(super) struct TroubledNights<'a> {
    pub(super) nights: Vec<&'a NightRecord>,
    pub(super) runs: usize,
    spells: usize,
}

/// Those of the last ten runs; none of a series that is not run any more.
pub(super) fn troubled_nights<'a>(
    story: &'a SeriesStory,
    tolerance: &Tolerance,
) -> TroubledNights<'a> {
    let mut found = TroubledNights {
        nights: Vec::new(),
        runs: 0,
        spells: 0,
    };
    let is_troubled = |night: &NightRecord| {
        let state = SeriesState::of_night(night);
        matches!(state, SeriesState::Died | SeriesState::Unexpected)
            && tolerance.of_night(night).is_none()
    };
    let newest: Vec<&[NightRecord]> = story.runs().rev().take(LOOKED_AT).collect();
    let mut was_troubled = false;
    for run in newest.into_iter().rev() {
        let troubled = run.iter().find(|night| is_troubled(night));
        found.spells += usize::from(troubled.is_some() && !was_troubled);
        was_troubled = troubled.is_some();
        found.nights.extend(troubled);
        found.runs += 1;
    }
    if !story.is_current {
        (found.spells, found.nights) = (0, Vec::new());
    }
    found
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
    for (figure, change) in story.harm().chain(story.suspected()) {
        if let Some(why) = tolerance.of_change(story, figure, change) {
            let name = figure.figure.name();
            let suspected = if change.confirmed_on.is_none() {
                " (suspected)"
            } else {
                ""
            };
            add(format!("does not gate: {name}{suspected}: {why}"));
        }
    }
    for last in last_nights(story, tolerance) {
        if let Some(why) = last.accepted.filter(|_| last.state != SeriesState::Good) {
            add(format!(
                "does not gate: the last night ({}): {why}",
                last.night.standing
            ));
        }
    }
    if let Some(why) = tolerance.of_series(&story.series, story.cell()) {
        for line in lost_lines(story) {
            add(format!("does not gate: {line}: {why}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{AcceptedUpTo, Acknowledgement, Figure, Measured, stories};

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
            figures: [(
                Figure::Peak,
                Measured {
                    value: 5e7,
                    standard_error: 0.0,
                },
            )]
            .into(),
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
            ("completed", 3, SeriesState::Undecided),
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
        let records = [night(1, "died", 5)];
        let after = |last: u32| {
            (2..=last).map(|day| NightRecord {
                series: "shop rate=10".to_owned(),
                ..night(day, "completed", 0)
            })
        };
        let of = |nights: u32, other_cell: &str| {
            let after = after(nights).map(|night| NightRecord {
                cell: other_cell.to_owned(),
                ..night
            });
            let all: Vec<NightRecord> = records.iter().cloned().chain(after).collect();
            SeriesState::of(&stories(all)[0], &Tolerance::default(), &[])
        };
        // As another series the cell is run for three nights; of another cell ten nights have to go
        // by.
        assert_eq!(of(3, "shop"), SeriesState::Died);
        assert_eq!(of(4, "shop"), SeriesState::Left);
        assert_eq!(of(10, "other"), SeriesState::Died);
        assert_eq!(of(11, "other"), SeriesState::Left);
        assert_ne!(SeriesState::Left.sign(), SeriesState::Good.sign());
    }

    #[test]
    fn what_is_run_by_turns_with_another_series_of_its_cell_is_not_replaced() {
        // A weekly run under full load between nights under half of it; the weekly one died.
        let night_of = |day: u32| match day % 7 {
            0 => NightRecord {
                series: "shop rate=1000".to_owned(),
                ..night(day, "died", if day == 28 { 5 } else { 0 })
            },
            _ => NightRecord {
                series: "shop rate=500".to_owned(),
                ..night(day, "completed", 0)
            },
        };
        let records: Vec<NightRecord> = (1..=5)
            .map(|day| NightRecord {
                time_utc: format!("2026-10-{:02}T03:00:00Z", 4 + 5 * day),
                run: format!("earlier-{day}"),
                series: "shop rate=1000".to_owned(),
                ..night(day, "completed", 0)
            })
            .chain((1..=30).map(night_of))
            .collect();
        let story = stories(records).remove(0);
        let state = SeriesState::of(&story, &Tolerance::default(), &[]);
        assert_eq!((story.nights_since, state), (2, SeriesState::Died));
    }

    #[test]
    fn a_leak_of_the_last_night_is_not_undone_by_a_run_of_the_same_build_an_hour_later() {
        let again = |commit: &str| {
            let mut last = night(6, "completed", 0);
            last.time_utc = "2026-11-06T04:00:00Z".to_owned();
            last.run = "night-6-again".to_owned();
            last.labels = [("commit".to_owned(), commit.to_owned())].into();
            let mut records: Vec<NightRecord> = (1..=6)
                .map(|day| night(day, "completed", u8::from(day == 6)))
                .collect();
            records[5].labels = [("commit".to_owned(), "a1".to_owned())].into();
            records.push(last);
            SeriesState::of(&stories(records)[0], &Tolerance::default(), &[])
        };
        assert_eq!(again("a1"), SeriesState::Unexpected);
        assert_eq!(again("b2"), SeriesState::Good);
    }

    #[test]
    fn a_repetition_that_the_last_night_lacks_is_missing() {
        let state = |last: &[u64]| {
            let of_day = |day: u32, numbers: &[u64]| {
                let line = |&repetition: &u64| NightRecord {
                    repetition,
                    ..night(day, "completed", 0)
                };
                numbers.iter().map(line).collect::<Vec<_>>()
            };
            let mut records: Vec<NightRecord> =
                (1..=5).flat_map(|day| of_day(day, &[1, 2, 3])).collect();
            records.extend(of_day(6, last));
            SeriesState::of(&stories(records)[0], &Tolerance::default(), &[])
        };
        assert_eq!(state(&[1, 2, 3]), SeriesState::Good);
        assert_eq!(state(&[1, 3]), SeriesState::Missing);
        assert_eq!(state(&[1, 2]), SeriesState::Missing);
    }

    #[test]
    fn a_quarantine_covers_a_suspicion_and_an_acceptance_the_level_that_it_would_lead_to() {
        let records: Vec<NightRecord> = (1..=20)
            .map(|day| {
                let wobble = [1.0, 1.01, 0.99][day as usize % 3];
                let peak = if day == 20 { 1.2e8 } else { 5e7 * wobble };
                let mut night = night(day, "completed", 0);
                night.figures.values_mut().for_each(|one| one.value = peak);
                night
            })
            .collect();
        let story = stories(records).remove(0);
        let state = |what: Option<AcceptedUpTo>| {
            let one = |what| Acknowledgement {
                cell: "shop".to_owned(),
                what,
                reason: "ticket 8".to_owned(),
                owner: "ops".to_owned(),
                expires: "2026-12-31".to_owned(),
            };
            let tolerance = Tolerance {
                acknowledged: what.map(one).into_iter().collect(),
                ..Tolerance::default()
            };
            SeriesState::of(&story, &tolerance, &[])
        };
        let up_to = |most| Some(AcceptedUpTo::Figure(Figure::Peak, most));
        assert_eq!(state(None), SeriesState::Suspected);
        assert_eq!(state(Some(AcceptedUpTo::Quarantine)), SeriesState::Accepted);
        // The nights before it lie within 6e7 for sure, and that says nothing of this one.
        assert_eq!(state(up_to(6e7)), SeriesState::Suspected);
        assert_eq!(state(up_to(2e8)), SeriesState::Accepted);
    }

    #[test]
    fn nights_that_die_or_leak_between_good_ones_are_no_green() {
        let of = |codes: &[u8]| {
            let records = (1..).zip(codes).map(|(day, code)| match code {
                5 => night(day, "died", 5),
                code => night(day, "completed", *code),
            });
            SeriesState::of(&stories(records.collect())[0], &Tolerance::default(), &[])
        };
        assert_eq!(of(&[0, 5, 0, 5, 0, 0]), SeriesState::Unsteady);
        assert_eq!(of(&[0, 1, 0, 1, 0]), SeriesState::Unsteady);
        assert_eq!(of(&[0, 5, 0, 5]), SeriesState::Died);
        // What was broken for three nights and is mended is mended.
        assert_eq!(of(&[0, 5, 5, 5, 0]), SeriesState::Good);
        assert_eq!(
            of(&[[5, 0, 5].as_slice(), &[0; 10]].concat()),
            SeriesState::Good
        );
    }

    #[test]
    fn a_line_that_does_not_say_its_exit_code_and_leaked_has_no_tick() {
        let leak = NightRecord {
            verdict: Verdict::Leak,
            exit_code: None,
            is_good: false,
            ..night(6, "completed", 0)
        };
        let state = state_after(leak, &Tolerance::default());
        assert_eq!(state, SeriesState::Unexpected);
    }

    #[test]
    fn the_order_is_that_of_the_exit_codes() {
        let codes = SeriesState::ALL.map(SeriesState::exit_code);
        assert_eq!(codes, [4, 5, 1, 1, 1, 3, 3, 3, 3, 3, 3, 0, 0, 0]);
        assert!(SeriesState::ALL.is_sorted());
    }
}
