//! Behaviour and growth of stacks, on replayed streams of samples whose truth is known.

use leaklab_reports::attribution::{
    Answer, Behaviour, Change, Group, HeapGrowth, Row, Work, attribute, compare_stacks,
    settled_part, stack_growth,
};
use leaklab_run::{StackHistory, StackRecord, StackSnapshot};
use std::collections::HashMap;

/// A load of a minute, in milliseconds, after a second of start-up.
const LOAD: (f64, f64) = (1000.0, 61_000.0);
const MINUTE_MS: f64 = 60_000.0;
/// Steps of a replay; a longer load has longer ones.
const STEPS: f64 = 3000.0;
const SPANS: usize = 32;
const FIRST_SPAN_MS: f64 = 125.0;

/// A generator of the test's own: SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A draw of Poisson's distribution, by Knuth's product of uniforms.
    fn poisson(&mut self, mean: f64) -> usize {
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -self.uniform().max(1e-300).ln() * mean
    }
}

/// What the blocks of a stack do.
#[derive(Debug, Clone, Copy)]
enum Model {
    /// So many a second are born and stay.
    Leak { per_s: f64 },
    /// So many a second are born and live for an exponential time.
    Churn { per_s: f64, life_ms: f64 },
    /// Both on one stack.
    LeakUnderChurn {
        leak_per_s: f64,
        per_s: f64,
        life_ms: f64,
    },
    /// A cache of so many places, filled one after another, then replaced at random.
    Cache { places: usize, per_s: f64 },
    /// A cache whose keys come at random: a new one takes the place of the old one under its key,
    /// also while it fills.
    KeyedCache { places: usize, per_s: f64 },
    /// A queue of so many places: the oldest goes when a new one comes.
    Queue { places: usize, per_s: f64 },
    /// Kept for so long, then all thrown away, again and again.
    Sawtooth { period_ms: f64, per_s: f64 },
    /// So many are born in the first two seconds.
    Table { blocks: usize },
    /// A leak whose pace changes at some time: it begins there, or slows.
    LeakFrom {
        from_ms: f64,
        before_per_s: f64,
        per_s: f64,
    },
    /// A queue that is filled faster than it is emptied: the oldest goes.
    SlowConsumer { per_s: f64, out_per_s: f64 },
}

/// A second of the counters that run inside the allocator, written anew: spans of equal length,
/// joined by two when they are used up, and a snapshot a second.
struct Counters {
    span_ms: f64,
    born: Vec<u64>,
    live: Vec<u64>,
    history: StackHistory,
}

impl Counters {
    fn new() -> Self {
        Counters {
            span_ms: FIRST_SPAN_MS,
            born: vec![0; SPANS],
            live: vec![0; SPANS],
            history: StackHistory::default(),
        }
    }

    fn span(&mut self, at_ms: f64) -> usize {
        while at_ms / self.span_ms >= SPANS as f64 {
            for counts in [&mut self.born, &mut self.live] {
                *counts = counts.chunks(2).map(|two| two.iter().sum()).collect();
                counts.resize(SPANS, 0);
            }
            self.span_ms *= 2.0;
        }
        (at_ms / self.span_ms) as usize
    }

    fn birth(&mut self, at_ms: f64) {
        let span = self.span(at_ms);
        self.born[span] += 1;
        self.live[span] += 1;
        self.history.born_bytes += 128;
    }

    fn death(&mut self, born_ms: f64, at_ms: f64) {
        self.span(at_ms);
        let span = self.span(born_ms);
        self.live[span] -= 1;
    }

    fn snapshot(&mut self, at_ms: f64) {
        let spans = self.span(at_ms) + 1;
        let snapshot = StackSnapshot {
            elapsed_ms: at_ms,
            first_span_ms: 0.0,
            span_ms: self.span_ms,
            born: self.born[..spans].to_vec(),
            live: self.live[..spans].to_vec(),
            live_bytes: None,
        };
        let changed = self
            .history
            .snapshots
            .last()
            .is_none_or(|last| (&last.born, &last.live) != (&snapshot.born, &snapshot.live));
        if changed {
            self.history.snapshots.push(snapshot);
        }
    }
}

fn replay(model: Model, seed: u64) -> StackHistory {
    replay_over(model, seed, LOAD)
}

