//! Reading any table of text as series for the judge: psrecord, a Prometheus export, a
//! spreadsheet, `samples.csv`.
//!
//! The first line names the columns; without one they are numbered. Fields are separated by
//! commas, semicolons, tabs or spaces, whichever the first line shows. An empty field, `NaN`,
//! `null`, `NA` or `-` is a reading that was not taken. A last line without a line end is left
//! out and said so: a number cut short cannot be told from a whole one. In a `samples.csv` the
//! column `phase` says when the load was. Amounts whose column names a unit (`Real (MB)`, `rss_kib`) become bytes.

mod columns;
mod quote;
mod read;
mod time;

use leaklab_judge::Window;
pub use read::read_table;
pub use time::TimeUnit;

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
}

/// A table as read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Seconds, from the first row's time.
    pub time_s: Vec<f64>,
    /// Name and values of each metric; NaN where it was not read.
    pub metrics: Vec<(String, Vec<f64>)>,
    /// Operations completed so far.
    pub operations: Option<Vec<f64>>,
    /// From the first to the last row of the load, in the seconds of `time_s`, where the table
    /// says so: only that part shows a trend.
    pub load: Option<Window>,
    /// What was put up with: a torn line, a unit that was converted.
    pub notes: Vec<Note>,
}

impl Table {
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

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The operating system says no.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A header and nothing else.
    #[error("the file has a header, but no rows")]
    NoRows,
    /// One row, and that may be torn.
    #[error(
        "the only row has no line end, so it may be torn; write more rows, or end it with a newline"
    )]
    OnlyRowMayBeTorn,
    /// A column that is not there.
    #[error("there is no column `{name}`{hint}; the columns are {known}")]
    NoColumn {
        /// The name that was asked for.
        name: String,
        /// `, did you mean …?` or nothing.
        hint: String,
        /// Those that are there.
        known: String,
    },
    /// No column beside the time.
    #[error("there is no value beside the time `{time}`; name columns with --time and --value")]
    NoValues {
        /// The time column.
        time: String,
    },
    /// Text where a number should be.
    #[error("line {line}, column `{column}`: `{text}` is not a {wanted}")]
    NotANumber {
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
        /// What should.
        wanted: &'static str,
    },
    /// A value below zero.
    #[error("line {line}, column `{column}`: {text} is negative; memory and counts never are")]
    Negative {
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        text: String,
    },
    /// A row with another number of fields.
    #[error("line {line} has {found} fields, the header has {expected}")]
    FieldCount {
        /// Line, from 1.
        line: u64,
        /// Fields found.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A time before the one above it.
    #[error(
        "line {line}: time goes backwards, from {before} to {after}; sort the rows, or name another column with --time"
    )]
    TimeBackwards {
        /// Line, from 1.
        line: u64,
        /// The time above.
        before: String,
        /// The time here.
        after: String,
    },
    /// A row without a time.
    #[error("line {line} has no time in column `{column}`")]
    NoTime {
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
    },
}
