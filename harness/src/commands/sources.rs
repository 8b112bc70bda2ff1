//! What users name to be judged: a run, a cell of it, a table, standard input.

use crate::exit::usage;
use crate::text::Glob;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::amount::{parse_amount, parse_duration};
use leaklab_judge::{JudgeOptions, Judgement, Series};
use leaklab_reports::cell::{Metric, Readings, VerdictOptions, memory_of};
use leaklab_reports::foreign::{
    ReadOptions, Recording, RestartSource, Table, TimeUnit, ValueUnit, read_recording,
};
use leaklab_run::{Address, Cell, Run};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How tables are read; the same for every command that takes them.
#[derive(Debug, Default, clap::Args)]
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
    /// Unit of the values: B, KiB, MiB, GiB, KB, MB, GB, pages, % or count [default: by the
    /// tool that wrote the file, the column's name or the field].
    #[arg(long, value_name = "UNIT")]
    unit: Option<ValueUnit>,
    /// Columns that tell series apart, or `none` for a single series [default: columns of text
    /// that repeat].
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    by: Vec<String>,
    /// Only rows, or series, with that text in that column; may be given again.
    #[arg(long, value_name = "COLUMN=TEXT", value_parser = parse_only)]
    only: Vec<(String, String)>,
    /// Time from one reading to the next, where the file has none: 15s.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    every: Option<Duration>,
    /// How much memory there is in all: what is left of it (free, available) is judged as what is
    /// in use: 16GiB [default: a column that is called like a total].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    total: Option<f64>,
    /// Column that counts restarts or holds the start time: the program is new where it changes;
    /// `none`: it ran throughout, whatever other columns do.
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["pid_column", "mark_file"])]
    restarts: Option<String>,
    /// Column of the process number: the program is new where it changes.
    #[arg(long, value_name = "COLUMN", conflicts_with = "mark_file")]
    pid_column: Option<String>,
    /// File of the times at which the program was started anew, one a line, in the form of the
    /// recording's own.
    #[arg(long, value_name = "FILE")]
    mark_file: Option<PathBuf>,
}

/// `16GiB`.
pub fn parse_size(text: &str) -> Result<f64, String> {
    parse_amount(text).ok_or_else(|| format!("`{text}` is not a size; write 2GiB or 500MB"))
}

/// `pod=shop-1`.
fn parse_only(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(column, wanted)| (column.to_owned(), wanted.to_owned()))
        .filter(|(column, _)| !column.is_empty())
        .ok_or_else(|| format!("`{text}` is not COLUMN=TEXT, as in pod=shop-1"))
}

impl TableArguments {
    /// Whether columns are named, so that a file is to be read as a table.
    fn names_columns(&self) -> bool {
        self.time.is_some()
            || !self.values.is_empty()
            || self.operations.is_some()
            || self.time_unit.is_some()
            || self.unit.is_some()
            || !self.by.is_empty()
            || !self.only.is_empty()
            || self.every.is_some()
            || self.total.is_some()
            || self.restarts.is_some()
            || self.pid_column.is_some()
            || self.mark_file.is_some()
    }

    /// How files are to be read.
    ///
    /// # Errors
    ///
    /// A usage error if the file of marks cannot be read.
    pub fn read_options(&self) -> anyhow::Result<ReadOptions> {
        let restarts = match (&self.restarts, &self.pid_column, &self.mark_file) {
            (Some(column), ..) if column == "none" => Some(RestartSource::Never),
            (Some(column), ..) => Some(RestartSource::Column(column.clone())),
            (_, Some(column), _) => Some(RestartSource::PidColumn(column.clone())),
            (_, _, Some(file)) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| usage(format!("cannot read `{}`: {error}", file.display())))?;
                let lines = text.lines().map(str::trim);
                let marks = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
                Some(RestartSource::Marks(marks.map(str::to_owned).collect()))
            }
            _ => None,
        };
        Ok(ReadOptions {
            time: self.time.clone(),
            values: self.values.clone(),
            operations: self.operations.clone(),
            time_unit: self.time_unit,
            unit: self.unit,
            by: self.by.clone(),
            only: self.only.clone(),
            every_s: self.every.map(|every| every.as_secs_f64()),
            restarts,
            total_bytes: self.total,
            counts_beside: false,
            size_bytes: None,
        })
    }
}

/// What a name stands for.
pub enum Source {
    /// Series that leaklab did not write, or of which columns were named.
    Tables(Vec<Table>),
    /// Cells of a run.
    Cells {
        /// The cells.
        cells: Vec<Cell>,
        /// The shards that the run lacks, if the cells are all that it has.
        missing_shards: Vec<String>,
    },
}

impl Source {
    fn of_run((run, cells): (Run, Vec<Cell>)) -> Self {
        Source::Cells {
            missing_shards: run.missing_shards_beside(&cells),
            cells,
        }
    }
}

/// Whether a path is read as a file: a pipe, too, as `<(command)` and `/dev/stdin` are.
pub fn is_readable(path: &Path) -> bool {
    path.exists() && !path.is_dir()
}

/// Opens what `name` stands for; what was put up with is said on stderr. Any path inside a
/// cell's folder names the cell, unless columns are named.
///
/// # Errors
///
/// A usage error that says what is wrong with it.
pub fn open(name: &str, tables: &TableArguments) -> anyhow::Result<Source> {
    open_as(name, tables, tables.read_options()?)
}

