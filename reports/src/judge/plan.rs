//! How long a run must be to see a leak, and what a run of a given length can see.

use serde::{Deserialize, Serialize};

use super::decide::{DECIDING_CONFIDENCE, examine, resolution};
use super::frame;
use super::types::{JudgeError, JudgeOptions, Series};

/// The noise of an earlier run, as far as it decides what a run can see.
///
/// `per_hour` fields are in units of the value per hour; where the run counted operations and
/// the budget was per operation, they are converted by its rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Length of the settled part, seconds.
    pub settled_s: f64,
    /// Length of the warm-up before it, seconds.
    pub warm_up_s: f64,
    /// Growth per hour that the settled part could tell from none.
    pub visible_per_hour: f64,
    /// Operations per hour of that run, where it counted them.
    pub operations_per_hour: Option<f64>,
}

/// Measures the noise of `series`. `Ok(None)` where no settled part was found.
///
/// # Errors
///
/// [`JudgeError`] as [`super::judge`].
pub fn noise_of(series: &Series<'_>, options: &JudgeOptions) -> Result<Option<Noise>, JudgeError> {
    let frame = frame::prepare(series, options)?;
    let finding = examine(&frame, options, DECIDING_CONFIDENCE);
    let Some(line) = &finding.line else {
        return Ok(None);
    };
    let unit_s = frame.seconds_per_unit;
    let per_hour = 3_600.0 / unit_s;
    Ok(Some(Noise {
        settled_s: (finding.fitted.1 - finding.fitted.0) * unit_s,
        warm_up_s: (finding.fitted.0 - finding.stretch.0) * unit_s,
        visible_per_hour: resolution(line) * per_hour,
        operations_per_hour: frame
            .operations
            .filter(|_| frame.duration_s > 0.0)
            .map(|n| n / frame.duration_s * 3_600.0),
    }))
}

impl Noise {
    /// Seconds (warm-up included) that a run with this noise must last to tell growth of
    /// `per_hour` from none with a chance of nine in ten. Infinite for no growth.
    ///
    /// The interval of a slope shrinks with the length to the power of three halves.
    pub fn length_s(&self, per_hour: f64) -> f64 {
        if per_hour <= 0.0 {
            return f64::INFINITY;
        }
        self.warm_up_s + self.settled_s * (self.visible_per_hour / per_hour).powf(2.0 / 3.0)
    }

    /// Growth per hour that a run of `length_s` seconds (warm-up included) can tell from none
    /// with a chance of nine in ten. Infinite where nothing is left after the warm-up.
    pub fn visible_per_hour_in(&self, length_s: f64) -> f64 {
        let settled = length_s - self.warm_up_s;
        if settled <= 0.0 {
            return f64::INFINITY;
        }
        self.visible_per_hour * (self.settled_s / settled).powf(1.5)
    }

    /// Growth per hour from growth per operation, at the rate of the measured run.
    pub fn per_hour_of_operation(&self, per_operation: f64) -> Option<f64> {
        self.operations_per_hour.map(|rate| rate * per_operation)
    }
}
