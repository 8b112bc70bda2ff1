//! Two answers beside each other: which stacks a change cured.

use super::answer::{Answer, Row};
use super::poisson::garwood;
use serde::Serialize;
use std::fmt;

/// What became of an owner that leaks on one side or on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It leaked, and the other profile would have seen it.
    Cured,
    /// It leaks less: the intervals do not meet.
    Less,
    /// It leaks as before, within the intervals.
    Same,
    /// It leaks more: the intervals do not meet.
    More,
    /// It leaks only after the change.
    New,
    /// It is not seen to leak after the change, but that profile could not have seen so little.
    Unseen,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Change::Cured => "cured",
            Change::Less => "less",
            Change::Same => "same",
            Change::More => "more",
            Change::New => "new",
            Change::Unseen => "not seen",
        })
    }
}

/// An owner before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedRow {
    /// What became of it.
    pub change: Change,
    /// The function.
    pub function: String,
    /// Where it is; on the second side if it is only there.
    pub location: String,
    /// Growth before, by [`StackComparison::unit`], with its 95 % interval.
    pub before: [f64; 3],
    /// Growth after.
    pub after: [f64; 3],
}

/// The owners that leak on either side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackComparison {
    /// `op` or `h`: what growth is given by.
    pub unit: &'static str,
    /// Owners, those that leaked most first.
    pub rows: Vec<ChangedRow>,
    /// Smallest growth that either profile could have seen, by the same unit.
    pub resolution: [f64; 2],
}

/// Compares the owners of two answers, by their functions: lines move with a change.
pub fn compare_stacks(before: &Answer, after: &Answer) -> StackComparison {
    let sides = [Side::new(before), Side::new(after)];
    let by_operations = sides.iter().all(|side| side.operations.is_some());
    let sides = sides.map(|side| side.by(by_operations));
    let [first, second] = &sides;
    let mut rows: Vec<ChangedRow> = first
        .leaking()
        .map(|row| {
            let was = first.rate(row);
            let (change, is) = match second.of(&row.function) {
                Some(later) if later.leaks() => (changed(was, second.rate(later)), later),
                Some(later) => (second.cured(was), later),
                None => {
                    return ChangedRow::new(second.cured(was), row, was, second.nothing());
                }
            };
            ChangedRow::new(change, row, was, second.rate(is))
        })
        .collect();
    let is_new = |row: &&Row| !first.of(&row.function).is_some_and(Row::leaks);
    for row in second.leaking().filter(is_new) {
        let was = first
            .of(&row.function)
            .map_or(first.nothing(), |earlier| first.rate(earlier));
        rows.push(ChangedRow::new(Change::New, row, was, second.rate(row)));
    }
    let most = |row: &ChangedRow| row.before[0].max(row.after[0]);
    rows.sort_by(|one, other| most(other).total_cmp(&most(one)));
    StackComparison {
        unit: if by_operations { "op" } else { "h" },
        rows,
        resolution: sides.map(|side| side.resolution()),
    }
}

/// What became of growth that is there on both sides.
fn changed(was: [f64; 3], is: [f64; 3]) -> Change {
    if is[2] < was[1] {
        Change::Less
    } else if is[1] > was[2] {
        Change::More
    } else {
        Change::Same
    }
}

impl ChangedRow {
    fn new(change: Change, row: &Row, before: [f64; 3], after: [f64; 3]) -> Self {
        ChangedRow {
            change,
            function: row.function.clone(),
            location: row.location.clone(),
            before,
            after,
        }
    }
}

struct Side<'a> {
    answer: &'a Answer,
    operations: Option<f64>,
    per: f64,
}

impl<'a> Side<'a> {
    fn new(answer: &'a Answer) -> Self {
        Side {
            answer,
            operations: answer.heap_growth.and_then(|heap| heap.operations),
            per: 1.0,
        }
    }

    fn by(mut self, operations: bool) -> Self {
        let hours = self.answer.seconds / 3600.0;
        self.per = match self.operations.filter(|_| operations) {
            Some(operations) => operations,
            None => hours,
        };
        self.per = self.per.max(f64::MIN_POSITIVE);
        self
    }

    fn leaking(&self) -> impl Iterator<Item = &'a Row> + use<'a> {
        self.answer.rows.iter().filter(|row| row.leaks())
    }

    /// The row of a function: the one that leaks if there are several.
    fn of(&self, function: &str) -> Option<&'a Row> {
        let of = |row: &&Row| row.function == function;
        self.leaking()
            .find(of)
            .or_else(|| self.answer.rows.iter().find(of))
    }

    fn rate(&self, row: &Row) -> [f64; 3] {
        row.amount().map(|bytes| bytes / self.per)
    }

    fn resolution(&self) -> f64 {
        self.answer.resolution_bytes_per_s * self.answer.seconds / self.per
    }

    /// The growth of what no sample came of.
    fn nothing(&self) -> [f64; 3] {
        let (_, most) = garwood(0, 0.95);
        [0.0, 0.0, most * self.answer.sample_bytes as f64 / self.per]
    }

    /// What it means that growth of that much is no leak here.
    fn cured(&self, was: [f64; 3]) -> Change {
        match self.resolution() <= was[0] {
            true => Change::Cured,
            false => Change::Unseen,
        }
    }
}
