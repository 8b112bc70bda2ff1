//! What a run can see, found by trying: the judge on runs that are drawn from the noise of a
//! measured one, of growing length, with growth and without.
//!
//! A closed form ([`crate::plan`]) knows how an interval shrinks. It does not know how the judge
//! takes a warm-up, teeth or a wander, nor that the memory of the noise is itself only
//! estimated: each drawn run has a memory from the range that the measured one allows.

use crate::budget::Budget;
use crate::decide::case::Case;
use crate::decide::{judge, judge_prepared};
use crate::fit::model::Regressors;
use crate::judgement::Verdict;
use crate::many::on_all_processors;
use crate::policy::trial::{
    BLOCKS, FEW_UNDECIDED, FEWEST_POINTS, FEWEST_SWITCHES, FIRST_RUNS, JUMPING, LEVELS_APART,
    LONGEST, MOST_POINTS, RUNS, STEP, UNDECIDED, WANDERS,
};
use crate::policy::verdict::{DECIDING_CONFIDENCE, FEWEST_READINGS};
use crate::prepare;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::shape::cycle::find_cycle;
use crate::shape::sawtooth::find_sawtooth;
use crate::stats::quantile::{median, quantile, robust_sigma};
use crate::stats::random::SplitMix;
use crate::track::Track;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A measured run, taken apart so that others like it can be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    options: JudgeOptions,
    level: f64,
    grain: f64,
    warm_up_s: f64,
    settled_s: f64,
    growth_per_hour: f64,
    operations_per_s: Option<f64>,
    noise: Noise,
}

#[derive(Debug, Clone)]
enum Noise {
    /// A first-order autoregression, a point every `step_s`.
    Memory {
        step_s: f64,
        rho: f64,
        rho_error: f64,
        innovation: f64,
    },
    /// What was left of the measured run, in blocks: of whole cycles of so many points, where it
    /// has some.
    Blocks {
        step_s: f64,
        rest: Vec<f64>,
        cycle: Option<f64>,
    },
    /// Two levels that are left for each other.
    Switched { step_s: f64, switched: Switched },
}

impl Trial {
    /// Takes a series apart. `Ok(None)` where no settled part was found.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] as [`super::judge`].
    pub fn of(series: &Series<'_>, options: &JudgeOptions) -> Result<Option<Self>, JudgeError> {
        let prepared = prepare::prepare(series, options)?;
        let finding = judge_prepared(&Case::new(&prepared, options, DECIDING_CONFIDENCE));
        let Some(line) = &finding.line else {
            return Ok(None);
        };
        let unit_s = prepared.seconds_per_unit;
        let (from, to) = finding.fitted;
        let settled_s = (to - from) * unit_s;
        let part: Vec<usize> = (0..prepared.fine.len())
            .filter(|&i| (from..=to).contains(&prepared.fine.x[i]))
            .collect();
        if part.len() < FEWEST_READINGS || settled_s <= 0.0 {
            return Ok(None);
        }
        let teeth = find_sawtooth(&prepared.fine).is_some();
        let points = part.len().min(crate::policy::verdict::TREND_POINTS) as f64;
        let rho = line.memory.rho;
        let at = |i: usize| line.start_value + line.slope * (prepared.fine.x[i] - from);
        let rest: Vec<f64> = part.iter().map(|&i| prepared.fine.y[i] - at(i)).collect();
        let jumps = jumps(&rest);
        let step_s = settled_s / (part.len() - 1) as f64;
        let left = Track {
            x: part.iter().map(|&i| prepared.fine.x[i]).collect(),
            y: rest.clone(),
        };
        let cycle = find_cycle(&left, &Regressors::default(), prepared.day())
            .map(|cycle| cycle.period * unit_s / step_s)
            .filter(|points| *points >= 2.0 && 2.0 * points <= rest.len() as f64);
        let noise = if rho < WANDERS || teeth || jumps || cycle.is_some() {
            Noise::Blocks {
                step_s,
                rest,
                cycle,
            }
        } else {
            Noise::Memory {
                step_s: settled_s / (points - 1.0),
                rho,
                rho_error: ((1.0 - rho * rho) / points).sqrt(),
                innovation: line.memory.innovation_variance.sqrt(),
            }
        };
        let per_hour = 3_600.0 / unit_s;
        // A load that was switched is so in the whole run, not only where the line was fitted.
        let fine = &prepared.fine;
        let beside = |(x, y): (&f64, &f64)| y - line.slope * x;
        let whole: Vec<f64> = fine.x.iter().zip(&fine.y).map(beside).collect();
        let switched = Switched::of(&whole).filter(|_| !teeth);
        let (from, settled_s, level, noise) = match switched {
            Some(switched) => {
                let settled_s = fine.span() * unit_s;
                let step_s = settled_s / (fine.len() - 1) as f64;
                let noise = Noise::Switched { step_s, switched };
                (0.0, settled_s, prepared.base, noise)
            }
            None => (from, settled_s, prepared.base + line.start_value, noise),
        };
        Ok(Some(Self {
            options: JudgeOptions {
                load: None,
                limit: None,
                ..options.clone()
            },
            level,
            grain: if line.sigma < prepared.grain {
                prepared.grain
            } else {
                0.0
            },
            warm_up_s: from * unit_s,
            settled_s,
            growth_per_hour: line.slope * per_hour,
            operations_per_s: prepared
                .operations
                .filter(|_| matches!(options.budget, Budget::BytesPerOperation(_)))
                .map(|done| done / prepared.duration_s.max(f64::MIN_POSITIVE)),
            noise,
        }))
    }

