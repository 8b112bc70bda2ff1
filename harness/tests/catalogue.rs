//! Every variant of the catalogue through the real binary: the growth per operation that the
//! judge finds is the formula's, its interval holds it, and the verdict is the one that the variant declares.
//!
//! Loads are shorter than the defaults and rates higher where the formula does not name the
//! rate. Scenarios run one after the other, three variants at a time.

mod support;

use leaklab_run::{Phase, SampleTable, columns};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use support::{Called, Lab};

/// Cells disturb each other: those of one run are enough for two cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A signal that comes late enough not to be there already when a busy machine gets round to
/// trying the ports: a choice that does not wait may leave nothing behind.
const SIGNAL: &str = "soon=30ms";

/// By how many bytes, or which part of the formula, a printed interval may miss it: one in twenty
/// may miss it at all.
const MISSED_BYTES: f64 = 2.0;
const MISSED_PART: f64 = 0.03;

/// Cells of one scenario whose printed interval may miss the formula.
const MISSED: usize = 2;

/// What is lost where an interval is printed.
const ROUNDING_BYTES: f64 = 0.01;

/// A cell of `leaklab run --format json`.
struct Cell(Value);

impl Cell {
    fn name(&self) -> &str {
        self.0["cell"].as_str().unwrap_or_default()
    }

    fn measured(&self) -> f64 {
        self.0["bytes_per_operation"]
            .as_f64()
            .unwrap_or_else(|| panic!("{}: no growth per operation: {}", self.name(), self.0))
    }

    fn formula(&self) -> f64 {
        self.0["retained_bytes_per_operation"]
            .as_f64()
            .expect("every variant has a formula")
    }

    /// How far the formula lies outside of the interval that is printed.
    fn missed_by(&self) -> f64 {
        let bound = |name: &str| self.0["judgement"][name].as_f64();
        let (low, high) = bound("slope_low_bytes_per_op")
            .zip(bound("slope_high_bytes_per_op"))
            .unwrap_or_else(|| panic!("{}: no interval: {}", self.name(), self.0));
        let formula = self.formula();
        (low - formula).max(formula - high).max(0.0)
    }

    /// What is wrong with it, if the measure may be off by that part of the formula.
    fn wrong(&self, tolerance: f64) -> Option<String> {
        if self.0["expected"] == "dies" {
            // It may end before growth can be told.
            let words = format!("{}: {}", self.name(), self.0["message"]);
            return (self.0["as_expected"] != Value::Bool(true)).then_some(words);
        }
        let (measured, formula) = (self.measured(), self.formula());
        let far = formula > 0.0 && (measured - formula).abs() > formula * tolerance;
        let off = far || self.missed_by() > MISSED_BYTES.max(MISSED_PART * formula);
        let expected = self.0["as_expected"] == Value::Bool(true);
        let figures = format!("{}: {measured:.1} B/op, formula {formula:.1}", self.name());
        println!("{figures}");
        let reason = &self.0["reason"];
        (off || !expected).then(|| format!("{figures}, {}: {reason}", self.0["verdict"]))
    }
}

fn run(flags: &[&str]) -> (Called, Vec<Cell>) {
    let guard = ONE_AT_A_TIME.lock();
    let _guard = guard.unwrap_or_else(PoisonError::into_inner);
    let mut arguments = vec!["run", "--format", "json"];
    if !flags.contains(&"--jobs") {
        arguments.extend(["--jobs", "3"]);
    }
    arguments.extend(flags);
    let called = Lab::new().call(&arguments);
    let cells = called.stdout.lines().map(|line| {
        let cell = serde_json::from_str(line);
        Cell(cell.unwrap_or_else(|error| panic!("{error}: {line}\n{}", called.stderr)))
    });
    let cells: Vec<Cell> = cells.collect();
    assert!(!cells.is_empty(), "{}", called.stderr);
    (called, cells)
}

/// Whether a short load on a busy machine has left a cell undecided, and says so, or an interval,
/// which misses once in twenty, has missed: neither shows anything before it happens again.
fn asks_again(cell: &Cell) -> bool {
    let missed = cell.0["as_expected"] == Value::Bool(true) && cell.wrong(0.1).is_some();
    cell.0["verdict"] == "inconclusive" || missed
}

