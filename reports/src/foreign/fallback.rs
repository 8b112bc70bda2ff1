//! Whether memory falls back where something else changes.
//!
//! A program that is started anew gives back what it held. Where a column beside the memory (an
//! image, a host, a count from its start) changes and the memory falls back nearly every time,
//! and does so too seldom elsewhere for chance to explain it, the changes are restarts.

/// Readings on either side of a change whose median is taken: one bad reading, and a column that
/// is a row early or late, do not matter.
const SIDE_ROWS: usize = 3;

/// How far memory falls back, in typical steps from reading to reading.
const FALL_TO_STEP: f64 = 6.0;

/// How far memory falls back, as a share of what was there.
const FALL_TO_LEVEL: f64 = 0.005;

/// Share of the changes at which memory must fall back.
const MOST_CHANGES: f64 = 0.8;

/// Chance that accepted changes meet falls that have nothing to do with them.
const ACCEPTED_CHANCE: f64 = 0.01;

/// Readings of one series as memory in use, in the order of their times.
pub(super) struct Memory {
    known: Vec<f64>,
    /// For each row, how many known readings stand before it.
    before: Vec<usize>,
    least_fall: f64,
}

impl Memory {
    /// `sign`: -1 for memory that is left, whose rise is the fall of what is in use.
    pub fn new(values: impl Iterator<Item = f64>, sign: f64) -> Self {
        let (mut known, mut before) = (Vec::new(), Vec::new());
        for value in values {
            before.push(known.len());
            if value.is_finite() {
                known.push(sign * value);
            }
        }
        let steps = known.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let step = median(&mut steps.collect::<Vec<_>>());
        // A share of what is left says nothing: how much is in use moves within what was seen.
        let highest = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = known.iter().copied().fold(f64::INFINITY, f64::min);
        let level = match sign < 0.0 {
            true if known.is_empty() => 0.0,
            true => highest - lowest,
            false => median(&mut known.iter().map(|v| v.abs()).collect::<Vec<_>>()),
        };
        Self {
            least_fall: (FALL_TO_STEP * step).max(FALL_TO_LEVEL * level),
            known,
            before,
        }
    }

    /// The least fall that stands out.
    pub fn least_fall(&self) -> f64 {
        self.least_fall
    }

    /// How far memory falls at a row; `None` at the ends, where one side is not there.
    pub fn fall_at(&self, row: usize) -> Option<f64> {
        self.fall(*self.before.get(row)?)
    }

    fn fall(&self, at: usize) -> Option<f64> {
        let side = |from: usize, to: usize| {
            let part = self.known.get(from..to.min(self.known.len()))?;
            (!part.is_empty()).then(|| median(&mut part.to_vec()))
        };
        Some(side(at.saturating_sub(SIDE_ROWS), at)? - side(at, at + SIDE_ROWS)?)
    }

    /// Whether memory falls back at nearly all of these rows, and too seldom elsewhere for that
    /// to be chance.
    ///
    /// # Source
    ///
    /// The chance of so many hits is bounded as by W. Hoeffding, "Probability inequalities for
    /// sums of bounded random variables", JASA 58 (1963), 13–30, equation 2.1.
    pub fn falls_back_at(&self, rows: &[usize]) -> bool {
        let falls: Vec<f64> = rows.iter().filter_map(|&row| self.fall_at(row)).collect();
        let hits = falls
            .iter()
            .filter(|fall| **fall >= self.least_fall)
            .count();
        if hits == 0 || self.least_fall <= 0.0 || (hits as f64) < MOST_CHANGES * falls.len() as f64
        {
            return false;
        }
        let all = (1..self.known.len()).filter_map(|at| self.fall(at));
        let elsewhere = all.filter(|fall| *fall >= self.least_fall).count();
        let rate = elsewhere as f64 / self.known.len() as f64;
        let share = hits as f64 / falls.len() as f64;
        if share <= rate {
            return false;
        }
        let part = |share: f64, rate: f64| match share {
            0.0 => 0.0,
            share => share * (share / rate).ln(),
        };
        let distance = part(share, rate.max(f64::MIN_POSITIVE)) + part(1.0 - share, 1.0 - rate);
        (-distance * falls.len() as f64).exp() <= ACCEPTED_CHANCE
    }

    /// Whether memory goes on as it was at nearly all of these rows.
    pub fn goes_on_at(&self, rows: &[usize]) -> bool {
        let falls: Vec<f64> = rows.iter().filter_map(|&row| self.fall_at(row)).collect();
        let on = falls.iter().filter(|fall| fall.abs() < self.least_fall);
        on.count() as f64 >= MOST_CHANGES * falls.len() as f64
    }
}

/// The median; 0 of nothing.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let (_, middle, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    *middle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(row: usize) -> f64 {
        (row as f64 * 0.618_033_988_75).fract() - 0.5
    }

    fn memory(value: impl Fn(usize) -> f64) -> Memory {
        Memory::new((0..600).map(value), 1.0)
    }

    #[test]
    fn falls_where_something_changes_are_told_from_falls_anywhere() {
        let killed = |row: usize| 120e6 + 3e5 * (row % 100) as f64 + 2e4 * noise(row);
        let every = |step: usize| (step..600).step_by(step).collect::<Vec<_>>();
        assert!(memory(killed).falls_back_at(&every(100)));
        // A row early or late, and one change of one.
        assert!(memory(killed).falls_back_at(&[99, 201, 300, 399, 501]));
        let once = |row: usize| 120e6 + 1e5 * (row % 300) as f64 + 2e4 * noise(row);
        assert!(memory(once).falls_back_at(&[300]));
        assert!(!memory(killed).falls_back_at(&[300]), "one of many falls");
        // Changes that have nothing to do with the falls, and a collector's short teeth.
        assert!(!memory(killed).falls_back_at(&every(70)));
        assert!(!memory(killed).falls_back_at(&[]));
        let teeth = |row: usize| 120e6 + 3e6 * (row % 6) as f64;
        assert!(!memory(teeth).falls_back_at(&[300]));
        assert!(!memory(|row| 120e6 + 4e5 * noise(row)).falls_back_at(&every(100)));
        // Memory that is left rises where the program gives it back.
        let left = Memory::new((0..600).map(|row| 8e9 - killed(row)), -1.0);
        assert!(left.falls_back_at(&every(100)));
    }
}
