//! Memory that was put aside into swap is still held: it counts with what is resident.

use super::column::Column;
use super::quote;
use super::role::{Role, is_resident, is_swap};

/// Columns with swap counted in, and what is said of it.
pub(super) struct Joined {
    pub columns: Vec<Column>,
    pub note: Option<String>,
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
        });
    }
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
    })
}

/// Whether swap counts with a column.
fn counts_with(column: &Column, swap: &Column) -> bool {
    is_resident(&column.name)
        && column.says_its_unit() == swap.says_its_unit()
        && !column.is_share()
}
