//! Which column is the time, which are memory, and what the others are for.

use super::companion::Companion;
use super::keys::{IDENTITIES, are_states, keys};
use super::left::{given_back, totals};
use super::lives::{is_uptime, life_of};
use super::number::{amount, is_missing};
use super::quote;
use super::role::{
    Role, is_available, is_bare_total, is_called_like_memory, is_of_kernel, is_swap, is_swap_left,
    is_total, role_of,
};
use super::things::is_gauge_of_things;
use super::time::{DayOrder, Stamp, TimeUnit, is_stamp, stamp};
use super::unit::ValueUnit;
use super::{InputError, ReadOptions, RestartSource};
use leaklab_judge::nearest;
use leaklab_run::columns;

/// What the columns of a table are taken for.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    /// `None` where readings come at regular times that nobody wrote.
    pub time: Option<usize>,
    pub values: Vec<ValueColumn>,
    pub operations: Option<usize>,
    /// Which phase a row belongs to, in a table that leaklab wrote.
    pub phase: Option<usize>,
    /// Where dates stand in a column of their own, beside the times of day.
    pub date: Option<usize>,
    /// Columns of text that tell series apart; behind them those that tell lives apart.
    pub keys: Vec<usize>,
    /// Columns beside the memory that may say when the program was started anew.
    pub companions: Vec<(usize, Companion)>,
    /// Which of the keys may turn out to tell nothing apart once all rows are there.
    pub open_keys: Vec<usize>,
    /// How many of the keys, the last ones, tell lives of a program apart.
    pub lives: usize,
    /// Where one of the keys names the metric.
    pub metric_key: Option<usize>,
    /// Column whose changes are restarts.
    pub restarts: Option<usize>,
    /// Columns and the text that they must hold.
    pub only: Vec<(usize, String)>,
    /// Which of the values is memory that is left, and the column that says how much there is in
    /// all.
    pub totals: Vec<(usize, usize)>,
    /// Which of the values is memory that is free, and the columns of caches that are given back
    /// when memory is needed.
    pub given_back: Vec<(usize, usize)>,
    /// Counts of what a program holds, beside its memory.
    pub beside: Vec<usize>,
    /// Columns that look like memory and are not judged, in words.
    pub left_out: Vec<String>,
}

/// A column of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueColumn {
    pub position: usize,
    pub unit: Option<ValueUnit>,
    pub role: Role,
}

/// Names of a time column, the likeliest first.
const TIMES: [&str; 34] = [
    "elapsed_s",
    "elapsed_ms",
    "time_s",
    "time_ms",
    "elapsed time",
    "elapsed_time",
    "elapsed",
    "timestamp",
    "@timestamp",
    "time",
    "_time",
    "data.time",
    "datetime",
    "date_time",
    "ts",
    "epoch",
    "unix_time",
    "when",
    "date",
    "seconds",
    "zeit",
    "utc",
    "zeitstempel",
    "zeitpunkt",
    "uhrzeit",
    "datum",
    "temps",
    "fecha",
    "tempo",
    "czas",
    "время",
    "时间",
    "時刻",
    "日時",
];

/// Names of columns of numbers that are never memory.
const NEVER_VALUES: [&str; 17] = [
    "pid", "ppid", "tgid", "tid", "uid", "gid", "id", "nproc", "cpu", "line", "index", "interval",
    "row", "nice", "pri", "time+", "status",
];

/// Names of columns that number the rows.
const ROW_NUMBERS: [&str; 22] = [
    "index",
    "idx",
    "n",
    "i",
    "no.",
    "seq",
    "sequence",
    "step",
    "tick",
    "reading",
    "cycle",
    "row",
    "line",
    "#",
    "no",
    "nr",
    "sample",
    "unnamed: 0",
    "iteration",
    "",
    "rownum",
    "row_number",
];

/// What the fields of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Numbers,
    Times,
    Text,
    Nothing,
}