fn replay_over(model: Model, seed: u64, load: (f64, f64)) -> StackHistory {
    let mut random = Random(seed << 32);
    let step_ms = (load.1 / STEPS).max(20.0);
    let mut keys: HashMap<usize, f64> = HashMap::new();
    let mut counters = Counters::new();
    // Birth and, where it is known from birth, death.
    let mut alive: Vec<(f64, f64)> = Vec::new();
    let is_kept_until_thrown_away = matches!(
        model,
        Model::Cache { .. }
            | Model::Queue { .. }
            | Model::Sawtooth { .. }
            | Model::SlowConsumer { .. }
    );
    let mut at_ms = 0.0;
    while at_ms < load.1 {
        let drawn = |random: &mut Random, per_s: f64| random.poisson(per_s * step_ms / 1000.0);
        let mut born: Vec<f64> = Vec::new();
        match model {
            Model::Leak { per_s } => {
                born.extend((0..drawn(&mut random, per_s)).map(|_| f64::INFINITY));
            }
            Model::Churn { per_s, life_ms } => {
                for _ in 0..drawn(&mut random, per_s) {
                    born.push(at_ms + random.exponential(life_ms));
                }
            }
            Model::LeakUnderChurn {
                leak_per_s,
                per_s,
                life_ms,
            } => {
                born.extend((0..drawn(&mut random, leak_per_s)).map(|_| f64::INFINITY));
                for _ in 0..drawn(&mut random, per_s) {
                    born.push(at_ms + random.exponential(life_ms));
                }
            }
            Model::Cache { per_s, .. }
            | Model::Queue { per_s, .. }
            | Model::KeyedCache { per_s, .. }
            | Model::Sawtooth { per_s, .. } => {
                born.extend((0..drawn(&mut random, per_s)).map(|_| f64::INFINITY));
            }
            Model::Table { blocks } if at_ms < 2000.0 => {
                let share = blocks as f64 * step_ms / 2000.0;
                born.extend((0..random.poisson(share)).map(|_| f64::INFINITY));
            }
            Model::Table { .. } => {}
            Model::LeakFrom {
                from_ms,
                before_per_s,
                per_s,
            } => {
                let per_s = if at_ms < from_ms { before_per_s } else { per_s };
                born.extend((0..drawn(&mut random, per_s)).map(|_| f64::INFINITY));
            }
            Model::SlowConsumer { per_s, out_per_s } => {
                born.extend((0..drawn(&mut random, per_s)).map(|_| f64::INFINITY));
                let gone = drawn(&mut random, out_per_s).min(alive.len());
                for (born_ms, _) in alive.drain(..gone) {
                    counters.death(born_ms, at_ms);
                }
            }
        }
        for death in born {
            match model {
                Model::Cache { places, .. } if alive.len() >= places => {
                    let victim = (random.uniform() * alive.len() as f64) as usize;
                    let (born_ms, _) = alive.swap_remove(victim);
                    counters.death(born_ms, at_ms);
                }
                Model::Queue { places, .. } if alive.len() >= places => {
                    let (born_ms, _) = alive.remove(0);
                    counters.death(born_ms, at_ms);
                }
                Model::KeyedCache { places, .. } => {
                    let key = (random.uniform() * places as f64) as usize;
                    if let Some(born_ms) = keys.insert(key, at_ms) {
                        counters.death(born_ms, at_ms);
                    }
                    counters.birth(at_ms);
                    continue;
                }
                _ => {}
            }
            counters.birth(at_ms);
            // What can neither die nor be thrown away is not looked at again.
            if death.is_finite() || is_kept_until_thrown_away {
                alive.push((at_ms, death));
            }
        }
        let next_ms = at_ms + step_ms;
        if let Model::Sawtooth { period_ms, .. } = model
            && (next_ms / period_ms).floor() > (at_ms / period_ms).floor()
        {
            for (born_ms, _) in alive.drain(..) {
                counters.death(born_ms, at_ms);
            }
        }
        if !is_kept_until_thrown_away {
            alive.retain(|(born_ms, death_ms)| {
                let lives = *death_ms > next_ms;
                if !lives {
                    counters.death(*born_ms, next_ms);
                }
                lives
            });
        }
        if (next_ms / 1000.0).floor() > (at_ms / 1000.0).floor() {
            counters.snapshot(next_ms);
        }
        at_ms = next_ms;
    }
    counters.history
}

/// What is said of replays over loads that end anywhere in a second half of a minute, so that
/// neither spans nor queues are in step with them.
fn behaviours(model: Model, runs: u64) -> Vec<Behaviour> {
    let load = |seed: u64| (LOAD.0, LOAD.1 + (seed % 37) as f64 * 310.0);
    (1..=runs)
        .map(|seed| said(model, seed, load(seed)))
        .collect()
}

