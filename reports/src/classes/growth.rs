//! One series of snapshots as a table: what each key does, and which grow.

use super::behaviour::{ClassBehaviour, Movement};
use super::counts::{Amount, Counts};
use super::format::Format;
use super::statistics::{FEWEST_POINTS, Slope, slope};
use crate::discovery::discoveries;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Mean bytes of a key below which it is not tested: the choice depends on its size and not on
/// its growth, so that it costs the others nothing (R. Bourgon, R. Gentleman, W. Huber,
/// "Independent filtering increases detection power for high-throughput experiments", PNAS 107
/// (2010) 9546).
const LEAST_MEAN_BYTES: f64 = 4096.0;
/// The same where only objects are counted.
const LEAST_MEAN_COUNT: f64 = 4.0;
/// How many times faster than all later steps a first one is that belongs to a warm-up.
const WARM_UP: f64 = 2.0;
/// Part of the growth from which the program's own class stands before what it holds.
const OWN_SHARE: f64 = 0.01;
/// Rows that are kept.
const MOST_ROWS: usize = 50;

/// When a snapshot was taken, and what it counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// On the clock of the samples.
    pub elapsed_ms: f64,
    /// Operations completed by then, where they are counted.
    pub ops_total: Option<u64>,
    /// What it counted.
    pub counts: Counts,
}

/// What one key did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// The class, constructor, function or line.
    pub key: String,
    /// Its amount in the first taking.
    pub first: Amount,
    /// Its amount in the last one.
    pub last: Amount,
    /// Growth in bytes (or objects, where no bytes are known) per operation or hour.
    pub slope: Option<Slope>,
    /// Growth in objects per operation or hour.
    pub count_slope: Option<f64>,
    /// Steps in which it rose.
    pub rises: usize,
    /// Steps there were.
    pub steps: usize,
    /// Its part of the growth of all keys that rose; 0 for one that did not.
    pub share: f64,
    /// What it does.
    pub behaviour: ClassBehaviour,
    /// Whether it is what others hold: arrays, strings, containers of the language.
    pub is_contents: bool,
    /// What keeps one of those alive that came, from it outwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
}

impl ClassRow {
    /// Bytes by which it changed, or objects where no bytes are known.
    pub fn change(&self, has_bytes: bool) -> f64 {
        let of = |amount: Amount| match has_bytes {
            true => amount.bytes as f64,
            false => amount.count as f64,
        };
        of(self.last) - of(self.first)
    }
}

/// A series of snapshots as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassTable {
    /// What the series is called.
    pub name: String,
    /// The form of its files.
    pub format: String,
    /// Takings that the slopes are of.
    pub takings: usize,
    /// Hours between the first and the last of them.
    pub hours: f64,
    /// Operations between them, where they are counted: slopes are per operation then.
    pub operations: Option<f64>,
    /// Whether bytes are known, or objects alone.
    pub has_bytes: bool,
    /// Keys that were seen at all.
    pub keys: usize,
    /// Keys that were tested: large enough, and not the same every time.
    pub tested: usize,
    /// Growth of all keys that rose, in bytes or objects.
    pub growth: f64,
    /// The rows that matter, those that grew steadily first.
    pub rows: Vec<ClassRow>,
    /// What could not be taken or read.
    pub problems: Vec<String>,
    /// Takings of rules, each beside the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Compared>,
}

/// Two takings beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The rule that asked for the later one, from 1.
    pub rule: u64,
    /// When the earlier one was taken.
    pub from_ms: f64,
    /// When the later one was.
    pub to_ms: f64,
    /// What grew most between them.
    pub rows: Vec<ComparedRow>,
}

/// A key in two takings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The key.
    pub key: String,
    /// Its amount in the earlier taking.
    pub before: Amount,
    /// Its amount in the later one.
    pub after: Amount,
}

impl ClassTable {
    /// The first row, if it grew steadily: beyond chance among all keys.
    pub fn top(&self) -> Option<&ClassRow> {
        let first = self.rows.first();
        first.filter(|row| row.behaviour == ClassBehaviour::GrewSteadily)
    }
}

