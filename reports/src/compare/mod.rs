//! Comparison of two cells, two runs or two files: the fix certificate; and the ranking of
//! several cells.
//!
//! Growth is the judge's, with the judge's intervals. The share of growth removed has
//! Fieller's interval; what remains is tested for equivalence with none within the budget
//! (two one-sided tests), because a difference that was not found proves nothing. Intervals
//! are taken as normal and the sides as independent, which two child processes are.

mod alike;
mod beside;
mod certificate;
mod effect;
mod figure;
mod file;
mod gauge;
mod pair;
mod pool;
mod ranking;
pub mod ratio;
mod requirement;
mod side;
#[cfg(test)]
mod simulated;
mod spread;
mod text;

pub use alike::{Unlike, unlike_memory};
pub use beside::LeakBeside;
pub use certificate::{Basis, Comparison, Difference, Outcome};
pub use effect::Effect;
pub use figure::{Accepted, Figure, Harm, HarmBudgets, parse_accepted, parse_harm_budget};
pub use file::FileError;
pub use gauge::{GaugeChange, GaugeCourse};
pub use pair::{EndedEarly, PAIR_KEY, PAIR_NAMES, PairAnswer, is_pair, terms_of_pair};
pub use pool::{base_name, pooled};
pub use ranking::{Ranked, Ranking};
pub use requirement::{Answer, Decision, Requirement, Terms};
pub use side::{Side, SideError};
pub use spread::{Moments, Spread};
pub use text::{Format, certificate_notes, certificate_rows, escaped, ranking_text, text};

use crate::cell::VerdictOptions;
use leaklab_run::{Cell, Run};

/// The cells of two runs that belong together, and those that have no partner.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Positions before and after.
    pub pairs: Vec<(usize, usize)>,
    /// Addresses that only the first has.
    pub only_before: Vec<String>,
    /// Addresses that only the second has.
    pub only_after: Vec<String>,
}

/// Pairs cells by their addresses; one cell on each side is a pair whatever it is called.
pub fn matched(before: &[String], after: &[String]) -> Matched {
    let mut matched = Matched::default();
    if before.len() == 1 && after.len() == 1 {
        matched.pairs.push((0, 0));
        return matched;
    }
    for (index, id) in before.iter().enumerate() {
        match after.iter().position(|other| other == id) {
            Some(partner) => matched.pairs.push((index, partner)),
            None => matched.only_before.push(id.clone()),
        }
    }
    let alone = after.iter().filter(|id| !before.contains(id));
    matched.only_after = alone.cloned().collect();
    matched
}

/// Compares two cells on disk.
///
/// # Errors
///
/// [`SideError`] if one of them has no samples.
pub fn compare_cells(
    before: (&Run, &Cell),
    after: (&Run, &Cell),
    options: &VerdictOptions,
) -> Result<Comparison, SideError> {
    Ok(Comparison::new(
        Side::from_cell(before.0, before.1, options)?,
        Side::from_cell(after.0, after.1, options)?,
    ))
}