fn said(model: Model, seed: u64, load: (f64, f64)) -> Behaviour {
    let history = replay_over(model, seed, load);
    let growth = stack_growth(&history, settled_part(load), 1 << 19, &Work::default());
    growth.expect("a stack with snapshots").behaviour
}

fn count(found: &[Behaviour], wanted: Behaviour) -> usize {
    found.iter().filter(|one| **one == wanted).count()
}

fn leak_under_churn(leak_per_s: f64, per_s: f64, life_ms: f64) -> Model {
    Model::LeakUnderChurn {
        leak_per_s,
        per_s,
        life_ms,
    }
}

#[test]
fn a_leak_is_named_whether_it_is_alone_on_its_stack_or_under_churn() {
    for (model, least) in [
        (Model::Leak { per_s: 0.4 }, 190),
        (Model::Leak { per_s: 1.0 }, 195),
        (Model::Leak { per_s: 20.0 }, 197),
        (leak_under_churn(2.0, 200.0, 100.0), 195),
        (leak_under_churn(20.0, 100.0, 8000.0), 190),
    ] {
        let found = behaviours(model, 200);
        let leaks = count(&found, Behaviour::Leaks);
        assert!(leaks >= least, "{leaks} of 200 for {model:?}: {found:?}");
    }
}

/// Programs without a leak, by what their stacks do.
fn models_without_a_leak() -> Vec<Model> {
    let mut models = Vec::new();
    for life_ms in [20.0, 500.0, 2000.0, 5000.0, 10_000.0, 20_000.0] {
        for per_s in [0.5, 20.0, 100.0] {
            models.push(Model::Churn { per_s, life_ms });
        }
    }
    for (places, per_s) in [(100, 20.0), (300, 50.0), (600, 100.0)] {
        models.push(Model::Cache { places, per_s });
        models.push(Model::KeyedCache { places, per_s });
    }
    // Blocks live for one to twelve seconds, and the queues are full within the settling.
    for life_s in 1..=12 {
        models.push(Model::Queue {
            places: life_s * 20,
            per_s: 20.0,
        });
    }
    for period_ms in [1700.0, 5000.0, 9000.0, 17_000.0] {
        let per_s = 20.0;
        models.push(Model::Sawtooth { period_ms, per_s });
    }
    models.push(Model::Table { blocks: 10 });
    models.push(Model::Table { blocks: 500 });
    models
}

#[test]
fn what_does_not_leak_is_hardly_ever_said_to() {
    let models = models_without_a_leak();
    let (mut wrong, mut all) = (0, 0);
    for model in models {
        let leaks = count(&behaviours(model, 100), Behaviour::Leaks);
        assert!(leaks <= 5, "{leaks} of 100 for {model:?}");
        (wrong, all) = (wrong + leaks, all + 100);
    }
    assert!(wrong * 100 <= all, "{wrong} of {all} stacks without a leak");
}

#[test]
fn churn_tables_and_caches_have_their_names() {
    let (per_s, life_ms) = (100.0, 20.0);
    for (model, behaviour) in [
        (Model::Churn { per_s, life_ms }, Behaviour::Churns),
        (Model::Table { blocks: 500 }, Behaviour::FilledOnce),
        (
            Model::Cache {
                places: 600,
                per_s: 40.0,
            },
            Behaviour::Bounded,
        ),
        (
            Model::Queue {
                places: 400,
                per_s: 20.0,
            },
            Behaviour::Bounded,
        ),
        (Model::Leak { per_s: 0.02 }, Behaviour::TooFew),
    ] {
        let found = behaviours(model, 100);
        let named = count(&found, behaviour);
        assert!(named >= 90, "{behaviour}: {named} of 100, {found:?}");
    }
}

#[test]
fn a_slow_leak_of_few_samples_is_hardly_ever_said_to_have_filled() {
    // Three to twelve in all: too few to call it a leak, and too few to clear it.
    for per_s in [0.05, 0.1, 0.2] {
        let found = behaviours(Model::Leak { per_s }, 200);
        let cleared = count(&found, Behaviour::FilledOnce) + count(&found, Behaviour::Churns);
        assert!(cleared <= 10, "{cleared} of 200 at {per_s} a second");
    }
}

