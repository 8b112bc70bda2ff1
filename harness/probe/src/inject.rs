//! Known leaks in a program that links the probe, as `leaklab challenge` asks for them:
//!
//! `LEAKLAB_INJECT=SHAPE:BYTES:SECONDS`: bytes a second, of CPU time for `work`; for `late` the
//! time after which each block is given back. `LEAKLAB_INJECT_PARENT=PID`: only the process that
//! this one has started leaks. The shapes are those of the preloaded object, which does the same
//! in programs that do not link the probe; here the memory comes from the program's own
//! allocator. The gauge `injected_bytes` says how much was leaked, and so that it was.

use crate::clock::{monotonic_us, process_cpu_us, thread_cpu_us};
use crate::registry::{IntegerGauge, register_gauge};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of a block: what a small object with its strings is.
const BLOCK_BYTES: usize = 512;
/// Time between two looks at what is due.
const TICK: Duration = Duration::from_millis(20);
/// The gauge that says that a leak is made.
const GAUGE: &str = "injected_bytes";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Small blocks.
    Blocks,
    /// One array that doubles when it is full.
    Container,
    /// Blocks in proportion to the CPU time that the program uses.
    Work,
    /// Blocks that are given back.
    Late,
}

#[derive(Debug, PartialEq)]
struct Request {
    shape: Shape,
    bytes_per_s: f64,
    hold_us: f64,
}

impl Request {
    /// Of `SHAPE:BYTES:SECONDS`.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(':');
        let shape = match fields.next()? {
            "blocks" => Shape::Blocks,
            "container" => Shape::Container,
            "work" => Shape::Work,
            "late" => Shape::Late,
            _ => return None,
        };
        let bytes_per_s: f64 = fields.next()?.parse().ok()?;
        let hold_s: f64 = fields.next().unwrap_or("0").parse().ok()?;
        (bytes_per_s > 0.0).then_some(Self {
            shape,
            bytes_per_s,
            hold_us: hold_s * 1e6,
        })
    }

    /// What the harness asks of this process.
    fn from_environment() -> Option<Self> {
        let parent: u32 = std::env::var("LEAKLAB_INJECT_PARENT").ok()?.parse().ok()?;
        if parent != std::os::unix::process::parent_id() {
            return None;
        }
        Self::parse(&std::env::var("LEAKLAB_INJECT").ok()?)
    }
}

/// What has been leaked.
#[derive(Default)]
struct Leaked {
    blocks: VecDeque<(u64, Box<[u8; BLOCK_BYTES]>)>,
    block_bytes: f64,
    array: Vec<u8>,
}

impl Leaked {
    /// Leaks until `target_bytes` are. All is written, since pages that nobody touches never
    /// become resident.
    fn up_to(&mut self, target_bytes: f64, request: &Request, now_us: u64) {
        if request.shape == Shape::Container {
            self.array.resize(target_bytes as usize, 0x5a);
            return;
        }
        while self.block_bytes + BLOCK_BYTES as f64 <= target_bytes {
            self.blocks
                .push_back((now_us, Box::new([0x5a; BLOCK_BYTES])));
            self.block_bytes += BLOCK_BYTES as f64;
        }
        let is_due = |born_us: u64| (now_us - born_us) as f64 >= request.hold_us;
        while request.shape == Shape::Late && self.blocks.front().is_some_and(|b| is_due(b.0)) {
            self.blocks.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        self.array.len() + self.blocks.len() * BLOCK_BYTES
    }
}

/// Starts the leak that is asked for, if one is.
pub(crate) fn start() {
    let Some(request) = Request::from_environment() else {
        return;
    };
    let gauge = IntegerGauge::default();
    register_gauge(GAUGE, gauge.clone());
    // Without the thread the gauge stays at zero, and the challenge is not met.
    drop(
        std::thread::Builder::new()
            .name("leaklab-inject".to_owned())
            .stack_size(128 << 10)
            .spawn(move || leak_for_ever(&request, &gauge)),
    );
}

fn leak_for_ever(request: &Request, gauge: &IntegerGauge) {
    let started_us = monotonic_us();
    let mut leaked = Leaked::default();
    loop {
        std::thread::sleep(TICK);
        let now_us = monotonic_us();
        let elapsed_us = match request.shape {
            // What the leak itself costs is no work of the program.
            Shape::Work => process_cpu_us().saturating_sub(thread_cpu_us()),
            _ => now_us - started_us,
        };
        leaked.up_to(
            request.bytes_per_s * elapsed_us as f64 / 1e6,
            request,
            now_us,
        );
        gauge.store(leaked.bytes() as i64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaked(text: &str, targets: &[(f64, u64)]) -> usize {
        let request = Request::parse(text).expect("a request");
        let mut leaked = Leaked::default();
        for (target_bytes, now_us) in targets {
            leaked.up_to(*target_bytes, &request, *now_us);
        }
        leaked.bytes()
    }

    #[test]
    fn what_is_asked_for_is_leaked_in_its_shape() {
        assert_eq!(leaked("blocks:100:0", &[(1_200.0, 0), (5_130.0, 9)]), 5_120);
        assert_eq!(leaked("work:100:0", &[(511.0, 0)]), 0);
        assert_eq!(leaked("container:100:0", &[(5_130.0, 0)]), 5_130);
        // Held for two seconds, and given back.
        let late = [(1_024.0, 0), (2_048.0, 1_000_000), (2_048.0, 2_500_000)];
        assert_eq!(leaked("late:100:2", &late), 1_024);
    }

    #[test]
    fn what_is_no_request_leaks_nothing() {
        for text in [
            "",
            "heap:1:0",
            "blocks",
            "blocks:x:0",
            "blocks:-1:0",
            "blocks:nan:0",
        ] {
            assert_eq!(Request::parse(text), None, "{text}");
        }
    }
}
