//! Repetitions of one variant taken together.

use super::ratio::{CONFIDENCE, Estimate};
use super::side::Side;
use leaklab_judge::Verdict;
use leaklab_judge::stats::quantile::median;
use leaklab_judge::stats::student::t_quantile;

/// Takes the repetitions of a variant (`#1`, `#2`, of one run) together; others stay as they
/// are. The order is that of the first of each.
pub fn pooled(sides: Vec<Side>) -> Vec<Side> {
    let mut groups: Vec<Vec<Side>> = Vec::new();
    for side in sides {
        let key = |side: &Side| (base(&side.name).to_owned(), side.source.clone());
        match groups.iter_mut().find(|group| key(&group[0]) == key(&side)) {
            Some(group) => group.push(side),
            None => groups.push(vec![side]),
        }
    }
    groups.into_iter().filter_map(pool).collect()
}

/// The address without the number of the repetition.
fn base(name: &str) -> &str {
    name.split_once('#').map_or(name, |(base, _)| base)
}

fn pool(mut group: Vec<Side>) -> Option<Side> {
    if group.len() < 2 {
        return group.pop();
    }
    let count = group.len();
    let middle = |value: fn(&Side) -> Option<f64>| {
        let known: Vec<f64> = group.iter().filter_map(value).collect();
        median(&known)
    };
    let estimate = |value: fn(&Side) -> Option<Estimate>| {
        let all: Option<Vec<Estimate>> = group.iter().map(value).collect();
        all.map(|all| mean(&all))
    };
    let first = &group[0];
    let agreed = group.iter().all(|side| side.verdict == first.verdict);
    let troubles: Vec<&str> = group.iter().filter_map(|s| s.trouble.as_deref()).collect();
    let pooled = Side {
        name: base(&first.name).to_owned(),
        trouble: troubles
            .first()
            .map(|trouble| format!("{} of {count} {trouble}", troubles.len())),
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
        per_operation: estimate(|side| side.per_operation),
        per_hour: estimate(|side| side.per_hour),
        peak_bytes: middle(|side| side.peak_bytes),
        settled_bytes: middle(|side| side.settled_bytes),
        cpu_us_per_operation: middle(|side| side.cpu_us_per_operation),
        latency_p50_us: middle(|side| side.latency_p50_us),
        latency_p99_us: middle(|side| side.latency_p99_us),
        operations_per_second: middle(|side| side.operations_per_second),
        ..first.clone()
    };
    Some(pooled)
}

/// The mean of independent estimates. Its interval is the wider of what their own intervals
/// give and what their scatter gives by Student's t, so that runs which differ by more than
/// each one's error count as uncertain.
fn mean(all: &[Estimate]) -> Estimate {
    let count = all.len() as f64;
    let value = all.iter().map(|one| one.value).sum::<f64>() / count;
    let within = all.iter().map(|one| one.half_width().powi(2)).sum::<f64>();
    let scatter = all
        .iter()
        .map(|one| (one.value - value).powi(2))
        .sum::<f64>();
    let quantile = t_quantile(0.5 + CONFIDENCE / 2.0, count - 1.0);
    let between = quantile * (scatter / (count - 1.0) / count).sqrt();
    let half = (within.sqrt() / count).max(between);
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
