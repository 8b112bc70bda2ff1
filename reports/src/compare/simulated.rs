//! Comparisons of simulated repetitions whose truth is known: how often a change that does nothing
//! is accused, and how often the interval of a fix holds its share.

use super::figure::Figure;
use super::ratio::{Estimate, Z};
use super::spread::{Moments, Spread};
use super::{Comparison, Decision, Side, Terms, pooled};
use crate::cell::{Readings, VerdictOptions};
use leaklab_judge::Verdict;
use leaklab_run::{Phase, SampleTable, columns};

/// Bytes per operation that two runs of one program differ by, and what each takes for its own
/// error: chosen, with a scatter that each run alone would understate.
const BETWEEN: f64 = 3.0;
const OWN: f64 = 1.0;

/// Figures with the relative difference between runs: chosen, with tails that scatter most.
const FIGURES: [(Figure, f64, f64); 4] = [
    (Figure::Throughput, 500.0, 0.05),
    (Figure::LatencyP50, 200.0, 0.08),
    (Figure::LatencyP99, 2000.0, 0.30),
    (Figure::CpuPerOperation, 80.0, 0.06),
];

const BUDGET: f64 = 16.0;
const RUNS: usize = 5;

struct Simulation {
    random: fastrand::Rng,
    template: Side,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let rows = 20;
        let table = SampleTable {
            elapsed_ms: (0..rows).map(|row| f64::from(row) * 1000.0).collect(),
            phase: vec![Phase::Load; rows as usize],
            names: vec![columns::ALLOCATED_BYTES.to_owned()],
            values: vec![(0..rows).map(f64::from).collect()],
            ..SampleTable::default()
        };
        let readings = Readings::of_table(table, &[], &VerdictOptions::default());
        let judged = readings.judge().map_err(Into::into);
        let mut template = Side::new("x", &readings, judged).expect("a side");
        template.verdict = Verdict::NoLeak;
        template.budget_per_operation = Some(BUDGET);
        template.is_withheld = false;
        template.figures.clear();
        Simulation {
            random: fastrand::Rng::with_seed(seed),
            template,
        }
    }

    /// A standard normal number (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.random.f64(), self.random.f64());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Repetitions of a program that keeps `bytes` per operation.
    fn side(&mut self, bytes: f64) -> Side {
        let runs = (1..=RUNS).map(|number| {
            let value = bytes + BETWEEN.hypot(OWN) * self.normal();
            let estimate = Estimate {
                value,
                low: value - Z * OWN,
                high: value + Z * OWN,
            };
            let mut side = self.template.clone();
            side.name = format!("x#{number}");
            side.per_operation = Some(estimate);
            side.per_operation_moments = Moments::of_runs(&[estimate]);
            for (figure, value, differ) in FIGURES {
                let spread = Spread {
                    value: value * (differ * self.normal()).exp(),
                    log_error: 0.25,
                    runs: 1,
                };
                side.figures.insert(figure, spread);
            }
            side
        });
        let runs = runs.collect();
        pooled(runs).pop().expect("one side")
    }
}

#[test]
fn a_change_that_does_nothing_is_accused_in_fewer_than_one_of_twenty() {
    let mut simulation = Simulation::new(7);
    let (mut refuted, mut open) = (0, 0);
    for _ in 0..200 {
        let (before, after) = (simulation.side(4.0), simulation.side(4.0));
        match Comparison::with(before, after, &Terms::default())
            .answer
            .decision
        {
            Decision::Refuted => refuted += 1,
            Decision::Open => open += 1,
            Decision::Holds => {}
        }
    }
    assert!(refuted <= 10, "{refuted} of 200 refuted");
    assert!(open <= 20, "{open} of 200 open");
}

#[test]
fn the_share_that_a_fix_removes_lies_in_its_interval() {
    for (seed, removed) in [(1, 100.0), (2, 90.0), (3, 50.0)] {
        let mut simulation = Simulation::new(seed);
        let held = (0..1000)
            .filter(|_| {
                let kept = 1.0 - removed / 100.0;
                let (before, after) = (simulation.side(400.0), simulation.side(400.0 * kept));
                let comparison = Comparison::new(before, after);
                let share = comparison.removed_percent.expect("growth that is sure");
                share.low <= removed && removed <= share.high
            })
            .count();
        assert!((930..=970).contains(&held), "{removed} %: {held} of 1,000");
    }
}

#[test]
fn a_slow_down_of_a_quarter_is_found_and_repeats_tell_what_is_open() {
    let mut simulation = Simulation::new(11);
    let mut found = 0;
    for _ in 0..100 {
        let before = simulation.side(4.0);
        let mut after = simulation.side(4.0);
        if let Some(spread) = after.figures.get_mut(&Figure::Throughput) {
            spread.value *= 0.75;
        }
        after.operations_per_second = before.operations_per_second.map(|rate| rate * 0.75);
        let comparison = Comparison::with(before, after, &Terms::default());
        if comparison.answer.decision == Decision::Refuted {
            found += 1;
            assert!(
                comparison.sentence.contains("throughput falls by"),
                "{}",
                comparison.sentence
            );
        }
    }
    assert!(found >= 70, "{found} of 100");
    // A budget of two thirds of the error: five repetitions do not tell.
    let mut open = Comparison::new(simulation.side(4.0), simulation.side(4.0));
    open.after.budget_per_operation = Some(0.5);
    open.before.budget_per_operation = Some(0.5);
    let answer = Comparison::new(open.before, open.after).answer;
    assert_eq!(answer.decision, Decision::Open, "{answer:?}");
    assert!(
        answer.more_repeats.is_some_and(|more| more > 5),
        "{answer:?}"
    );
}
