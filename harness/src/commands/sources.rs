//! What users name to be judged: a run, a cell of it, a table, standard input.

use crate::exit::usage;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::{Budget, JudgeOptions, Series, Unit, Window};
use leaklab_reports::foreign::{ReadOptions, Table, TimeUnit, read_table};
use leaklab_run::{Address, Cell, Phase, columns};
use std::fs::File;
use std::path::Path;

/// How tables are read; the same for every command that takes them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
pub struct TableArguments {
    /// Column of the times [default: one that is called like it, or the first].
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Column to judge; may be given again [default: all that are called like memory].
    #[arg(long = "value", value_name = "COLUMN")]
    values: Vec<String>,
    /// Column that counts operations [default: ops_total, if there is one].
    #[arg(long = "ops", value_name = "COLUMN")]
    operations: Option<String>,
    /// Unit of numeric times: ns, us, ms, s, min, h or d [default: by name and size].
    #[arg(long, value_name = "UNIT")]
    time_unit: Option<TimeUnit>,
}

impl TableArguments {
    fn read_options(&self) -> ReadOptions {
        ReadOptions {
            time: self.time.clone(),
            values: self.values.clone(),
            operations: self.operations.clone(),
            time_unit: self.time_unit,
        }
    }
}

/// What a name stands for.
pub enum Source {
    /// A table, read.
    Table(Table),
    /// Cells of a run.
    Cells(Vec<Cell>),
}

/// Opens what `name` stands for; what was put up with is said on stderr.
///
/// # Errors
///
/// A usage error that says what is wrong with it.
pub fn open(name: &str, tables: &TableArguments) -> anyhow::Result<Source> {
    let path = Path::new(name);
    let read = |table: Table| -> anyhow::Result<Source> {
        for note in &table.notes {
            say!("note: {name}: {}", note.text);
        }
        Ok(Source::Table(table))
    };
    if name == "-" {
        let table = read_table(std::io::stdin().lock(), &tables.read_options())
            .map_err(|error| usage(format!("standard input: {error}")))?;
        return read(table);
    }
    if path.is_file() {
        let file = File::open(path).with_context(|| format!("cannot open `{name}`"))?;
        let table = read_table(file, &tables.read_options())
            .map_err(|error| usage(format!("`{name}`: {error}")))?;
        return read(table);
    }
    let address = Address::parse(name);
    if !address.folder.exists() {
        return Err(usage(format!(
            "there is no `{}`; name a run folder, a cell of it (RUN::scenario::variant), a CSV file, or - for standard input",
            address.folder.display()
        )));
    }
    let (_, cells) = address
        .resolve()
        .map_err(|error| usage(error.to_string()))?;
    if cells.is_empty() {
        return Err(usage(format!("`{name}` is a run without a cell")));
    }
    Ok(Source::Cells(cells))
}

/// One series with what it is judged by.
pub struct Owned {
    /// Where it comes from, and its metric.
    pub name: String,
    pub time_s: Vec<f64>,
    pub value: Vec<f64>,
    pub operations: Option<Vec<f64>>,
    pub options: JudgeOptions,
}

impl Owned {
    pub fn series(&self) -> Series<'_> {
        Series {
            time_s: &self.time_s,
            value: &self.value,
            operations: self.operations.as_deref(),
            ..Series::default()
        }
    }
}

/// The series that decides in each of a source's cells, or each metric of a table.
///
/// # Errors
///
/// A usage error if a file or a budget cannot be read.
pub fn series_of(
    name: &str,
    tables: &TableArguments,
    budget: Option<Budget>,
) -> anyhow::Result<Vec<Owned>> {
    match open(name, tables)? {
        Source::Table(table) => Ok(table
            .metrics
            .into_iter()
            .map(|(metric, value)| Owned {
                name: format!("{name} {metric}"),
                time_s: table.time_s.clone(),
                value,
                operations: table.operations.clone(),
                options: JudgeOptions {
                    budget: budget.unwrap_or_default(),
                    load: table.load,
                    ..JudgeOptions::default()
                },
            })
            .collect()),
        Source::Cells(cells) => cells.iter().map(|cell| of_cell(cell, budget)).collect(),
    }
}

fn of_cell(cell: &Cell, budget: Option<Budget>) -> anyhow::Result<Owned> {
    const HEAP: [&str; 3] = [
        columns::ALLOCATED_BYTES,
        columns::USED_BYTES,
        columns::RSS_BYTES,
    ];
    let table = cell
        .samples(|name| HEAP.contains(&name) || name == columns::OPS_TOTAL)
        .map_err(|error| usage(error.to_string()))?;
    let (metric, value) = HEAP
        .into_iter()
        .find_map(|name| {
            table
                .filled_column(name)
                .map(|values| (name, values.to_vec()))
        })
        .ok_or_else(|| usage(format!("`{}` has no memory readings", cell.plan.id)))?;
    let operations = table
        .filled_column(columns::OPS_TOTAL)
        .filter(|ops| ops.iter().any(|count| *count > 0.0))
        .map(<[f64]>::to_vec);
    let recorded = match &cell.plan.budget {
        Some(text) => text
            .parse::<Budget>()
            .map_err(|error| usage(error.to_string()))?,
        None => Budget::Default,
    };
    let budget = match (budget.unwrap_or(recorded), &operations) {
        (Budget::BytesPerOperation(_), None) => Budget::Default,
        (budget, _) => budget,
    };
    let load = table.phase_span_ms(Phase::Load).map(|(start, end)| Window {
        start_s: start / 1000.0,
        end_s: end / 1000.0,
    });
    Ok(Owned {
        name: format!("{} {metric}", cell.plan.id),
        time_s: table.elapsed_s(),
        value,
        operations,
        options: JudgeOptions {
            budget,
            load,
            exact: metric == columns::ALLOCATED_BYTES,
            ..JudgeOptions::default()
        },
    })
}

/// What the values of a column count, by its name.
pub fn unit_of(metric: &str) -> Unit {
    let name = metric.to_ascii_lowercase();
    let counts = [
        "descriptors",
        "threads",
        "fds",
        "fd",
        "handles",
        "tasks",
        "goroutines",
    ];
    if counts
        .iter()
        .any(|word| name == *word || name.ends_with(&format!("_{word}")))
    {
        Unit::Count
    } else {
        Unit::Bytes
    }
}
