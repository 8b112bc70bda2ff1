//! How surely a figure of a side is known: from blocks of one run, or from several runs.

use super::figure::Figure;
use super::ratio::{CONFIDENCE, Estimate, Z};
use crate::cell::{in_load, rise_per_s};
use leaklab_judge::stats::quantile::median;
use leaklab_judge::stats::student::t_quantile;
use leaklab_run::{Phase, SampleTable, columns};

/// A value with its standard error and the degrees of freedom behind that.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Moments {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom of the error; absent for an error that is known.
    pub degrees: Option<f64>,
}

/// A figure of a side: its value, and how surely that is known.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// The value; of several runs the geometric mean, or the mean where one is not above zero.
    pub value: f64,
    /// Standard error of the value's logarithm: its relative error.
    pub log_error: f64,
    /// Runs behind it.
    pub runs: u64,
}

/// Blocks that the load of one run is cut in: their means are nearly independent where ticks are
/// not (batch means; C. Alexopoulos and A. F. Seila in "Handbook of Simulation", 1998, ch. 7).
const BLOCKS: usize = 10;

/// How much two runs of the same program differ in time, rate and latency where only one was made:
/// a shared machine gives and takes that much.
const BETWEEN_RUNS_OF_TIMES: f64 = 0.25;

/// The same of levels and counts.
const BETWEEN_RUNS_OF_LEVELS: f64 = 0.05;

/// Smallest relative error of a figure: that of clocks. Runs that agree to the last digit must not
/// make the next rounding a change.
const LEAST: f64 = 0.001;

/// Clock ticks by which CPU time is counted, in milliseconds.
const CPU_TICK_MS: f64 = 10.0;

impl Spread {
    /// A figure of one run. How much runs differ is assumed, because one does not show it.
    pub(super) fn of_run(figure: Figure, value: f64, table: &SampleTable) -> Self {
        let within = match figure {
            Figure::Throughput => block_error(&block_rises(table, columns::OPS_TOTAL, None)),
            Figure::CpuPerOperation => {
                let ops = Some(columns::OPS_TOTAL);
                let blocks = block_error(&block_rises(table, columns::CPU_MS, ops));
                blocks.hypot(cpu_grain(table))
            }
            Figure::LatencyP50 => block_error(&block_medians(table, columns::LATENCY_P50_US)),
            Figure::LatencyP99 => block_error(&block_medians(table, columns::LATENCY_P99_US)),
            _ => 0.0,
        };
        let between = match figure {
            Figure::Throughput
            | Figure::CpuPerOperation
            | Figure::LatencyP50
            | Figure::LatencyP99
            | Figure::StartUp => BETWEEN_RUNS_OF_TIMES,
            _ => BETWEEN_RUNS_OF_LEVELS,
        };
        Spread {
            value,
            log_error: within.hypot(between),
            runs: 1,
        }
    }

    /// The figure of several runs: what they differ by is what they show.
    pub(super) fn of_runs(runs: &[Spread]) -> Option<Self> {
        let (first, count) = (runs.first()?, runs.len() as f64);
        if runs.len() == 1 {
            return Some(*first);
        }
        let logs: Vec<f64> = runs.iter().map(|run| run.value.ln()).collect();
        if logs.iter().any(|log| !log.is_finite()) {
            let value = runs.iter().map(|run| run.value).sum::<f64>() / count;
            return Some(Spread { value, ..*first });
        }
        let mean = logs.iter().sum::<f64>() / count;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        Some(Spread {
            value: mean.exp(),
            log_error: error.max(LEAST),
            runs: runs.len() as u64,
        })
    }

    fn log(&self) -> Option<Moments> {
        let value = self.value.ln();
        value.is_finite().then_some(Moments {
            value,
            standard_error: self.log_error,
            degrees: (self.runs > 1).then_some(self.runs as f64 - 1.0),
        })
    }
}

