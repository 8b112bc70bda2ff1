//! The tables of a cell, from what was taken of its program.

use super::behaviour::ClassBehaviour;
use super::counts::MOST_KEYS;
use super::format::{Format, unpacked};
use super::growth::{ClassTable, Point, class_table, compared};
use super::heap_snapshot;
use leaklab_judge::amount::{count_text, plural};
use leaklab_run::{Cell, Taking, open_taking, read_takings, write_atomically};
use std::collections::BTreeMap;
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
    if let Ok(text) = leaklab_run::read_whole(&cell.folder.join(CLASSES_FILE))
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
    let (takings, others) = of_one_process(takings);
    problems.extend(others);
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
    problems.extend(keys_left_out(&read));
    table.problems = problems;
    table
}

/// The takings of the process of which there are most, and words on what is left out: those of
/// other processes, which are other series, and processes that were never looked at.
fn of_one_process<'a>(takings: &[&'a Taking]) -> (Vec<&'a Taking>, Vec<String>) {
    let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
    for taking in takings.iter().filter(|taking| taking.file.is_some()) {
        *taken.entry(taking.pid).or_default() += 1;
    }
    // Of as many, the one that was begun with.
    let begun = |pid: u32| takings.iter().position(|taking| taking.pid == pid);
    let most = taken
        .iter()
        .max_by_key(|(pid, count)| (**count, std::cmp::Reverse(begun(**pid))));
    let Some((&pid, _)) = most else {
        return (takings.to_vec(), Vec::new());
    };
    let mut words = Vec::new();
    let unlike: usize = taken.values().sum::<usize>() - taken[&pid];
    if unlike > 0 {
        let of: Vec<String> = (taken.keys())
            .filter(|other| **other != pid)
            .map(u32::to_string)
            .collect();
        words.push(format!(
            "{} of other processes ({}) left out: the table is of process {pid}",
            plural(unlike as u64, "taking"),
            of.join(", ")
        ));
    }
    let is_of = |taking: &&&Taking| taking.pid == pid || taking.file.is_none();
    let kept: Vec<&Taking> = takings.iter().filter(is_of).copied().collect();
    let others = kept.iter().map(|taking| taking.others).max().unwrap_or(0);
    if others > 0 {
        let runtime = kept.iter().find_map(|taking| taking.runtime.as_deref());
        words.push(format!(
            "{others} more {}process{} not looked at: a series is of one process, here {pid}",
            runtime.map_or_else(String::new, |runtime| format!("{runtime} ")),
            if others == 1 { " was" } else { "es were" }
        ));
    }
    (kept, words)
}

/// Words on snapshots that have more keys than are kept.
fn keys_left_out(read: &[(&Taking, Point)]) -> Option<String> {
    let left_out = |point: &Point| point.counts.left_out_keys;
    let takings = read.iter().filter(|(_, point)| left_out(point) > 0).count();
    let (_, point) = read.iter().max_by_key(|(_, point)| left_out(point))?;
    (takings > 0).then(|| {
        format!(
            "{takings} of {} takings had more than {} keys: the smallest, up to {}, are left out",
            read.len(),
            count_text(MOST_KEYS as u64),
            count_text(left_out(point)),
        )
    })
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
            ClassBehaviour::TooFew | ClassBehaviour::Undecided | ClassBehaviour::RisesInSteps => {
                row.share > 0.0
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{SNAPSHOTS_FILE, SNAPSHOTS_FOLDER};
    use std::fmt::Write as _;

    /// A cell with a series of those takings: a process each, and what it counted.
    fn cell(takings: &[(u32, String)], others: u64) -> tempfile::TempDir {
        let cell = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(cell.path().join(SNAPSHOTS_FOLDER)).expect("a folder");
        let mut lines = String::new();
        for (number, (pid, text)) in takings.iter().enumerate() {
            let file = format!("{SNAPSHOTS_FOLDER}/classes-{number}.csv");
            std::fs::write(cell.path().join(&file), text).expect("a file");
            let taking = Taking {
                name: "classes".to_owned(),
                format: "csv".to_owned(),
                number: number as u64,
                elapsed_ms: 1000.0 * (1 + number) as f64,
                pid: *pid,
                others,
                runtime: Some("Java".to_owned()),
                file: Some(file),
                ..Taking::default()
            };
            let line = serde_json::to_string(&taking).expect("a line");
            writeln!(lines, "{line}").expect("a string");
        }
        std::fs::write(cell.path().join(SNAPSHOTS_FILE), lines).expect("a file");
        cell
    }

    fn table(cell: &tempfile::TempDir) -> ClassTable {
        let tables = classes_of(cell.path()).expect("readable");
        tables.into_iter().next().expect("a table")
    }

    #[test]
    fn a_series_is_of_the_process_with_most_takings() {
        let leaks = |at: u32| (7, format!("shop.Session,1,{}\n", 100_000 * (at + 1)));
        let mut takings: Vec<(u32, String)> = (0..9).map(leaks).collect();
        takings[3] = (8, "shop.Session,1,32504\n".to_owned());
        let table = table(&cell(&takings, 1));
        assert_eq!(table.takings, 8);
        let first = table.top().expect("a leak");
        assert_eq!((first.key.as_str(), first.rises), ("shop.Session", 7));
        let told = table.problems.join("; ");
        for part in [
            "1 taking of other processes (8) left out",
            "of process 7",
            "1 more Java process was not looked at",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn keys_that_found_no_place_are_told() {
        let text: String = (0..MOST_KEYS + 2)
            .map(|key| format!("key{key},1,{}\n", 10 + key))
            .collect();
        let table = table(&cell(&[(7, text), (7, "key5,1,3\n".to_owned())], 0));
        let told = table.problems.join("; ");
        let part = "1 of 2 takings had more than 100,000 keys: the smallest, up to 2, are left out";
        assert!(told.contains(part), "{told}");
    }
}
