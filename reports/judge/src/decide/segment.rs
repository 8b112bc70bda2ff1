//! One uninterrupted stretch: its steps, and then what lies between them.

use crate::decide::case::Case;
use crate::decide::finding::{Finding, Side, side_of};
use crate::decide::fitted::judge_between;
use crate::decide::rules::{
    Asked, FEW_MOVES, FEW_STEPS, GROWS_IN_STEPS, NEXT_STEP_DUE, ONLY_RISES, Ruling, ruled,
};
use crate::decide::windows;
use crate::fit::line::{Line, Precision};
use crate::fit::model::Regressors;
use crate::judgement::{Shape, Verdict};
use crate::policy::restarts::TAKEN_BACK;
use crate::policy::staircase::{FEW_STEPS as FEW, NOT_YET_DUE, STILL_AS_FAST};
use crate::policy::verdict::{MANY, NORMAL_95, REPORTED_CONFIDENCE};
use crate::policy::windows::FEWEST_OF_RATCHET;
use crate::reason::Why;
use crate::shape::cycle::find_cycle;
use crate::shape::staircase::{Staircase, find_staircase};
use crate::shape::steps::{Steps, classify_steps, moves_that_go_on};
use crate::stats::quantile::median;
use crate::track::Track;

/// What is known of a segment once a line was fitted to it.
struct Segment<'a> {
    fine: &'a Track,
    /// Steps that were found.
    steps: usize,
    /// Steps that were taken out, or whose place in the trend is open.
    places: &'a [f64],
    /// Whether it is open whether the steps belong to the trend.
    is_unclear: bool,
    finding: &'a Finding,
    /// What all steps up of a staircase that goes on have come to, per unit of the axis.
    stairs_rate: Option<f64>,
    /// The steps up, as far as they may be those of one growing thing.
    staircase: Option<Staircase>,
    confidence: f64,
}

/// The rules that are asked of a segment.
fn rules<'a>() -> [Asked<Segment<'a>>; 5] {
    [
        (GROWS_IN_STEPS, grows_in_steps),
        (NEXT_STEP_DUE, next_step_due),
        (ONLY_RISES, only_rises),
        (FEW_STEPS, few_steps),
        (FEW_MOVES, few_moves),
    ]
}

/// Judges a stretch without restarts and teeth: what its steps are, and then what is left.
pub(crate) fn judge_segment(case: &Case<'_>, fine: &Track) -> Finding {
    let steps = steps_beside_a_cycle(case, fine);
    let through = |places: &[f64]| judge_between(case, fine, places);
    let leaks = |finding: &Finding| finding.verdict == Verdict::Leak;
    let mut leaks_between = false;
    let (mut finding, places): (Finding, &[f64]) = match &steps {
        Steps::None | Steps::Stairs(_) => (through(&[]), &[]),
        Steps::Once(places) => {
            // A rise that a fall has taken back may be a tooth.
            let between = through(places);
            let with_falls = || through(&[]);
            match leaks(&between) && is_taken_back(fine, places, &between) {
                true => (with_falls(), places),
                false => (between, places),
            }
        }
        Steps::Falls(places) => {
            // What rises between the falls is a leak only if it comes to something in spite of
            // them.
            let between = through(places);
            match between.verdict {
                Verdict::NoLeak => (between, places),
                _ => (through(&[]), places),
            }
        }
        Steps::Unclear(places) => {
            // Whether the steps belong to the trend is open; what holds either way is not.
            let between = through(places);
            leaks_between = leaks(&between);
            match leaks_between {
                true => (between, places),
                false => (through(&[]), places),
            }
        }
    };
    finding.shape = match steps {
        Steps::Stairs(_) if leaks(&finding) => Shape::Staircase,
        Steps::Once(_) | Steps::Falls(_)
            if !leaks(&finding) && finding.why != Why::Decelerating =>
        {
            Shape::LevelShift
        }
        _ => finding.shape,
    };
    let found = finding.clone();
    let segment = Segment {
        fine,
        steps: steps.places().len(),
        places,
        is_unclear: matches!(steps, Steps::Unclear(_)) && !leaks_between,
        finding: &found,
        stairs_rate: matches!(steps, Steps::Stairs(_)).then(|| net_rate(fine)),
        staircase: find_staircase(fine, steps.places()),
        confidence: case.confidence,
    };
    let finding = ruled(case, finding, &segment, &rules());
    segment.with_growth_in_steps(finding)
}

