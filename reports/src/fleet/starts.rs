//! When instances were started, as a server says it: start times, and counts of restarts.
//!
//! A container that is killed and started anew within its pod keeps the pod's labels, so that its
//! lives look like one. cAdvisor says when a container was started, client libraries when a
//! process was, kube-state-metrics how often a container was started again; whichever of these
//! covers an instance cuts it into its lives.

use super::pool::Life;
use crate::foreign::RangeSeries;
use std::collections::BTreeMap;

/// Metrics whose value is the second since 1970 at which a container or a process was started.
pub const START_TIMES: [&str; 2] = ["container_start_time_seconds", "process_start_time_seconds"];

/// A metric that counts the restarts of a container within its pod.
pub const RESTART_COUNT: &str = "kube_pod_container_status_restarts_total";

/// Labels that tell one program from another: of two start times with different ones, neither
/// speaks for memory that does not bear them.
const OF_A_PROGRAM: [&str; 9] = [
    "namespace",
    "pod",
    "pod_name",
    "container",
    "container_name",
    "instance",
    "job",
    "node",
    "cluster",
];

/// Labels of a container that kube-state-metrics has in common with others; what else it bears
/// (`instance`, `job`) names kube-state-metrics itself.
const OF_A_CONTAINER: [&str; 3] = ["namespace", "pod", "container"];

/// Share of an instance's life that must be covered: while a container is down nobody says when it
/// was started.
const LEAST_COVERED: f64 = 0.75;

/// A server gives the last reading of so many seconds where none is newer.
const LOOKBACK_S: f64 = 300.0;

/// A start before this second (September 2001) is that of a clock that was not set.
const EARLIEST_S: f64 = 1e9;

type Labels = BTreeMap<String, String>;

/// What a server says of starts.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    /// Readings far apart, which show what is covered.
    pub covered: Vec<RangeSeries>,
    /// Readings that are new, or other than the one before.
    pub changed: Vec<RangeSeries>,
    /// Distance of the readings that show what is covered, in seconds.
    pub coarse_s: f64,
    /// Distance of the readings of memory, in seconds.
    pub step_s: f64,
}

impl Starts {
    /// Cuts an instance of these labels where it was started anew.
    pub fn lives(&self, life: Life, labels: &Labels) -> Vec<Life> {
        let (Some(&first), Some(&last)) = (life.time_s.first(), life.time_s.last()) else {
            return vec![life];
        };
        let metrics = START_TIMES.iter().chain(&[RESTART_COUNT]);
        let Some(metric) = metrics
            .copied()
            .find(|metric| self.covers(metric, labels, first, last))
        else {
            return vec![life];
        };
        let told = of_instance(&self.changed, metric, labels).unwrap_or_default();
        let covered = of_instance(&self.covered, metric, labels).unwrap_or_default();
        let told: Vec<&RangeSeries> = told.into_iter().chain(covered).collect();
        let mut cuts: Vec<usize> = match metric == RESTART_COUNT {
            true => counted(&told)
                .map(|time| {
                    let from = time - self.step_s - LOOKBACK_S;
                    self.place(&life, from, time, time)
                })
                .collect(),
            false => (told.iter().flat_map(|series| &series.value))
                .filter(|start| **start > first.max(EARLIEST_S) && **start <= last)
                .map(|&start| self.place(&life, start, start, start))
                .collect(),
        };
        cuts.retain(|cut| (1..life.time_s.len()).contains(cut));
        cuts.sort_unstable();
        cuts.dedup();
        cut(life, &cuts)
    }

    /// Whether a metric tells the starts of an instance throughout its life.
    fn covers(&self, metric: &str, labels: &Labels, first: f64, last: f64) -> bool {
        let Some(told) = of_instance(&self.covered, metric, labels) else {
            return false;
        };
        let is_within = |time: &&f64| (first..=last).contains(*time);
        let mut times: Vec<f64> = (told.iter())
            .flat_map(|series| series.time_s.iter().filter(is_within).copied())
            .collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let wanted = ((last - first) / self.coarse_s).floor();
        let is_near = || of_instance(&self.changed, metric, labels).is_some();
        match wanted < 2.0 {
            // Too short a life to be met twice: what is told of it at all covers it.
            true => !times.is_empty() || is_near(),
            false => times.len() as f64 >= LEAST_COVERED * wanted,
        }
    }