#[test]
fn what_becomes_more_in_an_odd_way_is_cleared_by_no_word() {
    let leak_from = |from_ms, before_per_s, per_s| Model::LeakFrom {
        from_ms,
        before_per_s,
        per_s,
    };
    for model in [
        // It begins behind the middle of the settled load, or slows there and goes on.
        leak_from(45_000.0, 0.0, 10.0),
        leak_from(50_000.0, 0.0, 10.0),
        leak_from(35_000.0, 20.0, 8.0),
        leak_from(45_000.0, 20.0, 10.0),
        Model::SlowConsumer {
            per_s: 100.0,
            out_per_s: 80.0,
        },
        Model::SlowConsumer {
            per_s: 60.0,
            out_per_s: 50.0,
        },
    ] {
        let found = behaviours(model, 100);
        let may_leak = count(&found, Behaviour::Leaks) + count(&found, Behaviour::Undecided);
        assert!(may_leak >= 95, "{may_leak} of 100 for {model:?}: {found:?}");
    }
}

#[test]
fn a_cache_that_fills_for_ten_minutes_is_no_leak_and_a_tenth_of_it_beside_is_one() {
    // Six samples a second: the leak has six in ten seconds.
    let (per_s, fills_s) = (6.0, 600.0);
    let places = (per_s * fills_s) as usize;
    let caches = [
        // Full after ten minutes, and then one for one.
        Model::Cache { places, per_s },
        // Under churn of its keys: 95 % full after ten minutes.
        Model::KeyedCache {
            places: places / 3,
            per_s,
        },
    ];
    let leak = Model::Leak {
        per_s: per_s / 10.0,
    };
    for (minutes, caches) in [
        (10.0, &caches[1..]),
        (12.0, &caches[..]),
        (15.0, &caches[..]),
    ] {
        let load = (1000.0, minutes * MINUTE_MS);
        for cache in caches {
            let mut behaviours = (1..=20).map(|seed| said(*cache, seed, load));
            let is_none = |b| matches!(b, Behaviour::FilledOnce | Behaviour::Bounded);
            let other = behaviours.find(|behaviour| !is_none(*behaviour));
            assert_eq!(other, None, "{cache:?} over {minutes} minutes");
        }
        let behaviours: Vec<_> = (1..=20).map(|seed| said(leak, seed, load)).collect();
        assert!(count(&behaviours, Behaviour::Leaks) >= 19, "{behaviours:?}");
    }
}

#[test]
fn the_interval_of_a_stack_covers_its_true_growth() {
    // At 95 %, not less than 93 % of 400 replays each.
    let settled = settled_part(LOAD);
    for per_s in [0.3, 2.0, 20.0] {
        for churn in [0.0, 100.0] {
            let model = leak_under_churn(per_s, churn, 100.0);
            let covered = (1..=400)
                .filter(|seed| {
                    let history = replay(model, *seed);
                    let growth = stack_growth(&history, settled, 1 << 19, &Work::default())
                        .expect("snapshots");
                    (growth.low..=growth.high).contains(&(per_s * growth.window_s))
                })
                .count();
            assert!(
                covered >= 372,
                "{per_s} a second under {churn}: {covered} of 400"
            );
        }
    }
}

#[test]
fn what_a_profile_could_have_seen_is_what_it_says() {
    // Of a leak of four times the smallest that could have been seen nearly all are named, of one
    // of a quarter hardly any.
    let record = StackRecord {
        sample_bytes: 1 << 19,
        stacks: vec![replay(Model::Leak { per_s: 1.0 }, 1)],
        ..StackRecord::default()
    };
    let said = attribute(&record, &[], LOAD, None, &Work::default());
    let per_s = said.resolution_bytes_per_s / f64::from(1 << 19);
    for (times, range) in [(0.25, 0..=2), (4.0, 180..=200)] {
        let found = behaviours(
            Model::Leak {
                per_s: times * per_s,
            },
            200,
        );
        let leaks = count(&found, Behaviour::Leaks);
        assert!(
            range.contains(&leaks),
            "{leaks} of 200 at {times} times the smallest"
        );
    }
}

