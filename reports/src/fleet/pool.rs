//! One series out of the instances of a service.

/// One instance from its first to its last reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Life {
    /// What tells it from the others of its service: `pod=cart-7`.
    pub name: String,
    /// What it runs, as far as its labels say it: an image, a version; empty where they do not.
    pub build: String,
    /// Which rollout started it, as its labels or the name of its pod say it: a restart of the same
    /// build is a rollout as well.
    pub rollout: String,
    /// Seconds since 1970, ascending.
    pub time_s: Vec<f64>,
    /// Readings, in bytes.
    pub value: Vec<f64>,
    /// Whether it follows a life with the same labels.
    pub is_restart: bool,
    /// Whether it is known where it was started: what falls within it was no restart.
    pub knows_starts: bool,
}

/// A service's instances as one series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pooled {
    /// Seconds from the first reading.
    pub time_s: Vec<f64>,
    /// Readings, in bytes.
    pub value: Vec<f64>,
    /// Where one life follows another.
    pub restarts: Vec<f64>,
    /// Instances that ran at the same time.
    pub replicas: usize,
    /// Instances in all.
    pub lives: usize,
}

/// A new instance takes the place of one that ends this much later, at most: a deployment
/// starts the new before it stops the old.
const OVERLAP_S: f64 = 900.0;

/// Replicas stand behind each other at whole days, so that the days of all fall together.
const DAY_S: f64 = 86_400.0;

/// The instances of a service by the place they had: lives that follow each other stand in one,
/// replicas in several. Of two that overlap in a place the earlier is cut where the later begins.
pub fn places(mut lives: Vec<Life>) -> Vec<Vec<Life>> {
    lives.retain(|life| !life.time_s.is_empty() && life.time_s.len() == life.value.len());
    lives.sort_by(|a, b| a.time_s[0].total_cmp(&b.time_s[0]));
    let mut places: Vec<Vec<Life>> = Vec::new();
    for life in lives {
        let start = life.time_s[0];
        let follows = |lives: &Vec<Life>| {
            let before = lives.last().map(|before| &before.name);
            life.is_restart && before == Some(&life.name)
        };
        // Its own place, or the one that fell free last, or is about to.
        let free = places
            .iter()
            .enumerate()
            .map(|(place, lives)| (place, follows(lives), end_of(lives)))
            .filter(|(_, _, end)| *end <= start + OVERLAP_S)
            .max_by(|a, b| a.1.cmp(&b.1).then(a.2.total_cmp(&b.2)));
        match free {
            Some((place, ..)) => {
                if let Some(before) = places[place].last_mut() {
                    let kept = before.time_s.partition_point(|time| *time < start);
                    before.time_s.truncate(kept);
                    before.value.truncate(kept);
                }
                places[place].push(life);
            }
            None => places.push(vec![life]),
        }
    }
    for place in &mut places {
        place.retain(|life| !life.time_s.is_empty());
    }
    places
}

/// A deployment replaces all instances within this time.
const ROLLOUT_S: f64 = 3_600.0;

/// Share of the record for which instances must have run that may be a deployment or only new
/// ones: a leak that comes late shows by then.
const LEAST_RUN: f64 = 0.2;

/// What runs at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// The lives that run, each in its place; of a deployment those, too, that have ended since.
    pub places: Vec<Vec<Life>>,
    /// What was before, place by place.
    pub before: Vec<Vec<Life>>,
    /// For how many seconds the newest has run.
    pub ran_s: f64,
    /// Whether all of it was put in place of what was before, so that what was before says
    /// nothing of it. An instance that went away, or was started anew, is no deployment.
    pub is_deployment: bool,
    /// Whether labels say that all of it runs another build than what it took the place of: only
    /// that ends a leak. The same build may leak again.
    pub is_other_build: bool,
}

/// The lives that run at the end; `None` where none took the place of another.
pub fn current(places: &[Vec<Life>]) -> Option<Current> {
    let last = places
        .iter()
        .map(|lives| end_of(lives))
        .fold(f64::NEG_INFINITY, f64::max);
    let runs = |lives: &&Vec<Life>| end_of(lives) >= last - OVERLAP_S;
    let running: Vec<&Vec<Life>> = places.iter().filter(runs).collect();
    if running.len() == places.len() && running.iter().all(|lives| lives.len() == 1) {
        return None;
    }
    let now: Vec<&Life> = running.iter().filter_map(|lives| lives.last()).collect();
    let starts = || now.iter().map(|life| life.time_s[0]);
    let newest_s = starts().fold(f64::NEG_INFINITY, f64::max);
    let oldest_s = starts().fold(f64::INFINITY, f64::min);
    let replaced = replaced(places, oldest_s);
    let is_deployment = is_deployment(places, &now, &replaced);
    let is_now = |life: &Life| match is_deployment {
        true => life.time_s[0] >= oldest_s,
        false => now.iter().any(|one| std::ptr::eq(*one, life)),
    };
    let part = |wanted: bool| {
        let of = |lives: &Vec<Life>| -> Vec<Life> {
            let lives = lives.iter().filter(|life| is_now(life) == wanted);
            lives.cloned().collect()
        };
        let parts = places.iter().map(of);
        parts.filter(|lives| !lives.is_empty()).collect()
    };
    Some(Current {
        places: part(true),
        before: part(false),
        ran_s: last - newest_s,
        is_deployment,
        is_other_build: is_deployment && differ(&now, &replaced, |life| &life.build),
    })
}