    /// The growth of the measured run, per hour.
    pub(crate) fn growth_per_hour(&self) -> f64 {
        self.growth_per_hour
    }

    /// The longest runs that are drawn, in seconds without their warm-up.
    pub(crate) fn longest_s(&self) -> f64 {
        LONGEST * self.settled_s
    }

    /// The same, judged by no budget at all.
    pub(crate) fn without_budget(mut self) -> Self {
        self.options.budget = match self.options.budget {
            Budget::BytesPerOperation(_) => Budget::BytesPerOperation(0.0),
            _ => Budget::BytesPerHour(0.0),
        };
        self
    }

    /// Seconds, warm-up included, that a run without growth must last for `no-leak`, with a chance
    /// of nine in ten. `None` where no length that was tried sufficed.
    pub fn length_without_growth_s(&self) -> Option<f64> {
        let shortest_s = FEWEST_POINTS * self.step_s();
        let suffices = |settled_s: f64| self.suffices(settled_s, 0.0, Verdict::NoLeak);
        let mut enough_s = self.settled_s.max(shortest_s);
        if suffices(enough_s) {
            while enough_s > shortest_s && suffices((enough_s / STEP).max(shortest_s)) {
                enough_s = (enough_s / STEP).max(shortest_s);
            }
        } else {
            loop {
                enough_s *= STEP;
                if enough_s > self.longest_s() {
                    return None;
                }
                if suffices(enough_s) {
                    break;
                }
            }
        }
        Some(self.warm_up_s + enough_s)
    }

    /// Whether a run of so many seconds, without its warm-up, shows growth of `per_hour` as a leak,
    /// with a chance of nine in ten.
    pub(crate) fn sees(&self, settled_s: f64, per_hour: f64) -> bool {
        let is_long_enough = settled_s >= FEWEST_POINTS * self.step_s() * (1.0 - 1e-9);
        is_long_enough && self.suffices(settled_s, per_hour, Verdict::Leak)
    }

    fn step_s(&self) -> f64 {
        match self.noise {
            Noise::Memory { step_s, .. }
            | Noise::Blocks { step_s, .. }
            | Noise::Switched { step_s, .. } => step_s,
        }
    }

    /// Whether hardly any drawn run of that length misses the verdict that is its due; beside a cycle
    /// nor of lengths up to twice that, because what part of one is over matters.
    fn suffices(&self, settled_s: f64, per_hour: f64, due: Verdict) -> bool {
        let missed = AtomicUsize::new(0);
        let has_cycle = matches!(self.noise, Noise::Blocks { cycle: Some(_), .. });
        let most = if has_cycle { FEW_UNDECIDED } else { UNDECIDED };
        let is_hopeful = || missed.load(Ordering::Relaxed) <= most;
        let draw = |seed: u64| {
            let longer = match has_cycle && seed % 2 == 1 {
                true => 2.0_f64.powf(seed as f64 / RUNS as f64),
                false => 1.0,
            };
            if is_hopeful() && self.verdict_of(seed, settled_s * longer, per_hour) != due {
                missed.fetch_add(1, Ordering::Relaxed);
            }
        };
        // Most lengths that do not suffice show it at once.
        (0..FIRST_RUNS).for_each(draw);
        if is_hopeful() {
            on_all_processors((FIRST_RUNS..RUNS).collect(), draw);
        }
        is_hopeful()
    }

    fn verdict_of(&self, seed: u64, settled_s: f64, per_hour: f64) -> Verdict {
        let step_s = self.step_s();
        let count = (settled_s / step_s) as usize + 1;
        let mut random = SplitMix::new(seed);
        let noise = self.noise.drawn(count, &mut random);
        // Longer ones are grouped, as the judge does.
        let group = count.div_ceil(MOST_POINTS);
        let (mut time_s, mut value) = (Vec::new(), Vec::new());
        for (index, part) in noise.chunks(group).enumerate() {
            let middle = index * group;
            let at_s = step_s * (middle as f64 + 0.5 * (part.len() - 1) as f64);
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            let plain = self.level + mean + per_hour * at_s / 3_600.0;
            time_s.push(at_s);
            value.push(match self.grain > 0.0 {
                true => ((plain / self.grain).floor() * self.grain).max(0.0),
                false => plain.max(0.0),
            });
        }
        let operations: Option<Vec<f64>> = self
            .operations_per_s
            .map(|rate| time_s.iter().map(|at_s| rate * at_s).collect());
        let series = Series {
            operations: operations.as_deref(),
            ..Series::new(&time_s, &value)
        };
        judge(&series, &self.options).map_or(Verdict::Inconclusive, |judgement| judgement.verdict)
    }
}

