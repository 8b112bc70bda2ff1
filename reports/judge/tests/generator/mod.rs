//! Series of known truth: families of shapes with widely drawn parameters.
//!
//! Truth and difficulty follow the construction: a series is easy if the distance between its
//! sustained slope and its budget is at least six standard errors of an oracle, which is more
//! than twice what it decides with at 99 %. The oracle fits the true model by generalised least
//! squares. It knows the form of the course and of the noise; their figures it fits, as anybody
//! has to, with an interval as wide as that makes it.

#![allow(dead_code, reason = "tests and examples each use a part of it")]

pub mod classic;
pub mod containers;
pub mod lives;
pub mod loads;
pub mod mixed;
pub mod programs;

use fastrand::Rng;
use leaklab_judge::stats::student::t_quantile;
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
    /// Times of restarts, where they are on record.
    pub restarts: Option<Vec<f64>>,
}

impl Labelled {
    /// The series as the judge takes it.
    pub fn series(&self) -> Series<'_> {
        Series {
            operations: self.operations.as_deref(),
            restarts: self.restarts.as_deref(),
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
        .chain(lives::FAMILIES)
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
    } else if lives::FAMILIES.contains(&family) {
        lives::generate(family, random)
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

/// As [`oracle_error`], of a slope per hour alone.
fn efficient_error(time_s: &[f64], noise: &Noise) -> f64 {
    if time_s.len() < 4 {
        return f64::INFINITY;
    }
    let hours: Vec<f64> = time_s.iter().map(|t| t / 3_600.0).collect();
    oracle_error(&hours, &[], noise)
}

/// How many times as wide an interval of 99 % is for who estimates the size and the memory of the
/// noise from `free` points than for who knows them: Student's t, with the degrees of freedom that
/// the logarithm of the long-run variance σ²/(1−ρ)² has (those of its first-order expansion).
fn for_unknown_noise(free: f64, rho: f64) -> f64 {
    let of_memory = match rho == 0.0 {
        true => 0.0,
        false => 2.0 * (1.0 + rho) / (1.0 - rho),
    };
    let degrees = (free / (1.0 + of_memory)).max(2.0);
    t_quantile(0.995, degrees) / t_quantile(0.995, 1e9)
}

/// Standard error of the coefficient of `growth` in a generalised-least-squares fit of the true
/// model: a constant, the columns of `known`, and autoregressive noise, whose size and memory it
/// estimates. Of a parameter that is not linear, `known` holds what the course changes by with
/// it: the oracle knows the form of a course, not its figures (the bound of Cramér and Rao).
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
    let free = growth.len() as f64 - basis.len() as f64 - 1.0;
    noise.sigma / dot(&rest, &rest).sqrt() * for_unknown_noise(free, noise.rho)
}

/// What `course` changes by with its parameter, about `at`.
fn change_with(at: f64, course: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    let step = 1e-4 * at.abs().max(1e-3);
    let (low, high) = (course(at - step), course(at + step));
    let pairs = high.iter().zip(&low);
    pairs.map(|(h, l)| (h - l) / (2.0 * step)).collect()
}

/// How far the course `clean` of growth that lasts lies from the nearest one that ends by itself,
/// in standard errors: as what rises fast and then more slowly, one curve that flattens out, or
/// two, may go the same way. The least square root of the sum of squares that the forms of the
/// slowing families leave of it, all their figures fitted, in standard deviations of the noise.
fn distance_to_slowing(time_s: &[f64], clean: &[f64], noise: &Noise) -> f64 {
    const GROUPS: usize = 300;
    let size = (clean.len() / GROUPS).max(1);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let total = time_s[time_s.len() - 1];
    let u: Vec<f64> = time_s.chunks(size).map(|t| mean(t) / total).collect();
    let y: Vec<f64> = clean.chunks(size).map(mean).collect();
    let memory = (1.0 + noise.rho) / (1.0 - noise.rho);
    let sigma = noise.sigma * (memory / size as f64).min(1.0).sqrt();
    let over =
        |low: f64, high: f64| (0..=12).map(move |i| low * (high / low).powf(f64::from(i) / 12.0));
    let curve = |form: &dyn Fn(f64) -> f64| -> Vec<f64> { u.iter().map(|&u| form(u)).collect() };
    let caches: Vec<Vec<f64>> = over(0.0005, 2.0)
        .map(|tau| curve(&|u| (1.0 + u / tau).ln()))
        .collect();
    let mut slowing = caches.clone();
    slowing.extend(over(0.05, 4.0).map(|tau| curve(&|u| (-u / tau).exp())));
    slowing.extend(over(0.1, 0.9).map(|power| curve(&|u| u.powf(power))));
    slowing.extend(over(0.02, 5.0).map(|half| curve(&|u| u / (u + half))));
    // Keys that are met for the first time.
    slowing.extend(over(0.002, 5.0).map(|tau| curve(&|u| (1.0 + u / tau).sqrt())));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let beyond = |column: &[f64], unit: &[f64]| -> Vec<f64> {
        let share = dot(column, unit) / dot(unit, unit).max(f64::MIN_POSITIVE);
        column
            .iter()
            .zip(unit)
            .map(|(c, u)| c - share * u)
            .collect()
    };
    let ones = vec![1.0; u.len()];
    let centred = |column: &Vec<f64>| beyond(column, &ones);
    let y = centred(&y);
    let caches: Vec<Vec<f64>> = caches.iter().map(centred).collect();
    let slowing: Vec<Vec<f64>> = slowing.iter().map(centred).collect();
    let mut least = f64::INFINITY;
    for cache in &caches {
        let left = beyond(&y, cache);
        for other in &slowing {
            let rest = beyond(other, cache);
            let left = match dot(&rest, &rest) > 1e-9 * dot(other, other) {
                true => beyond(&left, &rest),
                false => left.clone(),
            };
            least = least.min(dot(&left, &left));
        }
    }
    for one in &slowing {
        let left = beyond(&y, one);
        least = least.min(dot(&left, &left));
    }
    least.sqrt() / sigma
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
    /// Whether the course without growth slows down, as one does that ends by itself.
    slows_down: bool,
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
            slows_down: false,
        }
    }

    /// Draws growth and a budget, and adds growth and noise.
    fn labelled(self, random: &mut Rng, family: &'static str, leaking: bool) -> Labelled {
        let error = self.oracle_error();
        let units = self.growth[self.growth.len() - 1] - self.growth[0];
        let (slope, budget) = classic::draw_slope(random, leaking, error, self.level, units);
        self.with_growth(random, family, slope, budget)
    }

    fn oracle_error(&self) -> f64 {
        oracle_error(&self.growth, &self.known, &self.noise)
    }

    /// Adds growth and noise.
    fn with_growth(
        mut self,
        random: &mut Rng,
        family: &'static str,
        slope: f64,
        budget: f64,
    ) -> Labelled {
        let error = self.oracle_error();
        for (v, unit) in self.value.iter_mut().zip(&self.growth) {
            *v += slope * unit;
        }
        let is_apart =
            !self.slows_down || distance_to_slowing(&self.time_s, &self.value, &self.noise) >= 6.0;
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
            easy: (slope - budget).abs() >= 6.0 * error && is_apart,
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