/// Chooses by the names and the first rows.
pub(super) fn choose(
    names: &[String],
    rows: &[Vec<String>],
    comma_is_point: bool,
    options: &ReadOptions,
) -> Result<Chosen, InputError> {
    if names.is_empty() {
        return Err(InputError::NoValues {
            time: String::new(),
        });
    }
    let looks: Vec<Look> = (0..names.len())
        .map(|column| look(rows, column, comma_is_point))
        .collect();
    let time = time_column(names, rows, &looks, options)?;
    let operations = match &options.operations {
        Some(name) => Some(position(names, name)?),
        None => names.iter().position(|name| name == columns::OPS_TOTAL),
    };
    let restarts = match &options.restarts {
        Some(RestartSource::Column(name) | RestartSource::PidColumn(name)) => {
            Some(position(names, name)?)
        }
        _ => None,
    };
    let is_ours = time.is_some_and(|time| names[time] == columns::ELAPSED_MS);
    let phase = names
        .iter()
        .position(|name| name == columns::PHASE)
        .filter(|_| is_ours);
    let mut chosen = Chosen {
        time,
        operations,
        phase,
        restarts,
        ..Chosen::default()
    };
    for (name, text) in &options.only {
        chosen.only.push((position(names, name)?, text.clone()));
    }
    if let Some((date, of_day)) = time.and_then(|time| date_beside(rows, &looks, time)) {
        (chosen.date, chosen.time) = (Some(date), Some(of_day));
    }
    let (time, date) = (chosen.time, chosen.date);
    let taken = |column: usize| [time, date, operations, restarts].contains(&Some(column));
    if !is_ours {
        keys(&mut chosen, names, rows, &looks, options, taken)?;
    }
    let free = |column: usize| !taken(column) && !chosen.keys.contains(&column);
    if options.values.is_empty() {
        let mut candidates = candidates(names, &looks, free);
        let sums = sums(names, rows, &looks, free, comma_is_point);
        candidates.extend(
            sums.iter()
                .filter(|sum| !candidates.contains(sum))
                .copied()
                .collect::<Vec<_>>(),
        );
        candidates.sort_unstable();
        (chosen.values, chosen.left_out) = without_besides(names, rows, candidates, &sums, options);
        if !is_ours {
            let others = other_numbers(names, &looks, &chosen, free);
            chosen.left_out.extend(others);
        }
    } else {
        for name in &options.values {
            let position = position(names, name)?;
            chosen.values.push(value_column(names, position, options));
        }
    }
    if chosen.values.is_empty() && !chosen.left_out.is_empty() {
        return Err(InputError::NotASeries(format!(
            "{}; limits, totals and highest marks do not say what is in use; name another column with --value, or this one if it is meant",
            chosen.left_out.join("; ")
        )));
    }
    chosen.totals = totals(names, &chosen.values);
    chosen.given_back = given_back(names, &chosen.values);
    let is_by_name = |value: &ValueColumn| is_called_like_memory(&names[value.position]);
    let is_alone = !options.counts_beside || !options.values.is_empty() || is_ours;
    if !is_alone && chosen.metric_key.is_none() && chosen.values.iter().any(is_by_name) {
        let is_swap_used = names.iter().any(|name| is_swap(name));
        // Where nobody says what lies in swap, what is left of it does.
        let is_swap_left =
            |name: &str| !is_swap_used && role_of(name) == Role::Free && is_swap_left(name);
        let is_beside =
            |name: &str| is_gauge_of_things(name) || is_of_kernel(name) || is_swap_left(name);
        let is_count = |&c: &usize| looks[c] == Look::Numbers && is_beside(&names[c]);
        chosen.beside = (0..names.len())
            .filter(|&c| free(c))
            .filter(is_count)
            .collect();
        let is_judged = |c: &usize| chosen.values.iter().any(|value| value.position == *c);
        chosen.beside.retain(|c| !is_judged(c));
    }
    if !is_ours && options.restarts.is_none() {
        let is_free = |c: usize| free(c) && !chosen.beside.contains(&c);
        chosen.companions = companions(names, rows, &looks, &chosen.values, is_free);
    }
    if chosen.values.is_empty() {
        let time = time.and_then(|time| names.get(time));
        return Err(InputError::NoValues {
            time: time.map_or_else(String::new, |name| quote::cut(name)),
        });
    }
    Ok(chosen)
}

