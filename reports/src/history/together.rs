//! What nights come to together where the last of them was not decided by itself.

use super::cut::CONFIRMED;
use super::record::NightRecord;
use super::standing::SeriesState;
use super::story::{FigureStory, SeriesStory};
use super::words::value_text;
use crate::compare::Figure;
use crate::compare::ratio::Estimate;
use leaklab_judge::Verdict;
use leaklab_judge::amount::plural;
use leaklab_judge::stats::quantile::median;

/// Standard errors that the growth of several nights must lie below the budget: the 99 % that the
/// judge decides one night with.
const DECIDED: f64 = 2.576;

/// How much larger the error of the last night may be than the usual one of those that it is taken
/// together with. What the others show is not known of a night that saw next to nothing.
const LARGEST_ERROR: f64 = 2.0;

/// Fewest nights that are taken together.
const FEWEST: usize = 2;

/// What nights say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The growth lies within the budget.
    Within,
    /// The growth lies beyond the budget.
    Beyond,
    /// It is not known.
    Open,
}

/// The last night, which was not decided, with those before it.
pub(super) struct Together<'a> {
    pub(super) says: Says,
    pub(super) figure: Option<&'a FigureStory>,
    night: &'a NightRecord,
    pooled: Option<Pooled>,
}

/// Growth over several nights, and the budget that the last of them ran with.
#[derive(Clone, Copy)]
struct Pooled {
    nights: usize,
    growth: Estimate,
    budget: f64,
    /// Whether one of the nights leaks by itself.
    has_leak: bool,
}

impl<'a> Together<'a> {
    /// `None` if every line of the last run is decided.
    pub(super) fn of(story: &'a SeriesStory) -> Option<Self> {
        let is_undecided =
            |night: &&NightRecord| SeriesState::of_night(night) == SeriesState::Undecided;
        let night = story.last_run().filter(is_undecided).last()?;
        let open = Together {
            says: Says::Open,
            figure: None,
            night,
            pooled: None,
        };
        let (figure, pooled) = match (story.last_run().filter(is_undecided))
            .all(|night| night.is_too_wide)
            .then(|| pooled(story, night))
            .flatten()
        {
            Some(found) => found,
            None => return Some(open),
        };
        let above = pooled.growth.value - pooled.budget;
        let error = pooled.growth.standard_error();
        let says = match () {
            () if above <= -DECIDED * error && !pooled.has_leak => Says::Within,
            () if above >= CONFIRMED * error && above > 0.0 => Says::Beyond,
            () => Says::Open,
        };
        Some(Together {
            says,
            figure: Some(figure),
            pooled: Some(pooled),
            ..open
        })
    }

    /// One sentence on it.
    pub(super) fn words(&self) -> String {
        let standing = self.night.standing_text();
        let alone = format!("the last night is not decided by itself ({standing})");
        let (Some(figure), Some(pooled)) = (self.figure, self.pooled) else {
            return format!("{alone}, and does not add up with others to a decision");
        };
        let text = |value: f64| value_text(figure.figure, value);
        let does = match self.says {
            Says::Within => "lie within",
            Says::Beyond => "lie beyond",
            Says::Open => "are not known to lie within",
        };
        format!(
            "{alone}; the last {} together {does} the budget of {}: {} {} ({} to {})",
            plural(pooled.nights as u64, "night"),
            text(pooled.budget),
            figure.figure.name(),
            text(pooled.growth.value),
            text(pooled.growth.low),
            text(pooled.growth.high),
        )
    }
}

