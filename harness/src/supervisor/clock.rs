//! The clock of a child, checked against the harness's own.
//!
//! A child that gives the time of what it writes should take it from the machine's monotonic
//! clock. What it says is a claim: a time of the future, or one that is older than a line can
//! be, is another clock's, and the time of reading stands in its place.

/// How old a line may be when it is read: pipes hold some seconds of a child that writes often,
/// and a busy machine lets the harness wait.
const OLDEST_US: u64 = 10_000_000;

/// Checks the times that a child claims, and counts them.
#[derive(Debug, Default)]
pub struct ClaimedClock {
    /// Times that were claimed.
    pub claims: u64,
    /// Those that were refused.
    pub rejects: u64,
    /// When the last line was read; a harness that was itself stopped reads old lines late.
    last_read_us: Option<u64>,
}

impl ClaimedClock {
    /// The time of a line that is read at `now_us`, and whether it was the child's.
    pub fn time_us(&mut self, claim_us: Option<u64>, now_us: u64) -> (u64, bool) {
        let silence_us = self
            .last_read_us
            .map_or(0, |last| now_us.saturating_sub(last));
        self.last_read_us = Some(now_us);
        let Some(claim_us) = claim_us else {
            return (now_us, false);
        };
        self.claims += 1;
        let oldest_us = now_us.saturating_sub(OLDEST_US.saturating_add(silence_us));
        if (oldest_us..=now_us).contains(&claim_us) {
            return (claim_us, true);
        }
        self.rejects += 1;
        (now_us, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000_000;

    #[test]
    fn only_times_of_this_clock_are_taken() {
        let mut clock = ClaimedClock::default();
        assert_eq!(clock.time_us(Some(NOW - 5), NOW), (NOW - 5, true));
        assert_eq!(clock.time_us(None, NOW), (NOW, false));
        for claim in [0, 1 << 62, u64::MAX, NOW + 1, NOW * 1000, NOW - 11_000_000] {
            assert_eq!(clock.time_us(Some(claim), NOW), (NOW, false), "{claim}");
        }
        assert_eq!((clock.claims, clock.rejects), (7, 6));
    }

    #[test]
    fn lines_that_waited_while_the_harness_was_stopped_keep_their_times() {
        let mut clock = ClaimedClock::default();
        clock.time_us(Some(NOW), NOW);
        let later = NOW + 60_000_000;
        assert_eq!(clock.time_us(Some(NOW + 1000), later), (NOW + 1000, true));
    }
}
