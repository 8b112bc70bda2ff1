//! How long a run must be to see a leak, and what a run of a given length can see.
//!
//! A [`Plan`] tries: both of its answers are read off one walk along the lengths and leaks for
//! which drawn runs get their `leak`, so they agree. [`Noise`] knows the same from a closed form,
//! which costs nothing and knows no teeth or cycles. Either holds for a run with the noise, the
//! warm-up and the distance between readings of the measured one.

use serde::{Deserialize, Serialize};
use std::cell::RefCell;

use crate::decide::case::Case;
use crate::decide::judge_prepared;
use crate::decide::report::resolution;
use crate::fit::line::Line;
use crate::policy::trial::STEP;
use crate::policy::verdict::DECIDING_CONFIDENCE;
use crate::prepare;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::shape::sawtooth::find_sawtooth;
use crate::stats::student::t_quantile;
use crate::trial::Trial;

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

/// The first leak that is tried, beyond the budget: so many times what the shortest run can see, or
/// the budget. Larger ones need no less.
const FIRST_LEAK: f64 = 1_024.0;

/// Each leak that is tried is, beyond the budget, this share of the one before; of those that the
/// shortest run shows, which need no closer look, [`NEXT_LARGE`] of it.
const NEXT_LEAK: f64 = 0.8;

const NEXT_LARGE: f64 = 0.25;

/// Smallest leak that is tried beyond the budget, in budgets.
const LAST_LEAK: f64 = 0.01;

/// Share of the budget by which a leak must exceed it: the same rate, once by the clock and once by
/// operations, differs in the last digits.
const ACCEPTED: f64 = 1e-3;

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

/// How long a run must be, from its start, for a verdict in nine of ten.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// Growth per hour that was found, where it is above the budget.
    pub growth_per_hour: Option<f64>,
    /// Seconds until `leak` if it grows as it does now; absent where it does not grow beyond the
    /// budget, or where no length that was tried sufficed.
    pub if_it_grows_s: Option<f64>,
    /// Seconds until `no-leak` if it does not grow; absent where no length that was tried
    /// sufficed.
    pub if_it_does_not_s: Option<f64>,
}

/// What a measured run says of the length of others.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its noise.
    pub noise: Noise,
    /// The run taken apart, to be drawn again at other lengths; `None` where too little of it has
    /// settled: then the closed form answers.
    trial: Option<Trial>,
    /// What was tried with it so far.
    walk: RefCell<Walk>,
}

impl Plan {
    /// Takes a run apart. `Ok(None)` where no settled part was found.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] as [`super::judge`].
    pub fn of(series: &Series<'_>, options: &JudgeOptions) -> Result<Option<Self>, JudgeError> {
        let trial = Trial::of(series, options)?;
        let noise = noise_of(series, options)?;
        Ok(noise.map(|noise| Self {
            walk: RefCell::new(Walk::new(&noise, noise.budget_per_hour)),
            noise,
            trial,
        }))
    }

    /// Whether the budget of the measured run accepts growth of `per_hour`.
    pub fn is_accepted(&self, per_hour: f64) -> bool {
        per_hour <= self.noise.budget_per_hour * (1.0 + ACCEPTED)
    }

    /// How long a run must be for a verdict if it grows as this one, and if it does not grow;
    /// `None` where too little has settled.
    pub fn lengths(&self) -> Option<Lengths> {
        let trial = self.trial.as_ref()?;
        let growth = Some(trial.growth_per_hour()).filter(|growth| !self.is_accepted(*growth));
        let level = trial.length_without_growth_s();
        Some(Lengths {
            growth_per_hour: growth,
            if_it_grows_s: growth.and_then(|growth| self.needs_s(growth)),
            if_it_does_not_s: level.map(|level| level.max(self.noise.shortest_s)),
        })
    }

