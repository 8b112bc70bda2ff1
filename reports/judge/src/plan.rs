//! How long a run must be to see a leak, and what a run of a given length can see.
//!
//! Both answers come from one curve, [`Noise::visible_per_hour_in`], so they agree. It holds for
//! a run with the noise, the warm-up and the distance between readings of the measured one.

use serde::{Deserialize, Serialize};

use crate::decide::case::Case;
use crate::decide::judge_prepared;
use crate::decide::report::resolution;
use crate::fit::line::Line;
use crate::policy::verdict::DECIDING_CONFIDENCE;
use crate::prepare;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::shape::sawtooth::find_sawtooth;

use crate::stats::student::t_quantile;

/// Readings of the settled part below which nothing is promised: with fewer, the noise itself
/// is hardly known.
const FEWEST_READINGS: f64 = 20.0;

/// Teeth of a sawtooth below which nothing is promised: fewer must be alike to be judged.
const FEWEST_TEETH: f64 = 8.0;

/// Grains by which values must rise: the judge takes five steps up for a staircase, and one may
/// be lost at the ends.
const FEWEST_GRAINS: f64 = 6.0;

/// Share of the run in which a fall belongs to the warm-up; later it is a restart, and the
/// warm-up begins anew.
const EARLY: f64 = 0.1;

/// Quantile of the normal distribution for a chance of nine in ten.
const NINE_IN_TEN: f64 = 1.281_551_565_544_6;

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
    /// Seconds from one reading to the next.
    pub interval_s: f64,
    /// Shortest run, warm-up included, that a verdict can be expected of, seconds.
    pub shortest_s: f64,
    /// Growth per hour that a run like this one could tell from none.
    pub visible_per_hour: f64,
    /// Growth per hour that the noise alone hides in the settled part.
    pub noise_per_hour: f64,
    /// Seconds until a reading says something new: the distance of readings, more where noise
    /// has a memory.
    pub independent_s: f64,
    /// The grain that values come in, in their unit; 0 where they have none.
    pub grain: f64,
    /// Budget per hour that the run was measured with.
    pub budget_per_hour: f64,
    /// Operations per hour of that run, where it counted them.
    pub operations_per_hour: Option<f64>,
}

/// Measures the noise of `series`. `Ok(None)` where no settled part was found.
///
/// # Errors
///
/// [`JudgeError`] as [`super::judge`].
pub fn noise_of(series: &Series<'_>, options: &JudgeOptions) -> Result<Option<Noise>, JudgeError> {
    let prepared = prepare::prepare(series, options)?;
    let finding = judge_prepared(&Case::new(&prepared, options, DECIDING_CONFIDENCE));
    let Some(line) = &finding.line else {
        return Ok(None);
    };
    let unit_s = prepared.seconds_per_unit;
    let per_hour = 3_600.0 / unit_s;
    let settled_s = (finding.fitted.1 - finding.fitted.0) * unit_s;
    let begin = match finding.stretch.0 < EARLY * finding.fitted.1 {
        true => 0.0,
        false => finding.stretch.0,
    };
    let warm_up_s = (finding.fitted.0 - begin) * unit_s;
    let interval_s = prepared.duration_s / (prepared.points as f64 - 1.0).max(1.0);
    let teeth = find_sawtooth(&prepared.fine).map(|sawtooth| sawtooth.floor.len() as f64);
    // The line was fitted to this many points at most; its memory is that from point to point.
    let (point_s, least_s, fewest_s) = match teeth {
        Some(teeth) => {
            let tooth_s = settled_s / teeth;
            (tooth_s, tooth_s, FEWEST_TEETH * tooth_s)
        }
        None => (
            interval_s.max(settled_s / 400.0),
            interval_s,
            FEWEST_READINGS * interval_s,
        ),
    };
    let without_grain = Line {
        grain_error: 0.0,
        ..line.clone()
    };
    let mut noise = Noise {
        settled_s,
        warm_up_s,
        interval_s,
        // A part shorter than the warm-up before it may be the rest of the warm-up.
        shortest_s: warm_up_s + fewest_s.max(warm_up_s),
        visible_per_hour: 0.0,
        noise_per_hour: resolution(&without_grain) * per_hour,
        independent_s: independent_s(line.memory.rho, settled_s / point_s, point_s, least_s),
        grain: match options.exact {
            true => 1.0,
            false => prepared.grain,
        },
        budget_per_hour: finding.budget * per_hour,
        operations_per_hour: prepared
            .operations
            .filter(|_| prepared.duration_s > 0.0)
            .map(|n| n / prepared.duration_s * 3_600.0),
    };
    noise.visible_per_hour = noise.visible_after_warm_up(settled_s);
    Ok(Some(noise))
}