/// The steps of a segment; those that come and go in a cycle belong to it.
fn steps_beside_a_cycle(case: &Case<'_>, fine: &Track) -> Steps {
    let steps = classify_steps(fine, case.prepared.grain);
    let cycle = || find_cycle(fine, &Regressors::default(), case.prepared.day());
    if matches!(steps, Steps::Once(_) | Steps::Falls(_)) && cycle().is_some() {
        return Steps::None;
    }
    if steps != Steps::None {
        case.note_shape("steps", || steps.in_words());
    }
    steps
}

impl Segment<'_> {
    /// The steps up of which the next is not overdue.
    fn going_on(&self) -> Option<&Staircase> {
        let staircase = self.staircase.as_ref()?;
        (!staircase.has_ended()).then_some(staircase)
    }

    /// The line of the finding with the growth that the steps carry beside that between them.
    fn line_in_steps(&self, staircase: &Staircase) -> Option<Line> {
        let mut line = self.finding.line.clone()?;
        line.slope = staircase.between + staircase.rate;
        line.grain_error = 0.0;
        line.precision = vec![Precision {
            standard_error: staircase.half_width / NORMAL_95,
            degrees: MANY,
        }];
        Some(line)
    }

    /// `finding` with an interval that holds the growth in steps, where these were taken out
    /// of its line or make more of it than it says.
    fn with_growth_in_steps(&self, finding: Finding) -> Finding {
        let is_by_line =
            finding.verdict == Verdict::Leak && !matches!(finding.why, Why::GrowsInSteps { .. });
        let line = match is_by_line {
            true => finding.line.clone().map(|line| self.beside_steps(line)),
            false => {
                let staircase = self.going_on();
                let in_steps = staircase.and_then(|staircase| self.line_in_steps(staircase));
                in_steps.map(|line| self.beside_all(line))
            }
        };
        Finding {
            line: line.or(finding.line),
            ..finding
        }
    }

    /// The line that a leak was decided by, with an interval that holds the steps beside it: what is
    /// reported is what decided.
    fn beside_steps(&self, line: Line) -> Line {
        let (low, high) = line.interval(REPORTED_CONFIDENCE);
        let staircase = self.going_on().filter(|staircase| staircase.steps > 1);
        match staircase {
            // The steps are in the line, which may be wrong about them.
            Some(staircase) if self.places.is_empty() => {
                let steps = staircase.between + staircase.rate;
                let error = staircase.half_width;
                line.reaching(steps - error, steps + error)
            }
            // Those that were taken out of it go on.
            Some(staircase) => {
                let in_steps = staircase.rate + staircase.half_width;
                line.reaching(low, high + in_steps)
            }
            // Steps that were taken out of a leak may be those of the container that holds it, if
            // they come to no more than what they hold.
            None => match self.rate_of_steps_up() {
                in_steps if in_steps <= line.slope => line.reaching(low, high + in_steps),
                _ => line,
            },
        }
    }

    /// The line through the steps, with an interval that holds that of the line through all
    /// readings where both differ: what is given back late falls beside its steps.
    fn beside_all(&self, in_steps: Line) -> Line {
        let Some(line) = &self.finding.line else {
            return in_steps;
        };
        let (low, high) = in_steps.interval(REPORTED_CONFIDENCE);
        // What lies between the steps is known no better than its line is.
        if !self.places.is_empty() {
            let error = line.half_width(REPORTED_CONFIDENCE);
            return in_steps.reaching(low - error, high + error);
        }
        match (low..=high).contains(&line.slope) {
            true => in_steps,
            false => {
                let (low, high) = line.interval(REPORTED_CONFIDENCE);
                in_steps.reaching(low, high)
            }
        }
    }

    /// What the steps up that were taken out come to per unit of the axis, and half of the first
    /// for the room that was there before it.
    fn rate_of_steps_up(&self) -> f64 {
        let slope = self.finding.line.as_ref().map_or(0.0, |line| line.slope);
        let ups = self.places.iter();
        let ups = ups
            .map(|&place| jump_at(self.fine, place, slope))
            .filter(|&size| size > 0.0);
        let (mut sum, mut first) = (0.0, 0.0);
        for size in ups {
            sum += size;
            if first == 0.0 {
                first = size;
            }
        }
        (sum + 0.5 * first) / self.fine.span().max(f64::MIN_POSITIVE)
    }
}