    /// The reading at which a restart shows: the deepest fall between `from` and `to`, or a little
    /// later, since a server repeats the last reading for a while; without one the first reading
    /// after `at`.
    fn place(&self, life: &Life, from: f64, to: f64, at: f64) -> usize {
        let from = life.time_s.partition_point(|time| *time < from).max(1);
        let latest = to + LOOKBACK_S + self.step_s;
        let to = life.time_s.partition_point(|time| *time <= latest);
        let fall = |i: usize| life.value[i - 1] - life.value[i];
        (from..to)
            .filter(|&i| fall(i) > 0.0)
            .max_by(|&a, &b| fall(a).total_cmp(&fall(b)))
            .unwrap_or_else(|| life.time_s.partition_point(|time| *time < at))
    }
}

/// The series of a metric that speak of the instance of these labels; `None` where there is none,
/// or where they may be those of several programs.
fn of_instance<'a>(
    all: &'a [RangeSeries],
    metric: &str,
    labels: &Labels,
) -> Option<Vec<&'a RangeSeries>> {
    let speaks = |series: &&RangeSeries| {
        let is_metric = series
            .labels
            .get("__name__")
            .is_some_and(|name| name == metric);
        is_metric && belongs(&series.labels, labels, metric)
    };
    let found: Vec<&RangeSeries> = all.iter().filter(speaks).collect();
    let first = found.first()?;
    let telling: &[&str] = match metric == RESTART_COUNT {
        true => &OF_A_CONTAINER,
        false => &OF_A_PROGRAM,
    };
    let differ = |name: &str| {
        let value = |series: &RangeSeries| series.labels.get(name).cloned();
        found.iter().any(|series| value(series) != value(first))
    };
    let is_one = !telling.iter().any(|name| differ(name));
    is_one.then_some(found)
}

/// Whether a series of `metric` with the labels `told` speaks of the instance.
fn belongs(told: &Labels, instance: &Labels, metric: &str) -> bool {
    if metric == RESTART_COUNT {
        let is_same = |name: &str| told.get(name) == instance.get(name);
        let has_pod = instance.contains_key("pod") && instance.contains_key("container");
        return has_pod && OF_A_CONTAINER.iter().all(|name| is_same(name));
    }
    instance.iter().all(|(name, value)| {
        let told = told.get(name);
        name == "__name__"
            || told.is_some_and(|told| told == value)
            || told.is_none() && !OF_A_PROGRAM.contains(&name.as_str())
    })
}

/// Times from which on a count of restarts is higher than before, or that of another pod of the
/// same name.
fn counted<'a>(told: &[&'a RangeSeries]) -> impl Iterator<Item = f64> + use<'a> {
    let mut readings: Vec<(f64, f64, Option<&String>)> = Vec::new();
    for series in told {
        let uid = series.labels.get("uid");
        let pairs = series.time_s.iter().zip(&series.value);
        readings.extend(pairs.map(|(time, count)| (*time, *count, uid)));
    }
    readings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut before: Option<(f64, Option<&String>)> = None;
    readings.into_iter().filter_map(move |(time, count, uid)| {
        let is_new = before.is_some_and(|(known, of)| count > known || uid != of);
        before = Some((count, uid));
        is_new.then_some(time)
    })
}

