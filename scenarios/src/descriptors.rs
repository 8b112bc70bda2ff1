//! The limit on descriptors: reaching it is an outcome of a run, not the end of it.

use crate::Meter;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The mark at the instant at which the limit is first met.
const LIMIT_MARK: &str = "descriptor-limit";

/// `ENFILE` and `EMFILE`, the machine's limit and the process's; Linux, errno(3).
const LIMIT_CODES: [i32; 2] = [23, 24];

/// Sees refusals and marks the first one that is the limit on descriptors.
pub(crate) struct LimitWatch {
    meter: Arc<dyn Meter>,
    reached: AtomicBool,
}

impl LimitWatch {
    pub(crate) fn new(meter: Arc<dyn Meter>) -> Self {
        LimitWatch {
            meter,
            reached: AtomicBool::new(false),
        }
    }

    /// Whether the system refused a descriptor because there are too many.
    pub(crate) fn is_limit(&self, error: &io::Error) -> bool {
        let limit = error
            .raw_os_error()
            .is_some_and(|code| LIMIT_CODES.contains(&code));
        if limit && !self.reached.swap(true, Ordering::Relaxed) {
            self.meter.mark(LIMIT_MARK);
        }
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMeter;

    #[test]
    fn only_the_codes_of_too_many_descriptors_are_the_limit() {
        let watch = LimitWatch::new(Arc::new(NoMeter));
        assert!(watch.is_limit(&io::Error::from_raw_os_error(24)));
        assert!(!watch.is_limit(&io::Error::from_raw_os_error(2)));
        assert!(!watch.is_limit(&io::Error::other("too many open files")));
    }
}
