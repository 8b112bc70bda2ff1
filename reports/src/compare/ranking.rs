//! Several cells in the order of their growth.

use super::certificate::Basis;
use super::ratio::{Estimate, difference};
use super::side::Side;
use leaklab_judge::stats::student::normal_quantile;

/// A cell with the places that it can have.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ranked {
    /// The best place that the intervals allow, from 1.
    pub best: usize,
    /// The worst place that they allow.
    pub worst: usize,
    /// Growth on the ranking's basis; absent cells come last.
    pub growth: Option<Estimate>,
    /// The cell.
    pub side: Side,
}

/// Cells ranked by growth, the smallest first.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ranking {
    /// What growth is counted by.
    pub basis: Basis,
    /// The cells.
    pub cells: Vec<Ranked>,
}

impl Ranking {
    /// Ranks cells by growth: per operation if all count operations, else per hour.
    ///
    /// Two cells have places apart only if their difference can be told from none at 95 % for
    /// all pairs together (Bonferroni), so that a list of equals stays a list of equals.
    pub fn new(sides: Vec<Side>) -> Self {
        let counted = sides
            .iter()
            .all(|side| side.per_operation.is_some() || side.per_hour.is_none());
        let basis = if counted {
            Basis::PerOperation
        } else {
            Basis::PerHour
        };
        let mut cells: Vec<Ranked> = sides
            .into_iter()
            .map(|side| Ranked {
                best: 1,
                worst: 1,
                growth: match basis {
                    Basis::PerOperation => side.per_operation,
                    Basis::PerHour => side.per_hour,
                },
                side,
            })
            .collect();
        cells.sort_by(|a, b| order(a.growth.as_ref()).total_cmp(&order(b.growth.as_ref())));
        let growths: Vec<Option<Estimate>> = cells.iter().map(|cell| cell.growth).collect();
        let known = growths.iter().flatten().count();
        let pairs = (known * known.saturating_sub(1) / 2).max(1);
        let widening = normal_quantile(1.0 - 0.025 / pairs as f64) / normal_quantile(0.975);
        let smaller = |a: &Estimate, b: &Estimate| {
            let apart = difference(a, b);
            apart.value - widening * apart.half_width() > 0.0
        };
        for cell in &mut cells {
            let (mut below, mut above) = (0, 0);
            if let Some(own) = &cell.growth {
                below = growths
                    .iter()
                    .flatten()
                    .filter(|other| smaller(other, own))
                    .count();
                above = growths
                    .iter()
                    .flatten()
                    .filter(|other| smaller(own, other))
                    .count();
            }
            cell.best = 1 + below;
            cell.worst = growths.len() - above;
        }
        Ranking { basis, cells }
    }
}

fn order(growth: Option<&Estimate>) -> f64 {
    growth.map_or(f64::INFINITY, |growth| growth.value)
}