/// The table of a series, its points in the order of time.
pub fn class_table(name: &str, format: Format, points: &[Point]) -> ClassTable {
    let has_bytes = points
        .iter()
        .any(|point| point.counts.iter().any(|(_, a)| a.bytes > 0));
    let hours: Vec<f64> = points
        .iter()
        .map(|point| point.elapsed_ms / 3.6e6)
        .collect();
    let operations: Option<Vec<f64>> = points
        .iter()
        .map(|point| point.ops_total.map(|ops| ops as f64))
        .collect();
    let operations = operations.filter(|all| all.windows(2).all(|pair| pair[1] > pair[0]));
    let x = operations.as_ref().unwrap_or(&hours);
    let span = |of: &[f64]| of.last().unwrap_or(&0.0) - of.first().unwrap_or(&0.0);
    let keys: BTreeSet<&str> = (points.iter())
        .flat_map(|point| point.counts.iter().map(|(key, _)| key))
        .collect();
    let mut candidates: Vec<Candidate> = keys
        .iter()
        .map(|key| Candidate::new(key, format, points, x, has_bytes))
        .collect();
    let growth: f64 = candidates.iter().map(Candidate::grown).sum();
    let tested: Vec<usize> = (0..candidates.len())
        .filter(|at| candidates[*at].is_tested())
        .collect();
    let p: Vec<f64> = (tested.iter())
        .map(|at| candidates[*at].row.slope.map_or(1.0, |slope| slope.p))
        .collect();
    let found = discoveries(&p);
    for (at, found) in tested.iter().zip(found) {
        candidates[*at].is_discovered = found;
    }
    let mut rows: Vec<ClassRow> = candidates
        .into_iter()
        .map(|one| one.concluded(growth))
        .filter(|row| row.first != row.last || row.behaviour == ClassBehaviour::GrewSteadily)
        .collect();
    rows.sort_by(|one, other| {
        let rank = |row: &ClassRow| match row.behaviour {
            ClassBehaviour::GrewSteadily if row.is_contents || row.share < OWN_SHARE => 1,
            ClassBehaviour::GrewSteadily => 0,
            // What may go on, before what has come to rest.
            ClassBehaviour::RisesInSteps | ClassBehaviour::Undecided if row.share >= OWN_SHARE => 2,
            _ => 3,
        };
        let by_share = other.share.total_cmp(&one.share);
        let by_change = other.change(has_bytes).total_cmp(&one.change(has_bytes));
        rank(one).cmp(&rank(other)).then(by_share).then(by_change)
    });
    rows.truncate(MOST_ROWS);
    ClassTable {
        name: name.to_owned(),
        format: format.name().to_owned(),
        takings: points.len(),
        hours: span(&hours),
        operations: operations.as_deref().map(span),
        has_bytes,
        keys: keys.len(),
        tested: tested.len(),
        growth,
        rows,
        problems: Vec::new(),
        compared: Vec::new(),
    }
}

/// A key on its way to a row.
struct Candidate {
    row: ClassRow,
    /// Its places on the axis and its values, without the warm-up.
    x: Vec<f64>,
    y: Vec<f64>,
    has_bytes: bool,
    is_discovered: bool,
}

impl Candidate {
    fn new(key: &str, format: Format, points: &[Point], x: &[f64], has_bytes: bool) -> Self {
        let amounts: Vec<Amount> = points.iter().map(|point| point.counts.of(key)).collect();
        let counts: Vec<f64> = amounts.iter().map(|amount| amount.count as f64).collect();
        let y: Vec<f64> = match has_bytes {
            true => amounts.iter().map(|amount| amount.bytes as f64).collect(),
            false => counts.clone(),
        };
        let from = usize::from(begins_with_warm_up(x, &y));
        let (x, y) = (x[from..].to_vec(), y[from..].to_vec());
        let rises = y.windows(2).filter(|pair| pair[1] > pair[0]).count();
        Candidate {
            row: ClassRow {
                key: key.to_owned(),
                first: amounts.first().copied().unwrap_or_default(),
                last: amounts.last().copied().unwrap_or_default(),
                slope: slope(&x, &y),
                count_slope: slope(&x, &counts[from..]).map(|slope| slope.value),
                rises,
                steps: y.len().saturating_sub(1),
                share: 0.0,
                behaviour: ClassBehaviour::TooFew,
                is_contents: is_contents(format, key),
                path: Vec::new(),
            },
            x,
            y,
            has_bytes,
            is_discovered: false,
        }
    }

    fn change(&self) -> f64 {
        self.row.change(self.has_bytes)
    }

    fn is_tested(&self) -> bool {
        let least = match self.has_bytes {
            true => LEAST_MEAN_BYTES,
            false => LEAST_MEAN_COUNT,
        };
        let mean = self.y.iter().sum::<f64>() / self.y.len().max(1) as f64;
        let is_same = self.y.windows(2).all(|pair| pair[0] == pair[1]);
        self.row.slope.is_some() && mean >= least && !is_same
    }

    /// What it adds to the growth of all: nothing where it fell in the part that is looked at.
    fn grown(&self) -> f64 {
        let falls = self.row.slope.is_some_and(|slope| slope.value < 0.0);
        if falls { 0.0 } else { self.change().max(0.0) }
    }

