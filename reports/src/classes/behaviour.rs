//! What one key does over the takings, in words that are true of its figures.

use super::statistics::Slope;
use serde::{Deserialize, Serialize};

/// Part of the steps in which what grows steadily must rise.
const STEADY_RISES: f64 = 0.75;
/// Part of the mean rate below which the last third of a series has levelled off.
const LEVELLED: f64 = 1.0 / 3.0;
/// Part of a rise that one step makes where it happened once.
const ONE_STEP: f64 = 0.8;
/// Part of the whole movement below which a step is none: a few objects come and go beside what
/// matters.
const REST: f64 = 0.01;
/// Factor by which the last step of a container exceeds all before it, at the least, where it did
/// not rest between them.
const LEAST_FACTOR: f64 = 1.2;
/// Part of the largest step that the last one of a container is at the least: several of the
/// earlier, smaller ones may fall between two takings.
const LEAST_STEP: f64 = 0.5;
/// Part of its key's last level by which a container rises at the least: less is no container that
/// doubles, whatever else its key holds.
const LEAST_RISE: f64 = 0.05;
/// Part of the work at which the last step of a container must have come: where capacity doubles,
/// the next comes at twice the work of the last, and somewhat later. What has not moved for longer
/// has come to rest.
const OVERDUE: f64 = 0.35;

/// What a key does over the takings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassBehaviour {
    /// It rises nearly every time, beyond chance among all keys.
    GrewSteadily,
    /// It rose in one step and stays.
    GrewOnce,
    /// It rose at first and hardly any more.
    LevelledOff,
    /// It rises in steps, rests between them, and the next one is not overdue: a container that
    /// grows by doubling. Whether it goes on is not decided.
    RisesInSteps,
    /// On the whole it moved one way, and not beyond chance among all keys.
    Undecided,
    /// It rose and fell, and no direction is beyond chance.
    UpAndDown,
    /// It became less, beyond chance.
    Shrank,
    /// It is too small to be tested.
    TooLittle,
    /// There are too few takings to say.
    TooFew,
}

impl ClassBehaviour {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            ClassBehaviour::GrewSteadily => "grew steadily",
            ClassBehaviour::GrewOnce => "grew once",
            ClassBehaviour::LevelledOff => "levelled off",
            ClassBehaviour::RisesInSteps => "rises in steps",
            ClassBehaviour::Undecided => "not decided",
            ClassBehaviour::UpAndDown => "up and down",
            ClassBehaviour::Shrank => "shrank",
            ClassBehaviour::TooLittle => "too little to test",
            ClassBehaviour::TooFew => "too few takings",
        }
    }

    /// What the words leave open, in a sentence.
    pub fn note(self) -> Option<&'static str> {
        match self {
            ClassBehaviour::RisesInSteps => Some(
                "rises in steps: as a container does whose memory doubles when it is full; whether \
                 it goes on is not decided, a longer run tells",
            ),
            ClassBehaviour::Undecided => Some(
                "not decided: on the whole it moved one way, which may be chance among so many keys; \
                 more takings tell",
            ),
            _ => None,
        }
    }
}

/// The figures of a key.
pub struct Movement<'a> {
    /// Places on the axis, from the beginning of the work, without the warm-up.
    pub x: &'a [f64],
    /// Bytes or objects there.
    pub y: &'a [f64],
    /// The slope of these.
    pub slope: Option<Slope>,
    /// From the first taking to the last, with the warm-up.
    pub change: f64,
    /// Whether it is among those that were tested.
    pub is_tested: bool,
    /// Whether its slope is beyond chance among them.
    pub is_discovered: bool,
}