/// Whether the falls at `places` take back about as much as the line of `finding` rises.
fn is_taken_back(track: &Track, places: &[f64], finding: &Finding) -> bool {
    let Some(line) = &finding.line else {
        return false;
    };
    let fall = |&place: &f64| (-jump_at(track, place, line.slope)).max(0.0);
    let fallen: f64 = places.iter().map(fall).sum();
    line.slope * (finding.fitted.1 - finding.fitted.0) < TAKEN_BACK * fallen
}

/// How far the level jumps at `place`, beside a line of `slope`.
fn jump_at(track: &Track, place: f64, slope: f64) -> f64 {
    let few = (track.len() / 50).max(3);
    let at = track.x.partition_point(|&x| x < place);
    let level = |range: std::ops::Range<usize>| {
        let middle = |values: &[f64]| median(values).unwrap_or(0.0);
        middle(&track.y[range.clone()]) - slope * middle(&track.x[range])
    };
    level(at..(at + few).min(track.len())) - level(at.saturating_sub(few)..at)
}

/// How much higher the level is at the end than at the beginning, per unit of the axis.
fn net_rate(track: &Track) -> f64 {
    let few = (track.len() / 20).max(1);
    let level = |range| median(&track.y[range]).unwrap_or(0.0);
    (level(track.len() - few..track.len()) - level(0..few)) / track.span().max(f64::MIN_POSITIVE)
}

fn grows_in_steps(segment: &Segment<'_>) -> Option<Ruling> {
    let staircase = segment.going_on()?;
    let steps = staircase.steps;
    let line = segment.line_in_steps(staircase)?;
    let are_enough = steps > FEW || (steps == FEW && staircase.is_growing) || staircase.keeps_pace;
    let leaks = are_enough
        && side_of(&line, segment.finding.budget, segment.confidence) == Side::Above
        && staircase.tail < NOT_YET_DUE * staircase.asked
        && staircase.last_size / staircase.asked > STILL_AS_FAST * staircase.rate;
    leaks.then(|| {
        Ruling::new(Verdict::Leak, Why::GrowsInSteps { steps })
            .shaped(Shape::Staircase)
            .with_line(line)
    })
}

fn next_step_due(segment: &Segment<'_>) -> Option<Ruling> {
    if segment.finding.verdict != Verdict::NoLeak {
        return None;
    }
    // Steps of many containers come in clusters; no one of them tells when the next is due.
    if let Some(rate) = segment.stairs_rate
        && rate > segment.finding.budget
    {
        let steps = segment.steps;
        return Some(Ruling::open(Why::NextStepDue { steps }));
    }
    let staircase = segment.going_on()?;
    let most = staircase.between + staircase.rate + staircase.half_width;
    let may_leak = most > segment.finding.budget && !staircase.is_within(segment.finding.budget);
    may_leak.then(|| {
        let steps = staircase.steps;
        Ruling::open(Why::NextStepDue { steps })
    })
}

/// Steps of many containers come at all times and in all sizes, so that no line is precise; but a
/// level that goes up all along and never down grows.
fn only_rises(segment: &Segment<'_>) -> Option<Ruling> {
    let finding = segment.finding;
    let is_uneven = finding.verdict == Verdict::Inconclusive && finding.why == Why::TooWide;
    let is_unclear = segment.is_unclear && finding.verdict == Verdict::Leak;
    if !(is_uneven || is_unclear) {
        return None;
    }
    let line = windows::ratchet(
        segment.fine,
        finding.budget,
        segment.steps >= FEWEST_OF_RATCHET,
    )?;
    Some(
        Ruling::new(Verdict::Leak, Why::OnlyRises)
            .shaped(Shape::Staircase)
            .with_line(line),
    )
}

fn few_steps(segment: &Segment<'_>) -> Option<Ruling> {
    let steps = segment.places.len();
    (segment.is_unclear && segment.finding.verdict == Verdict::Leak)
        .then(|| Ruling::open(Why::FewSteps { steps }).shaped(Shape::LevelShift))
}

fn few_moves(segment: &Segment<'_>) -> Option<Ruling> {
    if segment.finding.verdict != Verdict::NoLeak {
        return None;
    }
    let moves = moves_that_go_on(segment.fine, segment.places, segment.finding.budget)?;
    Some(Ruling::open(Why::FewMoves { moves }))
}