    /// Seconds, warm-up included, that a run must last to be called a leak if it grows by
    /// `per_hour`, with a chance of nine in ten; at least [`Noise::shortest_s`], and never more
    /// than a smaller leak needs. What the budget accepts is held against none. `None` where no
    /// length that was tried sufficed.
    pub fn needs_s(&self, per_hour: f64) -> Option<f64> {
        let is_accepted = self.is_accepted(per_hour);
        let Some(trial) = &self.trial else {
            let budget = self.noise.budget_per_hour;
            let beyond = if is_accepted { 0.0 } else { budget };
            let needs_s = self.noise.length_s(per_hour - beyond);
            return Some(needs_s).filter(|needs_s| needs_s.is_finite());
        };
        match is_accepted {
            // A smaller budget may be as small as that of none.
            true => Walk::new(&self.noise, 0.0).needs_s(&trial.clone().without_budget(), per_hour),
            false => self.walk.borrow_mut().needs_s(trial, per_hour),
        }
    }

    /// The smallest leak per hour that a run of `length_s` seconds, warm-up included, shows with a
    /// chance of nine in ten: the last whose [`Plan::needs_s`] is no longer. `None` where it is too
    /// short for any that was tried.
    pub fn visible_per_hour_in(&self, length_s: f64) -> Option<f64> {
        let Some(trial) = &self.trial else {
            let noise = &self.noise;
            let visible = noise.visible_per_hour_in(length_s) + noise.budget_per_hour;
            return Some(visible).filter(|visible| visible.is_finite());
        };
        self.walk.borrow_mut().visible_per_hour_in(trial, length_s)
    }
}

/// A leak, and the shortest run that shows it and all larger ones.
#[derive(Debug, Clone, Copy)]
struct Seen {
    length_s: f64,
    per_hour: f64,
}

/// The way from the shortest run and a large leak on: a smaller leak where this one is seen, a longer
/// run where it is not.
#[derive(Debug, Clone)]
struct Walk {
    /// What was seen on it, from large leaks to small ones, and so from short runs to long ones.
    seen: Vec<Seen>,
    warm_up_s: f64,
    budget: f64,
    /// The run that is tried next.
    length_s: f64,
    /// What the leak that is tried next grows by beyond the budget.
    beyond: f64,
    /// Share of it that the one behind it grows by.
    next: f64,
}

impl Walk {
    fn new(noise: &Noise, budget: f64) -> Self {
        let visible = noise.visible_per_hour_in(noise.shortest_s);
        Self {
            seen: Vec::new(),
            warm_up_s: noise.warm_up_s,
            budget,
            length_s: noise.shortest_s,
            beyond: FIRST_LEAK * visible.max(noise.budget_per_hour),
            next: NEXT_LARGE,
        }
    }

    fn needs_s(&mut self, trial: &Trial, per_hour: f64) -> Option<f64> {
        while self.seen.last().is_none_or(|seen| seen.per_hour > per_hour) {
            self.step(trial, f64::INFINITY)?;
        }
        let first = self.seen.iter().find(|seen| seen.per_hour <= per_hour);
        first.map(|seen| seen.length_s)
    }

    fn visible_per_hour_in(&mut self, trial: &Trial, length_s: f64) -> Option<f64> {
        // As in the closed form, rounding does not decide.
        let length_s = length_s * (1.0 + 1e-9);
        while self.step(trial, length_s).is_some() {}
        let mut seen = self.seen.iter().rev();
        let last = seen.find(|seen| seen.length_s <= length_s);
        last.map(|seen| seen.per_hour)
    }

    /// Tries one leak in one run of up to `longest_s`; `None` where the way ends.
    fn step(&mut self, trial: &Trial, longest_s: f64) -> Option<()> {
        let longest_s = longest_s.min(self.warm_up_s + trial.longest_s());
        if self.beyond <= LAST_LEAK * self.budget || self.length_s > longest_s {
            return None;
        }
        let per_hour = self.budget + self.beyond;
        if trial.sees(self.length_s - self.warm_up_s, per_hour) {
            self.seen.push(Seen {
                length_s: self.length_s,
                per_hour,
            });
            self.beyond *= self.next;
        } else if self.next == NEXT_LARGE && !self.seen.is_empty() {
            // Between this one and the last one that was seen.
            self.beyond *= NEXT_LEAK / NEXT_LARGE;
            self.next = NEXT_LEAK;
        } else {
            self.length_s *= STEP;
            self.next = NEXT_LEAK;
        }
        Some(())
    }
}
