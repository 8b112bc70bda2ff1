//! The judge measured on the user's own healthy runs: how often it cries wolf, and the
//! smallest leak that it sees.
//!
//! A healthy series is taken apart into its settled line and what is left, and put together
//! again from blocks of what is left, drawn at random; blocks keep the memory of the noise.
//! Judged without growth these give the rate of false alarms; with growth added, the share of
//! leaks that are seen.
//!
//! # Source
//!
//! H. R. Künsch, "The jackknife and the bootstrap for general stationary observations",
//! Annals of Statistics 17 (1989), 1217–1241.

use serde::{Deserialize, Serialize};

use crate::decide::case::Case;
use crate::decide::report::resolution;
use crate::decide::{judge, judge_prepared};
use crate::judgement::Verdict;
use crate::policy::verdict::DECIDING_CONFIDENCE;
use crate::prepare;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::stats::random::SplitMix;
use crate::stats::student::t_quantile;

/// How much to do.
#[derive(Debug, Clone, Copy)]
pub struct CalibrateOptions {
    /// Series put together per healthy run and per slope.
    pub resamples: usize,
    /// Share of leaks that must be seen for a slope to count as seen.
    pub seen_share: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for CalibrateOptions {
    fn default() -> Self {
        Self {
            resamples: 100,
            seen_share: 0.9,
            seed: 1,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Healthy series used.
    pub series: usize,
    /// Judged series without growth.
    pub trials: usize,
    /// Share of them called a leak.
    pub false_alarm_rate: f64,
    /// Upper 95 % limit of that share (Wilson).
    pub false_alarm_rate_high: f64,
    /// Share of them called inconclusive.
    pub inconclusive_rate: f64,
    /// Smallest added growth per hour that was called a leak in the wanted share of trials.
    pub smallest_leak_per_hour: Option<f64>,
    /// Share called a leak, by added growth per hour.
    pub seen: Vec<SeenShare>,
}

/// How often a leak of one size was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeenShare {
    /// Added growth per hour.
    pub per_hour: f64,
    /// Share called a leak.
    pub share: f64,
}

/// Measures the judge on healthy `runs`. Runs in which no settled part is found are left out.
///
/// Cost: about eight times `resamples` judgements per run.
///
/// # Errors
///
/// [`JudgeError`] as [`super::judge`]; `Empty` if no run has a settled part.
pub fn calibrate(
    runs: &[Series<'_>],
    options: &JudgeOptions,
    how: &CalibrateOptions,
) -> Result<Calibration, JudgeError> {
    let mut random = SplitMix::new(how.seed);
    let mut healthy = Vec::new();
    for run in runs {
        if let Some(model) = take_apart(run, options)? {
            healthy.push(model);
        }
    }
    let Some(scale) = healthy
        .iter()
        .map(|model| model.budget_per_hour.max(0.0) + model.visible_per_hour)
        .reduce(f64::max)
    else {
        return Err(JudgeError::Empty);
    };
    let mut tally = [0_usize; 3];
    for model in &healthy {
        for _ in 0..how.resamples {
            let verdict = model.judged_with(0.0, options, &mut random)?;
            tally[verdict as usize] += 1;
        }
    }
    let trials = tally.iter().sum::<usize>();
    let mut seen = Vec::new();
    for factor in [0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0] {
        let per_hour = scale * factor;
        let mut leaks = 0;
        for model in &healthy {
            for _ in 0..how.resamples {
                let verdict = model.judged_with(per_hour, options, &mut random)?;
                leaks += usize::from(verdict == Verdict::Leak);
            }
        }
        seen.push(SeenShare {
            per_hour,
            share: leaks as f64 / trials.max(1) as f64,
        });
    }
    let rate = |count: usize| count as f64 / trials.max(1) as f64;
    let smallest = (0..seen.len()).find(|&i| seen[i..].iter().all(|s| s.share >= how.seen_share));
    Ok(Calibration {
        series: healthy.len(),
        trials,
        false_alarm_rate: rate(tally[Verdict::Leak as usize]),
        false_alarm_rate_high: wilson_high(tally[Verdict::Leak as usize], trials),
        inconclusive_rate: rate(tally[Verdict::Inconclusive as usize]),
        smallest_leak_per_hour: smallest.map(|i| seen[i].per_hour),
        seen,
    })
}

/// A healthy series: its settled level and what is left of it.
struct Healthy {
    time_s: Vec<f64>,
    operations: Option<Vec<f64>>,
    level: f64,
    rest: Vec<f64>,
    block: usize,
    budget_per_hour: f64,
    visible_per_hour: f64,
}

fn take_apart(run: &Series<'_>, options: &JudgeOptions) -> Result<Option<Healthy>, JudgeError> {
    let prepared = prepare::prepare(run, options)?;
    let finding = judge_prepared(&Case::new(&prepared, options, DECIDING_CONFIDENCE));
    let Some(line) = &finding.line else {
        return Ok(None);
    };
    let unit_s = prepared.seconds_per_unit;
    let begin_s = prepared.start_s + prepared.lead_s + finding.fitted.0 * unit_s;
    let slope_per_s = line.slope / unit_s;
    let first_value = prepared.base + line.start_value;
    let kept: Vec<usize> = (0..run.time_s.len())
        .filter(|&i| {
            run.time_s[i] >= begin_s
                && run.value[i].is_finite()
                && options.load.is_none_or(|load| load.contains(run.time_s[i]))
                && !run
                    .excluded
                    .iter()
                    .any(|window| window.contains(run.time_s[i]))
        })
        .collect();
    if kept.len() < 10 {
        return Ok(None);
    }
    let rest: Vec<f64> = kept
        .iter()
        .map(|&i| run.value[i] - first_value - slope_per_s * (run.time_s[i] - begin_s))
        .collect();
    // Long enough for the memory of the noise, short enough for twenty of them.
    let n = rest.len();
    let per_point = (n as f64 / 400.0).max(1.0);
    let memory = per_point * 10.0 / (1.0 - line.memory.rho);
    let most = (n / 20).max(2);
    let block = (memory as usize).clamp(((n as f64).cbrt() as usize + 1).min(most), most);
    Ok(Some(Healthy {
        time_s: kept.iter().map(|&i| run.time_s[i]).collect(),
        operations: run
            .operations
            .map(|operations| kept.iter().map(|&i| operations[i]).collect()),
        level: first_value,
        rest,
        block,
        budget_per_hour: finding.budget * 3_600.0 / unit_s,
        visible_per_hour: resolution(line) * 3_600.0 / unit_s,
    }))
}

impl Healthy {
    fn judged_with(
        &self,
        per_hour: f64,
        options: &JudgeOptions,
        random: &mut SplitMix,
    ) -> Result<Verdict, JudgeError> {
        let n = self.rest.len();
        let mut value = Vec::with_capacity(n);
        while value.len() < n {
            let start = random.below((n - self.block + 1) as u64) as usize;
            let length = self.block.min(n - value.len());
            value.extend_from_slice(&self.rest[start..start + length]);
        }
        let begin = self.time_s[0];
        for (value, time) in value.iter_mut().zip(&self.time_s) {
            *value = (*value + self.level + per_hour * (time - begin) / 3_600.0).max(0.0);
        }
        let series = Series {
            time_s: &self.time_s,
            value: &value,
            operations: self.operations.as_deref(),
            ..Series::default()
        };
        let options = JudgeOptions {
            load: None,
            ..options.clone()
        };
        Ok(judge(&series, &options)?.verdict)
    }
}

/// Wilson's upper limit of a share at 95 %, one-sided intervals of 97.5 %.
fn wilson_high(count: usize, trials: usize) -> f64 {
    if trials == 0 {
        return 1.0;
    }
    let z = t_quantile(0.975, 1e9);
    let n = trials as f64;
    let share = count as f64 / n;
    let center = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    (center + spread) / (1.0 + z * z / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_share_equals_statsmodels() {
        // statsmodels 0.15.0: proportion_confint(3, 200, method="wilson")[1]
        assert!(
            (wilson_high(3, 200) - 0.043_165_728_792_690_275).abs() < 1e-7,
            "{}",
            wilson_high(3, 200)
        );
    }
}