#[test]
fn a_program_that_becomes_slower_leaks_as_much_per_operation() {
    // Twenty a second at first and ever fewer: as many as operations, of which 2000 are done at
    // twice the time for 1000.
    let mut counters = Counters::new();
    let mut work = Vec::new();
    let mut random = Random(7 << 32);
    let mut at_ms = 0.0;
    while at_ms < LOAD.1 {
        let done = |at_ms: f64| 1000.0 * (1.0 + at_ms / 4000.0).ln();
        let step_ms = 20.0;
        for _ in 0..random.poisson(0.2 * (done(at_ms + step_ms) - done(at_ms))) {
            counters.birth(at_ms);
        }
        work.push((at_ms, done(at_ms)));
        if (at_ms / 1000.0).floor() < ((at_ms + step_ms) / 1000.0).floor() {
            counters.snapshot(at_ms + step_ms);
        }
        at_ms += step_ms;
    }
    let said = |work: &Work| {
        let growth = stack_growth(&counters.history, settled_part(LOAD), 1 << 19, work);
        growth.expect("snapshots").behaviour
    };
    assert_eq!(said(&Work::new(work)), Behaviour::Leaks);
}

#[test]
fn a_container_that_doubles_ever_later_in_time_but_evenly_by_work_leaks() {
    // Each operation goes through all that is kept: four times as long for twice as many.
    let mut container = Counters::new();
    let times = [250.0, 1000.0, 4000.0, 16_000.0, 64_000.0];
    for (step, at_ms) in times.into_iter().enumerate() {
        container.birth(at_ms);
        container.snapshot(at_ms);
        let last = container.history.snapshots.last_mut();
        last.expect("a snapshot").live_bytes = Some(102_400 << step);
    }
    let record = StackRecord {
        sample_bytes: 1 << 16,
        stacks: vec![container.history],
        ..StackRecord::default()
    };
    let behaviour = |work: &Work| {
        let container = Group {
            containers: vec![&record.stacks[0]],
            ..Group::default()
        };
        let said = attribute(&record, &[container], (0.0, 100_000.0), None, work);
        said.stacks[0].growth.behaviour
    };
    let seconds = (0..=100).map(|second| f64::from(second) * 1000.0);
    let work = Work::new(seconds.map(|at_ms| (at_ms, at_ms.sqrt())));
    assert_eq!(behaviour(&work), Behaviour::Leaks);
    assert_ne!(behaviour(&Work::default()), Behaviour::Leaks);
}

/// What is said of one container under a load of 100 s whose block was taken anew at each of these
/// times, twice as large, and that was looked at only after some of them.
fn said_of_container(moves: &[f64], looked_at: &[f64]) -> Behaviour {
    let mut container = Counters::new();
    let mut born_ms = None;
    let mut bytes = 102_400;
    for (at, at_ms) in moves.iter().enumerate() {
        if let Some(born_ms) = born_ms.replace(*at_ms) {
            container.death(born_ms, *at_ms);
            bytes *= 2;
        }
        container.birth(*at_ms);
        let until_ms = moves.get(at + 1).copied().unwrap_or(f64::INFINITY);
        for seen_ms in looked_at
            .iter()
            .filter(|ms| (*at_ms..until_ms).contains(ms))
        {
            container.snapshot(*seen_ms);
            let last = container.history.snapshots.last_mut().expect("a snapshot");
            last.live_bytes = Some(bytes);
        }
    }
    // Another stack is heard of until the end.
    let record = StackRecord {
        sample_bytes: 1 << 16,
        stacks: vec![
            container.history,
            replay_over(Model::Leak { per_s: 2.0 }, 1, (0.0, 100_000.0)),
        ],
        ..StackRecord::default()
    };
    let container = Group {
        containers: vec![&record.stacks[0]],
        ..Group::default()
    };
    let said = attribute(
        &record,
        &[container],
        (0.0, 100_000.0),
        None,
        &Work::default(),
    );
    said.stacks[0].growth.behaviour
}

#[test]
fn a_container_is_told_by_all_its_moves_and_filled_only_when_the_next_is_overdue() {
    let doubling = [
        1_500.0, 3_000.0, 6_000.0, 12_000.0, 24_000.0, 48_000.0, 96_000.0,
    ];
    let each = doubling.map(|at_ms| at_ms + 500.0);
    assert_eq!(said_of_container(&doubling, &each), Behaviour::Leaks);
    assert_eq!(
        said_of_container(&doubling, &[7_000.0, 97_000.0]),
        Behaviour::Leaks
    );
    // The step before the last one came at 38 s, and the next is due at 76 s or later.
    let few = [19_000.0, 38_000.0, 76_000.0];
    assert_eq!(
        said_of_container(&few, &few.map(|ms| ms + 500.0)),
        Behaviour::TooFew
    );
    assert_eq!(
        said_of_container(&few[..2], &[19_500.0, 38_500.0]),
        Behaviour::TooFew
    );
    let filled = [500.0, 600.0, 700.0, 800.0, 900.0, 1_000.0];
    assert_eq!(
        said_of_container(&filled, &[750.0, 1_050.0]),
        Behaviour::FilledOnce
    );
}

