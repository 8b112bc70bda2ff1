//! Many series in one call, on as many threads as there are processors.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError, mpsc};
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
    let mut done = Vec::with_capacity(items.len());
    let taken = in_order(items, work, |result| {
        done.push(result);
        Ok::<(), Infallible>(())
    });
    match taken {
        Ok(()) => done,
        Err(never) => match never {},
    }
}

/// The same, where `each` takes what came of each item as soon as that and those before it are
/// done.
///
/// # Errors
///
/// The first error of `each`; nothing is begun after it.
///
/// # Panics
///
/// Where `work` does.
pub fn in_order<T: Send, R: Send, E>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
    mut each: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    // One thread is this one.
    let threads = match processors.min(items.len()) {
        1 => 0,
        several => several,
    };
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        // Who falls behind holds the others up rather than filling the memory.
        let (sender, done) = mpsc::sync_channel(16 * threads);
        let workers: Vec<_> = (0..threads)
            .map_while(|_| {
                let (sender, next, work) = (sender.clone(), &next, &work);
                let worked = move || {
                    // Nobody takes more: `each` has failed.
                    while let Some((place, item)) = next()
                        && sender.send((place, work(item))).is_ok()
                    {}
                };
                thread::Builder::new().spawn_scoped(scope, worked).ok()
            })
            .collect();
        drop(sender);
        let here = || match workers.is_empty() {
            true => next().map(|(place, item)| (place, work(item))),
            false => None,
        };
        let (mut early, mut wanted) = (BTreeMap::new(), 0);
        for (place, result) in std::iter::from_fn(here).chain(done) {
            early.insert(place, result);
            while let Some(result) = early.remove(&wanted) {
                each(result)?;
                wanted += 1;
            }
        }
        for worker in workers {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
        Ok(())
    })
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
