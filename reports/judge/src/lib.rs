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

pub mod amount;
mod budget;
pub mod calibrate;
mod decide;
mod explanation;
mod fit;
mod judgement;
mod metrics;
pub mod plan;
mod policy;
mod prepare;
mod reason;
pub mod sequential;
mod series;
mod shape;
pub mod stats;
mod track;
pub mod trial;

pub use amount::parse_amount;
pub use budget::{Budget, BudgetError};
pub use decide::rules::{RULES, Rule};
pub use decide::{explain, judge};
pub use explanation::{Explanation, Note};
pub use judgement::{Fitted, Judgement, Kind, Shape, Verdict};
pub use metrics::{CellJudgement, CellSeries, MetricJudgement, judge_cell};
pub use policy::RSS_GRAIN_BYTES;
pub use series::{JudgeError, JudgeOptions, Series, Unit, Window};
