//! Counts the rows of a cell: due, taken, late and missed, and the gaps between them.

use leaklab_run::Measurement;

/// A time without rows of this many intervals is a gap.
const GAP_INTERVALS: f64 = 3.0;
/// A row later than this part of its interval is late.
const LATE_SHARE: f64 = 0.2;
/// Most gaps that are kept as events; all are counted.
const MOST_GAP_EVENTS: u64 = 1000;

/// A time without rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Its length.
    pub duration_ms: f64,
    /// Rows that were due in it.
    pub missed: u64,
}

/// Counts rows by their times.
#[derive(Debug)]
pub struct Ticks {
    interval_ms: f64,
    first_ms: f64,
    last_ms: Option<f64>,
}

impl Ticks {
    /// Nothing yet, of a cell with that interval.
    pub fn new(interval_ms: f64) -> Self {
        Ticks {
            interval_ms,
            first_ms: 0.0,
            last_ms: None,
        }
    }

    /// Counts a row; gives the gap that it ended, as far as gaps are told one by one.
    pub fn row(&mut self, at_ms: f64, counts: &mut Measurement) -> Option<Gap> {
        counts.ticks_due += 1;
        counts.ticks_taken += 1;
        let Some(last_ms) = self.last_ms.replace(at_ms) else {
            self.first_ms = at_ms;
            return None;
        };
        counts.measured_ms = at_ms - self.first_ms;
        self.silence(at_ms - last_ms, counts)
    }

    /// Counts what was due from the last row to the end.
    pub fn end(&mut self, at_ms: f64, counts: &mut Measurement) -> Option<Gap> {
        let last_ms = self.last_ms?;
        // The last tick may have been about to come.
        let silence_ms = at_ms - last_ms - self.interval_ms;
        if silence_ms < self.interval_ms * (GAP_INTERVALS - 1.0) {
            return None;
        }
        counts.measured_ms = at_ms - self.first_ms;
        self.silence(at_ms - last_ms, counts)
    }

    fn silence(&self, silence_ms: f64, counts: &mut Measurement) -> Option<Gap> {
        counts.longest_gap_ms = counts.longest_gap_ms.max(silence_ms);
        let intervals = silence_ms / self.interval_ms;
        if intervals > 1.0 + LATE_SHARE {
            counts.ticks_late += 1;
        }
        let missed = (intervals.round() - 1.0).max(0.0) as u64;
        counts.ticks_due += missed;
        counts.ticks_missed += missed;
        if intervals < GAP_INTERVALS {
            return None;
        }
        counts.gaps += 1;
        (counts.gaps <= MOST_GAP_EVENTS).then_some(Gap {
            duration_ms: silence_ms,
            missed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_is_taken_or_missed() {
        let mut counts = Measurement::default();
        let mut ticks = Ticks::new(100.0);
        let mut gaps = Vec::new();
        // Two late, one of them by two ticks, and a stop of six seconds.
        for at_ms in [0.0, 100.0, 225.0, 300.0, 510.0, 600.0, 6600.0, 6700.0] {
            gaps.extend(ticks.row(at_ms, &mut counts));
        }
        assert_eq!(counts.ticks_taken, 8);
        assert_eq!(counts.ticks_missed, 1 + 59);
        assert_eq!(counts.ticks_due, 8 + 60);
        assert_eq!(counts.ticks_late, 3);
        let gap = Gap {
            duration_ms: 6000.0,
            missed: 59,
        };
        assert_eq!(gaps, [gap]);
        assert_eq!((counts.gaps, counts.longest_gap_ms), (1, 6000.0));
        assert_eq!(counts.measured_ms, 6700.0);
        assert_eq!(ticks.end(6850.0, &mut counts), None);
        let last = ticks.end(8700.0, &mut counts).expect("a gap");
        assert_eq!(last.missed, 19);
    }
}