/// The columns that are for nothing else, and may say when the program was started anew.
fn companions(
    names: &[String],
    rows: &[Vec<String>],
    looks: &[Look],
    values: &[ValueColumn],
    is_free: impl Fn(usize) -> bool,
) -> Vec<(usize, Companion)> {
    let is_judged = |c: usize| values.iter().any(|value| value.position == c);
    let of = |c: usize| {
        let are_states = are_states(names, rows, c);
        Some((c, Companion::new(&names[c], looks[c], are_states)?))
    };
    (0..names.len())
        .filter(|&c| is_free(c) && !is_judged(c) && !is_called_like_memory(&names[c]))
        .filter_map(of)
        .collect()
}

fn look(rows: &[Vec<String>], column: usize, comma_is_point: bool) -> Look {
    let (mut numbers, mut times, mut texts) = (0, 0, 0);
    for field in rows.iter().filter_map(|row| row.get(column)) {
        let bytes = field.as_bytes();
        if is_missing(bytes) {
        } else if amount(bytes, comma_is_point).is_some() {
            numbers += 1;
        } else if is_stamp(field) {
            times += 1;
        } else {
            texts += 1;
        }
    }
    match (numbers, times, texts) {
        (0, 0, 0) => Look::Nothing,
        (n, t, x) if n >= t && n >= x => Look::Numbers,
        (_, t, x) if t >= x => Look::Times,
        _ => Look::Text,
    }
}

fn time_column(
    names: &[String],
    rows: &[Vec<String>],
    looks: &[Look],
    options: &ReadOptions,
) -> Result<Option<usize>, InputError> {
    if let Some(name) = &options.time {
        return position(names, name).map(Some);
    }
    // A column of text is no time, whatever it is called.
    let can_be = |column: &usize| rows.is_empty() || looks[*column] != Look::Text;
    let mut called = TIMES.iter().filter_map(|time| {
        (0..names.len())
            .filter(can_be)
            .find(|&column| names[column].trim().eq_ignore_ascii_case(time))
    });
    let first_called = called.next();
    // What has elapsed begins anew with the program; beside it stands when that was.
    let counts = |column: usize| names[column].to_ascii_lowercase().starts_with("elapsed");
    let called = match first_called {
        Some(first) if counts(first) && names[first] != columns::ELAPSED_MS => called
            .find(|&column| !counts(column) && looks[column] == Look::Times)
            .or(first_called),
        _ => first_called,
    };
    let looks_like = || {
        let is_one = |&column: &usize| looks[column] == Look::Times;
        let mut stamps = (0..looks.len()).filter(is_one);
        // When the program was started is no time of a reading.
        let first = stamps.clone().next();
        stamps.find(|&c| life_of(&names[c]).is_none()).or(first)
    };
    let bare = || {
        (0..names.len())
            .filter(|&column| looks[column] == Look::Numbers)
            .find(|&column| TimeUnit::of_bare_name(&names[column]).is_some())
    };
    let found = called.or_else(looks_like).or_else(bare);
    if options.every_s.is_some() {
        // Regular readings need no time, and may have one.
        return Ok(found);
    }
    let numbers_rows = |column: usize| {
        let lower = names[column].trim().to_ascii_lowercase();
        ROW_NUMBERS.contains(&lower.as_str())
    };
    let first = || (names.len() > 1 && can_be(&0) && !numbers_rows(0)).then_some(0);
    let any = || {
        (0..names.len()).find(|&column| {
            looks[column] == Look::Numbers
                && !numbers_rows(column)
                && !is_called_like_memory(&names[column])
        })
    };
    match found.or_else(first).or_else(any) {
        Some(time) => Ok(Some(time)),
        None if names.len() == 1 && looks[0] != Look::Text => Err(InputError::NoValues {
            time: quote::cut(&names[0]),
        }),
        None if names.len() > 1 && numbers_rows(0) => Err(InputError::NoTimes {
            what: match names[0].trim() {
                "" => "rows that a column without a name numbers".to_owned(),
                name => format!("rows that `{}` numbers", quote::cut(name)),
            },
        }),
        None => Ok(Some(0)),
    }
}