impl Movement<'_> {
    fn steps(&self) -> impl Iterator<Item = f64> {
        self.y.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// What it does.
    pub fn behaviour(&self) -> ClassBehaviour {
        let Some(slope) = self.slope else {
            return ClassBehaviour::TooFew;
        };
        if self.is_discovered && slope.value < 0.0 {
            return ClassBehaviour::Shrank;
        }
        if self.grew_once() {
            return ClassBehaviour::GrewOnce;
        }
        if !self.is_tested {
            return ClassBehaviour::TooLittle;
        }
        let in_steps = self.rises_in_steps();
        if !in_steps && self.has_levelled() {
            return ClassBehaviour::LevelledOff;
        }
        let rises = self.steps().filter(|step| *step > 0.0).count() as f64;
        if self.is_discovered && rises >= STEADY_RISES * self.steps().count() as f64 {
            return ClassBehaviour::GrewSteadily;
        }
        let rest = self.rest();
        let (rose, fell) = (
            self.steps().any(|step| step > rest),
            self.steps().any(|step| step < -rest),
        );
        let is_one_way = slope.low > 0.0 || slope.high < 0.0;
        match (in_steps, rose && fell && !is_one_way) {
            (true, _) => ClassBehaviour::RisesInSteps,
            (false, true) => ClassBehaviour::UpAndDown,
            (false, false) => ClassBehaviour::Undecided,
        }
    }

    fn grew_once(&self) -> bool {
        let rise: f64 = self.steps().sum();
        let largest = self.steps().fold(0.0, f64::max);
        // All other steps together, up and down.
        let others: f64 = self.steps().map(f64::abs).sum::<f64>() - largest;
        let in_one = largest >= ONE_STEP * rise && others <= (1.0 - ONE_STEP) * largest;
        // Or it rose before the part that is looked at, and no more.
        (rise > 0.0 && in_one) || (self.change > 0.0 && self.steps().all(|step| step == 0.0))
    }

    /// A step that is none.
    fn rest(&self) -> f64 {
        let (low, high) = (self.y.iter()).fold((f64::INFINITY, 0.0_f64), |(low, high), y| {
            (low.min(*y), high.max(*y))
        });
        REST * (high - low)
    }

    /// Whether it rises as the memory of a container does that grows by a factor when it is full:
    /// it never falls, it rests, its steps do not become small, and the next is not overdue.
    fn rises_in_steps(&self) -> bool {
        let rest = self.rest();
        let steps: Vec<f64> = self.steps().collect();
        let Some(last) = steps.iter().rposition(|step| *step > rest) else {
            return false;
        };
        let (before, after) = (&steps[..last], &steps[last + 1..]);
        let rests = |steps: &[f64]| steps.iter().any(|step| *step <= rest);
        let first = before.iter().position(|step| *step > rest);
        let rested_between = first.is_some_and(|first| rests(&before[first..]));
        let largest = before.iter().copied().fold(0.0, f64::max);
        let is_overdue = self.x[last + 1] < OVERDUE * self.x[steps.len()];
        let rise: f64 = steps.iter().sum();
        first.is_some()
            && rise >= LEAST_RISE * self.y[steps.len()]
            && steps.iter().all(|step| *step >= -rest)
            && (rested_between || (rests(after) && steps[last] >= LEAST_FACTOR * largest))
            && steps[last] >= LEAST_STEP * largest
            && !is_overdue
    }

    /// Whether the last third rises at a small part of the mean rate.
    fn has_levelled(&self) -> bool {
        let rise: f64 = self.steps().sum();
        let falls = (self.steps().map(f64::abs).sum::<f64>() - rise) / 2.0;
        let (Some(first), Some(last)) = (self.x.first(), self.x.last()) else {
            return false;
        };
        if rise <= 0.0 || falls > (1.0 - ONE_STEP) * rise {
            return false;
        }
        let from = last - (last - first) / 3.0;
        let at = self.x.iter().rposition(|x| *x <= from).unwrap_or(0);
        let late_rise = self.y[self.y.len() - 1] - self.y[at];
        let late_rate = late_rise / (last - self.x[at]);
        late_rate < LEVELLED * rise / (last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::slope;
    use super::*;

    /// Takings at a tenth of a load and at eight moments until its end, as a run takes them.
    fn words(y: &[f64], is_tested: bool, is_discovered: bool) -> &'static str {
        let x: Vec<f64> = (0..y.len()).map(|at| 0.1 + 0.106 * at as f64).collect();
        let movement = Movement {
            x: &x,
            y,
            slope: slope(&x, y),
            change: y[y.len() - 1] - y[0],
            is_tested,
            is_discovered,
        };
        movement.behaviour().words()
    }

    #[test]
    fn containers_that_never_shrank_rise_in_steps() {
        // Histograms of OpenJDK 17 and lines of CPython 3.11 while a container was filled evenly:
        // long[], StringBuilder, two ArrayLists, a dict.
        for series in [
            &[
                1050056, 2098632, 4195784, 4195784, 8390088, 8390088, 8390088, 8390088, 8390088,
            ][..],
            &[
                1308568, 1644440, 1644440, 2316184, 2316184, 2316184, 3659672, 3659672, 3659672,
            ],
            &[
                730736, 1050864, 1531056, 2251344, 3331776, 3331776, 3331776, 4952424, 4952424,
            ],
            &[
                118320, 149552, 149552, 177656, 219808, 219808, 219808, 283048, 283048,
            ],
            &[73744, 147480, 294928, 294928, 294928, 589848, 589848],
        ] {
            let y: Vec<f64> = series.iter().map(|bytes| f64::from(*bytes)).collect();
            assert_eq!(words(&y, true, false), "rises in steps", "{y:?}");
        }
    }

    #[test]
    fn what_has_come_to_rest_has_levelled_off() {
        // The next doubling is overdue; steps that become small are of no container.
        for y in [
            [1e6, 2e6, 4e6, 4e6, 4e6, 4e6, 4e6, 4e6, 4e6],
            [1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 6e6, 6e6, 6e6],
            [1e6, 5e6, 5e6, 6e6, 6.4e6, 6.6e6, 6.7e6, 6.8e6, 6.8e6],
            // A few objects more beside many that stay.
            [
                7122e3, 7122e3, 7126e3, 7126e3, 7126e3, 7130e3, 7130e3, 7130e3, 7130e3,
            ],
        ] {
            assert_eq!(words(&y, true, false), "levelled off", "{y:?}");
        }
    }

    #[test]
    fn up_and_down_is_said_of_what_rose_and_fell() {
        let rose = [244e3, 827e3, 1179e3, 1750e3];
        assert_eq!(words(&rose, true, false), "not decided");
        // It fell once, and its interval lies above zero.
        let nearly = [0.0, 10e3, 8e3, 22e3, 33e3, 38e3, 52e3, 58e3, 69e3];
        assert_eq!(words(&nearly, true, false), "not decided");
        let wave = [30e3, 70e3, 20e3, 60e3, 35e3, 80e3, 20e3, 50e3, 40e3];
        assert_eq!(words(&wave, true, false), "up and down");
        let small = [10.0, 20.0, 30.0, 45.0, 50.0, 61.0, 70.0, 84.0, 90.0];
        assert_eq!(words(&small, false, false), "too little to test");
        assert_eq!(words(&[1e6, 2e6], true, false), "too few takings");
    }
}
