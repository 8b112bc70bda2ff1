//! Rows of several programs in one table that nothing tells apart.
//!
//! One program moves from reading to reading; rows of two jump between two levels, far from each
//! other and each of them narrow, and come back to both all the time. Such a table has no trend:
//! what a line through it says is which program had more rows at its end.
//!
//! This asks of a table, before anything is judged, whether it may be judged at all, and refuses
//! one in which most stretches hold two to four narrow levels far apart. The judge asks another
//! question of a series that it has been given as one program's (its `shape::mixture`): whether
//! its scatter is two levels in no order, of which one may rise below the other; it refuses
//! nothing, so that it takes levels that are close and wide, which a table of one program has.

use super::{InputError, Table};
use leaklab_judge::Unit;
use leaklab_judge::amount::bytes_text;

/// Rows that are looked at together: few enough that a leak does not widen a level.
const WINDOW_ROWS: usize = 32;

/// Fewest rows that show a mixture.
const FEWEST_ROWS: usize = 24;

/// How much wider the gap between two levels is than either of them.
const GAP_TO_WIDTH: f64 = 8.0;

/// The gap, as a share of the highest level: two programs of the same size cannot be told apart.
const GAP_TO_LEVEL: f64 = 0.1;

/// Least share of the rows on the rarer level: bursts and outliers are rarer.
const LEAST_SHARE: f64 = 0.15;

/// Least share of rows whose level is not that of the row before: a load that is switched on and
/// off stays for longer.
const LEAST_SWITCHES: f64 = 0.12;

/// Share of the windows that must show it.
const MOST_WINDOWS: f64 = 0.8;

/// Refuses a table in which some column jumps between levels as rows of several programs do.
pub(super) fn check(table: &Table) -> Result<(), InputError> {
    for metric in &table.metrics {
        if metric.unit != Unit::Bytes || metric.doubt.is_some() {
            continue;
        }
        if let Some((low, high)) = levels(&metric.values) {
            return Err(InputError::Mixed(format!(
                "`{}` jumps between {} and {} from row to row, and nothing lies between: these seem to be rows of several programs, and no column tells them apart; write one (a process number, a name), or say --by none if it is one program",
                metric.name,
                bytes_text(low),
                bytes_text(high),
            )));
        }
    }
    Ok(())
}

/// The lowest and the highest of several levels between which readings jump; `None` where they
/// move as those of one program.
fn levels(values: &[f64]) -> Option<(f64, f64)> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.len() < FEWEST_ROWS {
        return None;
    }
    let windows = known.len().div_ceil(WINDOW_ROWS).max(1);
    let rows = known.len().div_ceil(windows);
    let (mut shown, mut found) = (0_usize, None);
    for (seen, window) in known.chunks(rows).enumerate() {
        if let Some(levels) = levels_of(window) {
            shown += 1;
            found = found.or(Some(levels));
        }
        // Most series show in their first windows that they are none.
        let at_most = shown + (windows - seen - 1);
        if (at_most as f64) < MOST_WINDOWS * windows as f64 {
            return None;
        }
    }
    found
}

/// The lowest and the highest level of one stretch, if it jumps between several.
fn levels_of(window: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = window.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (&lowest, &highest) = (sorted.first()?, sorted.last()?);
    // Levels are parted by the gaps that stand out.
    let least_gap = GAP_TO_LEVEL * highest;
    let mut bounds = vec![0];
    bounds.extend((1..sorted.len()).filter(|&i| sorted[i] - sorted[i - 1] > least_gap));
    bounds.push(sorted.len());
    const MOST_LEVELS: usize = 4;
    let levels = bounds.len() - 1;
    if !(2..=MOST_LEVELS).contains(&levels) || lowest <= 0.0 {
        return None;
    }
    let least_rows = LEAST_SHARE * window.len() as f64 / (levels - 1) as f64;
    for (place, bound) in bounds.windows(2).enumerate() {
        let level = &sorted[bound[0]..bound[1]];
        let width = level[level.len() - 1] - level[0];
        let below = (place > 0).then(|| level[0] - sorted[bound[0] - 1]);
        let above = sorted
            .get(bound[1])
            .map(|next| next - level[level.len() - 1]);
        let gap = below.into_iter().chain(above).fold(f64::INFINITY, f64::min);
        if (level.len() as f64) < least_rows || GAP_TO_WIDTH * width > gap {
            return None;
        }
    }
    let level_of = |value: f64| {
        bounds[1..]
            .iter()
            .position(|&end| sorted.get(end).is_none_or(|next| value < *next))
    };
    let pairs = window.windows(2);
    let switches = pairs.filter(|p| level_of(p[0]) != level_of(p[1])).count();
    let is_jumping = switches as f64 >= LEAST_SWITCHES * window.len() as f64;
    is_jumping.then_some((lowest, highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(row: usize) -> f64 {
        (row as f64 * 0.618_033_988_75).fract() - 0.5
    }

    #[test]
    fn rows_of_several_programs_jump_and_those_of_one_do_not() {
        let mut random = fastrand::Rng::with_seed(5);
        let level = |row: usize| 120e6 + 4e5 * noise(row);
        let mut of = |value: &mut dyn FnMut(usize, &mut fastrand::Rng) -> f64| -> bool {
            let values: Vec<f64> = (0..400).map(|row| value(row, &mut random)).collect();
            levels(&values).is_some()
        };
        assert!(of(&mut |i, _| level(i) * [1.0, 4.0][i % 2]), "in turn");
        assert!(
            of(&mut |i, r| level(i) * [1.0, 4.0][r.usize(..2)]),
            "at random"
        );
        assert!(
            of(&mut |i, r| level(i) * [1.0, 3.0, 7.0][r.usize(..3)]),
            "three"
        );
        assert!(
            of(&mut |i, r| if r.f64() < 0.7 {
                1.5 * level(i)
            } else {
                120e6 + 5e4 * i as f64
            }),
            "one of them leaks"
        );
        assert!(!of(&mut |i, _| level(i)), "level");
        assert!(!of(&mut |i, _| level(i) + 2e7 * (i % 12) as f64), "teeth");
        assert!(
            !of(&mut |i, r| level(i) * if r.f64() < 0.03 { 4.0 } else { 1.0 }),
            "bursts"
        );
        assert!(
            !of(&mut |i, _| level(i) * if i / 40 % 2 == 0 { 4.0 } else { 1.0 }),
            "on and off"
        );
        assert!(
            !of(&mut |_, r| 3e7 + 2e8 * r.f64()),
            "a heap between collections"
        );
    }
}
