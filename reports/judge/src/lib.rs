//! The judge: from a series of memory readings to a verdict that can be trusted.
//!
//! [`judge`] reads one series. It looks for shapes first (restarts, bursts, sawteeth, steps,
//! cycles), finds the part that has settled, fits a line to it under correlated noise, and
//! holds the interval of the slope against the budget. [`judge_cell`] does so for all metrics
//! of a cell and says where the growth sits. METHOD.md gives the reasons, LIMITS.md what
//! cannot be seen this way.
//!
//! ```
//! use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};
//!
//! let time_s: Vec<f64> = (0..600).map(f64::from).collect();
//! let bytes: Vec<f64> = time_s.iter().map(|t| 1e8 + 5_000.0 * t + 1e5 * (t * 1.7).sin()).collect();
//! let options = JudgeOptions { budget: "1MB/h".parse::<Budget>().unwrap(), ..JudgeOptions::default() };
//! let judgement = judge(&Series::new(&time_s, &bytes), &options).unwrap();
//! assert_eq!(judgement.verdict, Verdict::Leak);
//! ```
//!
//! # Assert in your own test suite that something does not leak
//!
//! Call it again and again, and note a count of what lives after each round: what an allocator
//! says (`mallctl`, `mallinfo2`, `runtime.MemStats`), or the size of what the code itself keeps.
//! Rounds stand for time where there are operations to count, so that a slow machine changes
//! nothing. Take a few hundred rounds, and do not accept anything else than `NoLeak`:
//! `Inconclusive` says that the rounds were too few for the budget.
//!
//! ```
//! use leaklab_judge::{Budget, JudgeOptions, Judgement, Series, Verdict, judge};
//! use std::collections::VecDeque;
//!
//! const ROUNDS: u32 = 600;
//! const OPERATIONS_PER_ROUND: u32 = 100;
//!
//! fn judged(mut operation: impl FnMut() -> usize) -> Judgement {
//!     let (mut time_s, mut live_bytes, mut operations) = (Vec::new(), Vec::new(), Vec::new());
//!     for round in 1..=ROUNDS {
//!         let lives = (0..OPERATIONS_PER_ROUND).map(|_| operation()).last();
//!         time_s.push(f64::from(round));
//!         live_bytes.push(lives.unwrap_or_default() as f64);
//!         operations.push(f64::from(round * OPERATIONS_PER_ROUND));
//!     }
//!     let mut series = Series::new(&time_s, &live_bytes);
//!     series.operations = Some(&operations);
//!     let budget: Budget = "1B/op".parse().unwrap();
//!     // A count of an allocator is exact to the byte; leave this out for resident memory.
//!     let options = JudgeOptions { budget, exact: true, ..JudgeOptions::default() };
//!     judge(&series, &options).unwrap()
//! }
//!
//! // A queue that forgets its oldest entry, and one that keeps all.
//! let mut last: VecDeque<[u8; 64]> = VecDeque::new();
//! let bounded = judged(|| {
//!     last.push_back([0; 64]);
//!     last.truncate(50);
//!     last.len() * 64
//! });
//! assert_eq!(bounded.verdict, Verdict::NoLeak, "{}", bounded.reason);
//!
//! let mut all: Vec<[u8; 64]> = Vec::new();
//! let kept = judged(|| {
//!     all.push([0; 64]);
//!     all.len() * 64
//! });
//! assert_eq!(kept.verdict, Verdict::Leak, "{}", kept.reason);
//! ```

pub mod amount;
mod budget;
pub mod calibrate;
mod decide;
mod explanation;
mod fit;
mod judgement;
mod many;
mod metrics;
mod nearest;
pub mod plan;
mod policy;
mod prepare;
mod reason;
pub mod sequential;
mod series;
mod shape;
pub mod stats;
mod track;
mod trial;

pub use amount::parse_amount;
pub use budget::{Budget, BudgetError};
pub use decide::rules::{RULES, Rule};
pub use decide::{explain, judge};
pub use explanation::{Explanation, Note};
pub use judgement::{Fitted, Judgement, Kind, Shape, Verdict};
pub use many::{in_order, judge_all, on_all_processors};
pub use metrics::{CellJudgement, CellSeries, MetricJudgement, judge_cell};
pub use nearest::nearest;
pub use policy::RSS_GRAIN_BYTES;
pub use series::{JudgeError, JudgeOptions, Series, Unit, Window};
pub use shape::restarts::falls_like_restarts;