/// The columns that can hold memory, the likely ones where there are such.
fn candidates(names: &[String], looks: &[Look], free: impl Fn(usize) -> bool) -> Vec<usize> {
    let lower = |column: usize| names[column].trim().to_ascii_lowercase();
    let others: Vec<usize> = (0..names.len()).filter(|&column| free(column)).collect();
    let numbers: Vec<usize> = others
        .iter()
        .copied()
        .filter(|&column| matches!(looks[column], Look::Numbers | Look::Nothing))
        .collect();
    // Text where numbers should be is an error that names its line.
    let pool = if numbers.is_empty() { others } else { numbers };
    let memory: Vec<usize> = pool
        .iter()
        .copied()
        .filter(|&column| is_called_like_memory(&names[column]))
        .collect();
    // A limit says nothing about what another column may.
    if memory
        .iter()
        .any(|&column| role_of(&names[column]) != Role::Bound)
    {
        return memory;
    }
    let is_value = |column: &usize| {
        let name = lower(*column);
        !ROW_NUMBERS.contains(&name.as_str())
            && !NEVER_VALUES.contains(&name.as_str())
            && !name.contains("cpu")
    };
    let likely: Vec<usize> = pool.iter().copied().filter(is_value).collect();
    if likely.is_empty() { pool } else { likely }
}

/// Names columns of numbers that are not called like memory, beside those that are: a program's
/// own name for memory may be any.
fn other_numbers(
    names: &[String],
    looks: &[Look],
    chosen: &Chosen,
    free: impl Fn(usize) -> bool,
) -> Option<String> {
    let is_known = |column: usize| {
        let lower = names[column].trim().to_lowercase();
        let lower = lower.as_str();
        is_called_like_memory(lower)
            || role_of(lower) != Role::Used
            || NEVER_VALUES.contains(&lower)
            || ROW_NUMBERS.contains(&lower)
            || IDENTITIES.contains(&lower)
            || life_of(lower).is_some()
            || is_uptime(lower)
            || lower.contains("cpu")
            || matches!(
                ValueUnit::of_name(lower),
                Some(ValueUnit::Percent | ValueUnit::Count)
            )
            || TimeUnit::of_name(lower).is_some()
    };
    let is_chosen = |column: usize| chosen.values.iter().any(|v| v.position == column);
    let others: Vec<String> = (0..names.len())
        .filter(|&c| looks[c] == Look::Numbers && free(c) && !is_chosen(c) && !is_known(c))
        .map(|c| names[c].clone())
        .collect();
    let is_by_name = chosen
        .values
        .iter()
        .any(|value| is_called_like_memory(&names[value.position]));
    if others.is_empty() || !is_by_name {
        return None;
    }
    let verb = if others.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} {verb} not called like memory and not judged; --value NAME judges a column",
        quote::list(&others)
    ))
}