/// Runs all variants of a scenario and holds each against its declaration; those that ask for it
/// are run once more by themselves for four times as long.
fn holds(scenario: &str, duration_s: u32, flags: &[&str]) {
    let run_for = |names: &[&str], duration_s: u32| {
        let duration = format!("{duration_s}s");
        run(&[names, &["--drain", "0s", "--duration", &duration], flags].concat())
    };
    let (called, mut cells) = run_for(&[scenario], duration_s);
    let declared = leaklab_scenarios::catalogue::find(scenario).expect("in the catalogue");
    assert_eq!(cells.len(), declared.description().variants.len());
    let mut code = called.code;
    let is_open = |cell: &Cell| cell.0["verdict"] == "inconclusive";
    if cells.iter().any(is_open) {
        assert_eq!(code, Some(3), "{}", called.stderr);
    }
    let open: Vec<String> = cells
        .iter()
        .filter(|cell| asks_again(cell))
        .map(|c| c.name().to_owned())
        .collect();
    if !open.is_empty() {
        let names: Vec<&str> = open.iter().map(String::as_str).collect();
        let (again, longer) = run_for(&names, 4 * duration_s);
        code = again.code;
        cells.retain(|cell| !asks_again(cell));
        cells.extend(longer);
    }
    let wrong: Vec<String> = cells.iter().filter_map(|cell| cell.wrong(0.1)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(code, Some(0), "{}", called.stderr);
    let is_missed =
        |cell: &&Cell| cell.0["expected"] != "dies" && cell.missed_by() > ROUNDING_BYTES;
    let missed: Vec<&str> = cells.iter().filter(is_missed).map(Cell::name).collect();
    assert!(
        missed.len() <= MISSED,
        "outside of their intervals: {missed:?}"
    );
}

#[test]
fn alts_timeout_is_as_declared() {
    let settings = ["--set", "payload=64KiB", "--set", SIGNAL];
    holds(
        "alts-timeout",
        5,
        &[&settings[..], &["--rate", "25"]].concat(),
    );
}

#[test]
fn defer_in_loop_is_as_declared() {
    holds("defer-in-loop", 5, &["--rate", "100"]);
}

#[test]
fn blocked_senders_is_as_declared() {
    holds("blocked-senders", 5, &[]);
}

#[test]
fn recursive_async_is_as_declared() {
    holds("recursive-async", 4, &[]);
}

#[test]
fn channel_io_is_as_declared() {
    // Its formulas are for the default rate.
    holds("channel-io", 6, &[]);
}

#[test]
fn fanout_await_is_as_declared() {
    // A debug build on busy cores keeps up with this; what queues would read as growth.
    holds("fanout-await", 8, &["--rate", "400", "--jobs", "2"]);
}

#[test]
fn shapes_are_as_declared() {
    // Ten rows to a tooth, and no multiple of the interval: teeth that are sampled at three or
    // four places each read as a slow rise where a busy machine shifts them.
    let fine = ["--interval", "20ms", "--set", "capacity=370"];
    holds("shape", 5, &[&fine[..], &["--rate", "2000"]].concat());
}

#[test]
fn what_unpatched_retains_is_its_formula_at_every_payload() {
    for (payload, rate) in [("64KiB", "25"), ("1MiB", "25"), ("4MiB", "15")] {
        let payload = format!("payload={payload}");
        let (_, cells) = run(&[
            "alts-timeout::unpatched",
            "--set",
            &payload,
            "--set",
            SIGNAL,
            "--duration",
            "4s",
            "--rate",
            rate,
            "--drain",
            "0s",
        ]);
        let wrong = cells[0].wrong(0.05);
        assert_eq!(wrong, None, "{payload}");
    }
}

#[test]
fn each_remedy_of_async_234_leaves_its_bookkeeping_and_in_the_order_of_the_ticket() {
    let flags = [
        "--set",
        "payload=0",
        "--set",
        "batch=100",
        "--set",
        "soon=1ms",
        "--operations",
        "100000",
        "--rate",
        "25000",
        "--drain",
        "0s",
    ];
    let remedies = "alts-timeout::{once-callback,cleared,nacked,timeout2,tokio-select}";
    let (_, mut cells) = run(&[&[remedies][..], &flags].concat());
    for cell in cells.iter_mut().filter(|cell| asks_again(cell)) {
        let name = cell.name().to_owned();
        *cell = run(&[&[name.as_str()][..], &flags].concat()).1.remove(0);
    }
    let measured = |name: &str| {
        let cell = cells.iter().find(|cell| cell.name().ends_with(name));
        let cell = cell.unwrap_or_else(|| panic!("{name} has run"));
        assert_eq!(cell.0["operations"], 100_000, "{name}");
        assert_eq!(cell.wrong(0.25), None);
        cell.measured()
    };
    for fixed in ["timeout2", "tokio-select"] {
        let left = measured(fixed);
        assert!(left < MISSED_BYTES, "{fixed}: {left}");
    }
    let [once, cleared, nacked] = ["once-callback", "cleared", "nacked"].map(measured);
    assert!(once < cleared && cleared < nacked);
}

#[test]
fn a_callback_that_is_never_called_keeps_half_of_the_payload() {
    let (_, cells) = run(&[
        "alts-timeout::once-callback",
        "--set",
        "winner=ready",
        "--set",
        "payload=64KiB",
        "--duration",
        "4s",
        "--rate",
        "200",
        "--drain",
        "0s",
    ]);
    let part = cells[0].measured() / f64::from(64 << 10);
    assert!((part - 0.5).abs() <= 0.05, "{part} of the payload");
}

/// First and last live heap of a phase.
fn ends(table: &SampleTable, phase: Phase) -> (f64, f64) {
    let heap = table
        .filled_column(columns::ALLOCATED_BYTES)
        .expect("live heap");
    let rows = table.phase.iter().zip(heap);
    let of_phase = rows.filter(|(p, bytes)| **p == phase && !bytes.is_nan());
    let bytes: Vec<f64> = of_phase.map(|(_, bytes)| *bytes).collect();
    (
        *bytes.first().expect("a row"),
        *bytes.last().expect("a row"),
    )
}

#[test]
fn what_unpatched_retains_comes_back_when_its_timeouts_fire_in_the_drain() {
    let (called, _) = run(&[
        "alts-timeout::unpatched",
        "--set",
        "payload=64KiB",
        "--set",
        "timeout=3s",
        "--set",
        SIGNAL,
        "--duration",
        "2s",
        "--rate",
        "25",
        "--drain",
        "3s",
    ]);
    let table = called.cell().samples(|_| true).expect("samples");
    let (before, grown) = ends(&table, Phase::Load);
    let (_, left) = ends(&table, Phase::Drain);
    println!("{before} grew to {grown}, and fell to {left}");
    // 50 operations at most; a machine that is busy performs fewer, each with its payload.
    let operations = called.cell().status.ops_total.expect("a total") as f64;
    assert!(operations >= 25.0, "{operations}");
    assert!(
        grown - before > 0.9 * operations * f64::from(64 << 10),
        "{grown} after {operations}"
    );
    assert!(left - before < (grown - before) * 0.05, "{left} stay");
}
