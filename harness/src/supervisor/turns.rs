//! Tells two programs that write their counts to one pipe in turns from one that began anew.
//!
//! A program that is started again counts from the beginning and goes on from there. Where two
//! write without their `pid`, each line of the one that counts less falls back, the next one of
//! the other is where that was, and both rise: neither count is then known of either.

/// Returns on end, with a lower count that rises too, that no program beginning anew makes.
const RETURNS: u32 = 5;
/// Lines within which the higher count must be back.
const NEXT_LINES: u32 = 2;

/// Follows the counts of a pipe.
#[derive(Debug, Default)]
pub struct Turns {
    /// The count before the last fall, and lines since.
    fallen: Option<(u64, u32)>,
    /// What it last fell to.
    low: Option<u64>,
    returns: u32,
}

impl Turns {
    /// Takes a count after the one `before` it; true if two have written in turns so far.
    pub fn saw(&mut self, before: Option<u64>, count: u64) -> bool {
        if let Some(before) = before.filter(|before| count < *before) {
            let goes_on = self.low.is_some_and(|low| count > low);
            self.returns = if goes_on { self.returns } else { 0 };
            self.low = Some(count);
            self.fallen = Some((before, 0));
            return false;
        }
        let Some((high, lines)) = self.fallen.take() else {
            return false;
        };
        if count >= high {
            self.returns += 1;
        } else if lines + 1 < NEXT_LINES {
            self.fallen = Some((high, lines + 1));
        } else {
            self.returns = 0;
        }
        self.returns >= RETURNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_turns(counts: impl IntoIterator<Item = u64>) -> bool {
        let mut turns = Turns::default();
        let mut before = None;
        (counts.into_iter()).any(|count| turns.saw(before.replace(count), count))
    }

    #[test]
    fn two_counts_that_rise_in_turns_are_two_programs() {
        assert!(in_turns((1..20).flat_map(|n| [1_000 + 10 * n, 3 * n])));
        assert!(in_turns((1..20).flat_map(|n| [500 * n, n, n + 1])));
    }

    #[test]
    fn one_that_rises_or_begins_anew_is_one() {
        assert!(!in_turns(0..500));
        // Lives of two lines each, and of many.
        assert!(!in_turns((0..50).flat_map(|n| [0, 100 + n])));
        assert!(!in_turns((0..20).flat_map(|_| (0..50).map(|n| n * 7))));
        // Three crashes of one life after another.
        assert!(!in_turns([5, 10, 2, 12, 3, 14, 4, 20, 25, 30]));
    }
}
