//! From a series to a verdict: what kind of series it is, and who judges such a one.

mod ahead;
pub(crate) mod case;
pub(crate) mod finding;
mod fitted;
mod mean_life;
pub(crate) mod report;
mod restarted;
pub(crate) mod rules;
mod sawtooth_floor;
mod segment;
mod windows;

use crate::amount::{duration_text, number_text, plural};
use crate::budget::Budget;
use crate::decide::case::Case;
use crate::decide::finding::{Finding, budget_on_axis};
use crate::decide::report::report;
use crate::decide::restarted::{Doubt, judge_known_lives, judge_restarted};
use crate::decide::rules::{
    Asked, BELOW_GRAIN, MULTIPLIED, NO_WORK, ROOM_LEFT, Ruling, TOO_FEW_READINGS, TWO_LEVELS,
    first_to_speak,
};
use crate::decide::sawtooth_floor::judge_sawtooth;
use crate::decide::segment::judge_segment;
use crate::explanation::{Explanation, Note};
use crate::fit::model::Regressors;
use crate::judgement::{Judgement, Shape, Verdict};
use crate::policy::grain::SEVERAL;
use crate::policy::sawtooth::SMALL_TEETH;
use crate::policy::share::{HOURS_OF_LEAST, MULTIPLIED as TIMES};
use crate::policy::staircase::ROOM;
use crate::policy::verdict::{DECIDING_CONFIDENCE, FEWEST_READINGS, REPORTED_CONFIDENCE};
use crate::prepare::{Prepared, prepare};
use crate::reason::Why;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::shape::calendar::{without_teeth, without_weeks};
use crate::shape::cycle::find_cycle;
use crate::shape::mixture::split_mixture;
use crate::shape::restarts::doubtful_falls;
use crate::shape::sawtooth::{Sawtooth, find_sawtooth};
use crate::shape::staircase::late_growth;
use crate::track::Track;

/// Judges one series.
///
/// Readings that are NaN are left out. Times may have any origin and any distances. The
/// verdict does not depend on the units of time and value as long as the budget is in the
/// same ones. Time O(n log n), memory O(n).
///
/// # Errors
///
/// [`JudgeError`] if the series is not one: lengths differ, nothing was read, times go
/// backwards, a value is negative or infinite, the budget needs operations that are not there.
/// A series that is merely too short is `inconclusive`.
pub fn judge(series: &Series<'_>, options: &JudgeOptions) -> Result<Judgement, JudgeError> {
    judge_at(series, options, DECIDING_CONFIDENCE)
}

/// Judges one series with the given confidence for the verdict.
pub(crate) fn judge_at(
    series: &Series<'_>,
    options: &JudgeOptions,
    confidence: f64,
) -> Result<Judgement, JudgeError> {
    let prepared = prepare(series, options)?;
    let finding = judge_prepared(&Case::new(&prepared, options, confidence));
    Ok(report(&prepared, &finding, options))
}

/// Judges one series as [`judge`] does, and says how the verdict came about.
///
/// # Errors
///
/// [`JudgeError`] as [`judge`].
pub fn explain(
    series: &Series<'_>,
    options: &JudgeOptions,
) -> Result<(Judgement, Explanation), JudgeError> {
    let prepared = prepare(series, options)?;
    let case = Case::recorded(&prepared, options, DECIDING_CONFIDENCE);
    let finding = judge_prepared(&case);
    Ok((report(&prepared, &finding, options), case.explanation()))
}

/// Judges a series that was made ready.
pub(crate) fn judge_prepared(case: &Case<'_>) -> Finding {
    note_prepared(case);
    const FIRST: [Asked<Prepared>; 2] = [(NO_WORK, no_work), (TOO_FEW_READINGS, too_few_readings)];
    if let Some(ruling) = first_to_speak(case, case.prepared, &FIRST) {
        return undecided(case, ruling);
    }
    let finding = judge_shape(case);
    let whole = Whole {
        case,
        finding: &finding,
    };
    let last: [Asked<Whole<'_>>; 4] = [
        (BELOW_GRAIN, below_grain),
        (ROOM_LEFT, room_left),
        (TWO_LEVELS, two_levels),
        (MULTIPLIED, multiplied),
    ];
    match first_to_speak(case, &whole, &last) {
        Some(ruling) => finding.with(ruling),
        None => finding,
    }
}