/// Columns that are called totals and are the sum of what is in use: they move from most rows to
/// the next, up and down, which no capacity and no counter does.
fn sums(
    names: &[String],
    rows: &[Vec<String>],
    looks: &[Look],
    free: impl Fn(usize) -> bool,
    comma_is_point: bool,
) -> Vec<usize> {
    const FEWEST_ROWS: usize = 8;
    let is_of_memory = |name: &str| {
        let unit = ValueUnit::of_name(name);
        is_called_like_memory(name)
            || matches!(unit, Some(ValueUnit::Bytes(_)))
            || is_bare_total(name)
    };
    let moves = |column: usize| {
        let fields = rows.iter().filter_map(|row| row.get(column));
        let numbers: Vec<f64> = fields
            .filter_map(|field| amount(field.as_bytes(), comma_is_point))
            .map(|amount| amount.number)
            .collect();
        let moved = |pair: &&[f64]| pair[0] != pair[1];
        let fell = |pair: &[f64]| pair[1] < pair[0];
        numbers.len() >= FEWEST_ROWS
            && 2 * numbers.windows(2).filter(moved).count() > numbers.len()
            && numbers.windows(2).any(fell)
    };
    (0..names.len())
        .filter(|&c| looks[c] == Look::Numbers && free(c))
        .filter(|&c| is_total(&names[c]) && is_of_memory(&names[c]) && moves(c))
        .collect()
}

/// Leaves out what says nothing about use beside another column that does.
fn without_besides(
    names: &[String],
    rows: &[Vec<String>],
    candidates: Vec<usize>,
    sums: &[usize],
    options: &ReadOptions,
) -> (Vec<ValueColumn>, Vec<String>) {
    let of = |position: usize| {
        let column = value_column(names, position, options);
        match sums.contains(&position) {
            true => ValueColumn {
                role: Role::Used,
                ..column
            },
            false => column,
        }
    };
    let all: Vec<ValueColumn> = candidates.into_iter().map(of).collect();
    let holds_shares = |column: usize| {
        let mut fields = rows.iter().filter_map(|row| row.get(column));
        fields.any(|field| field.trim_end().ends_with('%'))
    };
    let is_share = |column: &ValueColumn| {
        column.unit == Some(ValueUnit::Percent) || holds_shares(column.position)
    };
    let has_amount = all
        .iter()
        .any(|column| column.role == Role::Used && !is_share(column));
    // What lies in swap says nothing about the rest, which free memory does.
    let has_used = all
        .iter()
        .any(|column| column.role == Role::Used && !is_swap(&names[column.position]));
    let has_free = all.iter().any(|column| column.role == Role::Free);
    let is_free_alone = |name: &str| !is_available(name) && !is_swap_left(name);
    let has_available = all
        .iter()
        .any(|column| column.role == Role::Free && is_available(&names[column.position]));
    let (kept, beside): (Vec<_>, Vec<_>) = all.into_iter().partition(|column| match column.role {
        Role::Used => !(has_amount && is_share(column)),
        // What is free falls while files are cached; what is available does not.
        Role::Free => {
            let is_free_alone = is_free_alone(&names[column.position]);
            !has_used && (!has_available || !is_free_alone)
        }
        Role::Beside => !has_used && !has_free,
        Role::Bound => false,
    });
    let mut left_out = Vec::new();
    if !beside.is_empty() {
        let quoted: Vec<String> = beside.iter().map(|c| names[c.position].clone()).collect();
        let verb = if beside.len() == 1 { "is" } else { "are" };
        let others: Vec<String> = kept.iter().map(|c| names[c.position].clone()).collect();
        left_out.push(match others.is_empty() {
            true => format!("{} {verb} not judged", quote::list(&quoted)),
            false => format!(
                "{} {verb} not judged beside {}",
                quote::list(&quoted),
                quote::list(&others)
            ),
        });
    }
    (kept, left_out)
}

fn value_column(names: &[String], position: usize, options: &ReadOptions) -> ValueColumn {
    ValueColumn {
        position,
        unit: options
            .unit
            .or_else(|| ValueUnit::of_name(&names[position])),
        role: role_of(&names[position]),
    }
}

