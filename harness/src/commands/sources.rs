//! What users name to be judged: a run, a cell of it, a table, standard input.

use crate::exit::usage;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::{JudgeOptions, Judgement, Series};
use leaklab_reports::cell::{Readings, VerdictOptions, memory_of};
use leaklab_reports::foreign::{ReadOptions, Table, TimeUnit, read_table};
use leaklab_run::{Address, Cell};
use std::fs::File;
use std::path::Path;
use std::rc::Rc;

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
    /// Whether columns are named, so that a file is to be read as a table.
    fn names_columns(&self) -> bool {
        self.time.is_some()
            || !self.values.is_empty()
            || self.operations.is_some()
            || self.time_unit.is_some()
    }

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
    /// A table that leaklab did not write, or of which columns were named.
    Table(Table),
    /// Cells of a run.
    Cells(Vec<Cell>),
}

/// Opens what `name` stands for; what was put up with is said on stderr. Any path inside a
/// cell's folder names the cell, unless columns are named.
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
    let address = Address::parse(name);
    if path.is_file() {
        if !tables.names_columns()
            && let Ok((_, cells)) = address.resolve()
        {
            return Ok(Source::Cells(cells));
        }
        let file = File::open(path).with_context(|| format!("cannot open `{name}`"))?;
        let table = read_table(file, &tables.read_options())
            .map_err(|error| usage(format!("`{name}`: {error}")))?;
        return read(table);
    }
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

/// One column of readings that is judged.
pub struct NamedSeries {
    /// Where it comes from, and its metric.
    pub name: String,
    readings: Rc<Readings>,
    column: String,
}

impl NamedSeries {
    /// The series.
    ///
    /// # Errors
    ///
    /// A usage error if the column has no value.
    pub fn series(&self) -> anyhow::Result<Series<'_>> {
        let series = self.readings.series(&self.column);
        series.ok_or_else(|| usage(format!("{} has no reading", self.name)))
    }

    /// What the judge is asked of it.
    pub fn options(&self) -> JudgeOptions {
        self.readings.options(&self.column)
    }

    /// What the judge says of it.
    ///
    /// # Errors
    ///
    /// A usage error if it cannot be judged.
    pub fn judge(&self) -> anyhow::Result<Judgement> {
        let judged = self.readings.judge_column(&self.column);
        judged.map_err(|error| usage(format!("{}: {error}", self.name)))
    }
}

/// The memory of each of a source's cells, or each metric of a table.
///
/// # Errors
///
/// A usage error if a file or a budget cannot be read.
pub fn series_of(
    name: &str,
    tables: &TableArguments,
    options: &VerdictOptions,
) -> anyhow::Result<Vec<NamedSeries>> {
    match open(name, tables)? {
        Source::Table(table) => {
            let columns: Vec<String> = table.metrics.iter().map(|(c, _)| c.clone()).collect();
            let readings = Rc::new(Readings::of_foreign(table, options));
            let series = columns.into_iter().map(|column| NamedSeries {
                name: format!("{name} {column}"),
                readings: Rc::clone(&readings),
                column,
            });
            Ok(series.collect())
        }
        Source::Cells(cells) => cells.iter().map(|cell| of_cell(cell, options)).collect(),
    }
}

fn of_cell(cell: &Cell, options: &VerdictOptions) -> anyhow::Result<NamedSeries> {
    let readings =
        Readings::of_cell(cell, options, |_| false).map_err(|error| usage(error.to_string()))?;
    let (column, _) = memory_of(readings.table())
        .ok_or_else(|| usage(format!("`{}` has no memory readings", cell.plan.id)))?;
    Ok(NamedSeries {
        name: format!("{} {column}", cell.plan.id),
        column: column.to_owned(),
        readings: Rc::new(readings),
    })
}