/// The ratio `after / before` of two figures, with an interval that holds it with `confidence`.
pub(super) fn ratio_of(before: &Spread, after: &Spread, confidence: f64) -> Option<Estimate> {
    let (before, after) = (before.log()?, after.log()?);
    let difference = Moments::difference(&before, &after).interval(confidence);
    Some(Estimate {
        value: difference.value.exp(),
        low: difference.low.exp(),
        high: difference.high.exp(),
    })
}

impl Moments {
    /// The mean of the estimates of several runs. Its error is what they differ by, or what they
    /// say of themselves if that is more.
    pub fn of_runs(runs: &[Estimate]) -> Option<Self> {
        let count = runs.len() as f64;
        if runs.is_empty() {
            return None;
        }
        let value = runs.iter().map(|run| run.value).sum::<f64>() / count;
        let own = runs.iter().map(|run| run.standard_error().powi(2));
        let within = own.sum::<f64>().sqrt() / count;
        let squares: f64 = runs.iter().map(|run| (run.value - value).powi(2)).sum();
        let between = match runs.len() {
            1 => 0.0,
            _ => (squares / (count - 1.0) / count).sqrt(),
        };
        Some(match between > within {
            true => Moments {
                value,
                standard_error: between,
                degrees: Some(count - 1.0),
            },
            false => Moments {
                value,
                standard_error: within,
                degrees: None,
            },
        })
    }

    /// `after - before`, both independent.
    ///
    /// # Source
    ///
    /// Degrees of freedom: B. L. Welch, "The generalization of 'Student's' problem when several
    /// different population variances are involved", Biometrika 34 (1947), 28–35.
    pub fn difference(before: &Self, after: &Self) -> Self {
        Moments {
            value: after.value - before.value,
            standard_error: before.standard_error.hypot(after.standard_error),
            degrees: welch(&[(before, 1.0), (after, 1.0)]),
        }
    }

    /// The value with the interval that holds it with `confidence`.
    pub fn interval(&self, confidence: f64) -> Estimate {
        let half = quantile(confidence, self.degrees) * self.standard_error;
        Estimate {
            value: self.value,
            low: self.value - half,
            high: self.value + half,
        }
    }
}

/// Degrees of freedom of a sum of independent values, each with a factor.
pub(super) fn welch(parts: &[(&Moments, f64)]) -> Option<f64> {
    let variance = |(one, factor): &(&Moments, f64)| (factor * one.standard_error).powi(2);
    let total: f64 = parts.iter().map(variance).sum();
    let estimated: f64 = parts
        .iter()
        .filter_map(|part| Some(variance(part).powi(2) / part.0.degrees?))
        .sum();
    (estimated > 0.0).then(|| total.powi(2) / estimated)
}

/// How many standard errors to each side hold a value with `confidence`.
pub(super) fn quantile(confidence: f64, degrees: Option<f64>) -> f64 {
    if degrees.is_none() && confidence == CONFIDENCE {
        return Z;
    }
    t_quantile(0.5 + confidence / 2.0, degrees.unwrap_or(1e9))
}

/// Relative standard error of the mean of blocks.
fn block_error(blocks: &[f64]) -> f64 {
    let count = blocks.len() as f64;
    let mean = blocks.iter().sum::<f64>() / count;
    if blocks.len() < 3 || mean <= 0.0 {
        return 0.0;
    }
    let squares: f64 = blocks.iter().map(|one| (one - mean).powi(2)).sum();
    (squares / (count - 1.0) / count).sqrt() / mean
}

/// The rows of the load in blocks of equal length.
fn blocks(table: &SampleTable) -> Vec<Vec<usize>> {
    let rows: Vec<usize> = (0..table.len())
        .filter(|&row| table.phase[row] == Phase::Load)
        .collect();
    let [Some(first), Some(last)] = [rows.first(), rows.last()] else {
        return Vec::new();
    };
    let (from, to) = (table.elapsed_ms[*first], table.elapsed_ms[*last]);
    let mut blocks = vec![Vec::new(); BLOCKS];
    for row in rows {
        let share = (table.elapsed_ms[row] - from) / (to - from).max(f64::MIN_POSITIVE);
        let block = ((share * BLOCKS as f64) as usize).min(BLOCKS - 1);
        blocks[block].push(row);
    }
    blocks
}

