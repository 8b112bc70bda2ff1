//! What of a cell's record was cut off, damaged or taken out since it was written.

use leaklab_judge::amount::{count_text, plural};
use leaklab_run::packed::CLOSING;
use leaklab_run::{Cell, SampleTable, State};

/// Part of the rows that were written that may be missing or unreadable, as of those that could
/// not be written.
const MOST_MISSING: f64 = 0.1;

/// What is said of a cell without a certificate where every version of its format writes one.
const UNCERTIFIED: &str =
    "status.json has no certificate of the measurement: it was taken out, or another wrote it";

/// Rows that were written and are not among the `rows` that are there, and rows that were written.
fn missing_rows(cell: &Cell, rows: u64) -> Option<(u64, u64)> {
    let measurement = cell.status.measurement.as_ref()?;
    let written = cell.status.samples.saturating_sub(measurement.rows_lost);
    Some((written.saturating_sub(rows), written))
}

/// Why a record shows nothing of which nobody certifies how it was measured, or of which rows that
/// were written were cut off or damaged since.
pub(super) fn lost_rows(cell: &Cell, table: &SampleTable) -> Option<String> {
    if cell.status.is_uncertified {
        return Some(UNCERTIFIED.to_owned());
    }
    let (missing, written) = missing_rows(cell, table.len() as u64)?;
    // Rows without a time are in both.
    let lost = missing.max(table.damaged_rows as u64);
    (lost as f64 > MOST_MISSING * written as f64).then(|| {
        format!(
            "{} of {} rows that were written are missing or damaged: the samples were changed \
             since",
            count_text(lost),
            count_text(written)
        )
    })
}

/// What of a cell's record is damaged or gone, in words, each a part of a sentence; empty for one
/// that is whole. `rows` is how many could be read of `table`, which may have been shown part by
/// part.
pub fn damage_words(cell: &Cell, rows: u64, table: &SampleTable) -> Vec<String> {
    let mut words = Vec::new();
    if cell.status.is_uncertified {
        words.push(UNCERTIFIED.to_owned());
    }
    // What is being packed, or was when the harness was killed, is in that file as well.
    if table.has_damaged_blocks && !cell.folder.join(CLOSING).is_file() {
        words.push("a block of samples.packed is damaged, and was left out".to_owned());
    }
    if table.damaged_rows > 0 {
        let rows = plural(table.damaged_rows as u64, "row");
        words.push(format!("{rows} of the samples could not be read whole"));
    }
    if let Some((missing @ 1.., written)) = missing_rows(cell, rows)
        && cell.status.state == State::Finished
    {
        let (missing, written) = (count_text(missing), count_text(written));
        words.push(format!(
            "{missing} of {written} rows that were written are missing"
        ));
    }
    words
}

/// [`damage_words`] of a cell whose samples nobody has read yet; none where they cannot be read,
/// which is said by whoever needs them.
pub fn damage_of(cell: &Cell) -> Vec<String> {
    let mut rows = 0;
    let read = cell.stream(|_| true, |part| rows += part.len() as u64);
    read.map_or_else(|_| Vec::new(), |table| damage_words(cell, rows, &table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{CellPlan, CellStatus, Measurement};

    fn table(rows: usize) -> SampleTable {
        SampleTable {
            elapsed_ms: (0..rows).map(|row| row as f64).collect(),
            ..SampleTable::default()
        }
    }

    fn cell(samples: u64) -> Cell {
        Cell {
            folder: std::path::PathBuf::from("/nonexistent"),
            plan: CellPlan::default(),
            status: CellStatus {
                state: State::Finished,
                samples,
                measurement: Some(Measurement::default()),
                ..CellStatus::default()
            },
        }
    }

    #[test]
    fn rows_that_were_written_and_are_gone_or_damaged_withhold_the_verdict() {
        let mut uncertain = cell(250);
        uncertain.status.measurement = None;
        assert_eq!(lost_rows(&uncertain, &table(101)), None, "nothing is known");
        let few = cell(110);
        assert_eq!(lost_rows(&few, &table(101)), None, "one in eleven");
        assert_eq!(
            damage_words(&few, 101, &table(101)),
            ["9 of 110 rows that were written are missing"]
        );
        let words = lost_rows(&cell(250), &table(101)).expect("three in five");
        assert!(words.contains("149 of 250 rows"), "{words}");
        let mut unreadable = table(100);
        unreadable.damaged_rows = 20;
        let words = lost_rows(&cell(100), &unreadable).expect("one in five");
        assert!(words.contains("20 of 100 rows"), "{words}");
        assert_eq!(damage_words(&cell(100), 100, &table(100)), [""; 0]);
        uncertain.status.is_uncertified = true;
        let words = lost_rows(&uncertain, &table(250)).expect("no certificate");
        assert!(words.contains("no certificate"), "{words}");
    }
}
