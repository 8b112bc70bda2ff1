//! When snapshots are taken: at settled time, at eight evenly spaced moments after it, and when a
//! rule asks; one at a time, and never so often that they take the load over.

use super::plan::{Limits, SnapshotPlan};
use super::take::{ENDED, Got, Order};
use crate::supervisor::load::Surroundings;
use leaklab_run::Taking;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Moments after the first.
const MOMENTS: u32 = 8;
/// Part of the load after which the first is taken: what a program builds up at its start is
/// there then.
const FIRST_SHARE: f64 = 0.1;
/// Part of the load at which the last is taken: it has time to end.
const LAST_SHARE: f64 = 0.95;
/// Pause after a snapshot as a multiple of what it took: half of a short load at most is left
/// out for them.
const PAUSE_PER_COST: u32 = 1;
/// Time between two looks at one that goes on.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last one may take to end when its cell does.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// Snapshots that wait; more are refused.
const MOST_WAITING: usize = 64;

/// Who asked for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The schedule.
    ByTime,
    /// A rule, by its number from 1.
    ByRule(u64),
}

/// The process that a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub pid: u32,
    /// Others that run the same, and are not looked at.
    pub others: u64,
    /// What they run, for people; absent where nothing was looked for.
    pub runtime: Option<&'static str>,
}

/// What a snapshot is taken of and beside.
pub struct Subject<'a> {
    /// The cell's folder.
    pub cell: &'a Path,
    /// What commands share with the program.
    pub surroundings: &'a Surroundings,
    /// What each may take.
    pub limits: Limits,
    /// Operations completed.
    pub ops_total: Option<u64>,
    /// Time since ready.
    pub now_ms: f64,
}

/// A snapshot that is over.
pub struct Taken {
    /// Its line.
    pub taking: Taking,
    /// How long the program was held up.
    pub took: Duration,
}

/// The snapshots of a cell.
pub struct Snapshots {
    plans: Vec<SnapshotPlan>,
    numbers: Vec<u64>,
    began: Instant,
    load: Duration,
    moment: u32,
    /// Part of the load after which the first is taken.
    first_share: f64,
    not_before: Instant,
    waiting: VecDeque<(usize, Asked)>,
    going_on: Option<GoingOn>,
    cancelled: Arc<AtomicBool>,
    /// How many have failed.
    pub failures: u64,
}

struct GoingOn {
    taking: Taking,
    got: Receiver<Got>,
}

impl Snapshots {
    /// Those of a load of that length, which begins now. Where rules may ask for more, the first
    /// is taken at once: there is something to compare theirs with, however early they fire.
    pub fn new(plans: Vec<SnapshotPlan>, load: Duration, has_rules: bool) -> Self {
        let now = Instant::now();
        Snapshots {
            numbers: vec![0; plans.len()],
            plans,
            began: now,
            load,
            moment: 0,
            first_share: if has_rules { 0.0 } else { FIRST_SHARE },
            not_before: now,
            waiting: VecDeque::new(),
            going_on: None,
            cancelled: Arc::default(),
            failures: 0,
        }
    }

    /// When the next moment is; `None` after the last.
    fn next_moment(&self) -> Option<Instant> {
        let part = f64::from(self.moment) / f64::from(MOMENTS);
        let share = self.first_share + (LAST_SHARE - self.first_share) * part;
        let at = self.began.checked_add(self.load.mul_f64(share))?;
        (self.moment <= MOMENTS).then_some(at)
    }

    /// When they must be looked at next.
    pub fn due(&self) -> Option<Instant> {
        match (&self.going_on, self.waiting.is_empty()) {
            (Some(_), _) => Some(Instant::now() + LOOK),
            (None, false) => Some(self.not_before),
            (None, true) => self.next_moment(),
        }
    }

    /// Asks for one of a series by its name, before its time; false if there is no such series.
    pub fn ask(&mut self, name: &str, rule: u64) -> bool {
        let at = self.plans.iter().position(|plan| plan.name == name);
        let Some(at) = at.filter(|_| self.waiting.len() < MOST_WAITING) else {
            return false;
        };
        // Before those whose time has come: what a rule saw may not last.
        let by_rule = |(_, asked): &&(usize, Asked)| matches!(asked, Asked::ByRule(_));
        let place = self.waiting.iter().take_while(by_rule).count();
        self.waiting.insert(place, (at, Asked::ByRule(rule)));
        self.not_before = Instant::now();
        true
    }

