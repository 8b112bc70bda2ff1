//! The verdict of a service that has replicas and deployments.
//!
//! Replicas laid end to end are one series, which finds what grows in all of them. It hides what
//! grows in one of many, and what began with the last deployment. So each replica, and what runs
//! at the end, are judged alone as well; the service's judgement is that of the part which it
//! names. A leak in a part must stand after a correction for the number of parts.

use super::pool::{Current, Life, Pooled, current, places, pool};
use crate::cell::withhold_because;
use leaklab_judge::amount::{bytes_text, duration_text};
use leaklab_judge::{JudgeOptions, Judgement, Series, Verdict, falls_like_restarts, judge};
use serde::{Deserialize, Serialize};

/// How sure a leak in one of several parts of a service must be, all parts together (Bonferroni).
const ACCEPTED_ERROR: f64 = 0.05;

/// A static program that does nothing has some 300 KiB.
const LEAST_BYTES: f64 = 262_144.0;

/// Share of a limit from which on it is all but reached: a container whose caches the kernel takes
/// back at its limit stands a little below it.
const NEARLY: f64 = 0.99;

/// A service whose memory has reached its limit, or all but reached it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtLimit {
    /// The highest reading of one instance.
    pub highest_bytes: f64,
    /// Whether that is the limit or more.
    pub is_reached: bool,
}

/// What a service's judgement is about, where that is not all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What runs at the end, since the newest of it took the place of another.
    Deployment {
        /// Seconds from the newest of its starts to the last reading.
        ran_s: f64,
        /// Whether a deployment ended a leak of what was before.
        #[serde(default)]
        cured: bool,
    },
    /// One instance.
    Replica {
        /// Its labels beyond those of the service.
        name: String,
        /// Instances that leak, by themselves.
        leaking: usize,
        /// Instances in all.
        of: usize,
    },
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deployment { ran_s, cured } => {
                let ran = duration_text(*ran_s);
                match cured {
                    true => write!(
                        f,
                        "a leak was cured by the deployment {ran} before the end, since which"
                    ),
                    false => write!(f, "since the deployment {ran} before the end"),
                }
            }
            Self::Replica { name, leaking, of } if *leaking > 0 => {
                write!(f, "{leaking} of {of} replicas leak, most of all {name}")
            }
            Self::Replica { name, of, .. } => {
                write!(
                    f,
                    "one of {of} replicas may grow, which the others hide: {name}"
                )
            }
        }
    }
}

/// A service, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceJudgement {
    /// Instances that ran at the same time.
    pub replicas: usize,
    /// Instances in all.
    pub lives: usize,
    /// What the judgement is about, where that is not all of the service.
    pub part: Option<Part>,
    /// The series of that part.
    pub series: Pooled,
    /// What the judge says of it; its p-value is corrected for the number of parts.
    pub judgement: Judgement,
    /// All of the service as one series, where a part speaks for it.
    pub whole: Option<Pooled>,
    /// Its highest reading, where that reaches its limit.
    pub at_limit: Option<AtLimit>,
}

impl ServiceJudgement {
    /// A service without a reading.
    pub fn unknown(reason: &str) -> Self {
        Self {
            replicas: 0,
            lives: 0,
            part: None,
            series: Pooled::default(),
            judgement: Judgement::unknown(reason),
            whole: None,
            at_limit: None,
        }
    }
}

/// A series with what the judge says of it.
struct Judged {
    series: Pooled,
    judgement: Judgement,
}

impl Judged {
    fn new(places: &[Vec<Life>], options: &JudgeOptions) -> Self {
        let pooled = pool(places);
        let series = Series {
            restarts: (!pooled.restarts.is_empty()).then_some(&pooled.restarts[..]),
            ..Series::new(&pooled.time_s, &pooled.value)
        };
        let unknown = |error: leaklab_judge::JudgeError| Judgement::unknown(error.to_string());
        let options = &JudgeOptions {
            replicas: places.len() > 1,
            ..options.clone()
        };
        let mut judgement = judge(&series, options).unwrap_or_else(unknown);
        if judgement.verdict == Verdict::NoLeak
            && let Some(falls) = doubtful_falls(places)
        {
            withhold_because(
                &mut judgement,
                format!(
                    "falls back {falls} times, as under a collector, and as a program that leaks, is killed and started anew: the server knows no start times of it (container_start_time_seconds, process_start_time_seconds)"
                ),
            );
        }
        Self {
            judgement,
            series: pooled,
        }
    }

