//! Series of known truth: families of shapes with widely drawn parameters.
//!
//! Truth and difficulty follow the construction, by the definition of the shared corpus: a
//! series is easy if the distance between its sustained slope and its budget is at least six
//! standard errors of a fit that knows the shape and the noise.

#![allow(dead_code, reason = "tests and examples each use a part of it")]

pub mod classic;
pub mod containers;
pub mod loads;
pub mod mixed;
pub mod programs;

use fastrand::Rng;
use leaklab_judge::{Budget, JudgeError, JudgeOptions, Judgement, Series, Verdict, judge};

/// What a series is, by construction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Truth {
    /// Sustained slope above the budget.
    Leak,
    /// Sustained slope below the budget.
    #[default]
    NoLeak,
    /// Still rising, each part less than the last.
    Slowing,
    /// The readings fit a leak and its absence; to say `leak` is wrong.
    Undecidable,
    /// Nothing was done that could have leaked; to say anything is wrong.
    Untested,
}

impl Truth {
    /// Whether `verdict` is wrong, rather than right or open.
    pub fn is_contradicted_by(self, verdict: Verdict) -> bool {
        match self {
            Self::Leak => verdict == Verdict::NoLeak,
            Self::NoLeak | Self::Slowing | Self::Undecidable => verdict == Verdict::Leak,
            Self::Untested => verdict != Verdict::Inconclusive,
        }
    }

    /// Whether a verdict could be given at all.
    pub fn is_decidable(self) -> bool {
        matches!(self, Self::Leak | Self::NoLeak)
    }

    /// The word for it in a `labels.csv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::NoLeak => "no-leak",
            Self::Slowing | Self::Undecidable => "undecidable-not-leak",
            Self::Untested => "untested",
        }
    }
}

/// One series with its label.
#[derive(Debug, Clone, Default)]
pub struct Labelled {
    pub family: &'static str,
    pub time_s: Vec<f64>,
    pub value: Vec<f64>,
    /// Operations completed so far, where the family counts them.
    pub operations: Option<Vec<f64>>,
    pub truth: Truth,
    pub easy: bool,
    pub budget: Budget,
    /// The step that the metric is known to move in; 0 where it is not.
    pub grain: f64,
    /// Sustained growth in the unit of the budget, where there is one number for it.
    pub slope: Option<f64>,
    /// Whether memory follows a load that the series does not tell of.
    pub hidden_load: bool,
}

impl Labelled {
    /// The series as the judge takes it.
    pub fn series(&self) -> Series<'_> {
        Series {
            operations: self.operations.as_deref(),
            ..Series::new(&self.time_s, &self.value)
        }
    }

    /// What the judge is asked.
    pub fn options(&self) -> JudgeOptions {
        JudgeOptions {
            budget: self.budget,
            grain: self.grain,
            ..JudgeOptions::default()
        }
    }

    /// What the judge says.
    pub fn judged(&self) -> Result<Judgement, JudgeError> {
        judge(&self.series(), &self.options())
    }

    /// The verdict; a series that is refused is left open.
    pub fn verdict(&self) -> Verdict {
        self.judged()
            .map_or(Verdict::Inconclusive, |judgement| judgement.verdict)
    }

    /// The budget per hour.
    ///
    /// # Panics
    ///
    /// Where the budget is per operation.
    pub fn budget_per_hour(&self) -> f64 {
        match self.budget {
            Budget::BytesPerHour(budget) => budget,
            other => panic!("{}: a budget of {other:?}", self.family),
        }
    }
}

/// Wrong and open verdicts, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub series: usize,
    pub easy: usize,
    pub wrong: usize,
    /// Easy ones without a verdict.
    pub open: usize,
    /// Hard ones without a verdict.
    pub hard_open: usize,
}

impl Tally {
    /// Counts one verdict.
    pub fn add(&mut self, labelled: &Labelled, verdict: Verdict) {
        let decidable = labelled.truth.is_decidable();
        let open = decidable && verdict == Verdict::Inconclusive;
        self.series += 1;
        self.easy += usize::from(decidable && labelled.easy);
        self.wrong += usize::from(labelled.truth.is_contradicted_by(verdict));
        self.open += usize::from(open && labelled.easy);
        self.hard_open += usize::from(open && !labelled.easy);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: Self) {
        self.series += other.series;
        self.easy += other.easy;
        self.wrong += other.wrong;
        self.open += other.open;
        self.hard_open += other.hard_open;
    }
}

/// Every family, those of single shapes first.
pub fn families() -> impl Iterator<Item = &'static str> {
    classic::FAMILIES
        .into_iter()
        .chain(containers::FAMILIES)
        .chain(loads::FAMILIES)
        .chain(programs::FAMILIES)
        .chain(mixed::FAMILIES)
}

/// One series of `family` from `seed`.
pub fn generate(family: &'static str, seed: u64) -> Labelled {
    let mut random = Rng::with_seed(
        seed.wrapping_mul(0x9E37_79B9)
            .wrapping_add(family.len() as u64 * 77),
    );
    for byte in family.bytes() {
        random = Rng::with_seed(random.u64(..).wrapping_add(u64::from(byte)));
    }
    let random = &mut random;
    if containers::FAMILIES.contains(&family) {
        containers::generate(family, random)
    } else if loads::FAMILIES.contains(&family) {
        loads::generate(family, random)
    } else if programs::FAMILIES.contains(&family) {
        programs::generate(family, random)
    } else if mixed::FAMILIES.contains(&family) {
        mixed::generate(family, random)
    } else {
        classic::generate(family, random)
    }
}

