//! The variants, and what each retains per connection attempt.

use super::DEFAULT_RATE;
use super::channel::{Channel, SendHalf};
use super::handler::future_bytes;
use super::outlet::Outlet;
use crate::retained::size_class;
use crate::{Expected, Parameters, Role, Variant};

/// Bytes that tokio 1.54 adds to a task's future: header, scheduler, state, trailer. The
/// cell is aligned to 128 bytes on x86-64. The test `a_handler_that_waits_...` measures it.
const TASK_BYTES: usize = 96;

/// The reactor's record of a socket (tokio's `ScheduledIo` in its `Arc`, aligned to 128).
const REGISTRATION_BYTES: usize = 256;

/// What one handler keeps while it waits in its send.
fn handler_bytes<O: Outlet>(parameters: &Parameters) -> f64 {
    let task = (TASK_BYTES + future_bytes::<O>()).next_multiple_of(128);
    let message = size_class(parameters.bytes("message-bytes"));
    let stack = size_class(parameters.bytes("stack-bytes"));
    (size_class(task) + REGISTRATION_BYTES + message + stack) as f64
}

/// The share of arrivals that is never served; at or below the service rate there are none.
fn unserved(parameters: &Parameters) -> f64 {
    let rate = parameters.rate().unwrap_or(DEFAULT_RATE);
    match parameters.choice("receiver") {
        "leaves" => 1.0,
        _slow => (1.0 - parameters.count("service-rate") as f64 / rate).max(0.0),
    }
}

const WAITING: fn(&Parameters) -> f64 = |p| unserved(p) * handler_bytes::<Channel>(p);

const NOTHING: fn(&Parameters) -> f64 = |_| 0.0;

const WAITING_FORMULA: &str = "(1 - service-rate / rate) × (size_class(message-bytes) + \
                               size_class(stack-bytes) + task + registration of the socket)";

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "unbuffered",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "handlers send into an unbuffered channel; the receiver reads by a clock",
        retained_formula: WAITING_FORMULA,
        retained_bytes_per_operation: WAITING,
    },
    Variant {
        name: "slow-receiver-loop",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "the receiver's loop is busy with each message before it takes the next",
        retained_formula: WAITING_FORMULA,
        retained_bytes_per_operation: WAITING,
    },
    Variant {
        name: "small-buffer",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "a buffer of a few places: later by as many messages, then the same",
        retained_formula: WAITING_FORMULA,
        retained_bytes_per_operation: WAITING,
    },
    Variant {
        name: "large-buffer",
        role: Role::Partial,
        expected: Expected::Leak,
        summary: "a buffer of a million places: messages wait in it instead of handlers",
        retained_formula: "(1 - service-rate / rate) × size_class(message-bytes) until it is \
                           full, and 16 × large-buffer at the start",
        retained_bytes_per_operation: |p| unserved(p) * size_class(p.bytes("message-bytes")) as f64,
    },
    Variant {
        name: "limited-connections",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "closes connections beyond connection-limit as soon as they are accepted",
        retained_formula: "0 once connection-limit handlers wait",
        retained_bytes_per_operation: NOTHING,
    },
    Variant {
        name: "abort-slow",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "a send that has waited for abort-after gives up its message",
        retained_formula: "0 after abort-after",
        retained_bytes_per_operation: NOTHING,
    },
    Variant {
        name: "stop-listening",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "closes its port while connection-limit handlers are at work",
        retained_formula: "0 once connection-limit handlers wait",
        retained_bytes_per_operation: NOTHING,
    },
    Variant {
        name: "rate-limited",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "lets in as many a second as the receiver takes, by a token bucket of small-buffer",
        retained_formula: "0 once small-buffer handlers wait",
        retained_bytes_per_operation: NOTHING,
    },
    Variant {
        name: "single-sender",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "handlers leave messages for one task that sends; a full queue drops them",
        retained_formula: "0 once small-buffer messages wait",
        retained_bytes_per_operation: NOTHING,
    },
    Variant {
        name: "directional",
        role: Role::Partial,
        expected: Expected::Leak,
        summary: "typed halves: a receiver that has gone is seen, one that is slow is not",
        retained_formula: "as unbuffered while the receiver lives; 0 once it has gone",
        retained_bytes_per_operation: |p| match p.choice("receiver") {
            "leaves" => 0.0,
            _slow => unserved(p) * handler_bytes::<SendHalf>(p),
        },
    },
    Variant {
        name: "layered",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "limited connections, a small buffer, limited waiting and typed halves",
        retained_formula: "0 once the buffer is full",
        retained_bytes_per_operation: NOTHING,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel_io::DESCRIPTION;

    fn retained(variant: &str, rate: f64, settings: &[&str]) -> f64 {
        let parameters = Parameters::parse("channel-io", DESCRIPTION.parameters, settings);
        let parameters = parameters.expect("valid").under(Some(rate), None);
        let variant = DESCRIPTION.variant(variant).expect("a variant");
        (variant.retained_bytes_per_operation)(&parameters)
    }

    #[test]
    fn nothing_waits_at_or_below_the_service_rate() {
        for variant in ["unbuffered", "large-buffer", "directional"] {
            for rate in [10.0, 25.0] {
                assert_eq!(retained(variant, rate, &[]), 0.0, "{variant} at {rate}");
            }
            // Of 50 and of 100 a second, 25 are served: a half waits, and three quarters do.
            let ratio = retained(variant, 100.0, &[]) / retained(variant, 50.0, &[]);
            assert!((ratio - 1.5).abs() < 1e-9, "{variant}: {ratio}");
        }
        let leaves = ["receiver=leaves"];
        assert_eq!(retained("directional", 100.0, &leaves), 0.0);
        assert!(retained("unbuffered", 10.0, &leaves) > 4096.0);
    }
}
