//! Behaviour and growth of stacks, on replayed streams of samples whose truth is known.

use leaklab_reports::attribution::{Behaviour, settled_part, stack_growth};
use leaklab_run::{StackHistory, StackSnapshot};

/// A load of a minute, in milliseconds, after a second of start-up.
const LOAD: (f64, f64) = (1000.0, 61_000.0);
const STEP_MS: f64 = 20.0;
const SPANS: usize = 32;
const FIRST_SPAN_MS: f64 = 125.0;

/// A generator of the test's own: xorshift64.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
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
#[derive(Clone, Copy)]
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
    /// A queue of so many places: the oldest goes when a new one comes.
    Queue { places: usize, per_s: f64 },
    /// So many are born in the first two seconds.
    Table { blocks: usize },
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
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut counters = Counters {
        span_ms: FIRST_SPAN_MS,
        born: vec![0; SPANS],
        live: vec![0; SPANS],
        history: StackHistory::default(),
    };
    // Birth and, where it is known from birth, death.
    let mut alive: Vec<(f64, f64)> = Vec::new();
    let mut at_ms = 0.0;
    while at_ms < LOAD.1 {
        let drawn = |random: &mut Random, per_s: f64| random.poisson(per_s * STEP_MS / 1000.0);
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
            Model::Cache { per_s, .. } | Model::Queue { per_s, .. } => {
                born.extend((0..drawn(&mut random, per_s)).map(|_| f64::INFINITY));
            }
            Model::Table { blocks } if at_ms < 2000.0 => {
                let share = blocks as f64 * STEP_MS / 2000.0;
                born.extend((0..random.poisson(share)).map(|_| f64::INFINITY));
            }
            Model::Table { .. } => {}
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
                _ => {}
            }
            counters.birth(at_ms);
            alive.push((at_ms, death));
        }
        let next_ms = at_ms + STEP_MS;
        alive.retain(|(born_ms, death_ms)| {
            let lives = *death_ms > next_ms;
            if !lives {
                counters.death(*born_ms, next_ms);
            }
            lives
        });
        if (next_ms / 1000.0).floor() > (at_ms / 1000.0).floor() {
            counters.snapshot(next_ms);
        }
        at_ms = next_ms;
    }
    counters.history
}

fn behaviours(model: Model, runs: u64) -> Vec<Behaviour> {
    (1..=runs)
        .map(|seed| {
            let growth = stack_growth(&replay(model, seed), settled_part(LOAD), 1 << 19);
            growth.expect("a stack with snapshots").behaviour
        })
        .collect()
}

fn count(found: &[Behaviour], wanted: Behaviour) -> usize {
    found.iter().filter(|one| **one == wanted).count()
}

#[test]
fn a_leak_is_named_whether_it_is_alone_on_its_stack_or_under_churn() {
    for (model, least) in [
        (Model::Leak { per_s: 0.4 }, 170),
        (Model::Leak { per_s: 1.0 }, 190),
        (Model::Leak { per_s: 20.0 }, 190),
        (
            Model::LeakUnderChurn {
                leak_per_s: 2.0,
                per_s: 200.0,
                life_ms: 100.0,
            },
            190,
        ),
    ] {
        let found = behaviours(model, 200);
        let leaks = count(&found, Behaviour::Leaks);
        assert!(leaks >= least, "{leaks} of 200");
    }
}

#[test]
fn what_does_not_leak_is_hardly_ever_said_to() {
    let models = [
        Model::Churn {
            per_s: 0.5,
            life_ms: 50.0,
        },
        Model::Churn {
            per_s: 100.0,
            life_ms: 20.0,
        },
        Model::Churn {
            per_s: 100.0,
            life_ms: 2000.0,
        },
        Model::Churn {
            per_s: 20.0,
            life_ms: 10_000.0,
        },
        Model::Cache {
            places: 100,
            per_s: 20.0,
        },
        Model::Cache {
            places: 300,
            per_s: 50.0,
        },
        Model::Queue {
            places: 100,
            per_s: 20.0,
        },
        Model::Queue {
            places: 300,
            per_s: 30.0,
        },
        Model::Table { blocks: 10 },
        Model::Table { blocks: 500 },
    ];
    let mut wrong = 0;
    for model in models {
        wrong += count(&behaviours(model, 100), Behaviour::Leaks);
    }
    assert!(wrong <= 10, "{wrong} of 1000 stacks without a leak");
}

#[test]
fn churn_tables_and_caches_have_their_names() {
    for (model, behaviour) in [
        (
            Model::Churn {
                per_s: 100.0,
                life_ms: 20.0,
            },
            Behaviour::Churns,
        ),
        (Model::Table { blocks: 500 }, Behaviour::FilledOnce),
        (
            Model::Cache {
                places: 300,
                per_s: 50.0,
            },
            Behaviour::Bounded,
        ),
        (
            Model::Queue {
                places: 300,
                per_s: 30.0,
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
fn the_interval_of_a_stack_covers_its_true_growth() {
    // At 95 %, not less than 93 % of 400 replays each.
    let settled = settled_part(LOAD);
    let settled_s = (settled.1 - settled.0) / 1000.0;
    for per_s in [0.3, 2.0, 20.0] {
        for churn in [0.0, 100.0] {
            let model = Model::LeakUnderChurn {
                leak_per_s: per_s,
                per_s: churn,
                life_ms: 100.0,
            };
            let covered = (1..=400)
                .filter(|seed| {
                    let history = replay(model, *seed);
                    let growth = stack_growth(&history, settled, 1 << 19).expect("snapshots");
                    (growth.low..=growth.high).contains(&(per_s * settled_s))
                })
                .count();
            assert!(
                covered >= 372,
                "{per_s} a second under {churn}: {covered} of 400"
            );
        }
    }
}