    fn concluded(mut self, growth: f64) -> ClassRow {
        let movement = Movement {
            x: &self.x,
            y: &self.y,
            slope: self.row.slope,
            change: self.change(),
            is_tested: self.is_tested(),
            is_discovered: self.is_discovered,
        };
        self.row.behaviour = movement.behaviour();
        self.row.share = match growth > 0.0 {
            true => self.grown() / growth,
            false => 0.0,
        };
        self.row
    }
}

/// Whether the first step is of a warm-up: it rises faster than each later one by far. Leaving a
/// rise out can only make a growth smaller.
fn begins_with_warm_up(x: &[f64], y: &[f64]) -> bool {
    if x.len() <= FEWEST_POINTS + 1 {
        return false;
    }
    let mut rates = x
        .windows(2)
        .zip(y.windows(2))
        .map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0]));
    let first = rates.next().unwrap_or(0.0);
    first > 0.0 && rates.all(|rate| first > WARM_UP * rate)
}

/// Whether a key is what others hold: arrays, strings and containers of the language itself.
fn is_contents(format: Format, key: &str) -> bool {
    const PLAIN: [&str; 13] = [
        "Object",
        "Array",
        "Map",
        "Set",
        "WeakMap",
        "Promise",
        "Generator",
        "ArrayBuffer",
        "Buffer",
        "Uint8Array",
        "Float64Array",
        "Date",
        "Error",
    ];
    const PLATFORM: [&str; 6] = ["[", "java.", "javax.", "jdk.", "sun.", "com.sun."];
    match format {
        Format::ClassHistogram => PLATFORM.iter().any(|start| key.starts_with(start)),
        Format::HeapSnapshot => {
            let starts = ["(", "system / ", "function "];
            starts.iter().any(|start| key.starts_with(start)) || PLAIN.contains(&key)
        }
        _ => false,
    }
}

