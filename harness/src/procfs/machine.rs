//! What else the machine did meanwhile: pressure, steal, and work of others.

use crate::system::ticks_per_second;
use std::time::Instant;

/// Counters of the machine at an instant.
#[derive(Debug, Clone, Copy)]
pub struct MachineTimes {
    at: Instant,
    /// All processor time, idle time included, and the parts of it, in clock ticks.
    total_ticks: Option<u64>,
    idle_ticks: u64,
    steal_ticks: u64,
    /// Time in which some task waited for a processor.
    waiting_us: Option<u64>,
}

/// How much others took between two instants, as shares; absent where the kernel does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Disturbance {
    /// Of the time: some task waited for a processor.
    pub cpu_pressure: Option<f64>,
    /// Of the processor time: given to other guests by the host.
    pub steal: Option<f64>,
    /// Of the processor time: neither the cell's nor idle.
    pub others: Option<f64>,
}

impl MachineTimes {
    /// Reads them now.
    pub fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let pressure = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
        Self::of(&stat, &pressure)
    }

    fn of(stat: &str, pressure: &str) -> Self {
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        let fields: Vec<u64> = stat
            .lines()
            .find_map(|line| line.strip_prefix("cpu "))
            .map(|rest| {
                rest.split_ascii_whitespace()
                    .take(8)
                    .map_while(|f| f.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        let field = |index: usize| fields.get(index).copied().unwrap_or(0);
        MachineTimes {
            at: Instant::now(),
            total_ticks: (fields.len() >= 4).then(|| fields.iter().sum()),
            idle_ticks: field(3) + field(4),
            steal_ticks: field(7),
            waiting_us: pressure.lines().find_map(|line| {
                line.strip_prefix("some ")?
                    .rsplit_once("total=")?
                    .1
                    .parse()
                    .ok()
            }),
        }
    }

    /// What happened since; `own_cpu_ms` is the processor time of the cell itself.
    pub fn until_now(&self, own_cpu_ms: u64) -> Disturbance {
        self.until(&Self::now(), own_cpu_ms)
    }

    fn until(&self, end: &Self, own_cpu_ms: u64) -> Disturbance {
        let elapsed_us = end.at.duration_since(self.at).as_micros() as f64;
        let cpu_pressure = match (self.waiting_us, end.waiting_us) {
            (Some(before), Some(after)) if elapsed_us > 0.0 => {
                Some((after.saturating_sub(before) as f64 / elapsed_us).clamp(0.0, 1.0))
            }
            _ => None,
        };
        let total = match (self.total_ticks, end.total_ticks) {
            (Some(before), Some(after)) if after > before => (after - before) as f64,
            _ => {
                return Disturbance {
                    cpu_pressure,
                    ..Disturbance::default()
                };
            }
        };
        let own_ticks = own_cpu_ms as f64 * ticks_per_second() as f64 / 1000.0;
        let idle = end.idle_ticks.saturating_sub(self.idle_ticks) as f64;
        let steal = end.steal_ticks.saturating_sub(self.steal_ticks) as f64;
        Disturbance {
            cpu_pressure,
            steal: Some((steal / total).clamp(0.0, 1.0)),
            others: Some(((total - idle - own_ticks) / total).clamp(0.0, 1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_passed_between() {
        let before = MachineTimes::of("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\n", "");
        // 100 ticks: 40 user, 20 system, 20 idle, 20 stolen.
        let mut after = MachineTimes::of("cpu  140 0 120 820 0 0 0 20 0 0\n", "");
        after.at = before.at + std::time::Duration::from_secs(1);
        let own_cpu_ms = 30 * 1000 / ticks_per_second();
        let seen = before.until(&after, own_cpu_ms);
        assert_eq!(seen.steal, Some(0.2));
        assert!((seen.others.expect("a share") - 0.5).abs() < 1e-9);
        assert_eq!(seen.cpu_pressure, None, "an old kernel does not say");
    }

    #[test]
    fn pressure_is_read_from_its_total() {
        let text = |total| {
            format!(
                "some avg10=0.10 avg60=0.07 avg300=0.00 total={total}\nfull avg10=0.00 total=0\n"
            )
        };
        let before = MachineTimes::of("", &text(1_000));
        let mut after = MachineTimes::of("", &text(501_000));
        after.at = before.at + std::time::Duration::from_secs(1);
        assert_eq!(before.until(&after, 0).cpu_pressure, Some(0.5));
    }
}
