//! Many series in one call, on as many threads as there are processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::decide::judge;
use crate::judgement::Judgement;
use crate::series::{JudgeError, JudgeOptions, Series};

/// Judges each of `series` as [`judge`] does, on as many threads as there are processors, and
/// gives what was said of each in their order.
///
/// ```
/// use leaklab_judge::{JudgeOptions, Series, Verdict, judge_all};
///
/// let time_s: Vec<f64> = (0..600).map(|minute| 60.0 * f64::from(minute)).collect();
/// let flat = vec![5e8; 600];
/// let grows: Vec<f64> = time_s.iter().map(|time| 5e8 + 5e3 * time).collect();
/// let series = [Series::new(&time_s, &flat), Series::new(&time_s, &grows)];
/// let judged = judge_all(&series, &JudgeOptions::default());
/// let verdicts: Vec<_> = judged.iter().flatten().map(|judgement| judgement.verdict).collect();
/// assert_eq!(verdicts, [Verdict::NoLeak, Verdict::Leak]);
/// ```
pub fn judge_all(
    series: &[Series<'_>],
    options: &JudgeOptions,
) -> Vec<Result<Judgement, JudgeError>> {
    on_all_processors(series.iter().collect(), |series| judge(series, options))
}

/// Does `work` with each of `items`, on as many threads as there are processors, and gives what
/// came of each in their order. Where no more threads are to be had, there are fewer.
///
/// # Panics
///
/// Where `work` does.
pub fn on_all_processors<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(items.len());
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worked = || -> Vec<(usize, R)> {
        std::iter::from_fn(next)
            .map(|(place, item)| (place, work(item)))
            .collect()
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, worked).ok())
            .collect();
        let mut done = worked();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::on_all_processors;

    #[test]
    fn results_keep_the_order_of_what_they_are_of() {
        let squares = on_all_processors((0..1_000_u64).collect(), |number| number * number);
        assert!(
            squares
                .iter()
                .zip(0_u64..)
                .all(|(square, number)| *square == number * number)
        );
        assert_eq!(squares.len(), 1_000);
        assert!(on_all_processors(Vec::<u64>::new(), |number| number).is_empty());
    }
}
