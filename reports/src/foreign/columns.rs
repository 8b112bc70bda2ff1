//! Which column is the time, which are memory, and what unit they are in.

use super::quote;
use super::{InputError, ReadOptions};
use leaklab_run::columns;

/// What the columns of a table are taken for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    pub time: usize,
    /// Position and factor to bytes.
    pub values: Vec<(usize, f64)>,
    pub operations: Option<usize>,
    /// Which phase a row belongs to, in a table that leaklab wrote.
    pub phase: Option<usize>,
}

/// Names of a time column, the likeliest first.
const TIMES: [&str; 12] = [
    "elapsed_s",
    "elapsed_ms",
    "time_s",
    "time_ms",
    "elapsed time",
    "elapsed",
    "timestamp",
    "time",
    "datetime",
    "date",
    "ts",
    "seconds",
];

/// Parts of the names of memory columns.
const MEMORY: [&str; 14] = [
    "bytes",
    "rss",
    "pss",
    "mem",
    "heap",
    "alloc",
    "resident",
    "working_set",
    "real (",
    "used",
    "private",
    "value",
    "swap",
    "vms",
];

pub(super) fn choose(names: &[String], options: &ReadOptions) -> Result<Chosen, InputError> {
    let time = match &options.time {
        Some(name) => position(names, name)?,
        None => TIMES
            .iter()
            .find_map(|time| {
                names
                    .iter()
                    .position(|name| name.trim().eq_ignore_ascii_case(time))
            })
            .unwrap_or(0),
    };
    let operations = match &options.operations {
        Some(name) => Some(position(names, name)?),
        None => names.iter().position(|name| name == "ops_total"),
    };
    let values: Vec<usize> = if options.values.is_empty() {
        let others: Vec<usize> = (0..names.len())
            .filter(|&i| i != time && Some(i) != operations)
            .collect();
        let lower = |i: usize| names[i].to_ascii_lowercase();
        let memory: Vec<usize> = others
            .iter()
            .copied()
            .filter(|&i| MEMORY.iter().any(|part| lower(i).contains(part)))
            .collect();
        if memory.is_empty() { others } else { memory }
    } else {
        options
            .values
            .iter()
            .map(|name| position(names, name))
            .collect::<Result<_, _>>()?
    };
    if values.is_empty() {
        return Err(InputError::NoValues {
            time: names
                .get(time)
                .map_or_else(String::new, |name| quote::cut(name)),
        });
    }
    Ok(Chosen {
        time,
        values: values.into_iter().map(|i| (i, factor(&names[i]))).collect(),
        operations,
        phase: names
            .iter()
            .position(|name| name == columns::PHASE)
            .filter(|_| names[time] == columns::ELAPSED_MS),
    })
}

fn position(names: &[String], wanted: &str) -> Result<usize, InputError> {
    let exact = names.iter().position(|name| name == wanted);
    let loose = || {
        names
            .iter()
            .position(|name| name.trim().eq_ignore_ascii_case(wanted.trim()))
    };
    exact.or_else(loose).ok_or_else(|| {
        let near = names
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
            .min()
            .filter(|(distance, name)| *distance <= name.len().max(3) / 2);
        InputError::NoColumn {
            name: wanted.to_owned(),
            hint: near.map_or_else(String::new, |(_, name)| format!(", did you mean `{name}`?")),
            known: quote::list(names),
        }
    })
}

/// Columns of psrecord's `--log-format csv` that hold memory.
const PSRECORD: [&str; 2] = ["mem_real", "mem_virtual"];

/// Bytes in one unit of a column: by the unit that its name ends in. psrecord's `MB` is 2²⁰,
/// and that is the unit of the two columns of its CSV.
fn factor(name: &str) -> f64 {
    let name = name.trim().to_ascii_lowercase();
    if PSRECORD.contains(&name.as_str()) {
        return 1_048_576.0;
    }
    let last = name
        .trim_end_matches([')', ']'])
        .rsplit([' ', '_', '(', '['])
        .next()
        .unwrap_or("")
        .to_owned();
    if last == name {
        return 1.0;
    }
    match last.as_str() {
        "kb" => 1e3,
        "mb" if name.ends_with("(mb)") => 1_048_576.0,
        "mb" => 1e6,
        "gb" => 1e9,
        "kib" => 1_024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn columns_are_recognised_by_their_names() {
        let psrecord = names(&["Elapsed time", "CPU (%)", "Real (MB)", "Virtual (MB)"]);
        let chosen = choose(&psrecord, &ReadOptions::default()).expect("columns");
        assert_eq!((chosen.time, chosen.values), (0, vec![(2, 1_048_576.0)]));
        let csv = names(&["elapsed_time", "nproc", "cpu", "mem_real", "mem_virtual"]);
        let chosen = choose(&csv, &ReadOptions::default()).expect("columns");
        let memory = vec![(3, 1_048_576.0), (4, 1_048_576.0)];
        assert_eq!((chosen.time, chosen.values), (0, memory));
        let samples = names(&[
            "elapsed_ms",
            "phase",
            "ops_total",
            "allocated_bytes",
            "rss_bytes",
            "threads",
        ]);
        let chosen = choose(&samples, &ReadOptions::default()).expect("columns");
        assert_eq!((chosen.time, chosen.operations), (0, Some(2)));
        assert_eq!(chosen.phase, Some(1));
        assert_eq!(chosen.values, [(3, 1.0), (4, 1.0)]);
    }

    #[test]
    fn a_missing_column_names_the_nearest_and_all() {
        let options = ReadOptions {
            values: names(&["byte"]),
            ..ReadOptions::default()
        };
        let error = choose(&names(&["elapsed_s", "bytes"]), &options).expect_err("no such column");
        assert_eq!(
            error.to_string(),
            "there is no column `byte`, did you mean `bytes`?; the columns are `elapsed_s`, `bytes`"
        );
    }
}
