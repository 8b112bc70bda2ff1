//! One series out of the instances of a service.

/// One instance from its first to its last reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Life {
    /// What tells it from the others of its service: `pod=cart-7`.
    pub name: String,
    /// Seconds since 1970, ascending.
    pub time_s: Vec<f64>,
    /// Readings, in bytes.
    pub value: Vec<f64>,
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
        // The place that fell free last, or is about to.
        let free = places
            .iter()
            .enumerate()
            .map(|(place, lives)| (place, end_of(lives)))
            .filter(|(_, end)| *end <= start + OVERLAP_S)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match free {
            Some((place, _)) => {
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

/// The lives that run at the end, each in its place, and for how many seconds the newest of them
/// has run; `None` where none took the place of another.
pub fn current(places: &[Vec<Life>]) -> Option<(Vec<Vec<Life>>, f64)> {
    let last = places
        .iter()
        .map(|lives| end_of(lives))
        .fold(f64::NEG_INFINITY, f64::max);
    let runs = |lives: &&Vec<Life>| end_of(lives) >= last - OVERLAP_S;
    let running: Vec<&Vec<Life>> = places.iter().filter(runs).collect();
    if running.len() == places.len() && running.iter().all(|lives| lives.len() == 1) {
        return None;
    }
    let alone: Vec<Vec<Life>> = running
        .iter()
        .filter_map(|lives| Some(vec![lives.last()?.clone()]))
        .collect();
    let newest = alone.iter().map(|lives| lives[0].time_s[0]);
    let ran_s = last - newest.fold(f64::NEG_INFINITY, f64::max);
    Some((alone, ran_s))
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
            name: String::new(),
            value: vec![1e8; time_s.len()],
            time_s,
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
        let (alone, ran_s) = current(&deployed).expect("one place was taken");
        assert_eq!((alone.len(), ran_s), (2, 172_800.0 - noon));
        // A replica that was taken away belongs to what was before.
        let (alone, _) = current(&places(vec![first, life(0.0, noon)])).expect("one less");
        assert_eq!(alone.len(), 1);
    }
}