    fn rate(&self) -> f64 {
        self.judgement.slope_bytes_per_hour.unwrap_or(0.0)
    }

    /// Whether it grows by more than its budget, as far as can be seen.
    fn grows(&self) -> bool {
        let budget = self.judgement.budget_bytes_per_hour.unwrap_or(0.0);
        self.judgement.verdict != Verdict::NoLeak && self.rate() > budget
    }

    /// Whether it leaks, and would be said to in one of so many parts.
    fn surely_leaks(&self, parts: usize) -> bool {
        let corrected = self.judgement.p_value * parts as f64;
        self.judgement.verdict == Verdict::Leak && corrected <= ACCEPTED_ERROR
    }
}

/// The most falls that may be restarts, of an instance of which nobody says when it was started.
fn doubtful_falls(places: &[Vec<Life>]) -> Option<usize> {
    let unknown = places.iter().flatten().filter(|life| !life.knows_starts);
    unknown
        .map(|life| falls_like_restarts(&life.time_s, &life.value))
        .max()
        .filter(|falls| *falls > 0)
}

/// Judges the instances of a service.
pub fn judge_service(lives: Vec<Life>, options: &JudgeOptions) -> ServiceJudgement {
    let places = places(lives);
    let stands = places
        .iter()
        .map(|lives| stands_at(lives))
        .fold(0.0, f64::max);
    let mut whole = Judged::new(&places, options);
    let (replicas, lives) = (whole.series.replicas, whole.series.lives);
    let running = current(&places);
    let now = (running.as_ref()).map(|running| Judged::new(&running.places, options));
    let several = |places: &[Vec<Life>]| if places.len() > 1 { places.len() } else { 0 };
    if let (Some(running), Some(now)) = (&running, &now) {
        doubt_cure(&mut whole, running, now, options);
    }
    let mut parts = 1 + usize::from(now.is_some());
    let (deployment, of_replicas) = match (running, now) {
        (Some(running), Some(now)) if speaks(&running, &now, &whole, options) => {
            let leaks = |one: &Judged| one.judgement.verdict == Verdict::Leak;
            let leaked = || leaks(&whole) || leaks(&Judged::new(&running.before, options));
            let part = Part::Deployment {
                ran_s: running.ran_s,
                cured: now.judgement.verdict == Verdict::NoLeak
                    && running.is_other_build
                    && leaked(),
            };
            (Some((part, now)), running.places)
        }
        _ => (None, places),
    };
    parts += several(&of_replicas);
    let together = deployment.as_ref().map_or(&whole, |(_, now)| now);
    let hidden = match several(&of_replicas) {
        0 => None,
        _ if together.surely_leaks(parts) => None,
        _ => hidden(&of_replicas, together, parts, options),
    };
    let (part, chosen, whole) = match hidden.or(deployment) {
        Some((part, chosen)) => (Some(part), chosen, Some(whole.series)),
        None => (None, whole, None),
    };
    let mut judgement = chosen.judgement;
    let highest = chosen.series.value.iter().copied().fold(0.0, f64::max);
    if highest > 0.0 && highest < LEAST_BYTES {
        withhold_because(
            &mut judgement,
            format!(
                "it would have {} at most, which no process has: the query may count something else than bytes",
                bytes_text(highest)
            ),
        );
    }
    judgement.p_value = (judgement.p_value * parts as f64).min(1.0);
    let at_limit = at_limit(whole.as_ref().unwrap_or(&chosen.series), options.limit);
    // Far above it the limit is none that holds it down.
    let is_held = |limit: &f64| (NEARLY..=2.0 - NEARLY).contains(&(stands / limit));
    if let Some(limit) = options.limit.filter(is_held) {
        withhold_because(
            &mut judgement,
            format!(
                "stands at {}, its limit being {}: it could not have grown any further",
                bytes_text(stands),
                bytes_text(limit)
            ),
        );
    }
    ServiceJudgement {
        at_limit,
        replicas,
        lives,
        whole,
        part,
        series: chosen.series,
        judgement,
    }
}

/// Where the highest reading of a service has reached its limit, or all but reached it.
fn at_limit(series: &Pooled, limit: Option<f64>) -> Option<AtLimit> {
    let limit = limit?;
    let highest_bytes = series.value.iter().copied().fold(0.0, f64::max);
    (highest_bytes >= NEARLY * limit).then_some(AtLimit {
        highest_bytes,
        is_reached: highest_bytes >= limit,
    })
}