/// A column of dates and one of times of day, where the time is one of the two and the other
/// stands beside it.
fn date_beside(rows: &[Vec<String>], looks: &[Look], time: usize) -> Option<(usize, usize)> {
    let are = |column: usize, is_one: fn(&str) -> bool| {
        let fields = || rows.iter().filter_map(|row| row.get(column));
        let mut fields = fields()
            .filter(|field| !is_missing(field.as_bytes()))
            .peekable();
        fields.peek().is_some() && fields.all(|field| is_one(field))
    };
    let is_date = |text: &str| {
        !text.contains(':') && matches!(stamp(text, DayOrder::default()), Some(Stamp::At(_)))
    };
    let is_of_day = |text: &str| matches!(stamp(text, DayOrder::default()), Some(Stamp::OfDay(_)));
    let other = |is_one: fn(&str) -> bool| {
        let times = |&column: &usize| column != time && looks[column] == Look::Times;
        (0..looks.len())
            .filter(times)
            .find(|&column| are(column, is_one))
    };
    if are(time, is_of_day) {
        return Some((other(is_date)?, time));
    }
    are(time, is_date).then(|| other(is_of_day).map(|of_day| (time, of_day)))?
}

/// The position of a column by its name.
pub(super) fn position(names: &[String], wanted: &str) -> Result<usize, InputError> {
    let exact = names.iter().position(|name| name == wanted);
    let loose = || {
        names
            .iter()
            .position(|name| name.trim().eq_ignore_ascii_case(wanted.trim()))
    };
    exact.or_else(loose).ok_or_else(|| {
        let near = nearest(wanted, names.iter().map(String::as_str));
        InputError::NoColumn {
            name: wanted.to_owned(),
            hint: near.map_or_else(String::new, |name| format!(", did you mean `{name}`?")),
            known: quote::list(names),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn chosen(list: &[&str]) -> Chosen {
        choose(&names(list), &[], false, &ReadOptions::default()).expect("columns")
    }

    fn positions(chosen: &Chosen) -> Vec<usize> {
        chosen.values.iter().map(|value| value.position).collect()
    }

    #[test]
    fn columns_are_recognised_by_their_names() {
        let psrecord = chosen(&["Elapsed time", "CPU (%)", "Real (MB)", "Virtual (MB)"]);
        assert_eq!((psrecord.time, positions(&psrecord)), (Some(0), vec![2]));
        assert_eq!(psrecord.values[0].unit, Some(ValueUnit::Bytes(1_048_576.0)));
        let csv = chosen(&["elapsed_time", "nproc", "cpu", "mem_real", "mem_virtual"]);
        assert_eq!((csv.time, positions(&csv)), (Some(0), vec![3]));
        let samples = chosen(&[
            "elapsed_ms",
            "phase",
            "ops_total",
            "allocated_bytes",
            "rss_bytes",
            "threads",
        ]);
        assert_eq!((samples.time, samples.operations), (Some(0), Some(2)));
        assert_eq!(samples.phase, Some(1));
        assert_eq!(positions(&samples), [3, 4]);
    }

    #[test]
    fn shares_free_memory_and_caches_are_left_out_beside_an_amount() {
        let sar = chosen(&[
            "timestamp",
            "kbmemfree",
            "kbavail",
            "kbmemused",
            "%memused",
            "kbbuffers",
            "kbcached",
        ]);
        assert_eq!(positions(&sar), [3]);
        let alone = chosen(&["timestamp", "mem_available_bytes", "mem_cache_bytes"]);
        assert_eq!(positions(&alone), [1]);
        assert_eq!(alone.values[0].role, Role::Free);
    }

    #[test]
    fn a_missing_column_names_the_nearest_and_all() {
        let options = ReadOptions {
            values: names(&["byte"]),
            ..ReadOptions::default()
        };
        let error =
            choose(&names(&["elapsed_s", "bytes"]), &[], false, &options).expect_err("no column");
        assert_eq!(
            error.to_string(),
            "there is no column `byte`, did you mean `bytes`?; the columns are `elapsed_s`, `bytes`"
        );
    }
}