#[test]
fn a_container_that_doubles_for_ever_leaks_and_its_bytes_go_to_the_owner_of_its_blocks() {
    // 100 KiB at a second, and twice as much at twice the time.
    let mut container = Counters::new();
    for second in 1..=61_u64 {
        if second.is_power_of_two() {
            let at_ms = second as f64 * 1000.0 - 500.0;
            if second > 1 {
                container.death((second / 2) as f64 * 1000.0 - 500.0, at_ms);
            }
            container.birth(at_ms);
            let live_bytes = 102_400 * second;
            container.history.born_bytes += live_bytes;
            container.snapshot(second as f64 * 1000.0);
            let last = container.history.snapshots.last_mut().expect("a snapshot");
            last.live_bytes = Some(live_bytes);
        }
    }
    let blocks = replay(Model::Leak { per_s: 2.0 }, 3);
    let record = StackRecord {
        sample_bytes: 1 << 16,
        lost_samples: 0,
        stacks: vec![container.history, blocks],
    };
    let growth = |groups: &[Group<'_>]| {
        attribute(&record, groups, LOAD, None::<HeapGrowth>, &Work::default()).stacks
    };
    let alone = growth(&[Group {
        containers: vec![&record.stacks[0]],
        ..Group::default()
    }]);
    assert_eq!(alone[0].growth.behaviour, Behaviour::Leaks);
    // At 24 s of the settled part's beginning it had 1600 KiB, and 3200 KiB since 32 s.
    assert_eq!(alone[0].container_bytes, 1600.0 * 1024.0);
    let both = growth(&[Group {
        blocks: vec![&record.stacks[1]],
        containers: vec![&record.stacks[0]],
    }]);
    assert_eq!(both[0].growth.behaviour, Behaviour::Leaks);
    assert_eq!(both[0].container_bytes, 1600.0 * 1024.0);
    let of_blocks = both[0].bytes[0] - both[0].container_bytes;
    // Two samples a second in 36 s, each of 64 KiB and some bytes.
    assert!(
        (50.0..100.0).contains(&(of_blocks / 65_600.0)),
        "{of_blocks}"
    );
}

/// A row of so many bytes of growth, give or take a tenth.
fn row(function: &str, behaviour: Behaviour, bytes: f64) -> Row {
    let history = replay(Model::Leak { per_s: 2.0 }, 3);
    let growth = stack_growth(&history, settled_part(LOAD), 1 << 16, &Work::default());
    let mut growth = growth.expect("snapshots");
    growth.behaviour = behaviour;
    Row {
        share: 0.0,
        bytes,
        bytes_low: 0.9 * bytes,
        bytes_high: 1.1 * bytes,
        blocks: 0.0,
        container_bytes: 0.0,
        container_growth: false,
        growth,
        function: function.to_owned(),
        location: String::new(),
        stacks: 1,
    }
}

#[test]
fn a_comparison_says_what_was_cured_only_where_it_would_have_been_seen() {
    let answer = |rows: Vec<Row>, resolution_bytes_per_s: f64| Answer {
        seconds: 3600.0,
        sample_bytes: 1 << 16,
        resolution_bytes_per_s,
        rows,
        ..Answer::default()
    };
    let before = answer(
        vec![
            row("kept", Behaviour::Leaks, 1e9),
            row("cured", Behaviour::Leaks, 1e8),
            row("halved", Behaviour::Leaks, 1e7),
            row("small", Behaviour::Leaks, 1e5),
        ],
        10.0,
    );
    let after = answer(
        vec![
            row("kept", Behaviour::Leaks, 1.05e9),
            row("cured", Behaviour::Churns, 0.0),
            row("halved", Behaviour::Leaks, 0.5e7),
            row("new", Behaviour::Leaks, 1e6),
        ],
        // 360,000 bytes in an hour.
        100.0,
    );
    let changes: Vec<(String, Change)> = compare_stacks(&before, &after)
        .rows
        .into_iter()
        .map(|row| (row.function, row.change))
        .collect();
    let expected = [
        ("kept", Change::Same),
        ("cured", Change::Cured),
        ("halved", Change::Less),
        ("new", Change::New),
        ("small", Change::Unseen),
    ];
    assert_eq!(
        changes,
        expected.map(|(name, change)| (name.to_owned(), change))
    );
}