/// How much a total rises in each block, per second or per rise of another total.
fn block_rises(table: &SampleTable, column: &str, per: Option<&str>) -> Vec<f64> {
    let rise = |rows: &[usize], values: &[f64]| {
        let mut known = rows
            .iter()
            .map(|&row| values[row])
            .filter(|v| v.is_finite());
        let first = known.next()?;
        Some(known.next_back()? - first)
    };
    let Some(values) = table.column(column) else {
        return Vec::new();
    };
    let below = match per {
        Some(per) => match table.column(per) {
            Some(values) => values,
            None => return Vec::new(),
        },
        None => &table.elapsed_ms[..],
    };
    let ratio = |rows: &Vec<usize>| {
        let ratio = rise(rows, values)? / rise(rows, below).filter(|below| *below > 0.0)?;
        ratio.is_finite().then_some(ratio)
    };
    blocks(table).iter().filter_map(ratio).collect()
}

fn block_medians(table: &SampleTable, column: &str) -> Vec<f64> {
    let Some(values) = table.column(column) else {
        return Vec::new();
    };
    let middle = |rows: &Vec<usize>| {
        let known = rows
            .iter()
            .map(|&row| values[row])
            .filter(|v| v.is_finite());
        median(&known.collect::<Vec<f64>>())
    };
    blocks(table).iter().filter_map(middle).collect()
}

/// Relative error of the CPU time of a load that comes from its being counted in ticks.
fn cpu_grain(table: &SampleTable) -> f64 {
    let Some(values) = table.column(columns::CPU_MS) else {
        return 0.0;
    };
    let seconds = in_load(table, values).map(|(s, _)| s);
    let length = seconds.clone().next_back().unwrap_or(0.0) - seconds.clone().next().unwrap_or(0.0);
    let spent = rise_per_s(table, columns::CPU_MS).unwrap_or(0.0) * length;
    CPU_TICK_MS / spent.max(CPU_TICK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(values: &[f64]) -> Vec<Spread> {
        let run = |&value: &f64| Spread {
            value,
            log_error: 0.25,
            runs: 1,
        };
        values.iter().map(run).collect()
    }

    #[test]
    fn ratios_of_repeated_figures_have_the_interval_of_scipy() {
        // scipy 1.17.1: r = ttest_ind(log(after), log(before), equal_var=False);
        // exp(r.confidence_interval(0.95))
        let before = Spread::of_runs(&runs(&[500.0, 510.0, 495.0, 505.0, 490.0]));
        let after = Spread::of_runs(&runs(&[430.0, 460.0, 445.0, 452.0, 441.0]));
        let ratio = before
            .zip(after)
            .and_then(|(before, after)| ratio_of(&before, &after, 0.95))
            .expect("figures above zero");
        assert!(
            (ratio.low - 0.862_992_005_072_609_8).abs() < 1e-6,
            "{ratio:?}"
        );
        assert!(
            (ratio.high - 0.920_037_272_164_753_1).abs() < 1e-6,
            "{ratio:?}"
        );
    }

    #[test]
    fn a_load_that_is_cut_in_blocks_shows_how_steady_it_was() {
        // Ten blocks of ten seconds at 90 and 110 operations a second in turn: the relative error
        // of the mean is 10.541 / sqrt(10) / 100 (numpy 2.4.6, std with ddof=1).
        let mut ops = 0.0;
        let mut table = SampleTable {
            names: vec![columns::OPS_TOTAL.to_owned()],
            values: vec![Vec::new()],
            ..SampleTable::default()
        };
        for second in 0..1000 {
            table.elapsed_ms.push(f64::from(second) * 100.0);
            table.phase.push(Phase::Load);
            table.values[0].push(ops);
            ops += if (second / 100) % 2 == 0 { 9.0 } else { 11.0 };
        }
        let error = block_error(&block_rises(&table, columns::OPS_TOTAL, None));
        assert!((error - 0.03333).abs() < 0.0005, "{error}");
    }
}
