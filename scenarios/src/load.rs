//! Pacing and stopping: when a workload starts its next operation, and when it ends.

use crate::Meter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest sleep between two looks at the stop flag and at a sample that is due.
const SLICE: Duration = Duration::from_millis(5);

/// Set from outside (a signal) to end load and drain early. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks the work to end.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    pub fn shared(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// How much load, how fast and for how long.
#[derive(Debug, Clone, Default)]
pub struct LoadPlan {
    /// Operations per second over all threads; `None` for as fast as it goes.
    pub rate: Option<f64>,
    /// Operations after which the load ends; `None` for no such end.
    pub operations: Option<u64>,
    /// Time after which the load ends; `None` for no such end.
    pub duration: Option<Duration>,
    /// Whether the space between two operations is a quiet point; see
    /// [`crate::Description::quiet_points`].
    pub quiet_points: bool,
}

/// Tells the threads of a workload when to start operations, and takes completed ones.
pub struct Load {
    plan: LoadPlan,
    started: Instant,
    tickets: AtomicU64,
    stop: StopFlag,
    meter: Arc<dyn Meter>,
}

impl Load {
    /// Starts the clock of `plan`.
    pub fn start(plan: LoadPlan, stop: StopFlag, meter: Arc<dyn Meter>) -> Self {
        Load {
            plan,
            started: Instant::now(),
            tickets: AtomicU64::new(0),
            stop,
            meter,
        }
    }

    /// Waits until the next operation is due; `false` when the load is over.
    ///
    /// Each `true` is one operation. Callable from any number of threads.
    pub fn next_operation(&self) -> bool {
        let Some(due) = self.take_ticket() else {
            return false;
        };
        loop {
            self.quiet();
            if self.is_over() {
                return false;
            }
            match self.time_until(due) {
                None => return true,
                Some(wait) => std::thread::sleep(wait.min(SLICE)),
            }
        }
    }

    /// As [`Load::next_operation`], for a workload whose operations end elsewhere: a quiet point
    /// is only where `is_quiet` says that nothing is on its way.
    pub fn next_operation_quiet(&self, is_quiet: impl Fn() -> bool) -> bool {
        let Some(due) = self.take_ticket() else {
            return false;
        };
        loop {
            if is_quiet() {
                self.quiet();
            }
            if self.is_over() {
                return false;
            }
            match self.time_until(due) {
                None => return true,
                Some(wait) => std::thread::sleep(wait.min(SLICE)),
            }
        }
    }

    /// As [`Load::next_operation`], for tasks of a tokio runtime.
    pub async fn next_operation_async(&self) -> bool {
        self.next_operation_in_bursts(Duration::ZERO).await
    }

    /// As [`Load::next_operation_async`], in bursts: at the end of each `period` the operations
    /// that were due in it, one after the other. The rate over many periods is the same.
    pub async fn next_operation_in_bursts(&self, period: Duration) -> bool {
        let Some(due) = self.take_ticket().map(|due| end_of_period(due, period)) else {
            return false;
        };
        loop {
            self.quiet();
            if self.is_over() {
                return false;
            }
            match self.time_until(due) {
                None => return true,
                Some(wait) => tokio::time::sleep(wait.min(SLICE)).await,
            }
        }
    }

    /// Counts operations as complete.
    pub fn complete(&self, operations: u64) {
        self.meter.count_operations(operations);
    }

    /// Counts one operation as complete and records how long it took.
    pub fn complete_timed(&self, started: Instant) {
        self.meter.record_latency(started.elapsed());
        self.meter.count_operations(1);
    }

    /// Whether the time is up or a stop was asked for.
    pub fn is_over(&self) -> bool {
        self.stop.is_stopped()
            || self
                .plan
                .duration
                .is_some_and(|limit| self.started.elapsed() >= limit)
    }

    /// The meter, for gauges and marks that appear while the load runs.
    pub fn meter(&self) -> &dyn Meter {
        &*self.meter
    }

    fn quiet(&self) {
        if self.plan.quiet_points {
            self.meter.quiet_point();
        }
    }

    /// When the next operation is due, after the start; `None` when all were handed out.
    fn take_ticket(&self) -> Option<Duration> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        if self.plan.operations.is_some_and(|limit| ticket >= limit) {
            return None;
        }
        Some(match self.plan.rate {
            Some(rate) => Duration::from_secs_f64(ticket as f64 / rate),
            None => Duration::ZERO,
        })
    }

    fn time_until(&self, due: Duration) -> Option<Duration> {
        due.checked_sub(self.started.elapsed())
            .filter(|wait| !wait.is_zero())
    }
}

/// The end of the period in which `due` lies; `due` itself without periods.
fn end_of_period(due: Duration, period: Duration) -> Duration {
    match period.is_zero() {
        true => due,
        false => period.mul_f64((due.as_secs_f64() / period.as_secs_f64()).ceil()),
    }
}

/// The time after the load in which nothing new is started.
pub struct Drain {
    ends: Instant,
    stop: StopFlag,
    meter: Arc<dyn Meter>,
}

impl Drain {
    /// Starts the drain.
    pub fn start(duration: Duration, stop: StopFlag, meter: Arc<dyn Meter>) -> Self {
        Drain {
            ends: Instant::now() + duration,
            stop,
            meter,
        }
    }

    /// Whether there is time left.
    pub fn goes_on(&self) -> bool {
        self.meter.quiet_point();
        !self.stop.is_stopped() && Instant::now() < self.ends
    }

    /// Sleeps a little, at most until the end.
    pub fn rest(&self) {
        let left = self.ends.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(SLICE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMeter;

    fn load(plan: LoadPlan) -> Load {
        Load::start(plan, StopFlag::default(), Arc::new(NoMeter))
    }

    #[test]
    fn hands_out_exactly_the_operations_of_the_plan() {
        let load = load(LoadPlan {
            operations: Some(3),
            ..LoadPlan::default()
        });
        let handed_out = (0..10).filter(|_| load.next_operation()).count();
        assert_eq!(handed_out, 3);
    }

    #[test]
    fn never_runs_ahead_of_its_rate() {
        let load = load(LoadPlan {
            rate: Some(1000.0),
            operations: Some(51),
            ..LoadPlan::default()
        });
        while load.next_operation() {}
        // The 51st operation is due 50 ms after the first; later is fine, earlier is not.
        assert!(load.started.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn a_burst_comes_at_the_end_of_its_period() {
        let at = |due_ms: u64, period_ms: u64| {
            let period = Duration::from_millis(period_ms);
            end_of_period(Duration::from_millis(due_ms), period).as_secs_f64()
        };
        for (due_ms, period_ms, end_s) in [
            (1700, 0, 1.7),
            (0, 500, 0.0),
            (1, 500, 0.5),
            (500, 500, 0.5),
            (1700, 500, 2.0),
        ] {
            let end = at(due_ms, period_ms);
            assert!((end - end_s).abs() < 1e-6, "{due_ms} of {period_ms}: {end}");
        }
    }

    #[test]
    fn a_stop_ends_a_wait_for_a_slow_rate() {
        let stop = StopFlag::default();
        let plan = LoadPlan {
            rate: Some(0.001),
            ..LoadPlan::default()
        };
        let load = Load::start(plan, stop.clone(), Arc::new(NoMeter));
        assert!(load.next_operation());
        stop.stop();
        assert!(!load.next_operation());
    }
}