/// Judges a series by what it looks like as a whole.
fn judge_shape(case: &Case<'_>) -> Finding {
    let prepared = case.prepared;
    let track = &prepared.fine;
    if let Some(places) = prepared.known_restarts.as_deref()
        && !places.is_empty()
    {
        return judge_known_lives(case, places);
    }
    let Some(sawtooth) = find_sawtooth(track) else {
        return match by_the_clock(case, || without_weeks(track)) {
            Some(rest) => judge_segment(case, &rest),
            None => judge_restarted(case),
        };
    };
    case.note_shape("sawtooth", || format!("{} floors", sawtooth.floor.len()));
    // Small dips in a rise are no restarts.
    let doubtful = match is_small(track, &sawtooth) {
        true => None,
        false => doubtful_falls(track, &sawtooth.falls, prepared.base),
    };
    let finding = match by_the_clock(case, || without_teeth(track, &sawtooth)) {
        Some(rest) => as_teeth(judge_segment(case, &rest)),
        None => judge_teeth(case, track, &sawtooth, || judge_restarted(case)),
    };
    let doubt = Doubt {
        is_on_record: prepared.known_restarts.is_some(),
        finding: &finding,
        doubtful,
    };
    doubt.ruled(case)
}

/// What `rest` leaves of a series that repeats by the clock, where its axis counts time.
fn by_the_clock(case: &Case<'_>, rest: impl FnOnce() -> Option<Track>) -> Option<Track> {
    let rest = match case.prepared.is_time {
        true => rest(),
        false => None,
    };
    if rest.is_some() {
        case.note_shape("calendar", || {
            "a course that repeats by the clock, taken off".to_owned()
        });
    }
    rest
}

/// A finding on what is left beside teeth, with their shape.
fn as_teeth(finding: Finding) -> Finding {
    let shape = match finding.verdict {
        Verdict::Leak => Shape::SawtoothRising,
        Verdict::NoLeak => Shape::Sawtooth,
        Verdict::Inconclusive => finding.shape,
    };
    Finding { shape, ..finding }
}

/// Judges one life of a program that is known to have been restarted.
fn judge_known_life(case: &Case<'_>, track: &Track) -> Finding {
    match find_sawtooth(track) {
        Some(sawtooth) => judge_teeth(case, track, &sawtooth, || judge_segment(case, track)),
        None => judge_segment(case, track),
    }
}

/// Judges a sawtooth, or `otherwise` what looks like few teeth and may be a cycle, or small dips
/// in a rise.
fn judge_teeth(
    case: &Case<'_>,
    track: &Track,
    sawtooth: &Sawtooth,
    otherwise: impl Fn() -> Finding,
) -> Finding {
    let finding = judge_sawtooth(case, track, sawtooth);
    if !matches!(finding.why, Why::FewTeeth { .. }) {
        return finding;
    }
    let is_cycle = || find_cycle(track, &Regressors::default(), case.prepared.day()).is_some();
    match is_small(track, sawtooth) || is_cycle() {
        true => otherwise(),
        false => finding,
    }
}

/// Whether the teeth are small beside the rise over the whole series.
fn is_small(track: &Track, sawtooth: &Sawtooth) -> bool {
    sawtooth.height < SMALL_TEETH * (track.y[track.len() - 1] - track.y[0]).abs()
}

/// A finding on the whole series.
struct Whole<'a> {
    case: &'a Case<'a>,
    finding: &'a Finding,
}

fn no_work(prepared: &Prepared) -> Option<Ruling> {
    prepared.was_without_work.then(|| Ruling::open(Why::NoWork))
}

/// What could not have moved has not been seen not to move.
fn below_grain(whole: &Whole<'_>) -> Option<Ruling> {
    let finding = whole.finding;
    let grain = whole.case.prepared.least_step;
    let fitted = finding.fitted.1 - finding.fitted.0;
    let asked = SEVERAL * grain / finding.budget.max(f64::MIN_POSITIVE);
    (finding.verdict == Verdict::NoLeak && grain > 0.0 && fitted < asked).then(|| {
        Ruling::open(Why::BelowGrain {
            grain,
            wanted_s: asked * whole.case.prepared.seconds_per_unit,
        })
    })
}