/// A load that is switched on and off, as it shows in what a line leaves.
#[derive(Debug, Clone)]
struct Switched {
    /// What was left at either level, one after the other.
    levels: [Vec<f64>; 2],
    /// Readings for which a level was kept, each time.
    kept: Vec<usize>,
}

impl Switched {
    /// `None` where `rest` does not lie at two levels, with hardly a value in between.
    fn of(rest: &[f64]) -> Option<Self> {
        let (low, high) = (quantile(rest, 0.02)?, quantile(rest, 0.98)?);
        let is_high: Vec<bool> = rest.iter().map(|v| *v > 0.5 * (low + high)).collect();
        let at = |level: bool| -> Vec<f64> {
            let values = rest.iter().zip(&is_high);
            values
                .filter(|(_, at)| **at == level)
                .map(|(v, _)| *v)
                .collect()
        };
        let levels = [at(false), at(true)];
        let apart = median(&levels[1])? - median(&levels[0])?;
        let scatter = robust_sigma(&levels[0]).max(robust_sigma(&levels[1]));
        let runs = is_high.chunk_by(|a, b| a == b).map(<[bool]>::len);
        let kept: Vec<usize> = runs.collect();
        (apart > LEVELS_APART * scatter
            && kept.len() >= FEWEST_SWITCHES
            && levels.iter().all(|l| l.len() > 1))
        .then_some(Self { levels, kept })
    }

    /// Levels kept for times as those that were seen, each up to half as long again or less: few
    /// of them were seen.
    fn drawn(&self, count: usize, random: &mut SplitMix) -> Vec<f64> {
        let mut noise = Vec::with_capacity(count);
        let mut level = random.below(2) as usize;
        while noise.len() < count {
            let kept = self.kept[random.below(self.kept.len() as u64) as usize] as f64;
            let length = (kept * (0.5 + random.below(1_000) as f64 / 1_000.0)).ceil() as usize;
            let values = &self.levels[level];
            let from = random.below(values.len() as u64) as usize;
            let along = values.iter().cycle().skip(from);
            noise.extend(along.take(length.clamp(1, count - noise.len())));
            level = 1 - level;
        }
        noise
    }
}

/// Whether values rest and jump, as those of a load that is switched do: their changes have far
/// more weight in the tails than those of a wander.
fn jumps(values: &[f64]) -> bool {
    let moment = |power: i32| {
        let changes = values
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).powi(power));
        changes.sum::<f64>() / (values.len() - 1) as f64
    };
    moment(4) > JUMPING * moment(2).powi(2)
}

impl Noise {
    fn drawn(&self, count: usize, random: &mut SplitMix) -> Vec<f64> {
        match self {
            Noise::Memory {
                rho,
                rho_error,
                innovation,
                ..
            } => {
                let rho = (rho + rho_error * random.normal()).clamp(0.0, 0.999);
                let mut last = innovation / (1.0 - rho * rho).sqrt() * random.normal();
                (0..count)
                    .map(|_| {
                        last = rho * last + innovation * random.normal();
                        last
                    })
                    .collect()
            }
            Noise::Switched { switched, .. } => switched.drawn(count, random),
            Noise::Blocks {
                rest,
                cycle: Some(cycle),
                ..
            } => in_cycles(rest, *cycle, count, random),
            Noise::Blocks { rest, .. } => {
                let block = (rest.len() / BLOCKS).max(2);
                let mut noise = Vec::with_capacity(count);
                while noise.len() < count {
                    let start = random.below((rest.len() - block + 1) as u64) as usize;
                    let length = block.min(count - noise.len());
                    noise.extend_from_slice(&rest[start..start + length]);
                }
                noise
            }
        }
    }
}

/// Cycles of `rest`, each of `cycle` points, in any order, from any point of one on.
fn in_cycles(rest: &[f64], cycle: f64, count: usize, random: &mut SplitMix) -> Vec<f64> {
    let whole = (rest.len() as f64 / cycle) as u64;
    let phase = random.below(cycle as u64) as f64;
    let mut noise = Vec::with_capacity(count);
    let mut drawn = 0_u64;
    while noise.len() < count {
        let first = random.below(whole);
        let begin = if drawn == 0 { phase } else { 0.0 };
        let until = ((drawn + 1) as f64 * cycle - phase).round() as usize;
        let from = (first as f64 * cycle + begin).round() as usize;
        let length = until.min(count).saturating_sub(noise.len());
        noise.extend(rest.iter().cycle().skip(from).take(length));
        drawn += 1;
    }
    noise
}