/// What ran until `oldest_s`, when the oldest that runs now was started: an older build may be the
/// same again.
fn replaced(places: &[Vec<Life>], oldest_s: f64) -> Vec<&Life> {
    let ran_until = |life: &&Life| {
        let end = life.time_s.last().copied().unwrap_or(f64::NEG_INFINITY);
        life.time_s[0] < oldest_s && end >= oldest_s - ROLLOUT_S
    };
    places.iter().flatten().filter(ran_until).collect()
}

/// What is known of an instance; empty where nothing is.
type Said = fn(&Life) -> &str;

/// Whether something is said of all, and of none that is new what is said of one that it replaced.
fn differ(now: &[&Life], replaced: &[&Life], said: Said) -> bool {
    is_told(now, said)
        && is_told(replaced, said)
        && now
            .iter()
            .all(|new| replaced.iter().all(|old| said(old) != said(new)))
}

fn is_told(lives: &[&Life], said: Said) -> bool {
    !lives.is_empty() && lives.iter().all(|life| !said(life).is_empty())
}

/// Whether all that runs was deployed in place of what was before: it is of another build or
/// rollout, or, where nothing says of which, all were replaced together, and have run for long.
fn is_deployment(places: &[Vec<Life>], now: &[&Life], replaced: &[&Life]) -> bool {
    let starts = places.iter().flatten().map(|life| life.time_s[0]);
    let origin = starts.fold(f64::INFINITY, f64::min);
    let starts = || now.iter().map(|life| life.time_s[0]);
    let newest_s = starts().fold(f64::NEG_INFINITY, f64::max);
    let oldest_s = starts().fold(f64::INFINITY, f64::min);
    if oldest_s <= origin + OVERLAP_S {
        // Some of it has run from the beginning.
        return false;
    }
    if now.iter().any(|life| life.is_restart) {
        return false;
    }
    let (of_build, of_rollout): (Said, Said) = (|life| &life.build, |life| &life.rollout);
    if differ(now, replaced, of_build) || differ(now, replaced, of_rollout) {
        return true;
    }
    let is_said = |said: Said| is_told(now, said) && is_told(replaced, said);
    if is_said(of_build) || is_said(of_rollout) {
        return false;
    }
    let ends = now.iter().filter_map(|life| life.time_s.last().copied());
    let last = ends.fold(f64::NEG_INFINITY, f64::max);
    newest_s - oldest_s <= ROLLOUT_S && last - newest_s >= LEAST_RUN * (last - origin)
}

/// Lays the places of a service end to end. The judge takes lives for what they are, by the
/// restarts between them, and so pools the growth of all.
pub fn pool(places: &[Vec<Life>]) -> Pooled {
    let starts = places.iter().flatten().map(|life| life.time_s[0]);
    let origin = starts.fold(f64::INFINITY, f64::min);
    let last = places
        .iter()
        .map(|lives| end_of(lives))
        .fold(f64::NEG_INFINITY, f64::max);
    if last < origin {
        return Pooled::default();
    }
    let stride = ((last - origin) / DAY_S).floor() * DAY_S + DAY_S;
    let mut pooled = Pooled {
        replicas: places.len(),
        lives: places.iter().map(Vec::len).sum(),
        ..Pooled::default()
    };
    for (place, lives) in places.iter().enumerate() {
        let shift = place as f64 * stride - origin;
        for life in lives {
            if !pooled.time_s.is_empty() {
                pooled.restarts.push(life.time_s[0] + shift);
            }
            pooled
                .time_s
                .extend(life.time_s.iter().map(|time| time + shift));
            pooled.value.extend_from_slice(&life.value);
        }
    }
    pooled
}

