//! Reading any recording of memory as series for the judge: tables of every kind, what tools
//! print in a loop, logs of collectors, answers of Prometheus.
//!
//! What a file is, is known from its content; [`Recording::read_as`] says it in words. A table
//! of text has fields between commas, semicolons, tabs or spaces, whichever the first line
//! shows, and names in its first line, or else numbers. An empty field, `NaN`, `null`, `NA` or
//! `-` is a reading that was not taken. A last line without a line end is left out and said so:
//! a number cut short cannot be told from a whole one. In a `samples.csv` the column `phase`
//! says when the load was.
//!
//! Rows of several series (a row per pod and time) are taken apart by the columns of text that
//! tell them apart. Amounts become bytes by the unit that the tool, the name of the column, the
//! field itself or the user says; where nobody says one, the verdict does not rest on it.

mod apart;
mod clock;
mod cloudwatch;
mod collector;
mod column;
mod columns;
mod companion;
mod delimited;
mod error;
mod fallback;
mod interleaved;
mod json;
mod keys;
mod left;
mod left_out;
mod lines;
mod lives;
mod metric;
mod moved;
mod names;
mod number;
mod partial;
mod quote;
mod read;
mod role;
mod swap;
mod things;
mod time;
mod time_unit;
mod told;
mod tools;
mod unit;

pub use error::InputError;
pub use json::{RangeAnswer, RangeSeries, read_range};
use leaklab_judge::{Budget, JudgeOptions, Series, Unit, Window};
pub use read::read_recording;
pub use time::TimeUnit;
pub use told::restart_columns;
pub use unit::ValueUnit;

/// Whether a column or metric of that name is memory that is left (free, available), so that its
/// growth is good news.
pub fn is_memory_left(name: &str) -> bool {
    role::role_of(name) == role::Role::Free
}

/// Whether a column or metric of that name is a limit, a total or a highest mark, which says
/// nothing of what is in use.
pub fn is_highest_or_limit(name: &str) -> bool {
    role::role_of(name) == role::Role::Bound
}

/// Which columns to read, and how.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Name of the time column; `None` takes the first that is called like one.
    pub time: Option<String>,
    /// Names of the value columns; empty takes all that are called like memory.
    pub values: Vec<String>,
    /// Name of the column that counts operations; `None` takes `ops_total` where it is.
    pub operations: Option<String>,
    /// Unit of numeric times; `None` goes by the name of the column and the size of the numbers.
    pub time_unit: Option<TimeUnit>,
    /// Unit of the values; `None` goes by tool, name and field.
    pub unit: Option<ValueUnit>,
    /// Columns that tell series apart; empty finds them, and the one name `none` says that the
    /// table holds a single series.
    pub by: Vec<String>,
    /// Only rows in which the column of that name holds that text.
    pub only: Vec<(String, String)>,
    /// Seconds from one reading to the next, where the file has no times.
    pub every_s: Option<f64>,
    /// What says that the program was started anew.
    pub restarts: Option<RestartSource>,
    /// How much memory there is in all, so that memory that is left says what is in use.
    pub total_bytes: Option<f64>,
    /// Whether counts of what a program holds (threads, descriptors) are read beside its memory.
    pub counts_beside: bool,
    /// Bytes of the file, where that is known, so that room for its readings is taken once.
    pub size_bytes: Option<u64>,
}

/// What says that the program of a recording was started anew.
#[derive(Debug, Clone, PartialEq)]
pub enum RestartSource {
    /// A column that counts restarts or holds a start time: it changes.
    Column(String),
    /// The column of the process number: another number is another process.
    PidColumn(String),
    /// Times as text, in the form that the recording writes its own.
    Marks(Vec<String>),
    /// Nothing does: it ran throughout.
    Never,
}

/// A file as read: one series or several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// What it was taken for, where it is not a plain table: `pidstat: RSS in KiB`.
    pub read_as: Option<String>,
    /// The series, a table each.
    pub tables: Vec<Table>,
}

impl Recording {
    /// Its only table.
    ///
    /// # Errors
    ///
    /// [`InputError::Mixed`] where there are several.
    pub fn into_only_table(self) -> Result<Table, InputError> {
        let names: Vec<String> = self.tables.iter().map(|t| t.name.clone()).collect();
        let mut tables = self.tables.into_iter();
        match (tables.next(), tables.next()) {
            (Some(table), None) => Ok(table),
            (None, _) => Err(InputError::NoRows),
            _ => Err(InputError::Mixed(format!(
                "the file holds {} series ({}); pick one with --only NAME=VALUE",
                names.len(),
                quote::list(&names)
            ))),
        }
    }
}

/// One series, or several metrics read at the same times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Which of several series of a file this is: `pod=shop-1`; empty for the only one.
    pub name: String,
    /// Seconds, from the first row's time.
    pub time_s: Vec<f64>,
    /// The metrics, in the file's order.
    pub metrics: Vec<Metric>,
    /// Operations completed so far.
    pub operations: Option<Vec<f64>>,
    /// From the first to the last row of the load, in the seconds of `time_s`, where the table
    /// says so: only that part shows a trend.
    pub load: Option<Window>,
    /// Times at which the program is known to have been started anew.
    pub restarts: Vec<f64>,
    /// What was put up with: a torn line, a unit that was converted.
    pub notes: Vec<Note>,
    /// Why the readings carry no verdict, in words: who gave them says that some are missing.
    pub incomplete: Option<String>,
    /// Why growth that they do not show is not ruled out, in words: the program may have been
    /// started anew, and nothing says whether it was.
    pub unsettled: Option<String>,
}

