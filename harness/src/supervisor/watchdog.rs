//! When a tree's memory must be looked at next, so that it does not pass its limit unseen.

use std::time::{Duration, Instant};

/// Shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(50);
/// Longest: a level that is steady and far from the limit. Rows that come once a second are
/// looks too, and come first.
const LONGEST: Duration = Duration::from_millis(1500);
/// Longest time between two looks above half of the limit.
const NEAR: Duration = Duration::from_millis(250);
/// Looks until the limit is reached, if the level goes on rising as it does.
const LOOKS_AHEAD: f64 = 4.0;

/// Follows the level of a tree below its limit.
#[derive(Debug)]
pub struct Watchdog {
    limit_bytes: u64,
    last: Option<(Instant, u64)>,
    due: Instant,
}

impl Watchdog {
    /// Of a tree that starts now.
    pub fn new(limit_bytes: u64, now: Instant) -> Self {
        Watchdog {
            limit_bytes,
            last: None,
            due: now + SHORTEST,
        }
    }

    /// When to look next.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Takes a level; true if the limit is passed.
    pub fn saw(&mut self, level_bytes: u64, now: Instant) -> bool {
        let before = self.last.replace((now, level_bytes));
        self.due = now + self.pause(level_bytes, before, now);
        level_bytes > self.limit_bytes
    }

    /// The pace follows distance and rate.
    fn pause(&self, level_bytes: u64, before: Option<(Instant, u64)>, now: Instant) -> Duration {
        let Some((at, before_bytes)) = before else {
            return SHORTEST;
        };
        let room_bytes = self.limit_bytes.saturating_sub(level_bytes) as f64;
        let risen_bytes = level_bytes.saturating_sub(before_bytes) as f64;
        let longest = match level_bytes < self.limit_bytes / 2 {
            true => LONGEST,
            false => NEAR,
        };
        if risen_bytes <= 0.0 {
            return longest;
        }
        let elapsed_s = now.duration_since(at).as_secs_f64().max(1e-3);
        let seconds = room_bytes / (risen_bytes / elapsed_s) / LOOKS_AHEAD;
        Duration::try_from_secs_f64(seconds).map_or(longest, |pause| pause.clamp(SHORTEST, longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn looks_are_rare_far_away_and_often_on_the_way_up() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut watchdog = Watchdog::new(1000 * MIB, start);
        assert!(!watchdog.saw(10 * MIB, at(1.0)));
        assert!(!watchdog.saw(10 * MIB, at(2.0)));
        assert_eq!(watchdog.due(), at(2.0) + LONGEST);
        // 90 MiB a second with 900 to go: ten seconds, four looks on the way at least.
        watchdog.saw(100 * MIB, at(3.0));
        assert_eq!(watchdog.due(), at(3.0) + LONGEST);
        // 1 GiB a second: not a fifth of a second is left.
        watchdog.saw(500 * MIB, at(3.4));
        assert!(watchdog.due() <= at(3.4) + Duration::from_millis(126));
        watchdog.saw(990 * MIB, at(3.5));
        assert_eq!(watchdog.due(), at(3.5) + SHORTEST);
        watchdog.saw(990 * MIB, at(4.5));
        assert_eq!(watchdog.due(), at(4.5) + NEAR);
        assert!(watchdog.saw(1001 * MIB, at(5.0)));
    }
}
