//! Several stacks of one owner as one: a container's blocks and its own growth, or a recursion
//! that allocates at each depth.

use leaklab_run::{StackHistory, StackSnapshot};

/// Times that are nearer to each other are those of one round of the sampler.
const SAME_ROUND_MS: f64 = 250.0;
/// More times than these are thinned to the ends of the spans.
const MOST_TIMES: usize = 64;

/// The sum of several stacks; `None` of none. The frames are those of the stack of which the
/// most blocks live at the end.
pub fn merged(stacks: &[&StackHistory]) -> Option<StackHistory> {
    let last_live = |stack: &&&StackHistory| {
        let last = stack.snapshots.last();
        last.map_or(0, |snapshot| snapshot.live.iter().sum::<u64>())
    };
    let largest = stacks.iter().max_by_key(last_live)?;
    let snapshots = || stacks.iter().flat_map(|stack| &stack.snapshots);
    let first_span_ms = snapshots()
        .map(|snapshot| snapshot.first_span_ms)
        .fold(f64::INFINITY, f64::min);
    let span_ms = snapshots()
        .map(|snapshot| snapshot.span_ms)
        .fold(0.0, f64::max);
    let mut times: Vec<f64> = snapshots().map(|snapshot| snapshot.elapsed_ms).collect();
    times.sort_by(f64::total_cmp);
    times = last_of_each(&times, |one, next| next - one <= SAME_ROUND_MS);
    if times.len() > MOST_TIMES {
        let span = |time_ms: f64| ((time_ms - first_span_ms) / span_ms).floor();
        times = last_of_each(&times, |one, next| span(one) == span(next));
    }
    Some(StackHistory {
        pid: largest.pid,
        frames: largest.frames.clone(),
        sample_bytes: largest.sample_bytes,
        born_bytes: stacks.iter().map(|stack| stack.born_bytes).sum(),
        snapshots: times
            .iter()
            .map(|time_ms| sum_at(stacks, *time_ms, first_span_ms))
            .collect(),
    })
}

/// Of times in order, the last of each that belong together.
fn last_of_each(times: &[f64], together: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let next = times.iter().skip(1).map(Some).chain([None]);
    let last = times.iter().zip(next).filter(|(time, next)| {
        // What nothing follows is the last.
        next.is_none_or(|next| !together(**time, *next))
    });
    last.map(|(time, _)| *time).collect()
}

/// The counts of all stacks at one time: of each, those that it had said last.
fn sum_at(stacks: &[&StackHistory], time_ms: f64, first_span_ms: f64) -> StackSnapshot {
    let said: Vec<&StackSnapshot> = stacks
        .iter()
        .filter_map(|stack| {
            let mut snapshots = stack.snapshots.iter().rev();
            snapshots.find(|snapshot| snapshot.elapsed_ms <= time_ms)
        })
        .collect();
    let span_ms = said
        .iter()
        .map(|snapshot| snapshot.span_ms)
        .fold(0.0, f64::max);
    let mut sum = StackSnapshot {
        elapsed_ms: time_ms,
        first_span_ms,
        span_ms,
        live_bytes: said.iter().map(|snapshot| snapshot.live_bytes).sum(),
        ..StackSnapshot::default()
    };
    for snapshot in said {
        for (span, (born, live)) in snapshot.born.iter().zip(&snapshot.live).enumerate() {
            let began_ms = snapshot.first_span_ms + span as f64 * snapshot.span_ms;
            // Spans of one process begin together; the rounding is for those of two.
            let at = ((began_ms - first_span_ms) / span_ms + 1e-6).floor() as usize;
            if sum.born.len() <= at {
                sum.born.resize(at + 1, 0);
                sum.live.resize(at + 1, 0);
            }
            sum.born[at] += born;
            sum.live[at] += live;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frame: &str, snapshots: &[(f64, f64, &[u64], &[u64])]) -> StackHistory {
        let snapshots = snapshots
            .iter()
            .map(|(elapsed_ms, span_ms, born, live)| StackSnapshot {
                elapsed_ms: *elapsed_ms,
                first_span_ms: 0.0,
                span_ms: *span_ms,
                born: born.to_vec(),
                live: live.to_vec(),
                live_bytes: None,
            });
        StackHistory {
            pid: 1,
            frames: vec![frame.to_owned()],
            sample_bytes: 0,
            born_bytes: 100,
            snapshots: snapshots.collect(),
        }
    }

    #[test]
    fn spans_of_different_length_are_added_by_their_times() {
        let one = stack("one", &[(450.0, 100.0, &[1, 2, 3], &[1, 0, 3])]);
        let other = stack(
            "other",
            &[
                (150.0, 100.0, &[5, 5], &[5, 4]),
                (850.0, 200.0, &[10, 1, 1], &[8, 1, 1]),
            ],
        );
        let sum = merged(&[&one, &other]).expect("a sum");
        assert_eq!((sum.frames[0].as_str(), sum.born_bytes), ("other", 200));
        let at = |number: usize| {
            let snapshot: &StackSnapshot = &sum.snapshots[number];
            (
                snapshot.elapsed_ms,
                snapshot.born.clone(),
                snapshot.live.clone(),
            )
        };
        assert_eq!(at(0), (150.0, vec![5, 5], vec![5, 4]));
        assert_eq!(at(1), (450.0, vec![6, 7, 3], vec![6, 4, 3]));
        assert_eq!(at(2), (850.0, vec![13, 4, 1], vec![9, 4, 1]));
        assert_eq!(merged(&[]), None);
    }
}