/// One metric of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metric {
    /// Name of the column.
    pub name: String,
    /// Readings in the unit; NaN where none was taken. Turned round where `turned_about` is.
    pub values: Vec<f64>,
    /// What they count.
    pub unit: Unit,
    /// Whether tool, name, field or user say the unit. Where nobody does, bytes are assumed for
    /// the words, and the verdict rests on shares of the level alone.
    pub unit_is_known: bool,
    /// Whether tool, name, field or user say it, and not the size of the readings.
    pub unit_is_said: bool,
    /// The least difference that its numbers can show, where most of them repeat the one before:
    /// what moves less does not show. 0 where that does not matter.
    pub grain: f64,
    /// Why it cannot be judged as it is, in words that lead on: the unit is in doubt.
    pub doubt: Option<String>,
    /// Readings of memory that is left are judged turned round where nobody says how much there
    /// is in all: this less the reading.
    pub turned_about: Option<f64>,
    /// Whether it is memory in use that was had from what is left of a total.
    pub is_less_what_is_left: bool,
    /// Whether it counts things, or the kernel's memory, beside the memory that is judged.
    pub is_beside: bool,
    /// Whether part of it may be caches that the kernel gives back when memory is needed, so that
    /// its growth need not be a leak.
    pub holds_caches: bool,
}

impl Metric {
    /// What the judge is asked about this metric.
    ///
    /// # Errors
    ///
    /// Words for the user where the budget or the limit does not fit what the metric counts.
    pub fn judge_options(
        &self,
        budget: Option<Budget>,
        limit: Option<f64>,
    ) -> Result<JudgeOptions, String> {
        let is_amount = matches!(
            budget,
            Some(Budget::BytesPerHour(_) | Budget::BytesPerOperation(_))
        );
        let name = &self.name;
        if let Some(doubt) = &self.doubt {
            return Err(doubt.clone());
        }
        if self.is_beside {
            // A budget and a limit are of memory.
            return Ok(JudgeOptions {
                unit: self.unit,
                grain: self.grain,
                ..JudgeOptions::default()
            });
        }
        if self.turned_about.is_some() && limit.is_some() {
            return Err(format!(
                "`{name}`: --limit is a level of memory in use, and nothing says how much there is in all; say --total 16GiB"
            ));
        }
        if self.unit == Unit::Percent && is_amount {
            return Err(format!(
                "`{name}` is a share in percent, and the budget is an amount; give it as 0.5%/h"
            ));
        }
        if !self.unit_is_known && is_amount && !self.can_only_be_bytes() {
            return Err(format!(
                "the budget is an amount, and nothing says what `{name}` counts; say --unit B, KiB, MiB or count, or give the budget as 0.5%/h"
            ));
        }
        let budget = match budget {
            // The least default budget is an amount of bytes, which needs a known unit.
            None | Some(Budget::Default) if !self.unit_is_known => {
                Budget::PercentOfSettledLevelPerHour(DEFAULT_BUDGET_PERCENT)
            }
            given => given.unwrap_or_default(),
        };
        // Nothing left is what the rise leads to.
        let limit = self.turned_about.or(limit);
        Ok(JudgeOptions {
            budget,
            unit: self.unit,
            limit,
            grain: self.grain,
            ..JudgeOptions::default()
        })
    }

    /// Whether the readings are so large that as KiB no process could have them.
    fn can_only_be_bytes(&self) -> bool {
        self.unit == Unit::Bytes
            && self.values.iter().copied().fold(0.0, f64::max) >= unit::SURELY_BYTES
    }
}

/// The default budget as a share of the settled level, in percent per hour: for series whose
/// unit nobody knows, where its least amount of 64 KiB would mean nothing.
const DEFAULT_BUDGET_PERCENT: f64 = 0.5;

impl Table {
    /// One of its metrics as the judge takes it.
    pub fn series<'a>(&'a self, metric: &'a Metric) -> Series<'a> {
        Series {
            operations: self.operations.as_deref(),
            restarts: (!self.restarts.is_empty()).then_some(&self.restarts[..]),
            ..Series::new(&self.time_s, &metric.values)
        }
    }

    /// The words of the notes that concern a metric: its own and those of the whole table.
    pub fn notes_of(&self, metric: &str) -> Vec<String> {
        let concerns = |note: &&Note| note.metric.as_deref().is_none_or(|name| name == metric);
        let notes = self.notes.iter().filter(concerns);
        notes.map(|note| note.text.clone()).collect()
    }
}

/// Something about a table that was put up with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// The metric that it concerns; `None` for the whole table.
    pub metric: Option<String>,
    /// One sentence without a full stop.
    pub text: String,
}

impl Note {
    /// A note on the whole table.
    fn on_all(text: String) -> Self {
        Self { metric: None, text }
    }

    /// A note on one metric.
    fn on(metric: &str, text: String) -> Self {
        Self {
            metric: Some(metric.to_owned()),
            text,
        }
    }
}
