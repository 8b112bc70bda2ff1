//! A verdict while a cell still runs, on the bounded history of its load.

use super::history::History;
use leaklab_judge::sequential::{ERROR, StoppingRule};
use leaklab_judge::{Budget, JudgeOptions, Judgement, RSS_GRAIN_BYTES, Series, Verdict, Window};
use leaklab_run::{CellPlan, Phase, Sample};

/// Rows before the first look: fewer say nothing about a trend.
const FIRST_LOOK_ROWS: f64 = 20.0;

/// Looks at the load at growing times, by the rule that stays valid for all looks together.
pub struct RunningVerdict {
    load: History,
    rule: StoppingRule,
    options: JudgeOptions,
    /// Windows of marks, in seconds since the child was ready: left out, as in the file.
    marked: Vec<Window>,
    /// The verdict of the last look, certain or not.
    last: Option<Verdict>,
}

impl RunningVerdict {
    /// Nothing seen yet; judged with the cell's own budget.
    pub fn new(plan: &CellPlan) -> Self {
        let budget = plan.budget.as_deref().map(str::parse);
        let first_look_s = FIRST_LOOK_ROWS * plan.interval_ms / 1000.0;
        RunningVerdict {
            load: History::new(),
            rule: StoppingRule::new(first_look_s, ERROR)
                .not_before(plan.min_duration_s.unwrap_or(0.0)),
            options: JudgeOptions {
                // A budget that cannot be read was refused before the run began.
                budget: budget.and_then(Result::ok).unwrap_or_default(),
                ..JudgeOptions::default()
            },
            marked: Vec::new(),
            last: None,
        }
    }

    /// Leaves out what a mark says is not the program's usual course.
    pub fn mark(&mut self, at_ms: f64, duration_ms: f64) {
        self.marked.push(Window {
            start_s: at_ms / 1000.0,
            end_s: (at_ms + duration_ms) / 1000.0,
        });
    }

    /// Takes a sample; the judgement, once it is certain and final.
    pub fn add(&mut self, sample: &Sample) -> Option<Judgement> {
        if sample.phase != Phase::Load {
            return None;
        }
        self.load.add(sample);
        if self.load.is_silent(sample.elapsed_ms) {
            return None;
        }
        let started_ms = self.load.points().first()?.elapsed_ms;
        let elapsed_s = (sample.elapsed_ms - started_ms) / 1000.0;
        if !self.rule.is_due(elapsed_s) {
            return None;
        }
        let points = self.load.points();
        let time_s: Vec<f64> = points.iter().map(|p| p.elapsed_ms / 1000.0).collect();
        let bytes: Vec<f64> = points.iter().map(|p| p.bytes).collect();
        let operations: Vec<f64> = points.iter().map(|p| p.ops_total).collect();
        let counted = operations.iter().any(|ops| *ops > 0.0);
        let mut series = Series::new(&time_s, &bytes);
        series.operations = counted.then_some(&operations[..]);
        series.excluded = &self.marked;
        let mut options = self.options.clone();
        options.exact = self.load.is_allocators();
        if self.load.is_resident() {
            options.grain = RSS_GRAIN_BYTES;
        }
        if !counted && matches!(options.budget, Budget::BytesPerOperation(_)) {
            options.budget = Budget::Default;
        }
        let certain = self.rule.look(elapsed_s, &series, &options).ok()?;
        self.last = self.rule.last();
        certain
    }

    /// What the last look saw, as a word; empty before the first.
    pub fn word(&self) -> String {
        self.last
            .map_or(String::new(), |verdict| verdict.to_string())
    }
}
