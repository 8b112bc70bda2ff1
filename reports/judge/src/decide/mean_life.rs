//! Many lives of one program as a single one: what they have in common at equal ages.
//!
//! A warm-up, a bend or a slow end that no life shows beside its noise stands out of the mean of
//! many; a slope of each for itself would add up what is left of all warm-ups as if it were a leak.

use crate::policy::restarts::{ALIGNING_ROUNDS, FEWEST_ALIGNED, LONGEST_LIVES};
use crate::shape::sawtooth::find_sawtooth;
use crate::track::Track;

/// What lives have in common.
pub(crate) enum MeanLife {
    /// Their mean.
    Course(Track),
    /// The floors of the teeth of all.
    Floors(Track),
}

/// Readings of one life, or the floors of its teeth, by age.
struct Aged {
    age: Vec<f64>,
    y: Vec<f64>,
    /// Where it began on the axis, and how long it lasted.
    begin: f64,
    length: f64,
}

/// The mean of `lives`, each on its own level: at each age of those that were as old. Where most of
/// them are sawteeth, the mean of their floors.
///
/// It lies where the longest of them does. `None` of fewer than two.
pub(crate) fn mean_life(lives: &[Track]) -> Option<MeanLife> {
    let lives: Vec<&Track> = lives.iter().filter(|life| life.span() > 0.0).collect();
    let time = |lives: &[Aged]| lives.iter().map(|life| life.length).sum::<f64>();
    let teeth: Vec<Aged> = lives
        .iter()
        .filter_map(|life| Some(aged(&find_sawtooth(life)?.floor, life)))
        .collect();
    let whole: Vec<Aged> = lives.iter().map(|life| aged(life, life)).collect();
    let are_floors = time(&teeth) > 0.5 * time(&whole);
    let mut lives = if are_floors { teeth } else { whole };
    lives.sort_by(|a, b| b.length.total_cmp(&a.length));
    if lives.len() < 2 {
        return None;
    }
    let oldest = oldest(&lives, time(&lives));
    let readings: usize = lives.iter().map(|life| life.age.len()).sum();
    let most = lives.iter().map(|life| life.age.len()).max()?;
    let groups = most.min(readings / 2).max(FEWEST_ALIGNED);
    let common = Common::new(lives, oldest, groups);
    // Floors are few in a life, and lie at any age: each speaks for itself.
    Some(match are_floors {
        true => MeanLife::Floors(common.readings()),
        false => MeanLife::Course(common.course()),
    })
}

/// In how many tenths of its length a mean life has readings.
pub(crate) fn ages(track: &Track) -> usize {
    let tenth = |x: &f64| ((x - track.x[0]) / track.span() * 10.0) as usize;
    let mut tenths: Vec<usize> = track.x.iter().map(|x| tenth(x).min(9)).collect();
    tenths.dedup();
    tenths.len()
}

fn aged(readings: &Track, life: &Track) -> Aged {
    Aged {
        age: readings.x.iter().map(|x| x - life.x[0]).collect(),
        y: readings.y.clone(),
        begin: life.x[0],
        length: life.span(),
    }
}

/// The age that is looked at: beyond it too few lives are left to speak for all.
fn oldest(lives: &[Aged], total: f64) -> f64 {
    let mut sum = 0.0;
    let reaches = lives.iter().find(|life| {
        sum += life.length;
        sum >= LONGEST_LIVES * total
    });
    reaches.unwrap_or(&lives[0]).length
}

/// The course by age that lives share, with a level for each life.
struct Common {
    /// The group, the age and the value of each reading of each life, the longest life first.
    lives: Vec<Vec<(usize, f64, f64)>>,
    levels: Vec<f64>,
    /// Of each group the mean age, the mean course and the number of readings.
    groups: Vec<(f64, f64, f64)>,
    /// Where the longest life begins.
    begin: f64,
}

impl Common {
    /// Fits both to what is no older than `oldest`: in turns, which ends soon because all lives
    /// begin at age zero.
    fn new(lives: Vec<Aged>, oldest: f64, groups: usize) -> Self {
        let group_of = |age: f64| ((age / oldest * groups as f64) as usize).min(groups - 1);
        let begin = lives[0].begin;
        let young = |life: &Aged| -> Vec<(usize, f64, f64)> {
            let pairs = life.age.iter().zip(&life.y);
            let young = pairs.filter(|(age, _)| **age <= oldest);
            young.map(|(&age, &y)| (group_of(age), age, y)).collect()
        };
        let lives: Vec<_> = lives
            .iter()
            .map(young)
            .filter(|life| !life.is_empty())
            .collect();
        let mut levels = vec![0.0; lives.len()];
        let mut means = vec![(0.0, 0.0, 0.0); groups];
        for &(group, age, _) in lives.iter().flatten() {
            means[group].0 += age;
            means[group].2 += 1.0;
        }
        for mean in &mut means {
            mean.0 /= f64::max(mean.2, 1.0);
        }
        for _ in 0..ALIGNING_ROUNDS {
            means.iter_mut().for_each(|mean| mean.1 = 0.0);
            for (life, level) in lives.iter().zip(&levels) {
                for &(group, _, y) in life {
                    means[group].1 += (y - level) / means[group].2;
                }
            }
            for (life, level) in lives.iter().zip(&mut levels) {
                let above = life.iter().map(|&(group, _, y)| y - means[group].1);
                *level = above.sum::<f64>() / life.len() as f64;
            }
        }
        Self {
            lives,
            levels,
            groups: means,
            begin,
        }
    }

    /// The mean course on the level and in the place of the longest life.
    fn course(&self) -> Track {
        let filled = self.groups.iter().filter(|group| group.2 > 0.0);
        let (x, y) = filled
            .map(|&(age, course, _)| (self.begin + age, self.levels[0] + course))
            .unzip();
        Track { x, y }
    }

    /// All readings by age, each on the level and in the place of the longest life.
    fn readings(&self) -> Track {
        let mut all: Vec<(f64, f64)> = Vec::new();
        for (life, level) in self.lives.iter().zip(&self.levels) {
            let on_level =
                |&(_, age, y): &(usize, f64, f64)| (self.begin + age, y - level + self.levels[0]);
            all.extend(life.iter().map(on_level));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (x, y) = all.into_iter().unzip();
        Track { x, y }
    }
}