/// A container that keeps the budget from the beginning of the record on doubles at least once in
/// the later half of it. What grew there once and rests since may be one: until twice the time
/// has passed, it has room left.
fn room_left(whole: &Whole<'_>) -> Option<Ruling> {
    let (case, finding) = (whole.case, whole.finding);
    let is_teeth = finding.shape == Shape::Sawtooth;
    if finding.verdict != Verdict::NoLeak || !case.options.exact || is_teeth {
        return None;
    }
    let rate = late_growth(&case.prepared.fine, finding.fitted.0, &case.prepared.marked)?;
    (rate > ROOM * finding.budget).then(|| {
        let ruling = Ruling::open(Why::NextStepDue { steps: 1 });
        match finding.line.clone() {
            Some(line) => ruling.with_line(line.reaching(f64::MAX, rate)),
            None => ruling,
        }
    })
}

/// Where readings of two levels come in no order, a line through all shows neither: each must keep
/// the budget by itself.
fn two_levels(whole: &Whole<'_>) -> Option<Ruling> {
    let case = whole.case;
    if whole.finding.verdict != Verdict::NoLeak {
        return None;
    }
    let (low, high) = case.prepared.mixture.as_ref()?;
    let keeps_budget = |level: &Track| {
        let enough = level.len() >= FEWEST_READINGS && level.span() > 0.0;
        if !enough || split_mixture(level, case.prepared.base).is_some() {
            return false;
        }
        let finding = judge_segment(case, level);
        match (finding.verdict, &finding.why, &finding.line) {
            (Verdict::NoLeak, ..) => true,
            // Few readings of a seldom level are not precise; nothing in them grows.
            (_, Why::TooWide, Some(line)) => line.slope < finding.budget,
            _ => false,
        }
    };
    (!keeps_budget(low) || !keeps_budget(high)).then(|| Ruling::open(Why::TwoLevels))
}

/// A share of the level is no measure for what has made most of that level itself: in the part that
/// was fitted, or at another pace ahead of it.
fn multiplied(whole: &Whole<'_>) -> Option<Ruling> {
    let (case, finding) = (whole.case, whole.finding);
    let is_share = matches!(
        case.options.budget,
        Budget::Default | Budget::PercentOfSettledLevelPerHour(_)
    );
    let line = finding.line.as_ref()?;
    if finding.verdict != Verdict::NoLeak
        || !is_share
        || line.slope <= line.half_width(REPORTED_CONFIDENCE)
    {
        return None;
    }
    let rise = line.slope * (finding.fitted.1 - finding.fitted.0);
    let level = (case.prepared.base + line.start_value).max(f64::MIN_POSITIVE);
    let least = HOURS_OF_LEAST * Budget::least_per_hour(case.options.unit);
    if rise > least.max(TIMES * level) {
        let times = 1.0 + rise / level;
        return Some(Ruling::open(Why::Multiplied { times }));
    }
    let ahead = ahead::of_warm_stretch(case.prepared, finding)?;
    let allowed = budget_on_axis(case.prepared, case.options, ahead);
    let (low, _) = line.interval(REPORTED_CONFIDENCE);
    (low > allowed).then(|| {
        let times = finding.level / ahead.max(f64::MIN_POSITIVE);
        Ruling::open(Why::OwnLevel { times })
    })
}

fn note_prepared(case: &Case<'_>) {
    let prepared = case.prepared;
    case.note(|| Note::Prepared {
        what: format!(
            "{} used over {}, {} without work left out, {} looked at; {}; confidence {}",
            plural(prepared.points as u64, "reading"),
            duration_text(prepared.duration_s),
            prepared.idle,
            prepared.fine.len(),
            match prepared.grain {
                0.0 => "the values have no common grain".to_owned(),
                grain => format!("the values come in grains of {}", number_text(grain)),
            },
            case.confidence
        ),
    });
}

/// A finding without a line.
fn undecided(case: &Case<'_>, ruling: Ruling) -> Finding {
    let prepared = case.prepared;
    let whole = (0.0, prepared.fine.span());
    Finding {
        verdict: ruling.verdict,
        shape: Shape::Flat,
        why: ruling.why,
        line: None,
        fitted: whole,
        budget: budget_on_axis(prepared, case.options, prepared.base),
        level: prepared.base,
        stretch: whole,
    }
}

fn too_few_readings(prepared: &Prepared) -> Option<Ruling> {
    let track = &prepared.fine;
    let few = prepared.points < FEWEST_READINGS || track.len() < FEWEST_READINGS;
    (few || track.span() <= 0.0).then(|| {
        Ruling::new(
            Verdict::Inconclusive,
            Why::TooFewReadings {
                readings: prepared.points,
            },
        )
    })
}