/// What grew most between two snapshots; the program's own classes before what they hold.
pub fn compared(rule: u64, format: Format, before: &Point, after: &Point) -> Compared {
    let keys: BTreeSet<&str> = [before, after]
        .iter()
        .flat_map(|point| point.counts.iter().map(|(key, _)| key))
        .collect();
    let mut rows: Vec<ComparedRow> = keys
        .into_iter()
        .map(|key| ComparedRow {
            key: key.to_owned(),
            before: before.counts.of(key),
            after: after.counts.of(key),
        })
        .filter(|row| (row.after.bytes, row.after.count) > (row.before.bytes, row.before.count))
        .collect();
    let rise = |row: &ComparedRow| {
        let of = |amount: Amount| (amount.bytes as f64, amount.count as f64);
        let ((before, few), (after, many)) = (of(row.before), of(row.after));
        (after - before, many - few)
    };
    let sum: f64 = rows.iter().map(|row| rise(row).0.max(0.0)).sum();
    rows.sort_by(|one, other| {
        let (of_one, of_other) = (rise(one), rise(other));
        let by_rise = of_other.0.total_cmp(&of_one.0);
        let rank =
            |row: &ComparedRow, rise: f64| is_contents(format, &row.key) || rise < OWN_SHARE * sum;
        rank(one, of_one.0)
            .cmp(&rank(other, of_other.0))
            .then(by_rise.then(of_other.1.total_cmp(&of_one.1)))
    });
    rows.truncate(MOST_ROWS);
    Compared {
        rule,
        from_ms: before.elapsed_ms,
        to_ms: after.elapsed_ms,
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundredth of a MiB of noise that is no trend.
    const NOISE: [u64; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 5];

    fn points(of: impl Fn(usize) -> Vec<(&'static str, u64)>) -> Vec<Point> {
        (0..9)
            .map(|at| {
                let mut counts = Counts::default();
                for (key, bytes) in of(at) {
                    counts.add(key, bytes / 24, bytes);
                }
                Point {
                    elapsed_ms: 1000.0 + 2000.0 * at as f64,
                    ops_total: Some(500 * at as u64),
                    counts,
                }
            })
            .collect()
    }

    #[test]
    fn each_behaviour_is_told_and_the_leak_stands_first() {
        let table = class_table(
            "classes",
            Format::ClassHistogram,
            &points(|at| {
                let k = at as u64;
                vec![
                    ("[B", 4_000_000 + 200_000 * k + NOISE[at] * 100),
                    ("shop.Session", 24_000 * k),
                    ("shop.Cache", 1_000_000 - 900_000 / (1 + 2 * k)),
                    ("shop.Config", if at < 4 { 10_000 } else { 400_000 }),
                    ("shop.Queue", 50_000 + NOISE[at] * 10_000),
                    ("shop.Pool", 900_000 - 50_000 * k),
                    ("java.lang.String", 2_000_000),
                ]
            }),
        );
        let told: Vec<_> = (table.rows.iter())
            .map(|row| (row.key.as_str(), row.behaviour.words()))
            .collect();
        assert_eq!(
            told[..2],
            [("shop.Session", "grew steadily"), ("[B", "grew steadily")]
        );
        for expected in [
            ("shop.Cache", "levelled off"),
            ("shop.Config", "grew once"),
            ("shop.Queue", "up and down"),
            ("shop.Pool", "shrank"),
        ] {
            assert!(told.contains(&expected), "{expected:?} in {told:?}");
        }
        assert_eq!((table.keys, table.tested, told.len()), (7, 6, 6));
        let session = table.top().expect("a leak");
        assert_eq!((session.rises, session.steps), (8, 8));
        // 24,000 bytes in 500 operations.
        let slope = session.slope.expect("nine points");
        assert!((slope.value - 48.0).abs() < 1e-9, "{slope:?}");
        assert!((session.count_slope.expect("counts") - 2.0).abs() < 1e-9);
    }

    #[test]
    fn random_walks_are_rarely_called_growth() {
        // Each walk ends where chance leads it: a straight line fits many of them well.
        let (mut called, mut walks) = (0, 0);
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut level = [5_000_000_i64; 20];
            let names: Vec<&'static str> = vec![
                "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
                "q", "r", "s", "t",
            ];
            let all: Vec<Point> = (0..9_i64)
                .map(|at| {
                    let mut counts = Counts::default();
                    for (level, name) in level.iter_mut().zip(&names) {
                        // Twelve uniform numbers: nearly normal.
                        let step: i64 = (0..12).map(|_| random.i64(-1000..=1000)).sum();
                        *level += step;
                        counts.add(name, 1, level.unsigned_abs());
                    }
                    Point {
                        elapsed_ms: at as f64 * 1e3,
                        ops_total: None,
                        counts,
                    }
                })
                .collect();
            let table = class_table("x", Format::Csv, &all);
            let steady = |row: &&ClassRow| row.behaviour == ClassBehaviour::GrewSteadily;
            called += table.rows.iter().filter(steady).count();
            walks += names.len();
        }
        assert!(called * 100 <= walks, "{called} of {walks}");
    }

    #[test]
    fn what_falls_has_no_share_of_the_growth() {
        // It comes after the first taking and falls from then on: its slope is that of its fall.
        let table = class_table(
            "heap",
            Format::Pprof,
            &points(|at| {
                let k = at as u64;
                vec![
                    (
                        "main.cache",
                        if at == 0 { 0 } else { 9_000_000 - 800_000 * k },
                    ),
                    ("main.keep", 100_000 + 10_000 * k),
                ]
            }),
        );
        let of = |key: &str| table.rows.iter().find(|row| row.key == key).expect(key);
        assert!(of("main.cache").slope.expect("a slope").value < 0.0);
        assert_eq!(of("main.cache").share, 0.0);
        assert!((of("main.keep").share - 1.0).abs() < 1e-9, "{table:?}");
        assert!((table.growth - 80_000.0).abs() < 1e-9, "{}", table.growth);
    }

    #[test]
    fn containers_that_rise_in_steps_stand_before_what_is_flat() {
        const DOUBLES: [u64; 9] = [1, 2, 4, 4, 8, 8, 8, 8, 8];
        let table = class_table(
            "classes",
            Format::ClassHistogram,
            &points(|at| {
                vec![
                    ("shop.Config", if at < 4 { 10_000 } else { 30_000_000 }),
                    ("[J", DOUBLES[at] * 1_048_576),
                ]
            }),
        );
        let told: Vec<_> = (table.rows.iter())
            .map(|row| (row.key.as_str(), row.behaviour.words()))
            .collect();
        assert_eq!(
            told,
            [("[J", "rises in steps"), ("shop.Config", "grew once")]
        );
        let notes = super::super::words::notes(&table).join("\n");
        assert!(
            notes.contains("whether it goes on is not decided"),
            "{notes}"
        );
    }

    #[test]
    fn two_takings_are_compared_by_what_grew() {
        let all = points(|at| {
            vec![
                ("a", 1000),
                ("b", 24 * at as u64),
                ("c", 2400 - 240 * at as u64),
            ]
        });
        let compared = compared(1, Format::Csv, &all[0], &all[8]);
        assert_eq!(compared.rows.len(), 1);
        assert_eq!(compared.rows[0].key, "b");
        assert_eq!(
            (compared.rows[0].before.count, compared.rows[0].after.count),
            (0, 8)
        );
    }
}