/// Opens what `name` stands for, with the counts of what a program holds beside its memory.
///
/// # Errors
///
/// As [`open`].
pub fn open_with_counts(name: &str, tables: &TableArguments) -> anyhow::Result<Source> {
    let options = ReadOptions {
        counts_beside: true,
        ..tables.read_options()?
    };
    open_as(name, tables, options)
}

fn open_as(name: &str, tables: &TableArguments, options: ReadOptions) -> anyhow::Result<Source> {
    let path = Path::new(name);
    if name == "-" {
        let recording = read_recording(std::io::stdin().lock(), &options)
            .map_err(|error| usage(format!("standard input: {error}")))?;
        return Ok(Source::Tables(told(name, recording, tables)?));
    }
    let address = Address::parse(name);
    if is_readable(path) {
        if path.is_file()
            && !tables.names_columns()
            && let Ok(found) = address.resolve()
        {
            return Ok(Source::of_run(found));
        }
        let file = File::open(path).with_context(|| format!("cannot open `{name}`"))?;
        let options = ReadOptions {
            size_bytes: file.metadata().ok().map(|metadata| metadata.len()),
            ..options
        };
        let recording =
            read_recording(file, &options).map_err(|error| usage(format!("`{name}`: {error}")))?;
        return Ok(Source::Tables(told(name, recording, tables)?));
    }
    if !address.folder.exists() {
        return Err(usage(format!(
            "there is no `{}`; name a run folder, a cell of it (RUN::scenario::variant), a CSV file, or - for standard input",
            address.folder.display()
        )));
    }
    Ok(Source::of_run(cells_of(name)?))
}

/// The series of a recording; what it was taken for and what was put up with is said once.
fn told(
    name: &str,
    recording: Recording,
    arguments: &TableArguments,
) -> anyhow::Result<Vec<Table>> {
    let mut metrics = recording.tables.iter().flat_map(|table| &table.metrics);
    if arguments.total.is_some() && !metrics.any(|metric| metric.is_less_what_is_left) {
        return Err(usage(format!(
            "`{name}`: --total is for memory that is left (free, available), and none is judged here"
        )));
    }
    if let Some(read_as) = &recording.read_as {
        say!("note: {name}: read as {read_as}");
    }
    let mut said: Vec<&str> = Vec::new();
    for note in recording.tables.iter().flat_map(|table| &table.notes) {
        const MOST: usize = 20;
        if said.len() < MOST && !said.contains(&note.text.as_str()) {
            say!("note: {name}: {}", note.text);
            said.push(&note.text);
        }
    }
    Ok(recording.tables)
}

/// A run and the cells of it that are named: by scenario, by variant or by a glob.
///
/// # Errors
///
/// A usage error if there is no such run, or no such cell in it.
pub fn cells_of(name: &str) -> anyhow::Result<(Run, Vec<Cell>)> {
    let address = Address::parse(name);
    let Some(pattern) = address
        .cells
        .as_deref()
        .filter(|cells| Glob::is_pattern(cells))
    else {
        return address.resolve().map_err(|error| usage(error.to_string()));
    };
    let run = Run::open(&address.folder).map_err(|error| usage(error.to_string()))?;
    let glob = Glob::new(pattern).map_err(usage)?;
    let named = |cell: &&Cell| {
        let id = cell.plan.id.as_str();
        let base = id.split_once('#').map_or(id, |(base, _)| base);
        glob.matches(id) || glob.matches(base)
    };
    let cells: Vec<Cell> = run.cells.iter().filter(named).cloned().collect();
    match cells.is_empty() {
        true => Err(usage(format!(
            "`{name}` matches none of the cells of the run"
        ))),
        false => Ok((run, cells)),
    }
}

/// One column of readings that is judged.
pub struct NamedSeries {
    /// Where it comes from, and its metric.
    pub name: String,
    /// What was put up with when it was read.
    pub notes: Vec<String>,
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

    /// What its values are.
    pub fn metric(&self) -> Metric {
        self.readings.metric(&self.column)
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
        Source::Tables(tables) => {
            let mut series = Vec::new();
            for table in tables {
                let columns: Vec<(String, Vec<String>)> = table
                    .metrics
                    .iter()
                    .map(|metric| (metric.name.clone(), table.notes_of(&metric.name)))
                    .collect();
                let of = match table.name.as_str() {
                    "" => name.to_owned(),
                    which => format!("{name} {which}"),
                };
                let readings = Readings::of_foreign(table, options)
                    .map_err(|words| usage(format!("`{name}`: {words}")))?;
                let readings = Rc::new(readings);
                series.extend(columns.into_iter().map(|(column, notes)| NamedSeries {
                    name: format!("{of} {column}"),
                    notes,
                    readings: Rc::clone(&readings),
                    column,
                }));
            }
            Ok(series)
        }
        Source::Cells { cells, .. } if cells.is_empty() => {
            Err(usage(format!("`{name}` is a run without a cell")))
        }
        Source::Cells { cells, .. } => cells.iter().map(|cell| of_cell(cell, options)).collect(),
    }
}

fn of_cell(cell: &Cell, options: &VerdictOptions) -> anyhow::Result<NamedSeries> {
    let readings =
        Readings::of_cell(cell, options, |_| false).map_err(|error| usage(error.to_string()))?;
    let (column, _) = memory_of(readings.table())
        .ok_or_else(|| usage(format!("`{}` has no memory readings", cell.plan.id)))?;
    Ok(NamedSeries {
        name: format!("{} {column}", cell.plan.id),
        notes: Vec::new(),
        column: column.to_owned(),
        readings: Rc::new(readings),
    })
}
