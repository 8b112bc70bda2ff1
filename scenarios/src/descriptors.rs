//! Descriptors: a lower limit for a run, and reaching it as a recorded outcome.

use crate::{Meter, Parameter, ParameterKind, WorkloadError};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The mark at the instant at which the limit is first met.
pub(crate) const LIMIT_MARK: &str = "descriptor-limit";

/// The parameter that sets the limit; for [`LoweredLimit::of`].
pub(crate) const LIMIT_PARAMETER: Parameter = Parameter {
    name: "descriptor-limit",
    help: "soft limit on open descriptors of the process (RLIMIT_NOFILE); 0 keeps the one it has",
    kind: ParameterKind::Count {
        min: 0,
        max: 1 << 20,
        default: 0,
    },
};

/// Whether the system refused a descriptor because the process (`EMFILE`) or the machine
/// (`ENFILE`) has too many.
pub(crate) fn is_limit(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| [Errno::MFILE, Errno::NFILE].contains(&Errno::from_raw_os_error(code)))
}

/// Sees refusals and marks the first one that is the descriptor limit.
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

    /// Whether `error` is the limit.
    pub(crate) fn is_limit(&self, error: &io::Error) -> bool {
        let limit = is_limit(error);
        if limit && !self.reached.swap(true, Ordering::Relaxed) {
            self.meter.mark(LIMIT_MARK);
        }
        limit
    }
}

/// A limit set for as long as this lives; dropping it restores the one before.
pub(crate) struct LoweredLimit(Rlimit);

impl LoweredLimit {
    /// Sets the soft limit to `descriptors`; `None`, and nothing is changed, for 0.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if it lies above the hard limit.
    pub(crate) fn of(descriptors: usize) -> Result<Option<Self>, WorkloadError> {
        if descriptors == 0 {
            return Ok(None);
        }
        let before = getrlimit(Resource::Nofile);
        let lowered = Rlimit {
            current: Some(descriptors as u64),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, lowered).map_err(|refusal| WorkloadError::Io {
            doing: "setting the descriptor limit",
            source: refusal.into(),
        })?;
        Ok(Some(LoweredLimit(before)))
    }
}

impl Drop for LoweredLimit {
    fn drop(&mut self) {
        // The limit before was accepted once, and the hard limit has not moved.
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_codes_of_too_many_descriptors_are_the_limit() {
        // Linux errno(3): ENFILE 23, EMFILE 24; ENOENT 2.
        assert!(is_limit(&io::Error::from_raw_os_error(23)));
        assert!(is_limit(&io::Error::from_raw_os_error(24)));
        assert!(!is_limit(&io::Error::from_raw_os_error(2)));
        assert!(!is_limit(&io::Error::other("too many open files")));
    }

    #[test]
    fn a_lowered_limit_is_restored() {
        let before = getrlimit(Resource::Nofile);
        // High enough for whatever tests run beside this one.
        let lower = before.current.map_or(1000, |now| now - 1);
        let lowered = LoweredLimit::of(lower as usize).expect("below the hard limit");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(lower));
        drop(lowered);
        assert_eq!(getrlimit(Resource::Nofile), before);
    }
}
