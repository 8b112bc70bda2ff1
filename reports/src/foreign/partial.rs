//! What the rows of one series have said so far, and the table that it becomes.

use super::clock::Setbacks;
use super::column::Column;
use super::fallback::Memory;
use super::left_out::zeros_of_an_ended_program;
use super::metric::metric;
use super::quote;
use super::role::Role;
use super::{InputError, Note, Table};
use leaklab_judge::Window;
use leaklab_judge::amount::{count_text, plural};

/// Share of rows that repeat the time of the row before from which on they are of several
/// series. Below it, a loop that is a little too quick for its clock explains them.
const MANY_REPEATED: f64 = 0.05;

/// Restarts from which on they must be fewer than half of the rows: what changes with each is no
/// record of lives.
pub(super) const MOST_RESTARTS: usize = 8;

/// What the rows of one series have said so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Partial {
    pub name: String,
    /// The metric that its key names, where one does.
    pub metric: Option<String>,
    pub time_s: Vec<f64>,
    pub values: Vec<Vec<f64>>,
    pub operations: Vec<f64>,
    pub setbacks: Setbacks,
    /// First row after each setback.
    pub cuts: Vec<usize>,
    pub load: Option<Window>,
    pub restarts: Vec<f64>,
    pub restart_field: Option<Vec<u8>>,
    pub last_time_field: Vec<u8>,
    /// Times of the rows that do not say which life they are of.
    pub unsaid_s: Vec<f64>,
    /// Why growth that the rows do not show is not ruled out.
    pub unsettled: Option<String>,
}

/// The first time that is before the one ahead of it.
pub(super) fn backwards(setbacks: &Setbacks) -> InputError {
    let (line, before, after) = setbacks.first().unwrap_or((0, "", ""));
    InputError::TimeBackwards {
        line,
        before: before.to_owned(),
        after: after.to_owned(),
    }
}

/// Refuses times that are those of several series.
pub(super) fn check_times(partial: &Partial, key_names: &[String]) -> Result<(), InputError> {
    const FEW: usize = 3;
    let of = match key_names {
        [] => String::new(),
        _ => format!(" of {}", quote::cut(&partial.name)),
    };
    let repeated = partial.setbacks.repeated;
    if repeated >= FEW && partial.setbacks.repeated_share() > MANY_REPEATED {
        return Err(InputError::Mixed(format!(
            "{} of {}{of} have the time of the row before: these seem to be several series in one table; name the column that tells them apart with --by, or pick one with --only COLUMN=TEXT; if it is one series whose times are too coarse, say --by none",
            count_text(repeated as u64),
            plural(partial.time_s.len() as u64, "row"),
        )));
    }
    // After a setback the same times again are another series, not a clock that was set.
    let mut raw: Vec<f64> = Vec::new();
    for (count, &cut) in partial.cuts.iter().enumerate() {
        let end = partial.cuts.get(count + 1).copied();
        let end = end.unwrap_or(partial.time_s.len());
        let start = if count == 0 {
            0
        } else {
            partial.cuts[count - 1]
        };
        raw.extend(partial.raw_times(start..cut));
        raw.sort_by(f64::total_cmp);
        if partial.is_end_of_summer_time(count) {
            continue;
        }
        let again = partial
            .raw_times(cut..end)
            .filter(|time| raw.binary_search_by(|t| t.total_cmp(time)).is_ok())
            .count();
        if again >= FEW.min(end - cut) && again > 0 {
            return Err(backwards(&partial.setbacks));
        }
    }
    Ok(())
}

impl Partial {
    /// Its columns of memory as memory in use, in the order of their times.
    pub fn memory(&self, columns: &[Column], is_newest_first: bool) -> Vec<Memory> {
        let judged = columns.iter().zip(&self.values);
        let judged = judged.filter(|(column, _)| !column.is_total && !column.is_beside);
        judged
            .map(|(column, values)| {
                let sign = if column.role == Role::Free { -1.0 } else { 1.0 };
                match is_newest_first {
                    true => Memory::new(values.iter().rev().copied(), sign),
                    false => Memory::new(values.iter().copied(), sign),
                }
            })
            .collect()
    }

