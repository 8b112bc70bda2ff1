//! What nights measured and do not measure any more: nothing can be said of it, and its last level
//! is no answer.

use super::missing::GIVEN_UP;
use super::record::NightRecord;
use super::story::SeriesStory;
use super::words::night_name;
use crate::compare::Figure;

/// Runs before the first without it that are looked at.
const LOOKED_AT: usize = 5;

/// Fewest of them that must have it: what is there now and then is not lost.
const KNOWN_BY: usize = 3;

/// A sentence for each figure that is not recorded any more, and for a metric that growth was of;
/// after ten runs without it, it was given up.
pub(super) fn lost_lines(story: &SeriesStory) -> Vec<String> {
    let runs: Vec<&[NightRecord]> = (story.runs().rev())
        .filter(|run| run.iter().any(NightRecord::is_whole))
        .take(GIVEN_UP + LOOKED_AT)
        .collect();
    if !story.is_current || runs.len() <= KNOWN_BY {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for figure in story.figures.iter().map(|one| one.figure) {
        let has = |night: &NightRecord| night.figure(figure).is_some();
        if let Some(last) = last_with(&runs, &has).filter(|_| stays(figure)) {
            lines.push(format!(
                "{} is not recorded any more; the last night with it is {}",
                figure.name(),
                night_name(last)
            ));
        }
    }
    let metric = |run: &&[NightRecord]| run[0].metric.clone();
    let now = metric(&runs[0]);
    let other = runs.iter().map(metric).find(|one| *one != now);
    if let Some(other) = other.filter(|other| !now.is_empty() && !other.is_empty()) {
        let has = |night: &NightRecord| night.metric == other;
        if let Some(last) = last_with(&runs, &has) {
            lines.push(format!(
                "growth is of {now}; up to {} it was of {other}, which is not recorded any more",
                night_name(last)
            ));
        }
    }
    lines
}

/// Whether a figure does not come and go with the verdict, as growth and its level do.
fn stays(figure: Figure) -> bool {
    !figure.is_growth() && figure != Figure::SettledLevel
}

/// The newest night that `has` it, if the runs after it, the newest first, do not, and enough of
/// those before it do.
fn last_with<'a>(
    runs: &[&'a [NightRecord]],
    has: &dyn Fn(&NightRecord) -> bool,
) -> Option<&'a NightRecord> {
    let of_run = |run: &&'a [NightRecord]| run.iter().rfind(|night| has(night));
    let without = runs.iter().position(|run| of_run(run).is_some())?;
    let before = runs[without..].iter().take(LOOKED_AT);
    let known_by = before.filter(|run| of_run(run).is_some()).count();
    let is_lost = (1..=GIVEN_UP).contains(&without) && known_by >= KNOWN_BY;
    of_run(&runs[without]).filter(|_| is_lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Measured, SeriesState, Tolerance, stories};
    use leaklab_judge::Verdict;

    /// Nights of which the last `without` have no latency.
    fn nights(count: usize, without: usize) -> Vec<NightRecord> {
        let night = |day: usize| {
            let measured = |value| Measured {
                value,
                standard_error: 0.0,
            };
            let mut night = NightRecord {
                time_utc: format!("2026-10-{day:02}T03:00:00Z"),
                run: format!("night-{day}"),
                cell: "shop".to_owned(),
                series: "shop".to_owned(),
                verdict: Verdict::NoLeak,
                outcome: "completed".to_owned(),
                exit_code: Some(0),
                is_good: true,
                metric: "allocated_bytes".to_owned(),
                figures: [(Figure::Throughput, measured(500.0))].into(),
                ..NightRecord::default()
            };
            if day + without <= count {
                night.figures.insert(Figure::LatencyP99, measured(90.0));
            }
            night
        };
        (1..=count).map(night).collect()
    }

    fn told(records: Vec<NightRecord>) -> (SeriesState, Vec<String>) {
        let story = stories(records).remove(0);
        let state = SeriesState::of(&story, &Tolerance::default(), &[]);
        (state, lost_lines(&story))
    }

    #[test]
    fn a_figure_that_is_not_recorded_any_more_is_told_until_it_is_given_up() {
        assert_eq!(told(nights(8, 0)), (SeriesState::Good, Vec::new()));
        let (state, lines) = told(nights(8, 1));
        assert_eq!(state, SeriesState::FigureLost);
        let words = "p99 latency is not recorded any more; the last night with it is 2026-10-07";
        assert_eq!(lines, [words]);
        assert_eq!(told(nights(20, 10)).0, SeriesState::FigureLost);
        assert_eq!(told(nights(20, 11)), (SeriesState::Good, Vec::new()));
        // Two nights had it: that was no habit.
        assert_eq!(told(nights(8, 6)).0, SeriesState::Good);
    }

    #[test]
    fn a_whole_night_without_any_figure_has_lost_them_all() {
        let mut records = nights(8, 0);
        records[7].figures.clear();
        let (state, lines) = told(records);
        assert_eq!(state, SeriesState::FigureLost);
        assert_eq!(lines.len(), 2, "{lines:?}");
    }

    #[test]
    fn growth_of_another_metric_is_not_that_of_the_nights_before() {
        let mut records = nights(8, 0);
        records[7].metric = "rss_bytes".to_owned();
        let (state, lines) = told(records);
        assert_eq!(state, SeriesState::FigureLost);
        let words = "growth is of rss_bytes; up to 2026-10-07 it was of allocated_bytes, which";
        assert!(lines[0].starts_with(words), "{lines:?}");
    }
}
