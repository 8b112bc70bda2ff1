//! What a program was asked to do while it was watched, and when it was idle.
//!
//! Time in which nothing was done is no evidence for anything: memory that does not grow in it
//! may be a leak without work.

use crate::policy::work::{GOING_DOWN, IDLE, OPERATIONS, OVER, STRETCHES, UNSEEN, USUAL};
use crate::stats::quantile::quantile;

/// Whether each reading was taken while the program worked: `None` where it always did, or
/// where nothing is known of its work.
///
/// `time_s` and `amount` hold the same number of readings. With `is_total` the amounts are
/// totals (operations completed so far), otherwise the load at each reading.
pub(crate) fn find_busy(time_s: &[f64], amount: &[f64], is_total: bool) -> Option<Vec<bool>> {
    let n = time_s.len();
    if n < 4 || amount.iter().any(|a| !a.is_finite()) {
        return None;
    }
    let total = match is_total {
        true => Some(Total::of(time_s, amount)?),
        false => None,
    };
    let rate = |i| {
        total
            .as_ref()
            .map_or_else(|| amount[i], |total| total.rate(i))
    };
    if is_steady(n, rate) {
        return None;
    }
    let reach = total.as_ref().map_or(0, |total| total.reach);
    let rates: Vec<f64> = (0..n).map(rate).collect();
    let usual = quantile(&rates, USUAL).filter(|&usual| usual > 0.0)?;
    let works: Vec<bool> = rates.iter().map(|&rate| rate >= IDLE * usual).collect();
    // A rate that is told over several readings does not tell at which of them work began.
    let mut rests = Vec::with_capacity(n + 1);
    rests.push(0_usize);
    for (before, works) in works.iter().enumerate() {
        rests.push(rests[before] + usize::from(!works));
    }
    let all_about = |i: usize| rests[(i + reach + 1).min(n)] == rests[i.saturating_sub(reach)];
    let surely: Vec<bool> = (0..n).map(all_about).collect();
    let count = |busy: &[bool]| busy.iter().filter(|busy| **busy).count();
    let mut busy = match 2 * count(&surely) >= count(&works) {
        true => surely,
        false => works,
    };
    // Load that goes down at the end takes with it what it kept: that is no rest.
    if rates[n - 1] < OVER * usual {
        let over = rates.iter().rev().take_while(|&&r| r < GOING_DOWN * usual);
        let over = over.count();
        // The first of a slow end is seen late: in a mean over several readings, and by what
        // it has gone down by then. One that is switched off is seen at once.
        let down = rates[n - over..].iter().take_while(|&&r| r >= OVER * usual);
        let down = down.count();
        let unseen = match down > 2 * reach {
            true => reach + (UNSEEN * down as f64) as usize,
            false => 0,
        };
        busy[n.saturating_sub(over + unseen)..].fill(false);
    }
    busy.contains(&false).then_some(busy)
}

/// Whether no rate is so low, and the last of them neither, that the program was idle or its load
/// over: whichever of them is the usual one.
fn is_steady(n: usize, rate: impl Fn(usize) -> f64) -> bool {
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for rate in (0..n).map(&rate) {
        (least, most) = (least.min(rate), most.max(rate));
    }
    least > IDLE * most && rate(n - 1) > OVER * most
}

/// A count of all that was done so far.
struct Total<'a> {
    time_s: &'a [f64],
    total: &'a [f64],
    /// Readings to either side over which a rate is told.
    reach: usize,
}

impl<'a> Total<'a> {
    /// `None` if nothing was done.
    fn of(time_s: &'a [f64], total: &'a [f64]) -> Option<Self> {
        let n = time_s.len();
        let done = total[n - 1] - total[0];
        if done <= 0.0 {
            return None;
        }
        let stretches = ((done / OPERATIONS) as usize).clamp(1, STRETCHES);
        Some(Total {
            time_s,
            total,
            reach: (n / stretches / 2).max(1),
        })
    }

    /// What was done in a second about a reading.
    fn rate(&self, i: usize) -> f64 {
        let last = self.time_s.len() - 1;
        let (from, to) = (i.saturating_sub(self.reach), (i + self.reach).min(last));
        let seconds = self.time_s[to] - self.time_s[from];
        match seconds > 0.0 {
            true => ((self.total[to] - self.total[from]) / seconds).max(0.0),
            false => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find_busy;

    #[test]
    fn readings_without_work_are_told_from_those_with_it() {
        let time_s: Vec<f64> = (0..100).map(f64::from).collect();
        let total: Vec<f64> = time_s.iter().map(|t| 100.0 * t.min(59.0)).collect();
        let busy = find_busy(&time_s, &total, true).expect("idle at the end");
        assert!(busy[..58].iter().all(|&busy| busy));
        assert!(busy[62..].iter().all(|&busy| !busy));
    }

    #[test]
    fn a_program_that_always_works_is_never_idle() {
        let time_s: Vec<f64> = (0..100).map(f64::from).collect();
        let total: Vec<f64> = time_s.iter().map(|t| 100.0 * t).collect();
        assert_eq!(find_busy(&time_s, &total, true), None);
        assert_eq!(find_busy(&time_s, &[0.0; 100], true), None);
    }

    #[test]
    fn load_that_is_switched_off_is_idle() {
        let time_s: Vec<f64> = (0..100).map(f64::from).collect();
        let load: Vec<f64> = (0..100).map(|i| f64::from((i / 20) % 2)).collect();
        let busy = find_busy(&time_s, &load, false).expect("idle at times");
        assert!(!busy[0] && busy[20] && !busy[40] && busy[60] && !busy[99]);
    }
}
