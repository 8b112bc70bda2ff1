//! Gauges of a side, and how its memory moves with each: what is counted where the heap grows.

use crate::cell::{in_load, load_ends};
use leaklab_run::{SampleTable, columns};

/// A gauge over the load of one cell.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct GaugeCourse {
    /// Its name, as the program says it.
    pub name: String,
    /// Its value when the load began.
    pub first: f64,
    /// Its value when the load ended.
    pub last: f64,
    /// Bytes by which the memory moves with one more of it; absent if it does not move.
    pub bytes_each: Option<f64>,
    /// Share of the memory's movement that the gauge explains (R²), in percent.
    pub explains_percent: Option<f64>,
}

/// The gauges of a table with their last values, each held against the column `memory`.
pub(super) fn gauge_courses(table: &SampleTable, memory: &str) -> Vec<GaugeCourse> {
    let Some(memory) = table.column(memory) else {
        return Vec::new();
    };
    let course = |column: &String| {
        let name = column.strip_prefix(columns::GAUGE_PREFIX)?;
        // How many processes were read is the instrument's word, and no cause of memory.
        if name == columns::HEAP_PROCESSES {
            return None;
        }
        let values = table.column(column)?;
        let [(_, first), (_, last)] = load_ends(table, values)?;
        let line = line_through(table, values, memory);
        Some(GaugeCourse {
            name: name.to_owned(),
            first,
            last,
            bytes_each: line.map(|(slope, _)| slope),
            explains_percent: line.map(|(_, share)| 100.0 * share),
        })
    };
    table.names.iter().filter_map(course).collect()
}

/// Slope and R² of `ys` over `xs` in the rows of the load that have both; `None` where one of
/// them does not move.
fn line_through(table: &SampleTable, xs: &[f64], ys: &[f64]) -> Option<(f64, f64)> {
    let both: Vec<f64> = xs.iter().zip(ys).map(|(x, y)| x + y).collect();
    if in_load(table, &both).count() < 3 {
        return None;
    }
    let known =
        |row: &usize| table.phase[*row] == leaklab_run::Phase::Load && both[*row].is_finite();
    let rows: Vec<usize> = (0..both.len()).filter(known).collect();
    let count = rows.len() as f64;
    let mean = |values: &[f64]| rows.iter().map(|&row| values[row]).sum::<f64>() / count;
    let (x, y) = (mean(xs), mean(ys));
    let sum = |part: &dyn Fn(f64, f64) -> f64| {
        rows.iter()
            .map(|&row| part(xs[row] - x, ys[row] - y))
            .sum::<f64>()
    };
    let (xx, yy) = (sum(&|x, _| x * x), sum(&|_, y| y * y));
    let xy = sum(&|x, y| x * y);
    (xx > 0.0 && yy > 0.0).then(|| (xy / xx, xy * xy / (xx * yy)))
}

/// A gauge of both sides.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct GaugeChange {
    /// Its name.
    pub name: String,
    /// Before.
    pub before: Option<GaugeCourse>,
    /// After.
    pub after: Option<GaugeCourse>,
}

impl GaugeChange {
    /// How much of the memory's movement it explains on the side where it explains more.
    fn weight(&self) -> f64 {
        let share = |course: &Option<GaugeCourse>| {
            course
                .as_ref()
                .and_then(|one| one.explains_percent)
                .unwrap_or(0.0)
        };
        let rises =
            |course: &Option<GaugeCourse>| course.as_ref().is_some_and(|one| one.last > one.first);
        // What rises on one side only tells the sides apart; a total rises on both.
        let tells = f64::from(u8::from(rises(&self.before) != rises(&self.after)));
        100.0 * tells + share(&self.before).max(share(&self.after))
    }
}

/// The gauges of both sides, those first that move with the memory.
pub(super) fn gauge_changes(before: &[GaugeCourse], after: &[GaugeCourse]) -> Vec<GaugeChange> {
    let find = |side: &[GaugeCourse], name: &str| side.iter().find(|one| one.name == name).cloned();
    let mut names: Vec<&str> = before.iter().map(|one| one.name.as_str()).collect();
    for one in after {
        if !names.contains(&one.name.as_str()) {
            names.push(&one.name);
        }
    }
    let mut changes: Vec<GaugeChange> = names
        .into_iter()
        .map(|name| GaugeChange {
            name: name.to_owned(),
            before: find(before, name),
            after: find(after, name),
        })
        .collect();
    changes.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::Phase;

    #[test]
    fn the_gauge_that_the_heap_moves_with_comes_first() {
        // scipy 1.17.1: linregress(nodes, heap) gives slope 1218.56, rvalue² 1.0
        let rows = 50;
        let table = |leak: f64| {
            let column =
                |value: &dyn Fn(f64) -> f64| (0..rows).map(|i| value(f64::from(i))).collect();
            SampleTable {
                elapsed_ms: column(&|i| i * 1000.0),
                phase: vec![Phase::Load; rows as usize],
                names: ["gauge:done", "gauge:nodes", "allocated_bytes"]
                    .map(str::to_owned)
                    .to_vec(),
                values: vec![
                    column(&|i| 7.0 * i + (i % 3.0)),
                    column(&|i| 100.0 + leak * i),
                    column(&|i| 1e6 + 1218.56 * leak * i),
                ],
                ..SampleTable::default()
            }
        };
        let before = gauge_courses(&table(2.0), "allocated_bytes");
        let after = gauge_courses(&table(0.0), "allocated_bytes");
        let changes = gauge_changes(&before, &after);
        assert_eq!(changes[0].name, "nodes");
        let nodes = changes[0].before.as_ref().expect("both have it");
        assert!((nodes.bytes_each.expect("it moves") - 1218.56).abs() < 1e-6);
        assert!(nodes.explains_percent.expect("it moves") > 99.99);
        assert_eq!((nodes.first, nodes.last), (100.0, 198.0));
    }
}