/// Seconds until a reading says something new, from the memory between `points` points that
/// are `point_s` apart, each of one reading or more; at least `least_s`.
fn independent_s(rho: f64, points: f64, point_s: f64, least_s: f64) -> f64 {
    // Within chance there is no memory (the standard error of a correlation is 1/√n).
    if rho < 2.0 / points.sqrt() {
        return least_s;
    }
    let from_reading_to_reading = rho.min(0.99).powf(least_s / point_s);
    least_s * (1.0 + from_reading_to_reading) / (1.0 - from_reading_to_reading)
}

impl Noise {
    /// Seconds (warm-up included) that a run with this noise must last to tell growth of
    /// `per_hour` from none with a chance of nine in ten; at least [`Noise::shortest_s`].
    /// Infinite for no growth.
    pub fn length_s(&self, per_hour: f64) -> f64 {
        if per_hour <= 0.0 {
            return f64::INFINITY;
        }
        let (mut low, mut high) = (0.0, self.shortest_s - self.warm_up_s);
        if self.visible_after_warm_up(high) <= per_hour {
            return self.shortest_s;
        }
        while self.visible_after_warm_up(high) > per_hour && high < 1e18 {
            low = high;
            high *= 2.0;
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if self.visible_after_warm_up(middle) > per_hour {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.warm_up_s + high
    }

    /// Growth per hour that a run of `length_s` seconds (warm-up included) can tell from none
    /// with a chance of nine in ten. Infinite where it is shorter than [`Noise::shortest_s`].
    pub fn visible_per_hour_in(&self, length_s: f64) -> f64 {
        // A hair's breadth, so that rounding does not decide about the shortest run itself.
        if length_s < self.shortest_s * (1.0 - 1e-9) {
            return f64::INFINITY;
        }
        self.visible_after_warm_up(length_s - self.warm_up_s)
    }

    /// The interval of a slope shrinks with the length to the power of three halves, and with
    /// the quantile of Student's t for the readings that say something new; what the grain
    /// hides shrinks with the length itself.
    fn visible_after_warm_up(&self, settled_s: f64) -> f64 {
        let wider = self.interval_factor(settled_s) / self.interval_factor(self.settled_s);
        let by_noise = self.noise_per_hour * (self.settled_s / settled_s).powf(1.5) * wider;
        let by_grain = FEWEST_GRAINS * self.grain * 3_600.0 / settled_s;
        by_noise.max(by_grain)
    }

    /// Standard errors that a slope must have for a chance of nine in ten to be seen.
    fn interval_factor(&self, settled_s: f64) -> f64 {
        let degrees = (settled_s / self.independent_s - 2.0).max(1.0);
        t_quantile(0.5 + DECIDING_CONFIDENCE / 2.0, degrees) + NINE_IN_TEN
    }

    /// Growth per hour from growth per operation, at the rate of the measured run.
    pub fn per_hour_of_operation(&self, per_operation: f64) -> Option<f64> {
        self.operations_per_hour.map(|rate| rate * per_operation)
    }
}
