//! The tables of a cell, from what was taken of its program.

use super::format::{Format, unpacked};
use super::growth::{ClassBehaviour, ClassTable, Point, class_table, compared};
use super::heap_snapshot;
use leaklab_run::{Cell, Taking, open_taking, read_takings, write_atomically};
use std::io::BufRead;
use std::path::Path;

/// Name of the file in a cell's folder that keeps its tables, since snapshots may be large.
pub const CLASSES_FILE: &str = "classes.json";
/// Rows for which it is looked what keeps them.
const PATHS: usize = 5;
/// Problems that are told.
const MOST_PROBLEMS: usize = 5;

/// The tables of a cell as they were kept, or worked out from what was taken; none where nothing
/// was.
///
/// # Errors
///
/// The error of the operating system on the list of takings.
pub fn read_classes(cell: &Cell) -> std::io::Result<Vec<ClassTable>> {
    if let Ok(text) = std::fs::read(cell.folder.join(CLASSES_FILE))
        && let Ok(tables) = serde_json::from_slice(&text)
    {
        return Ok(tables);
    }
    classes_of(&cell.folder)
}

/// Works the tables of a cell out, and keeps them beside its takings.
///
/// # Errors
///
/// The error of the operating system.
pub fn write_classes(folder: &Path) -> std::io::Result<Vec<ClassTable>> {
    let tables = classes_of(folder)?;
    if !tables.is_empty() {
        let text = serde_json::to_vec_pretty(&tables)?;
        write_atomically(&folder.join(CLASSES_FILE), &text)?;
    }
    Ok(tables)
}

/// The tables of a cell's folder: one for each series of snapshots.
///
/// # Errors
///
/// The error of the operating system on the list of takings.
pub fn classes_of(folder: &Path) -> std::io::Result<Vec<ClassTable>> {
    let takings = read_takings(folder)?;
    let mut names: Vec<&str> = Vec::new();
    for taking in &takings {
        if !names.contains(&taking.name.as_str()) {
            names.push(&taking.name);
        }
    }
    let tables = names.into_iter().filter_map(|name| {
        let mut of: Vec<&Taking> = takings
            .iter()
            .filter(|taking| taking.name == name)
            .collect();
        of.sort_by(|one, other| one.elapsed_ms.total_cmp(&other.elapsed_ms));
        let format: Format = of.first()?.format.parse().ok()?;
        Some(table_of(folder, name, format, &of))
    });
    Ok(tables.collect())
}

fn table_of(folder: &Path, name: &str, format: Format, takings: &[&Taking]) -> ClassTable {
    let mut problems = Vec::new();
    let mut read: Vec<(&Taking, Point)> = Vec::new();
    for taking in takings {
        match point(folder, format, taking) {
            Ok(point) => read.push((taking, point)),
            Err(why) => problems.push(format!("{name} {}: {why}", taking.number)),
        }
    }
    let by_time = |taking: &Taking| taking.rule.is_none();
    let comparisons = comparisons(format, &read);
    let planned: Vec<Point> = (read.iter())
        .filter(|(taking, _)| by_time(taking))
        .map(|(_, point)| point.clone())
        .collect();
    let mut table = class_table(name, format, &planned);
    table.compared = comparisons;
    let files: Vec<&str> = (read.iter())
        .filter(|(taking, _)| by_time(taking))
        .filter_map(|(taking, _)| taking.file.as_deref())
        .collect();
    if format == Format::HeapSnapshot
        && let [_, .., last] = files[..]
        && let Some(first) = planned.first()
        && let Err(why) = add_paths(&mut table, folder, first.counts.largest_id, last)
    {
        problems.push(format!("what keeps objects is not known: {why}"));
    }
    let left_out = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
    if left_out > 0 {
        problems.push(format!("and {left_out} more"));
    }
    table.problems = problems;
    table
}

fn point(folder: &Path, format: Format, taking: &Taking) -> Result<Point, String> {
    if let Some(error) = &taking.error {
        return Err(error.clone());
    }
    let file = taking.file.as_deref().ok_or("there is no file")?;
    let file = open_taking(folder, file).map_err(|error| error.to_string())?;
    Ok(Point {
        elapsed_ms: taking.elapsed_ms,
        ops_total: taking.ops_total,
        counts: format.read(file)?,
    })
}

/// What each rule's taking holds more than the one before it, which is the first of all for the
/// first of them.
fn comparisons(format: Format, read: &[(&Taking, Point)]) -> Vec<super::Compared> {
    let mut before = read.first().map(|(_, point)| point);
    let mut all = Vec::new();
    for (taking, point) in read.iter().skip(1) {
        if let (Some(rule), Some(earlier)) = (taking.rule, before) {
            all.push(compared(rule, format, earlier, point));
            before = Some(point);
        }
    }
    all
}

/// Looks in the last snapshot what keeps those objects alive that came since the first.
fn add_paths(
    table: &mut ClassTable,
    folder: &Path,
    largest_before: u64,
    last: &str,
) -> Result<(), String> {
    let wanted: Vec<String> = (table.rows.iter())
        .filter(|row| match row.behaviour {
            ClassBehaviour::GrewSteadily => true,
            ClassBehaviour::TooFew => row.share > 0.0,
            _ => false,
        })
        .take(PATHS)
        .map(|row| row.key.clone())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let open = || -> Result<Box<dyn BufRead>, String> {
        unpacked(open_taking(folder, last).map_err(|error| error.to_string())?)
    };
    for found in heap_snapshot::retainers(&open, &wanted, largest_before)? {
        if let Some(row) = table.rows.iter_mut().find(|row| row.key == found.key) {
            row.path = found.path;
        }
    }
    Ok(())
}
