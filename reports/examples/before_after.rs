//! What a comparison says of recorded cells whose truth is known: how often a change that does
//! nothing is accused, and how often the interval of a fix holds its share.
//!
//! `leaklab run --name noisy --budget 16B/op --repeat 40 --jobs 8 --duration 6s --interval 50ms --
//! python3 reports/examples/noisy_leak.py` records forty runs of a leak;
//! `cargo run --release -p leaklab-reports --example before_after -- RUN` draws five of them for
//! each side, again and again. For a fix, the share of the mean growth that it removes is taken
//! from the samples of the second side, which keep the noise and the differences between runs that
//! they have. Of cells with few operations the intervals hold the error of one that is under way, and
//! cover in more than 95 % where the runs agree otherwise.

use leaklab_reports::cell::{Readings, VerdictOptions};
use leaklab_reports::compare::{Comparison, Decision, Side, Terms, pooled};
use leaklab_run::{Cell, Run, columns};
use std::error::Error;
use std::path::Path;

/// Repetitions of each side, as `leaklab ab` makes them.
const RUNS: usize = 5;
/// Pairs of sides that are the same program.
const SAME: usize = 200;
/// Pairs of sides for each share that a fix removes.
const FIXED: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let run = std::env::args().nth(1).ok_or("name a run of repetitions")?;
    let run = Run::open(Path::new(&run))?;
    let options = VerdictOptions::default();
    let sides = |removed: f64| -> Result<Vec<Side>, Box<dyn Error>> {
        let of = |cell: &Cell| side(&run, cell, removed, &options);
        run.cells.iter().map(of).collect()
    };
    let as_recorded = sides(0.0)?;
    if as_recorded.len() < 4 * RUNS {
        return Err(format!("{} repetitions are too few", as_recorded.len()).into());
    }
    let growths = as_recorded.iter().filter_map(growth_of);
    let mean = growths.sum::<f64>() / as_recorded.len() as f64;
    let mut random = fastrand::Rng::with_seed(1);
    let (mut refuted, mut open) = (0, 0);
    for _ in 0..SAME {
        let [before, after] = drawn(&mut random, &as_recorded, &as_recorded);
        match Comparison::with(before, after, &Terms::default())
            .answer
            .decision
        {
            Decision::Refuted => refuted += 1,
            Decision::Open => open += 1,
            Decision::Holds => {}
        }
    }
    println!(
        "{} recorded, {mean:.1} B per operation; {SAME} pairs of {RUNS} and {RUNS} of them: not-worse \
         refuted in {refuted} ({:.1} %), open in {open}",
        as_recorded.len(),
        100.0 * refuted as f64 / SAME as f64
    );
    for removed in [100.0, 90.0, 50.0] {
        let fixed = sides(removed / 100.0 * mean)?;
        let (mut known, mut held) = (0, 0);
        for _ in 0..FIXED {
            let [before, after] = drawn(&mut random, &as_recorded, &fixed);
            let Some(share) = Comparison::new(before, after).removed_percent else {
                continue;
            };
            known += 1;
            held += usize::from(share.low <= removed && removed <= share.high);
        }
        println!(
            "a fix of {removed} %: certified in {known} of {FIXED}, the share lies in its interval in \
             {held} ({:.1} %)",
            100.0 * held as f64 / known.max(1) as f64
        );
    }
    Ok(())
}

/// Five repetitions of each side, none of them drawn twice.
fn drawn(random: &mut fastrand::Rng, before: &[Side], after: &[Side]) -> [Side; 2] {
    let mut places: Vec<usize> = (0..before.len()).collect();
    random.shuffle(&mut places);
    let of = |sides: &[Side], places: &[usize], name: &str| {
        let repetitions = (1..).zip(places).map(|(number, place)| Side {
            name: format!("{name}#{number}"),
            source: String::new(),
            ..sides[*place].clone()
        });
        pooled(repetitions.collect()).swap_remove(0)
    };
    [
        of(before, &places[..RUNS], "before"),
        of(after, &places[RUNS..2 * RUNS], "after"),
    ]
}

fn growth_of(side: &Side) -> Option<f64> {
    side.per_operation.map(|growth| growth.value)
}

/// A cell as a side, with `removed` bytes per operation taken out of its memory.
fn side(
    run: &Run,
    cell: &Cell,
    removed: f64,
    options: &VerdictOptions,
) -> Result<Side, Box<dyn Error>> {
    let recorded = Side::from_cell(run, cell, options)?;
    if removed == 0.0 {
        return Ok(recorded);
    }
    let mut table = cell.samples(|_| true)?;
    let operations = table
        .column(columns::OPS_TOTAL)
        .ok_or("no operations are counted")?;
    let first = operations.iter().copied().find(|ops| ops.is_finite());
    let first = first.unwrap_or(0.0);
    let taken: Vec<f64> = operations
        .iter()
        .map(|ops| removed * (ops - first))
        .collect();
    // What is taken out may be more than there is after the load: no memory is below nothing.
    let most = taken.iter().copied().fold(0.0, f64::max);
    let place = table.names.iter().position(|name| *name == recorded.metric);
    let values = &mut table.values[place.ok_or("its metric is not there")?];
    for (value, taken) in values.iter_mut().zip(taken) {
        *value += most - taken;
    }
    let readings = Readings::of_samples(cell, table, &cell.events()?, options)?;
    let judged = readings.judge().map_err(Into::into);
    Ok(Side {
        figures: recorded.figures,
        ..Side::new(&cell.plan.id, &readings, judged)?
    })
}
