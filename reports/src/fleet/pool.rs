//! One series out of the instances of a service.

/// One instance from its first to its last reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Life {
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

/// Lays the instances of a service end to end: lives that follow each other in one place, and
/// places one behind the other. The judge takes lives for what they are, by the restarts
/// between them, and so pools the growth of all.
pub fn pool(mut lives: Vec<Life>) -> Pooled {
    lives.retain(|life| !life.time_s.is_empty() && life.time_s.len() == life.value.len());
    lives.sort_by(|a, b| a.time_s[0].total_cmp(&b.time_s[0]));
    let Some(origin) = lives.first().map(|life| life.time_s[0]) else {
        return Pooled::default();
    };
    let count = lives.len();
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
    let last = places
        .iter()
        .map(|lives| end_of(lives))
        .fold(origin, f64::max);
    let stride = ((last - origin) / DAY_S).floor() * DAY_S + DAY_S;
    let mut pooled = Pooled {
        replicas: places.len(),
        lives: count,
        ..Pooled::default()
    };
    for (place, lives) in places.iter().enumerate() {
        let shift = place as f64 * stride - origin;
        for life in lives.iter().filter(|life| !life.time_s.is_empty()) {
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
        }
    }

    #[test]
    fn deployments_follow_in_their_place_and_replicas_stand_behind_each_other() {
        // Two replicas over two days, both replaced at noon of the first, one a little later.
        let noon = 43_200.0;
        let pooled = pool(vec![
            life(0.0, noon + 300.0),
            life(0.0, noon + 600.0),
            life(noon, 172_800.0),
            life(noon + 300.0, 172_800.0),
        ]);
        assert_eq!((pooled.replicas, pooled.lives), (2, 4));
        assert_eq!(pooled.restarts.len(), 3);
        assert!(pooled.time_s.windows(2).all(|pair| pair[0] < pair[1]));
        // The second place begins at a whole day.
        assert_eq!(pooled.restarts[1] % DAY_S, 0.0);
        assert_eq!(pool(Vec::new()), Pooled::default());
    }
}