/// The growth since the last change, if every night that it is of either has a verdict or was left
/// open by nothing but its width, and if the last one saw about as much as the others.
fn pooled<'a>(story: &'a SeriesStory, last: &NightRecord) -> Option<(&'a FigureStory, Pooled)> {
    let has = |figure: &Figure| last.figure(*figure).is_some();
    let growth = [Figure::GrowthPerOperation, Figure::GrowthPerHour];
    let growth = growth.into_iter().find(has)?;
    let figure = story.figures.iter().find(|one| one.figure == growth)?;
    let level = figure.course.now.filter(|level| level.nights >= FEWEST)?;
    let first = *figure.of_night.get(level.first)?;
    let nights = || {
        let since = story.nights[first..].iter();
        since.filter(|night| night.figure(growth).is_some())
    };
    let counts = |night: &NightRecord| match night.verdict {
        Verdict::NoLeak | Verdict::Leak => true,
        Verdict::Inconclusive => night.is_too_wide && night.metric == last.metric,
    };
    let error = |night: &NightRecord| Some(night.figure(growth)?.standard_error);
    let errors: Vec<f64> = nights().filter_map(error).collect();
    let is_blind = error(last)? > LARGEST_ERROR * median(&errors)?;
    if is_blind || !nights().all(counts) {
        return None;
    }
    let pooled = Pooled {
        nights: level.nights,
        growth: level.mean,
        budget: last.budget?,
        has_leak: nights().any(|night| night.verdict == Verdict::Leak),
    };
    Some((figure, pooled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Measured, Tolerance, stories};

    /// An undecided night: growth with an error of 5 B per operation against a budget of 8.
    fn night(day: usize, growth: f64) -> NightRecord {
        let measured = Measured {
            value: growth + [2.0, -3.0, 1.0, 0.0][day % 4],
            standard_error: 5.0,
        };
        NightRecord {
            time_utc: format!("2026-11-{day:02}T03:00:00Z"),
            run: format!("night-{day}"),
            cell: "shop".to_owned(),
            series: "shop".to_owned(),
            outcome: "completed".to_owned(),
            exit_code: Some(3),
            is_too_wide: true,
            budget: Some(8.0),
            figures: [(Figure::GrowthPerOperation, measured)].into(),
            ..NightRecord::default()
        }
    }

    fn nights(count: usize, growth: f64) -> Vec<NightRecord> {
        (1..=count).map(|day| night(day, growth)).collect()
    }

    fn state(records: Vec<NightRecord>) -> SeriesState {
        SeriesState::of(&stories(records)[0], &Tolerance::default(), &[])
    }

    #[test]
    fn nights_that_decide_nothing_alone_decide_together() {
        assert_eq!(state(nights(1, 0.0)), SeriesState::Undecided);
        // -3 and 1, with an error of 5 / √2: 2.55 errors below the budget, and 2.58 are asked.
        assert_eq!(state(nights(2, 0.0)), SeriesState::Undecided);
        // 14 nights: 5 / √14 = 1.3, and the budget lies 6 errors above.
        assert_eq!(state(nights(14, 0.0)), SeriesState::Good);
        assert_eq!(state(nights(14, 8.0)), SeriesState::Undecided);
        assert_eq!(state(nights(14, 20.0)), SeriesState::LeakTogether);
        let story = stories(nights(14, 0.0)).remove(0);
        let words = Together::of(&story).expect("an undecided night").words();
        assert!(
            words.contains("the last 14 nights together lie within the budget of 8 B/op"),
            "{words}"
        );
    }

    #[test]
    fn a_night_that_was_left_open_for_another_reason_is_not_decided_by_others() {
        let with_last = |change: fn(&mut NightRecord)| {
            let mut records = nights(14, 0.0);
            change(&mut records[13]);
            state(records)
        };
        for change in [
            |night: &mut NightRecord| night.is_too_wide = false,
            |night: &mut NightRecord| night.budget = None,
            |night: &mut NightRecord| {
                let growth = night.figures.values_mut().next().expect("growth");
                growth.standard_error = 50.0;
            },
        ] {
            assert_eq!(with_last(change), SeriesState::Undecided);
        }
        // A blind night among those before it, which would weigh more than all others.
        let mut records = nights(14, 0.0);
        let blind = Measured {
            value: 0.0,
            standard_error: 0.0,
        };
        records[3].is_too_wide = false;
        records[3].figures = [(Figure::GrowthPerOperation, blind)].into();
        assert_eq!(state(records), SeriesState::Undecided);
    }
}
