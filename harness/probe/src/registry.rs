//! The gauges that a program has made known.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A gauge that another part of the program keeps up to date by itself.
pub type IntegerGauge = Arc<AtomicI64>;

/// Most gauges that are kept; later names are ignored, so that a program which makes names
/// up cannot grow the probe without end.
const MOST_GAUGES: usize = 256;

enum Source {
    /// The bits of an `f64` set with [`set_gauge`].
    Float(AtomicU64),
    Shared(IntegerGauge),
}

struct Gauge {
    name: String,
    source: Source,
}

static GAUGES: Mutex<Vec<Gauge>> = Mutex::new(Vec::new());

fn gauges() -> MutexGuard<'static, Vec<Gauge>> {
    // The list is never left half-changed, so that a panic elsewhere does not matter.
    GAUGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets a gauge: a number that is reported beside the memory, a queue's depth for instance.
///
/// The first call with a name makes it known. Takes a lock and looks through the known
/// names; where that is too slow, keep an [`IntegerGauge`] and [`register_gauge`] it.
pub fn set_gauge(name: &str, value: f64) {
    let mut gauges = gauges();
    match gauges.iter_mut().find(|gauge| gauge.name == name) {
        Some(gauge) => match &gauge.source {
            Source::Float(bits) => bits.store(value.to_bits(), Ordering::Relaxed),
            Source::Shared(shared) => shared.store(value as i64, Ordering::Relaxed),
        },
        None => push(
            &mut gauges,
            name,
            Source::Float(AtomicU64::new(value.to_bits())),
        ),
    }
}

/// Makes a shared number known as a gauge; it is read at each sample.
///
/// A gauge of the same name is replaced.
pub fn register_gauge(name: &str, gauge: IntegerGauge) {
    let mut gauges = gauges();
    match gauges.iter_mut().find(|known| known.name == name) {
        Some(known) => known.source = Source::Shared(gauge),
        None => push(&mut gauges, name, Source::Shared(gauge)),
    }
}

fn push(gauges: &mut Vec<Gauge>, name: &str, source: Source) {
    if gauges.len() < MOST_GAUGES {
        gauges.push(Gauge {
            name: name.to_owned(),
            source,
        });
    }
}

/// Calls `visit` with the name and value of each gauge, in the order of their first use.
pub(crate) fn visit_gauges(mut visit: impl FnMut(&str, f64)) {
    for gauge in gauges().iter() {
        let value = match &gauge.source {
            Source::Float(bits) => f64::from_bits(bits.load(Ordering::Relaxed)),
            Source::Shared(shared) => shared.load(Ordering::Relaxed) as f64,
        };
        visit(&gauge.name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_has_the_last_value_that_was_set() {
        let shared = IntegerGauge::default();
        register_gauge("registry-test-shared", Arc::clone(&shared));
        set_gauge("registry-test-set", 1.0);
        set_gauge("registry-test-set", 2.5);
        shared.store(7, Ordering::Relaxed);
        let mut seen = Vec::new();
        visit_gauges(|name, value| {
            if name.starts_with("registry-test") {
                seen.push((name.to_owned(), value));
            }
        });
        assert_eq!(
            seen,
            [
                ("registry-test-shared".to_owned(), 7.0),
                ("registry-test-set".to_owned(), 2.5)
            ]
        );
    }
}
