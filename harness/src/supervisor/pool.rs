//! Takes the cells of a run through the supervisor, some at a time.

use super::cell::{CellSetup, Observer, run_cell};
use super::guard::Guard;
use super::signals;
use leaklab_run::CellStatus;
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
    let guard = Guard::start();
    let next = AtomicUsize::new(0);
    let statuses = Mutex::new(vec![None; cells.len()]);
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, cells.len().max(1)) {
            scope.spawn(|| {
                while signals::asked_by().is_none() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(index) else {
                        return;
                    };
                    let status = run_cell(cell, &guard, observer);
                    ended(cell, &status);
                    statuses.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(status);
                }
            });
        }
    });
    statuses
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}