#[derive(Debug, Clone, Copy)]
struct Noise {
    sigma: f64,
    rho: f64,
}

fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * random.f64().max(1e-300).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * random.f64()).cos()
}

fn between(random: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * random.f64()
}

/// Drawn evenly on a logarithmic scale.
fn scale(random: &mut Rng, low: f64, high: f64) -> f64 {
    between(random, low.ln(), high.ln()).exp()
}

fn times(random: &mut Rng, fewest: f64, most: f64) -> Vec<f64> {
    let count = scale(random, fewest, most) as usize;
    let step = *[0.1, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0]
        .get(random.usize(0..7))
        .unwrap_or(&1.0);
    (0..count).map(|i| i as f64 * step).collect()
}

/// Times of a run of `seconds` in `count` even steps.
fn even_times(seconds: f64, count: usize) -> Vec<f64> {
    let step = seconds / (count - 1) as f64;
    (0..count).map(|i| i as f64 * step).collect()
}

fn noise(random: &mut Rng, level: f64) -> Noise {
    let rho = if random.bool() {
        0.0
    } else {
        between(random, 0.3, 0.97)
    };
    Noise {
        sigma: level * scale(random, 0.0005, 0.03),
        rho,
    }
}

/// Adds first-order autoregressive noise with the given standard deviation.
fn add_noise(random: &mut Rng, value: &mut [f64], noise: &Noise) {
    let mut last = normal(random);
    let fresh = (1.0 - noise.rho * noise.rho).sqrt();
    for v in value {
        last = noise.rho * last + fresh * normal(random);
        *v += noise.sigma * last;
    }
}

/// Standard error of the slope per hour of an efficient fit to points at `times` under `noise`.
fn efficient_error(time_s: &[f64], noise: &Noise) -> f64 {
    let n = time_s.len() as f64;
    if n < 4.0 {
        return f64::INFINITY;
    }
    let mean = time_s.iter().sum::<f64>() / n;
    let spread: f64 = time_s.iter().map(|t| (t - mean).powi(2)).sum();
    let independent = noise.sigma / spread.sqrt();
    independent * ((1.0 + noise.rho) / (1.0 - noise.rho)).sqrt() * 3_600.0
}

/// Standard error of the coefficient of `growth` in a generalised-least-squares fit that knows
/// the noise and fits the columns of `known` and a constant beside it.
fn oracle_error(growth: &[f64], known: &[Vec<f64>], noise: &Noise) -> f64 {
    let whiten = |column: &[f64]| -> Vec<f64> {
        let fresh = (1.0 - noise.rho * noise.rho).sqrt();
        let mut white = vec![column[0]];
        white.extend(
            column
                .windows(2)
                .map(|pair| (pair[1] - noise.rho * pair[0]) / fresh),
        );
        white
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    // Gram and Schmidt, twice: what growth is beyond all the others.
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let beyond = |mut column: Vec<f64>, basis: &[Vec<f64>]| {
        for unit in basis.iter().chain(basis) {
            let share = dot(&column, unit);
            column
                .iter_mut()
                .zip(unit)
                .for_each(|(c, u)| *c -= share * u);
        }
        column
    };
    let constant = vec![1.0; growth.len()];
    for column in std::iter::once(&constant).chain(known) {
        let white = whiten(column);
        let size = dot(&white, &white).sqrt();
        let rest = beyond(white, &basis);
        let length = dot(&rest, &rest).sqrt();
        if length > 1e-9 * size {
            basis.push(rest.iter().map(|v| v / length).collect());
        }
    }
    let rest = beyond(whiten(growth), &basis);
    noise.sigma / dot(&rest, &rest).sqrt()
}

/// A course without growth, and what an oracle knows of it.
struct Design {
    time_s: Vec<f64>,
    value: Vec<f64>,
    level: f64,
    /// What one unit of growth (per hour, or per operation) adds at each point.
    growth: Vec<f64>,
    /// Columns that the oracle fits beside growth and a constant.
    known: Vec<Vec<f64>>,
    noise: Noise,
}

impl Design {
    /// A design whose growth is steady in time.
    fn steady(time_s: Vec<f64>, level: f64, noise: Noise) -> Self {
        Self {
            value: vec![level; time_s.len()],
            growth: time_s.iter().map(|t| t / 3_600.0).collect(),
            known: Vec::new(),
            time_s,
            level,
            noise,
        }
    }

    /// Draws growth and a budget, and adds growth and noise.
    fn labelled(mut self, random: &mut Rng, family: &'static str, leaking: bool) -> Labelled {
        let error = oracle_error(&self.growth, &self.known, &self.noise);
        let units = self.growth[self.growth.len() - 1] - self.growth[0];
        let (slope, budget) = classic::draw_slope(random, leaking, error, self.level, units);
        for (v, unit) in self.value.iter_mut().zip(&self.growth) {
            *v += slope * unit;
        }
        add_noise(random, &mut self.value, &self.noise);
        Labelled {
            family,
            value: whole(&self.value),
            time_s: self.time_s,
            truth: if slope > budget {
                Truth::Leak
            } else {
                Truth::NoLeak
            },
            easy: (slope - budget).abs() >= 6.0 * error,
            budget: Budget::BytesPerHour(budget),
            slope: Some(slope),
            ..Labelled::default()
        }
    }
}

/// Whole bytes, none below zero.
fn whole(value: &[f64]) -> Vec<f64> {
    value.iter().map(|v| v.max(0.0).round()).collect()
}