fn end_of(lives: &[Life]) -> f64 {
    lives
        .last()
        .and_then(|life| life.time_s.last())
        .copied()
        .unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(from: f64, to: f64) -> Life {
        let steps = ((to - from) / 300.0) as usize;
        let time_s: Vec<f64> = (0..=steps).map(|i| from + 300.0 * i as f64).collect();
        Life {
            value: vec![1e8; time_s.len()],
            time_s,
            ..Life::default()
        }
    }

    #[test]
    fn deployments_follow_in_their_place_and_replicas_stand_behind_each_other() {
        // Two replicas over two days, both replaced at noon of the first, one a little later.
        let noon = 43_200.0;
        let pooled = pool(&places(vec![
            life(0.0, noon + 300.0),
            life(0.0, noon + 600.0),
            life(noon, 172_800.0),
            life(noon + 300.0, 172_800.0),
        ]));
        assert_eq!((pooled.replicas, pooled.lives), (2, 4));
        assert_eq!(pooled.restarts.len(), 3);
        assert!(pooled.time_s.windows(2).all(|pair| pair[0] < pair[1]));
        // The second place begins at a whole day.
        assert_eq!(pooled.restarts[1] % DAY_S, 0.0);
        assert_eq!(pool(&[]), Pooled::default());
    }

    #[test]
    fn what_runs_at_the_end_is_what_took_the_place_of_others() {
        let noon = 43_200.0;
        let first = life(0.0, 172_800.0);
        assert_eq!(current(&places(vec![first.clone(), first.clone()])), None);
        let deployed = places(vec![life(0.0, noon), life(noon, 172_800.0), first.clone()]);
        let now = current(&deployed).expect("one place was taken");
        assert_eq!((now.places.len(), now.ran_s), (2, 172_800.0 - noon));
        assert!(!now.is_deployment, "one instance alone");
        // A replica that was taken away belongs to what was before.
        let now = current(&places(vec![first, life(0.0, noon)])).expect("one less");
        assert_eq!((now.places.len(), now.before.len()), (1, 1));
        assert!(!now.is_deployment, "nothing new");
    }

    #[test]
    fn a_deployment_is_known_by_its_build_or_because_all_were_replaced() {
        let noon = 43_200.0;
        let of = |build: &str, from, to| Life {
            build: build.to_owned(),
            ..life(from, to)
        };
        let is_one = |lives: Vec<Life>| current(&places(lives)).expect("a change").is_deployment;
        let end = 172_800.0;
        assert!(is_one(vec![of("1.0", 0.0, noon), of("1.1", noon, end)]));
        // Killed, and started anew.
        assert!(!is_one(vec![of("1.0", 0.0, noon), of("1.0", noon, end)]));
        assert!(is_one(vec![of("", 0.0, noon), of("", noon, end)]));
        assert!(!is_one(vec![
            of("", 0.0, end - noon),
            of("", end - noon, end - 14_400.0),
            of("", end - 14_400.0, end)
        ]));
        let both = |build: &str| {
            let later = noon + 600.0;
            let old = [of("1.0", 0.0, noon), of("1.0", 0.0, later)];
            old.into_iter()
                .chain([of(build, noon, end), of(build, later, end)])
                .collect()
        };
        assert!(is_one(both("1.1")));
        assert!(!is_one(both("1.0")));
        // An instance of the new build that has ended belongs to what runs now.
        let mut lives: Vec<Life> = both("1.1");
        lives.push(of("1.1", noon + 1_200.0, 100_000.0));
        let now = current(&places(lives)).expect("a change");
        assert_eq!((now.places.len(), now.is_deployment), (3, true));
    }

    #[test]
    fn a_rollout_of_the_same_build_is_no_other_build() {
        let (noon, end) = (43_200.0, 172_800.0);
        let of = |build: &str, rollout: &str, from, to| Life {
            build: build.to_owned(),
            rollout: rollout.to_owned(),
            ..life(from, to)
        };
        // (build, rollout) before and since, and whether it is a deployment, and of another build.
        for (before, since, is_deployment, is_other) in [
            (("1.0", "7d9f"), ("1.1", "66b5"), true, true),
            (("1.0", "7d9f"), ("1.0", "66b5"), true, false),
            (("", "7d9f"), ("", "66b5"), true, false),
            (("", "7d9f"), ("", "7d9f"), false, false),
            (("", ""), ("", ""), true, false),
            (("", ""), ("1.1", "66b5"), true, false),
        ] {
            let lives = vec![
                of(before.0, before.1, 0.0, noon),
                of(since.0, since.1, noon, end),
            ];
            let now = current(&places(lives)).expect("a change");
            assert_eq!(
                (now.is_deployment, now.is_other_build),
                (is_deployment, is_other),
                "{before:?} {since:?}"
            );
        }
    }
}
