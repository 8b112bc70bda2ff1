//! Why a file cannot be read, in words that lead on.

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
        "line {line}: time goes backwards, from {before} to {after}, more often than a clock is set; if these are several series, name the column that tells them apart with --by, otherwise the times with --time"
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
    /// More fields, or longer lines, than any table has.
    #[error("line {line} is longer than {most}; this is no table")]
    LineTooLong {
        /// Line, from 1.
        line: u64,
        /// The most that is read, in words.
        most: &'static str,
    },
    /// More readings than are kept in memory.
    #[error("more than {most} readings; keep every tenth row, or name fewer columns with --value")]
    TooManyReadings {
        /// The most that are kept, in words.
        most: String,
    },
    /// More series than anybody meant.
    #[error(
        "column {column} tells more than {most} series apart; name another with --by, or pick some with --only"
    )]
    TooManySeries {
        /// The columns.
        column: String,
        /// The most that are kept.
        most: usize,
    },
    /// Several series in one table, and nothing that tells them apart.
    #[error("{0}")]
    Mixed(String),
    /// A level that nothing has in the unit that was assumed.
    #[error(
        "`{column}`: the highest reading would be {level}, which no process has, and nothing says what it counts; say --unit KiB (ps, top, /proc), MiB, % or count, or B if it is true"
    )]
    Implausible {
        /// Name of the column.
        column: String,
        /// The highest reading, in words.
        level: String,
    },
    /// A name says a unit in which no process has so little.
    #[error(
        "`{column}`: the highest reading would be {level}, which no process has; its name says another unit than its numbers, or they hold marks between groups of digits; say --unit KiB, MiB or B"
    )]
    Belied {
        /// Name of the column.
        column: String,
        /// The highest reading, in words.
        level: String,
    },
    /// Numbers that may be a thousand times as large.
    #[error(
        "`{column}`: `{text}` may be a number with a fraction or one with its digits in groups; write it without groups, or with another number of decimals"
    )]
    TwoNumbers {
        /// Name of the column.
        column: String,
        /// The first of them.
        text: String,
    },
    /// Numbers as large as stamps that count from a start.
    #[error(
        "the times in `{column}` are as large as stamps since 1970, but seem to count from a start, and nothing says of what; say {units} (or s, if they are stamps in seconds)"
    )]
    NoStamp {
        /// Name of the column.
        column: String,
        /// The flags that say what is meant.
        units: &'static str,
    },
    /// Times that may be seconds or parts of seconds.
    #[error(
        "the times in `{column}` count from a start in steps of {step}, and nothing says of what; say {units}"
    )]
    TwoTimeUnits {
        /// Name of the column.
        column: String,
        /// The usual step, in words.
        step: String,
        /// The flags that say what is meant.
        units: &'static str,
    },
    /// Two units are as likely.
    #[error(
        "`{column}`: the highest reading is {as_bytes} if it counts bytes and {as_kib} if it counts KiB, and either may be; say --unit B or --unit KiB"
    )]
    TwoUnits {
        /// Name of the column.
        column: String,
        /// The highest reading as bytes.
        as_bytes: String,
        /// The highest reading as KiB.
        as_kib: String,
    },
    /// Readings without any time.
    #[error("{what} without times; say how far apart they are: --every 15s")]
    NoTimes {
        /// What was read, in words.
        what: String,
    },
    /// Recognised, and it holds no series.
    #[error("{0}")]
    NotASeries(String),
}
