//! Memory that was put aside into swap is still held: it counts with what is resident.

use super::column::Column;
use super::quote;
use super::role::{Role, is_resident, is_swap};
use leaklab_judge::amount::{count_text, plural};

/// Share of the rows that may lack a reading of swap.
const MOST_MISSING: f64 = 0.1;

/// Columns with swap counted in, and what is said of it.
pub(super) struct Joined {
    pub columns: Vec<Column>,
    pub note: Option<String>,
    /// Why growth that is not seen is not ruled out.
    pub unsettled: Option<String>,
}

/// Adds the swap of each row to what is resident, where the table has both and both count alike;
/// `None` where it does not. The swap is no column of its own then.
pub(super) fn join(columns: &[Column], values: &mut Vec<Vec<f64>>) -> Option<Joined> {
    let place = columns.iter().position(|column| is_swap(&column.name))?;
    let swap = &columns[place];
    if swap.is_share() || !columns.iter().any(|column| counts_with(column, swap)) {
        return None;
    }
    let is_empty = values[place].iter().all(|value| value.is_nan());
    if is_empty && swap.is_of_table {
        // A column that somebody wrote is told to be empty.
        return None;
    }
    let aside = values.remove(place);
    let mut columns = columns.to_vec();
    let swap = columns.remove(place);
    let highest = aside
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .fold(0.0, f64::max);
    // Nothing was put aside, or nobody looked.
    if highest == 0.0 {
        return Some(Joined {
            columns,
            note: None,
            unsettled: None,
        });
    }
    let read = aside.iter().skip_while(|value| value.is_nan());
    let missing = read.filter(|value| value.is_nan()).count();
    let lowest = aside.iter().copied().fold(f64::INFINITY, f64::min);
    // What was put aside moved while it was read, and may have gone on to.
    let moves_unseen = missing as f64 > MOST_MISSING * aside.len() as f64 && lowest < highest;
    let unsettled = moves_unseen.then(|| {
        format!(
            "`{}` is not read in {} of {}: what was put aside then is not known",
            quote::cut(&swap.name),
            count_text(missing as u64),
            plural(aside.len() as u64, "row")
        )
    });
    let aside = held(&aside);
    let mut names = Vec::new();
    for (column, resident) in columns.iter_mut().zip(values.iter_mut()) {
        if !counts_with(column, &swap) {
            continue;
        }
        for (value, aside) in resident.iter_mut().zip(&aside) {
            // Of memory that is left, what lies in swap is gone.
            *value += match column.role {
                Role::Free => highest - aside,
                _ => *aside,
            };
        }
        names.push(column.name.clone());
        column.swap = Some(swap.name.clone());
    }
    let note = format!(
        "`{}` counts with {}: what lies in swap is still held",
        quote::cut(&swap.name),
        quote::list(&names)
    );
    Some(Joined {
        columns,
        note: Some(note),
        unsettled,
    })
}

/// What lies in swap where nobody read it: what did before; nothing was known of it ahead of the
/// first reading, and none is counted.
fn held(aside: &[f64]) -> Vec<f64> {
    let mut last = 0.0;
    let hold = |value: &f64| {
        if value.is_finite() {
            last = *value;
        }
        last
    };
    aside.iter().map(hold).collect()
}

/// Whether swap counts with a column.
fn counts_with(column: &Column, swap: &Column) -> bool {
    is_resident(&column.name)
        && column.says_its_unit() == swap.says_its_unit()
        && !column.is_share()
}
