//! What a drain shows: memory that is released late is another thing than memory that is never
//! released.

use super::metric::MEMORY_COLUMNS;
use super::summary::Summary;
use leaklab_judge::amount::duration_text;
use leaklab_run::Cell;

/// Least growth of a load whose return is told, in bytes.
const LEAST_BYTES: f64 = 64.0 * 1024.0;
/// Share of the growth that must come back to be told.
const LEAST_SHARE: f64 = 0.5;

/// What came back after the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReleasedLate {
    /// Share of the load's growth.
    pub share: f64,
    /// Seconds from the end of the load until nine tenths of it were back.
    pub after_s: f64,
}

impl ReleasedLate {
    /// What the drain gave back; `None` where that is less than half of the growth, or
    /// where there was hardly any.
    #[must_use]
    pub fn of(samples: &Summary) -> Option<Self> {
        let (_, memory) = samples.memory()?;
        let [(_, start), (ended_s, end)] = memory.load?;
        let growth = end - start;
        let drain = &memory.drain;
        let (_, last) = drain.last()?;
        let back = end - last;
        if growth < LEAST_BYTES || back < LEAST_SHARE * growth {
            return None;
        }
        let (at_s, _) = drain.iter().find(|(_, value)| end - value >= 0.9 * back)?;
        Some(ReleasedLate {
            share: (back / growth).min(1.0),
            after_s: at_s - ended_s,
        })
    }

    /// The same of a cell's samples.
    #[must_use]
    pub fn of_cell(cell: &Cell) -> Option<Self> {
        let mut samples = Summary::default();
        let wanted = |name: &str| MEMORY_COLUMNS.contains(&name);
        cell.stream(wanted, |part| samples.push(part)).ok()?;
        Self::of(&samples)
    }

    /// One sentence.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "released late: {:.0} % of what the load had retained was given back within {} after it",
            100.0 * self.share,
            duration_text(self.after_s)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(drain: &str) -> Summary {
        let rows = format!(
            "elapsed_ms,phase,allocated_bytes\n0,load,100000\n1000,load,600000\n2000,load,1100000\n{drain}"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.csv");
        std::fs::write(&path, rows).expect("a file");
        Summary::of(&leaklab_run::read_table(&path, |_| true).expect("a table"))
    }

    #[test]
    fn what_comes_back_after_six_seconds_is_released_late() {
        let late = ReleasedLate::of(&samples(
            "3000,drain,1100000\n7000,drain,1100000\n8000,drain,120000\n9000,drain,110000\n",
        ));
        let late = late.expect("it came back");
        assert_eq!(late.after_s, 6.0);
        assert!((late.share - 0.99).abs() < 1e-9, "{late:?}");
        assert!(
            late.words().contains("99 %") && late.words().contains("6 s"),
            "{}",
            late.words()
        );
    }

    #[test]
    fn what_stays_or_hardly_was_there_is_not_told() {
        assert_eq!(ReleasedLate::of(&samples("3000,drain,1000000\n")), None);
        assert_eq!(ReleasedLate::of(&samples("")), None);
    }
}
