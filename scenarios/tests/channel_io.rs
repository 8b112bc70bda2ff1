//! Measures the scenario `channel-io`: a real server, real clients, the real allocator.
//!
//! Rates are a multiple of the defaults, in the same proportion of four arrivals to
//! one service, so that the formulas of the defaults hold and seconds are enough.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::channel_io::{ChannelIo, REMEDIES};
use leaklab_scenarios::{Expected, Role, Scenario};
use recorder::{Cell, alone};
use std::time::{Duration, Instant};

/// Sockets of this process, as the kernel has them.
fn open_sockets() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("the process can see its descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Messages and connections that are accounted for, one way or another.
fn accounted(cell: &Cell) -> i64 {
    [
        "delivered",
        "dropped",
        "refused",
        "handlers_alive",
        "queue_depth",
    ]
    .map(|gauge| cell.gauge(gauge))
    .iter()
    .sum()
}

#[test]
fn every_variant_retains_what_its_formula_says_and_accounts_for_every_connection() {
    alone(|| {
        let settings = ["service-rate=500", "abort-after=100ms"];
        for variant in ChannelIo.description().variants {
            let stated = Cell::new(&ChannelIo, variant.name, &[], 1).retained();
            let mut cell = Cell::new(&ChannelIo, variant.name, &settings, 4);
            // One handler more or less must be lost in the bound of 16 bytes for a remedy;
            // a leak must stay below the usual limit of descriptors.
            let fixed = variant.role == Role::Fixed;
            let operations = if fixed { 1600 } else { 600 };
            cell.load(Some(2000.0), operations);
            // By 300, the buffers and limits of the remedies are full.
            let measured = cell.slope(if fixed { 300 } else { 40 });
            assert!(
                (measured - stated).abs() <= (stated * 0.1).max(16.0),
                "{}: {measured:.1} bytes per operation, the formula says {stated:.1}",
                variant.name
            );
            // At the end one connection and one message can be on their way.
            let (accounted, operations) = (accounted(&cell), operations as i64);
            assert!(
                (operations - 2..=operations).contains(&accounted),
                "{}: {accounted} of {operations}",
                variant.name
            );
            let (delivered, served) = (cell.gauge("delivered"), operations / 4);
            assert!(
                (served - 12..=served + 2).contains(&delivered),
                "{}: {delivered} of {served}",
                variant.name
            );
            assert_eq!(cell.latencies(), delivered as u64, "{}", variant.name);
            if fixed {
                assert!(cell.gauge("descriptors") <= 200 + 20, "{}", variant.name);
                let lost = cell.gauge("dropped") + cell.gauge("refused");
                assert!(lost > 700, "{} pays with {lost}", variant.name);
            }
        }
        assert_eq!(open_sockets(), 0, "dropped workloads close everything");
    });
}

#[test]
fn what_waits_is_released_when_the_receiver_goes_on_reading() {
    alone(|| {
        let leaking = ChannelIo.description().variants.iter();
        for variant in leaking.filter(|variant| variant.expected == Expected::Leak) {
            let mut cell = Cell::new(&ChannelIo, variant.name, &["service-rate=1000"], 1000);
            // The first connections allocate what the runtime keeps.
            cell.load(Some(4000.0), 20);
            cell.drain(Duration::from_millis(50));
            let before = allocated_bytes();
            cell.load(Some(4000.0), 300);
            let leaked = allocated_bytes() - before;
            assert!(leaked > 200 * 4096, "{}: {leaked}", variant.name);
            // The 225 that are left take 225 ms at 1000 a second.
            cell.drain(Duration::from_millis(350));
            let left = allocated_bytes().saturating_sub(before);
            assert!(left < leaked / 50, "{}: {left} of {leaked}", variant.name);
            assert_eq!(cell.gauge("handlers_alive"), 0, "{}", variant.name);
            assert_eq!(cell.gauge("delivered"), 320, "{}", variant.name);
        }
    });
}

#[test]
fn a_handler_that_waits_keeps_its_message_its_stack_and_its_task() {
    alone(|| {
        let bytes = |settings: &[&str]| {
            let mut all = vec!["service-rate=1", "message-bytes=1KiB"];
            all.extend(settings);
            let mut cell = Cell::new(&ChannelIo, "unbuffered", &all, 2);
            cell.load(Some(2000.0), 300);
            assert!(cell.gauge("blocked_handlers") >= 298);
            cell.slope(40)
        };
        let with_stack = bytes(&[]);
        let task_alone = bytes(&["stack-bytes=0"]);
        assert!((with_stack - task_alone - 2048.0).abs() < 16.0);
        // Beside 1 KiB of message: the task and its socket's registration. Go's own records
        // of a blocked handler took 5,003 - 4,096 = 907 bytes (measured, Go 1.27.3).
        let bookkeeping = task_alone - 1024.0;
        assert!((bookkeeping - 768.0).abs() < 16.0, "{bookkeeping}");
    });
}

#[test]
fn nothing_accumulates_while_services_keep_up_with_arrivals() {
    alone(|| {
        let mut cell = Cell::new(&ChannelIo, "unbuffered", &["service-rate=1000"], 2);
        cell.load(Some(500.0), 300);
        assert!(cell.gauge("handlers_alive") <= 2);
        assert!(cell.slope(40).abs() < 16.0, "{}", cell.slope(40));
    });
}

#[test]
fn a_small_buffer_moves_the_curve_and_leaves_its_slope() {
    alone(|| {
        let run = |variant| {
            let mut cell = Cell::new(&ChannelIo, variant, &["service-rate=100"], 2);
            cell.load(Some(800.0), 300);
            (
                cell.gauge("handlers_alive"),
                cell.gauge("queue_depth"),
                cell.slope(60),
            )
        };
        let (alive, queued, slope) = run("unbuffered");
        let (alive_buffered, queued_buffered, slope_buffered) = run("small-buffer");
        assert_eq!((queued, queued_buffered), (0, 16));
        assert!((alive - alive_buffered - 16).abs() <= 2);
        assert!((slope - slope_buffered).abs() < slope * 0.02);
    });
}

#[test]
fn a_large_buffer_costs_its_places_at_once_and_only_delays() {
    alone(|| {
        let before = allocated_bytes();
        let cell = Cell::new(&ChannelIo, "large-buffer", &[], 1);
        assert!(allocated_bytes() - before >= 16 * 1_000_000);
        drop(cell);

        let settings = ["service-rate=100", "large-buffer=100"];
        let mut cell = Cell::new(&ChannelIo, "large-buffer", &settings, 2);
        cell.load(Some(1000.0), 90);
        // The last one may still be reading.
        assert!(
            cell.gauge("handlers_alive") <= 1,
            "messages wait, handlers do not"
        );
        cell.load(Some(1000.0), 300);
        assert!(
            cell.gauge("handlers_alive") > 200,
            "full, it blocks as before"
        );
        assert_eq!(cell.gauge("queue_depth"), 100);
    });
}

#[test]
fn typed_halves_release_the_handlers_of_a_receiver_that_has_gone_and_a_whole_channel_does_not() {
    alone(|| {
        let settings = ["service-rate=200", "receiver=leaves", "leaves-after=250ms"];
        let mut whole = Cell::new(&ChannelIo, "unbuffered", &settings, 2);
        whole.load(Some(800.0), 400);
        assert_eq!(whole.marks(), ["receiver-left"]);
        let waiting = whole.gauge("handlers_alive");
        whole.drain(Duration::from_millis(50));
        assert!(
            whole.gauge("handlers_alive") >= waiting,
            "nobody tells them"
        );
        // From then on every connection leaves a handler, served or not.
        assert!((whole.slope(220) - whole.retained()).abs() < whole.retained() * 0.1);

        let mut halves = Cell::new(&ChannelIo, "directional", &settings, 2);
        halves.load(Some(800.0), 800);
        assert_eq!(halves.marks(), ["receiver-left", "receiver-gone"]);
        halves.drain(Duration::from_millis(50));
        assert_eq!(halves.gauge("handlers_alive"), 0);
        assert_eq!(halves.gauge("delivered") + halves.gauge("dropped"), 800);
        assert!(halves.slope(220).abs() < 16.0, "{}", halves.slope(220));
    });
}

#[test]
fn under_a_descriptor_limit_the_service_dies_and_its_memory_looks_healthy() {
    alone(|| {
        let settings = ["service-rate=200", "descriptor-limit=64"];
        let mut cell = Cell::new(&ChannelIo, "unbuffered", &settings, 2);
        // Some 50 handlers wait after 70 connections; served by 200 a second.
        cell.load(Some(800.0), 500);
        assert_eq!(cell.marks(), ["descriptor-limit", "accept-loop-ended"]);
        let delivered = cell.gauge("delivered");
        let refused = cell.gauge("refused");
        assert!(delivered < 120, "{delivered}");
        assert_eq!(
            cell.gauge("handlers_alive"),
            0,
            "all that waited were served"
        );
        cell.load(Some(800.0), 200);
        assert_eq!(
            cell.gauge("delivered"),
            delivered,
            "nothing is delivered any more"
        );
        assert_eq!(
            cell.gauge("refused"),
            refused + 200,
            "every attempt is refused"
        );
        assert!(cell.slope(350).abs() < 16.0, "flat: {}", cell.slope(350));
    });
}

#[test]
fn an_accept_loop_that_retries_lives_on_at_the_limit_and_at_the_readers_rate() {
    alone(|| {
        let settings = [
            "service-rate=100",
            "descriptor-limit=64",
            "accept-error=retries",
        ];
        let mut cell = Cell::new(&ChannelIo, "unbuffered", &settings, 2);
        cell.load(Some(800.0), 400);
        assert_eq!(cell.marks(), ["descriptor-limit"]);
        let (delivered, began) = (cell.gauge("delivered"), Instant::now());
        cell.load(Some(800.0), 400);
        let expected = began.elapsed().as_secs_f64() * 100.0;
        let served = (cell.gauge("delivered") - delivered) as f64;
        assert!((served - expected).abs() < 15.0, "{served} of {expected}");
        assert!(cell.gauge("handlers_alive") > 30, "at the limit");
    });
}

#[test]
fn the_receiver_keeps_an_exact_pace() {
    alone(|| {
        for variant in ["unbuffered", "slow-receiver-loop"] {
            let mut cell = Cell::new(&ChannelIo, variant, &["service-rate=150"], 100);
            cell.load(Some(2000.0), 250);
            let delivered = cell.gauge("delivered");
            cell.drain(Duration::from_millis(600));
            let served = cell.gauge("delivered") - delivered;
            assert!((88..=92).contains(&served), "{variant}: {served} of 90");
        }
    });
}

#[test]
fn every_remedy_is_listed_with_what_it_costs() {
    assert_eq!(ChannelIo.remedies(), REMEDIES);
    for remedy in REMEDIES {
        for words in [remedy.bounds, remedy.memory, remedy.loss, remedy.throughput] {
            assert!(!words.is_empty(), "{}", remedy.variant);
        }
    }
}