/// Where an instance stands at the end: the median of the last tenth of its last life.
fn stands_at(lives: &[Life]) -> f64 {
    let values = lives.last().map_or(&[][..], |life| &life.value);
    let mut latest = values[values.len() - values.len().div_ceil(10)..].to_vec();
    latest.sort_by(f64::total_cmp);
    latest.get(latest.len() / 2).copied().unwrap_or(0.0)
}

/// Whether what runs now speaks for the service: once it says something else than its past does.
/// It clears a past that grows only where all of it is known to run another build since; an
/// instance that leaked and went away, or was started anew, is not cured by that.
fn speaks(running: &Current, now: &Judged, whole: &Judged, options: &JudgeOptions) -> bool {
    let verdict = now.judgement.verdict;
    if verdict == Verdict::Inconclusive || verdict == whole.judgement.verdict {
        return false;
    }
    if verdict == Verdict::Leak || running.is_other_build {
        return true;
    }
    whole.judgement.verdict != Verdict::Leak && !grew_before(running, options)
}

/// Whether something that was before what runs now grew.
fn grew_before(running: &Current, options: &JudgeOptions) -> bool {
    let grew = |lives: &Vec<Life>| Judged::new(std::slice::from_ref(lives), options).grows();
    running.before.iter().any(grew)
}

/// Says of a service that grew until all of it was started anew, and is level since, that this is
/// no cure as long as nobody knows it to run another build.
fn doubt_cure(whole: &mut Judged, running: &Current, now: &Judged, options: &JudgeOptions) {
    let is_level = now.judgement.verdict == Verdict::NoLeak;
    let is_cure = running.is_deployment && !running.is_other_build && is_level;
    if !is_cure || whole.judgement.verdict == Verdict::Leak || !grew_before(running, options) {
        return;
    }
    let ran = duration_text(running.ran_s);
    let reason = format!(
        "grew until all of it was started anew {ran} before the end, and is level since; no label says that another build runs since then (image, image_id, version), so that this may be the same one with less to do"
    );
    withhold_because(&mut whole.judgement, reason.clone());
    whole.judgement.reason = reason;
}