    /// Begins what is due, and tells of one that is over. `pid_of` finds the process.
    pub fn keep(
        &mut self,
        of: &Subject<'_>,
        pid_of: &mut dyn FnMut(&SnapshotPlan) -> Result<Found, String>,
    ) -> Option<Taken> {
        let now = Instant::now();
        if self.going_on.is_some() {
            return self.look();
        }
        let mut is_due = false;
        while self.next_moment().is_some_and(|at| now >= at) {
            self.moment += 1;
            is_due = true;
        }
        // Moments that passed while others were taken are not made up for.
        let waits = (self.waiting.iter()).any(|(_, asked)| *asked == Asked::ByTime);
        if is_due && !waits {
            let all = 0..self.plans.len();
            self.waiting.extend(all.map(|at| (at, Asked::ByTime)));
        }
        if now < self.not_before {
            return None;
        }
        let (at, asked) = self.waiting.pop_front()?;
        self.begin(at, asked, of, pid_of)
    }

    fn begin(
        &mut self,
        at: usize,
        asked: Asked,
        of: &Subject<'_>,
        pid_of: &mut dyn FnMut(&SnapshotPlan) -> Result<Found, String>,
    ) -> Option<Taken> {
        let plan = self.plans[at].clone();
        let number = self.numbers[at];
        self.numbers[at] += 1;
        let taking = Taking {
            name: plan.name.clone(),
            format: plan.format.name().to_owned(),
            number,
            elapsed_ms: of.now_ms,
            ops_total: of.ops_total,
            rule: match asked {
                Asked::ByTime => None,
                Asked::ByRule(rule) => Some(rule),
            },
            ..Taking::default()
        };
        let Found {
            pid,
            others,
            runtime,
        } = match pid_of(&plan) {
            Ok(found) => found,
            Err(why) => return Some(self.concluded(taking, failed(why))),
        };
        let order = Order {
            plan,
            number,
            pid,
            cell: of.cell.to_owned(),
            surroundings: of.surroundings.clone(),
            limits: of.limits,
            cancelled: Arc::clone(&self.cancelled),
        };
        let (to, got) = channel();
        let thread = std::thread::Builder::new().name("leaklab-snapshot".to_owned());
        // Without the thread the sender is gone, which is told as a failure.
        drop(thread.spawn(move || drop(to.send(order.take()))));
        self.going_on = Some(GoingOn {
            taking: Taking {
                pid,
                others,
                runtime: runtime.map(str::to_owned),
                ..taking
            },
            got,
        });
        None
    }

    /// Tells of one that is over.
    pub fn look(&mut self) -> Option<Taken> {
        let going_on = self.going_on.as_ref()?;
        let got = match going_on.got.try_recv() {
            Ok(got) => got,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => failed("nobody waits for it".to_owned()),
        };
        let taking = self.going_on.take()?.taking;
        Some(self.concluded(taking, got))
    }

    fn concluded(&mut self, taking: Taking, got: Got) -> Taken {
        self.failures += u64::from(got.error.is_some());
        self.not_before = Instant::now() + got.took * PAUSE_PER_COST;
        Taken {
            taking: Taking {
                took_ms: got.took.as_secs_f64() * 1e3,
                file: got.file,
                bytes: got.bytes,
                error: got.error,
                ..taking
            },
            took: got.took,
        }
    }

    /// Gives up what goes on, and waits for a short time until it has.
    pub fn finish(&mut self) -> Option<Taken> {
        self.cancelled.store(true, Ordering::Relaxed);
        self.waiting.clear();
        let deadline = Instant::now() + LAST_PATIENCE;
        while self.going_on.is_some() && Instant::now() < deadline {
            if let Some(taken) = self.look() {
                return Some(taken);
            }
            std::thread::sleep(LOOK);
        }
        let taking = self.going_on.take()?.taking;
        Some(self.concluded(taking, failed(ENDED.to_owned())))
    }
}

fn failed(why: String) -> Got {
    Got {
        file: None,
        bytes: 0,
        took: Duration::ZERO,
        error: Some(why),
    }
}
