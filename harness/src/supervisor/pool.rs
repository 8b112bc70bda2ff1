//! Takes the cells of a run through the supervisor, some at a time.

use super::cell::{CellSetup, Observer, run_cell};
use super::guard::Guard;
use super::signals;
use crate::system;
use leaklab_run::{CellStatus, Outcome};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs the cells in order, `jobs` at a time; a stop leaves the rest planned.
///
/// `ended` is told each cell's status as it ends, on the thread that ran it. The result has a
/// status for each cell that was started.
pub fn run_cells(
    cells: &[CellSetup],
    jobs: usize,
    observer: &dyn Observer,
    ended: &(dyn Fn(&CellSetup, &CellStatus) + Sync),
) -> Vec<Option<CellStatus>> {
    system::adopt_orphans();
    let guard = Guard::start();
    let next = AtomicUsize::new(0);
    let statuses = Mutex::new(vec![None; cells.len()]);
    let work = || {
        while signals::asked_by().is_none() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = cells.get(index) else {
                return;
            };
            let status = run_apart(cell, &guard, observer);
            ended(cell, &status);
            statuses.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(status);
        }
    };
    std::thread::scope(|scope| {
        let others = jobs.clamp(1, cells.len().max(1)) - 1;
        for _ in 0..others {
            // Where no more threads are to be had, fewer cells run at a time.
            let started = std::thread::Builder::new().spawn_scoped(scope, work);
            if started.is_err() {
                break;
            }
        }
        work();
    });
    statuses
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Runs a cell so that a defect of leaklab itself costs this cell and no other.
fn run_apart(cell: &CellSetup, guard: &Guard, observer: &dyn Observer) -> CellStatus {
    let run = AssertUnwindSafe(|| run_cell(cell, guard, observer));
    catch_unwind(run).unwrap_or_else(|_| CellStatus {
        outcome: Some(Outcome::HarnessFailed),
        message: "leaklab itself failed in this cell; the others go on".to_owned(),
        hint: "this is a defect of leaklab: the lines above say where".to_owned(),
        ..CellStatus::default()
    })
}