    /// The program is new at these rows, unless it is known to be so a row before or behind.
    pub fn restart_at(&mut self, rows: &[usize]) {
        const NEAR_ROWS: usize = 2;
        let mut known: Vec<f64> = self.restarts.clone();
        known.sort_by(f64::total_cmp);
        for &row in rows {
            let near = row.saturating_sub(NEAR_ROWS)..=(row + NEAR_ROWS);
            let (first, last) = (*near.start(), (*near.end()).min(self.time_s.len() - 1));
            let Some(&at_s) = self.time_s.get(row) else {
                continue;
            };
            let place = known.partition_point(|time| *time < self.time_s[first]);
            let is_known = known
                .get(place)
                .is_some_and(|time| *time <= self.time_s[last]);
            if !is_known {
                self.restarts.push(at_s);
            }
        }
    }

    /// Whether a setback is that of a local clock at the end of summer time: an hour, and not back
    /// to the beginning, where another series would begin.
    fn is_end_of_summer_time(&self, setback: usize) -> bool {
        const HOUR_S: f64 = 3_600.0;
        let step_s = self.setbacks.step_s();
        let offset_s = self.setbacks.offsets_s[setback];
        let is_hour = (offset_s - HOUR_S).abs() <= step_s;
        let mut raw = self.raw_times(0..1);
        let first_s = raw.next().unwrap_or(0.0);
        let cut = self.cuts[setback];
        let after_s = self.raw_times(cut..cut + 1).next().unwrap_or(first_s);
        is_hour && after_s > first_s + 2.0 * step_s
    }

    /// Times as the file has them, setbacks not evened out.
    fn raw_times(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = f64> {
        let passed = self.cuts.iter().filter(|cut| **cut <= rows.start).count();
        let offset: f64 = self.setbacks.offsets_s[..passed].iter().sum();
        self.time_s[rows].iter().map(move |time| time - offset)
    }

    /// The rows in the order of their times, where the newest came first.
    pub fn turned(mut self) -> Result<Self, InputError> {
        if !self.setbacks.at_s.is_empty() {
            return Err(backwards(&self.setbacks));
        }
        // What changed at a row had changed at the one that came before it, which is later.
        for restart in &mut self.restarts {
            let row = self.time_s.partition_point(|time| time < restart);
            *restart = self
                .time_s
                .get(row.saturating_sub(1))
                .map_or(*restart, |t| *t);
        }
        for times in [&mut self.time_s, &mut self.restarts] {
            times.iter_mut().for_each(|time| *time = -*time);
            times.reverse();
        }
        self.values.iter_mut().for_each(|values| values.reverse());
        self.operations.reverse();
        Ok(self)
    }

    pub fn into_table(
        mut self,
        columns: &[Column],
        counts_operations: bool,
    ) -> Result<Table, InputError> {
        let mut table = Table {
            name: self.name,
            load: self.load,
            operations: counts_operations.then_some(self.operations),
            unsettled: self.unsettled,
            ..Table::default()
        };
        for (&at_s, line) in self.setbacks.at_s.iter().zip(&self.setbacks.lines) {
            self.restarts.push(at_s);
            table.notes.push(Note::on_all(format!(
                "the clock was set back at line {line}; what stands before and after is judged as two stretches"
            )));
        }
        self.restarts.sort_by(f64::total_cmp);
        self.restarts.dedup();
        if self.restarts.len() > MOST_RESTARTS && 2 * self.restarts.len() > self.time_s.len() {
            return Err(InputError::NotASeries(format!(
                "what tells restarts changes at {} of {} rows: --restarts takes a count of restarts or a time of start, which stay as they are while the program runs",
                self.restarts.len(),
                self.time_s.len()
            )));
        }
        table.restarts = self.restarts;
        // Times count from the first row of the series.
        let first = self.time_s.first().copied().unwrap_or(0.0);
        if first != 0.0 && first.is_finite() {
            for time in self.time_s.iter_mut().chain(&mut table.restarts) {
                *time -= first;
            }
            if let Some(load) = &mut table.load {
                load.start_s -= first;
                load.end_s -= first;
            }
        }
        table.time_s = self.time_s;
        for (column, values) in columns.iter().zip(self.values) {
            let values = zeros_of_an_ended_program(column, values, &mut table.notes);
            let metric = metric(column, values, &mut table.notes);
            table.metrics.push(metric);
        }
        Ok(table)
    }
}