/// The replica that all together hide: one that leaks for sure, or, where all together are
/// level, one that may.
fn hidden(
    places: &[Vec<Life>],
    together: &Judged,
    parts: usize,
    options: &JudgeOptions,
) -> Option<(Part, Judged)> {
    let of = places.len();
    let replicas: Vec<(&str, Judged)> = (places.iter())
        .map(|lives| {
            let name = lives.last().map_or("", |life| life.name.as_str());
            (name, Judged::new(std::slice::from_ref(lives), options))
        })
        .collect();
    let sure = (replicas.iter()).filter(|(_, one)| one.surely_leaks(parts));
    let leaking = sure.count();
    let is_hidden = |one: &Judged| match leaking {
        0 => together.judgement.verdict == Verdict::NoLeak && one.grows(),
        _ => one.surely_leaks(parts),
    };
    let (name, worst) = (replicas.into_iter())
        .filter(|(_, one)| is_hidden(one))
        .max_by(|a, b| a.1.rate().total_cmp(&b.1.rate()))?;
    let name = name.to_owned();
    Some((Part::Replica { name, leaking, of }, worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_S: f64 = 300.0;
    const DAY: usize = 288;

    /// Noise without memory that needs no generator: the fractions of multiples of a surd.
    fn noise(step: usize, seed: usize) -> f64 {
        1e6 * (((step + 1_000 * seed) as f64 * 0.618_033_988_75).fract() - 0.5)
    }

    fn instance(name: usize, steps: std::ops::Range<usize>, per_hour: f64) -> Life {
        let first = steps.start;
        let grown = |step: usize| per_hour * (step - first) as f64 * STEP_S / 3_600.0;
        Life {
            name: format!("pod=cart-{name}"),
            build: String::new(),
            time_s: steps.clone().map(|step| step as f64 * STEP_S).collect(),
            value: steps
                .map(|step| 1e8 + grown(step) + noise(step, name))
                .collect(),
            ..Life::default()
        }
    }

    /// Seven days in which an instance grows by 12 MB an hour and falls back every `period` steps.
    fn falling(name: usize, period: usize) -> Life {
        let mut life = instance(name, 0..7 * DAY, 0.0);
        for (step, value) in life.value.iter_mut().enumerate() {
            *value += 1e6 * (step % period) as f64;
        }
        life
    }

    /// The lives of [`falling`], as start times tell them apart.
    fn told_apart(name: usize, period: usize) -> Vec<Life> {
        let whole = falling(name, period);
        let chunks = whole.time_s.chunks(period).zip(whole.value.chunks(period));
        let life = |(number, (times, values)): (usize, (&[f64], &[f64]))| Life {
            time_s: times.to_vec(),
            value: values.to_vec(),
            is_restart: number > 0,
            knows_starts: true,
            ..whole.clone()
        };
        chunks.enumerate().map(life).collect()
    }

    #[test]
    fn a_container_that_is_killed_and_started_anew_is_never_green() {
        for period in [30, 72, 200, 500, 900] {
            for replicas in [1, 3] {
                let one: Vec<Life> = (0..replicas).map(|one| falling(one, period)).collect();
                let unknown = judge_of(one);
                assert_ne!(
                    unknown.judgement.verdict,
                    Verdict::NoLeak,
                    "{period}, {replicas}"
                );
                let lives = (0..replicas).flat_map(|one| told_apart(one, period));
                let known = judge_of(lives.collect());
                let reason = &known.judgement.reason;
                assert_eq!(
                    known.judgement.verdict,
                    Verdict::Leak,
                    "{period}, {replicas}: {reason}"
                );
                let rate = known.judgement.slope_bytes_per_hour.expect("a rate");
                let within = 0.05;
                assert!(
                    (rate / 12e6 - 1.0).abs() < within,
                    "{period}, {replicas}: {rate}"
                );
                assert_eq!(known.replicas, replicas);
            }
        }
        // Teeth of a collector in a program that is known to have run throughout.
        let mut ran = falling(0, 30);
        ran.knows_starts = true;
        let judged = judge_of(vec![ran]);
        assert_eq!(
            judged.judgement.verdict,
            Verdict::NoLeak,
            "{}",
            judged.judgement.reason
        );
    }

    #[test]
    fn who_stands_at_a_limit_is_not_green() {
        let level = || vec![instance(0, 0..5 * DAY, 0.0)];
        // Readings of 99.5 to 100.5 MB.
        for (limit, verdict, is_reached) in [
            (120e6, Verdict::NoLeak, None),
            (101e6, Verdict::Inconclusive, Some(false)),
            (100e6, Verdict::Inconclusive, Some(true)),
            // None that holds it down.
            (80e6, Verdict::NoLeak, Some(true)),
        ] {
            let options = JudgeOptions {
                limit: Some(limit),
                ..JudgeOptions::default()
            };
            let judged = judge_service(level(), &options);
            assert_eq!(judged.judgement.verdict, verdict, "{limit}");
            assert_eq!(judged.at_limit.map(|at| at.is_reached), is_reached);
        }
    }

    #[test]
    fn a_restart_cures_nothing() {
        // A leak for four days, and level for three since it was started anew in its pod.
        let mut lives = vec![
            instance(0, 0..4 * DAY, 3e6),
            instance(0, 4 * DAY..7 * DAY, 0.0),
        ];
        lives[1].is_restart = true;
        let judged = judge_of(lives);
        assert!(
            !matches!(judged.part, Some(Part::Deployment { .. })),
            "{:?}",
            judged.part
        );
    }

    fn judge_of(lives: Vec<Life>) -> ServiceJudgement {
        judge_service(lives, &JudgeOptions::default())
    }

    #[test]
    fn a_replica_that_leaks_is_not_hidden_by_the_others() {
        for replicas in [2, 5, 12, 40] {
            let leaks = |one| if one == 1 { 3e6 } else { 0.0 };
            let lives = (0..replicas).map(|one| instance(one, 0..5 * DAY, leaks(one)));
            let judged = judge_of(lives.collect());
            let part = Part::Replica {
                name: "pod=cart-1".to_owned(),
                leaking: 1,
                of: replicas,
            };
            assert_eq!(judged.judgement.verdict, Verdict::Leak, "1 of {replicas}");
            assert_eq!(judged.part, Some(part));
            let rate = judged.judgement.slope_bytes_per_hour.expect("a rate");
            assert!((rate - 3e6).abs() < 1e5, "{rate}");
            assert!(judged.judgement.p_value < ACCEPTED_ERROR);
        }
    }

    #[test]
    fn most_replicas_leaking_and_all_of_them_is_a_leak() {
        let most = (0..5).map(|one| instance(one, 0..5 * DAY, if one < 4 { 3e6 } else { 0.0 }));
        let judged = judge_of(most.collect());
        assert_eq!(judged.judgement.verdict, Verdict::Leak);
        assert!(
            matches!(
                &judged.part,
                None | Some(Part::Replica {
                    leaking: 4,
                    of: 5,
                    ..
                })
            ),
            "{:?}",
            judged.part
        );
        let all = judge_of((0..5).map(|one| instance(one, 0..5 * DAY, 3e6)).collect());
        assert_eq!((all.judgement.verdict, all.part), (Verdict::Leak, None));
        assert_eq!((all.replicas, all.lives), (5, 5));
    }

    #[test]
    fn what_runs_now_speaks_for_itself() {
        // Level for five days, then a deployment that leaks, or the other way round.
        let of = |build: &str, life: Life| Life {
            build: build.to_owned(),
            ..life
        };
        let turned = |before: f64, after: f64, builds: [&str; 2]| {
            let lives = (0..3).flat_map(|one| {
                [
                    of(builds[0], instance(one, 0..5 * DAY, before)),
                    of(builds[1], instance(10 + one, 5 * DAY..8 * DAY, after)),
                ]
            });
            judge_of(lives.collect())
        };
        for builds in [["", ""], ["1.0", "1.1"]] {
            let worse = turned(0.0, 3e6, builds);
            assert_eq!(worse.judgement.verdict, Verdict::Leak, "{:?}", worse.part);
        }
        // The same build, or one that nobody names, may leak again.
        for builds in [["", ""], ["1.0", "1.0"]] {
            let same = turned(3e6, 0.0, builds);
            assert_ne!(same.judgement.verdict, Verdict::NoLeak, "{builds:?}");
            let is_cured = matches!(same.part, Some(Part::Deployment { cured: true, .. }));
            assert!(!is_cured, "{builds:?}");
        }
        let words = turned(3e6, 0.0, ["", ""]).judgement.reason;
        assert!(words.contains("another build"), "{words}");
        let fixed = turned(3e6, 0.0, ["1.0", "1.1"]);
        assert_eq!(fixed.judgement.verdict, Verdict::NoLeak, "{:?}", fixed.part);
        assert!(
            matches!(fixed.part, Some(Part::Deployment { ran_s, cured: true }) if ran_s > 2.9 * 86_400.0),
            "{:?}",
            fixed.part
        );
        let words = fixed.part.as_ref().map(Part::to_string).unwrap_or_default();
        assert!(
            words.starts_with("a leak was cured by the deployment"),
            "{words}"
        );
        assert_eq!((fixed.replicas, fixed.lives), (3, 6));
    }

    #[test]
    fn a_replica_that_leaked_and_went_away_is_not_cured_by_that() {
        for (end, replicas) in [(5 * DAY, 2), (6 * DAY, 2), (6 * DAY + 200, 3)] {
            let level = (1..replicas).map(|one| instance(one, 0..7 * DAY, 0.0));
            let gone = judge_of(level.clone().chain([instance(0, 0..end, 1e7)]).collect());
            assert_ne!(
                gone.judgement.verdict,
                Verdict::NoLeak,
                "{end} of {replicas}: {:?}",
                gone.part
            );
            // Nor is it by one that was started in its place.
            let anew = [instance(0, 0..end, 1e7), instance(9, end..7 * DAY, 0.0)];
            let anew = judge_of(level.chain(anew).collect());
            assert_ne!(
                anew.judgement.verdict,
                Verdict::NoLeak,
                "{end} of {replicas}: {:?}",
                anew.part
            );
        }
    }

    #[test]
    fn level_replicas_are_level_and_nothing_is_unknown() {
        let judged = judge_of((0..8).map(|one| instance(one, 0..5 * DAY, 0.0)).collect());
        assert_eq!(
            (judged.judgement.verdict, judged.part, judged.whole),
            (Verdict::NoLeak, None, None)
        );
        let none = judge_of(Vec::new());
        assert_eq!(none.judgement.verdict, Verdict::Inconclusive);
    }
}
