//! Repetitions of one variant taken together.

use super::beside::LeakBeside;
use super::figure::Figure;
use super::ratio::{CONFIDENCE, Estimate};
use super::side::Side;
use super::spread::{Moments, Spread};
use leaklab_judge::Verdict;
use leaklab_judge::stats::quantile::median;
use std::collections::BTreeMap;

/// Takes the repetitions of a variant (`#1`, `#2`, of one run) together; others stay as they
/// are. The order is that of the first of each.
pub fn pooled(sides: Vec<Side>) -> Vec<Side> {
    let mut groups: Vec<Vec<Side>> = Vec::new();
    for side in sides {
        let key = |side: &Side| (base_name(&side.name).to_owned(), side.source.clone());
        match groups.iter_mut().find(|group| key(&group[0]) == key(&side)) {
            Some(group) => group.push(side),
            None => groups.push(vec![side]),
        }
    }
    groups.into_iter().filter_map(pool).collect()
}

/// The address without the number of the repetition.
pub fn base_name(name: &str) -> &str {
    name.split_once('#').map_or(name, |(base, _)| base)
}

fn pool(mut group: Vec<Side>) -> Option<Side> {
    if group.len() < 2 {
        return group.pop();
    }
    let count = group.len();
    let moments = |value: fn(&Side) -> Option<Estimate>| {
        let all: Option<Vec<Estimate>> = group.iter().map(value).collect();
        Moments::of_runs(&all?)
    };
    let estimate = |moments: Option<Moments>| moments.map(|known| known.interval(CONFIDENCE));
    let of_figure = |figure: Figure| {
        let known = group.iter().filter_map(|side| side.figures.get(&figure));
        Some((
            figure,
            Spread::of_runs(&known.copied().collect::<Vec<_>>())?,
        ))
    };
    let figures: BTreeMap<Figure, Spread> = Figure::ALL.into_iter().filter_map(of_figure).collect();
    let value = |figure| figures.get(&figure).map(|spread: &Spread| spread.value);
    let per_operation_moments = moments(Side::counted_growth);
    let per_hour_moments = moments(|side| side.per_hour);
    let [low, middle, high] = bands(&group);
    let first = &group[0];
    let withheld = group.iter().filter(|side| side.is_withheld).count();
    let agreed = group.iter().all(|side| side.verdict == first.verdict);
    let troubles: Vec<&str> = group.iter().filter_map(|s| s.trouble.as_deref()).collect();
    let pooled = Side {
        name: base_name(&first.name).to_owned(),
        trouble: troubles
            .first()
            .map(|trouble| format!("{} of {count} {trouble}", troubles.len())),
        is_measured: group.iter().all(|side| side.is_measured),
        verdict: if agreed {
            first.verdict
        } else {
            Verdict::Inconclusive
        },
        kind: first.kind.filter(|_| agreed),
        reason: if agreed {
            format!("{count} repetitions agree; the first: {}", first.reason)
        } else {
            let verdicts: Vec<String> = group.iter().map(|s| s.verdict.to_string()).collect();
            format!("{count} repetitions disagree: {}", verdicts.join(", "))
        },
        per_operation: estimate(per_operation_moments),
        per_hour: estimate(per_hour_moments),
        per_operation_moments,
        per_hour_moments,
        peak_bytes: value(Figure::Peak),
        settled_bytes: value(Figure::SettledLevel),
        cpu_us_per_operation: value(Figure::CpuPerOperation),
        latency_p50_us: value(Figure::LatencyP50),
        latency_p99_us: value(Figure::LatencyP99),
        operations_per_second: value(Figure::Throughput),
        descriptors: value(Figure::Descriptors),
        threads: value(Figure::Threads),
        start_up_ms: value(Figure::StartUp),
        runs: count as u64,
        leaking_runs: group.iter().map(|side| side.leaking_runs).sum(),
        leak_beside: LeakBeside::of_runs(&group),
        is_withheld: 2 * withheld >= count,
        withheld_runs: withheld as u64,
        figures,
        values: middle,
        band: Some([low, high]),
        ..first.clone()
    };
    Some(pooled)
}

/// Lowest, middle and highest value of repetitions at the times of the first of them. What a row
/// does not tell is what was told last: rows may come more often than readings do.
fn bands(group: &[Side]) -> [Vec<f64>; 3] {
    let mut bands: [Vec<f64>; 3] = Default::default();
    let rows = |side: &'_ Side| side.times_s.clone().into_iter().zip(side.values.clone());
    let mut rest: Vec<_> = group.iter().map(|side| rows(side).peekable()).collect();
    let mut told = vec![f64::NAN; group.len()];
    for &time in &group[0].times_s {
        for (rows, last) in rest.iter_mut().zip(&mut told) {
            while let Some((_, value)) = rows.next_if(|(at, _)| *at <= time) {
                if value.is_finite() {
                    *last = value;
                }
            }
        }
        let mut at_time: Vec<f64> = told.iter().copied().filter(|one| one.is_finite()).collect();
        at_time.sort_by(f64::total_cmp);
        let (first, last) = (at_time.first().copied(), at_time.last().copied());
        let values = [first, median(&at_time), last];
        for (band, value) in bands.iter_mut().zip(values) {
            band.push(value.unwrap_or(f64::NAN));
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(all: &[Estimate]) -> Estimate {
        let moments = Moments::of_runs(all).expect("there are runs");
        moments.interval(CONFIDENCE)
    }

    #[test]
    fn scatter_of_repetitions_has_the_interval_of_scipy() {
        // scipy 1.17.1: t.interval(0.95, 4, loc=np.mean(v), scale=sem(v)) for
        // v = [1.0, 2.0, 4.0, 3.5, 2.5]
        let all = [1.0, 2.0, 4.0, 3.5, 2.5].map(|value| Estimate {
            value,
            low: value - 0.01,
            high: value + 0.01,
        });
        let found = mean(&all);
        assert!(
            (found.low - 1.117_783_917_466_692_8).abs() < 1e-7,
            "{found:?}"
        );
        assert!(
            (found.high - 4.082_216_082_533_307).abs() < 1e-7,
            "{found:?}"
        );
    }

    #[test]
    fn repetitions_that_agree_keep_their_own_error() {
        let all = [5.0; 4].map(|value| Estimate {
            value,
            low: value - 0.2,
            high: value + 0.2,
        });
        assert!((mean(&all).half_width() - 0.1).abs() < 1e-12);
    }
}