/// The lives of an instance that was started anew at the readings `cuts`.
fn cut(mut life: Life, cuts: &[usize]) -> Vec<Life> {
    life.knows_starts = true;
    let mut lives = Vec::with_capacity(cuts.len() + 1);
    for &cut in cuts.iter().rev() {
        lives.push(Life {
            time_s: life.time_s.split_off(cut),
            value: life.value.split_off(cut),
            is_restart: true,
            ..life.clone()
        });
    }
    lives.push(life);
    lives.reverse();
    lives
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_S: f64 = 300.0;
    const ORIGIN_S: f64 = 1_795_000_000.0;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    /// Ten hours that rise and fall back to their level at each of `falls`.
    fn life(falls: &[usize]) -> Life {
        let mut grown = 0.0;
        let value = |step: usize| {
            grown = if falls.contains(&step) {
                0.0
            } else {
                grown + 1e6
            };
            1e8 + grown
        };
        Life {
            value: (0..120).map(value).collect(),
            time_s: (0..120).map(at).collect(),
            ..Life::default()
        }
    }

    fn at(step: usize) -> f64 {
        ORIGIN_S + step as f64 * STEP_S
    }

    fn told(metric: &str, of: &[(&str, &str)], readings: &[(f64, f64)]) -> RangeSeries {
        let mut labels = labels(of);
        labels.insert("__name__".to_owned(), metric.to_owned());
        RangeSeries {
            labels,
            time_s: readings.iter().map(|reading| reading.0).collect(),
            value: readings.iter().map(|reading| reading.1).collect(),
        }
    }

    fn starts(changed: Vec<RangeSeries>) -> Starts {
        // Every second hour the value of then.
        let coarse = |series: &RangeSeries| {
            let hours = (0..120).step_by(24).map(at);
            let last = |time: f64| {
                let known = series.time_s.partition_point(|one| *one <= time).max(1);
                (time, series.value[known - 1])
            };
            let readings: Vec<(f64, f64)> = hours.map(last).collect();
            RangeSeries {
                labels: series.labels.clone(),
                time_s: readings.iter().map(|one| one.0).collect(),
                value: readings.iter().map(|one| one.1).collect(),
            }
        };
        Starts {
            covered: changed.iter().map(coarse).collect(),
            changed,
            coarse_s: 24.0 * STEP_S,
            step_s: STEP_S,
        }
    }

    const POD: [(&str, &str); 3] = [
        ("namespace", "shop"),
        ("pod", "cart-1"),
        ("container", "cart"),
    ];

    fn lengths(lives: &[Life]) -> Vec<usize> {
        lives.iter().map(|life| life.time_s.len()).collect()
    }

    #[test]
    fn a_start_time_cuts_where_the_memory_falls() {
        // Started a minute before the readings 40 and 80; at 80 the server repeats an old reading.
        let readings = [
            (at(0), ORIGIN_S - 5_000.0),
            (at(40), at(40) - 60.0),
            (at(80), at(80) - 60.0),
        ];
        let starts = starts(vec![told(START_TIMES[0], &POD, &readings)]);
        let lives = starts.lives(life(&[40, 81]), &labels(&POD));
        assert_eq!(lengths(&lives), [40, 41, 39]);
        assert!(lives.iter().all(|life| life.knows_starts));
        let restarts: Vec<bool> = lives.iter().map(|life| life.is_restart).collect();
        assert_eq!(restarts, [false, true, true]);
        // A clock that is corrected by seconds moves the start by as much, and nothing more.
        let drifts = [(at(0), at(40) - 60.0), (at(50), at(40) - 59.0)];
        let drifting = self::starts(vec![told(START_TIMES[0], &POD, &drifts)]);
        assert_eq!(
            lengths(&drifting.lives(life(&[40]), &labels(&POD))),
            [40, 80]
        );
    }

    #[test]
    fn a_count_of_restarts_cuts_and_one_that_was_there_before_does_not() {
        let of = [&POD[..], &[("uid", "a"), ("instance", "10.0.0.9:8080")]].concat();
        let readings = [(at(0), 3.0), (at(41), 4.0)];
        let counted = starts(vec![told(RESTART_COUNT, &of, &readings)]);
        let instance = [&POD[..], &[("instance", "10.0.0.1:10250")]].concat();
        let lives = counted.lives(life(&[40]), &labels(&instance));
        assert_eq!(lengths(&lives), [40, 80]);
        // The server that counts is started anew: its series are new, their counts are not.
        let anew = [(at(0), 3.0), (at(60), 3.0)];
        let counted = starts(vec![told(RESTART_COUNT, &of, &anew)]);
        let lives = counted.lives(life(&[40]), &labels(&instance));
        assert_eq!(lengths(&lives), [120]);
        assert!(lives[0].knows_starts);
    }

    #[test]
    fn what_speaks_of_another_program_or_of_a_part_of_the_time_cuts_nothing() {
        let readings = [(at(0), ORIGIN_S), (at(40), at(40))];
        let unknown = |starts: Starts, of: &[(&str, &str)]| {
            let lives = starts.lives(life(&[40]), &labels(of));
            lives.len() == 1 && !lives[0].knows_starts
        };
        let other = [
            ("namespace", "shop"),
            ("pod", "cart-2"),
            ("container", "cart"),
        ];
        let of = |pod: &[(&str, &str)]| told(START_TIMES[0], pod, &readings);
        assert!(unknown(starts(vec![of(&other)]), &POD));
        // A sum over pods is that of several programs.
        let sum = [POD[0], POD[2]];
        assert!(unknown(starts(vec![of(&POD), of(&other)]), &sum));
        assert!(!unknown(starts(vec![of(&POD)]), &sum));
        // The pod as a whole bears no container.
        assert!(unknown(starts(vec![of(&POD[..2])]), &POD));
        let late = Starts {
            covered: vec![told(START_TIMES[0], &POD, &[(at(96), at(40))])],
            ..starts(vec![of(&POD)])
        };
        assert!(unknown(late, &POD));
        assert!(unknown(Starts::default(), &POD));
    }
}
