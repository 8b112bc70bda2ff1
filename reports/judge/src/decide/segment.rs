//! One uninterrupted stretch: its steps, and then what lies between them.

use crate::decide::case::Case;
use crate::decide::finding::Finding;
use crate::decide::fitted::judge_between;
use crate::decide::rules::{FEW_MOVES, FEW_STEPS, Ruling, ruled};
use crate::fit::model::Regressors;
use crate::judgement::{Shape, Verdict};
use crate::reason::Why;
use crate::shape::cycle::find_cycle;
use crate::shape::steps::{Steps, classify_steps, moves_that_go_on};
use crate::track::Track;

/// What is known of a segment once a line was fitted to it.
struct Segment<'a> {
    fine: &'a Track,
    /// Steps that were taken out, or whose place in the trend is open.
    places: &'a [f64],
    /// Whether it is open whether the steps belong to the trend.
    is_unclear: bool,
    finding: &'a Finding,
}

/// Judges a stretch without restarts and teeth: what its steps are, and then what is left.
pub(crate) fn judge_segment(case: &Case<'_>, fine: &Track) -> Finding {
    let steps = steps_beside_a_cycle(case, fine);
    let through = |places: &[f64]| judge_between(case, fine, places);
    let leaks = |finding: &Finding| finding.verdict == Verdict::Leak;
    let (mut finding, places): (Finding, &[f64]) = match &steps {
        Steps::None | Steps::Stairs => (through(&[]), &[]),
        Steps::Once(places) => (through(places), places),
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
            if leaks(&between) {
                return between;
            }
            (through(&[]), places)
        }
    };
    finding.shape = match steps {
        Steps::Stairs if leaks(&finding) => Shape::Staircase,
        Steps::Once(_) | Steps::Falls(_)
            if !leaks(&finding) && finding.why != Why::Decelerating =>
        {
            Shape::LevelShift
        }
        _ => finding.shape,
    };
    let segment = Segment {
        fine,
        places,
        is_unclear: matches!(steps, Steps::Unclear(_)),
        finding: &finding.clone(),
    };
    ruled(
        case,
        finding,
        &segment,
        &[(FEW_STEPS, few_steps), (FEW_MOVES, few_moves)],
    )
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
