//! What one operation retains, object by object.

use super::channel::{Message, Send, Waiter};
use super::scheduler::{Goroutine, STACK_BYTES};
use crate::Parameters;
use crate::retained::{boxed, counted, size_class};

/// A blocked sender without its message: task, stack, closure, waiter record (a node of a
/// list: two links and the record).
const SENDER: usize = counted::<Goroutine>()
    + size_class(STACK_BYTES)
    + boxed::<Send>()
    + size_class(2 * size_of::<usize>() + size_of::<Waiter>());

/// Values in a block of tokio's queues on 64-bit systems.
const BLOCK_VALUES: usize = 32;

/// A block: its values and four words (index of the first, link, readiness, tail).
const BLOCK: usize = size_class(BLOCK_VALUES * size_of::<Box<Message>>() + 4 * size_of::<usize>());

/// The share of the operations that sends where nobody reads.
fn share(parameters: &Parameters) -> f64 {
    let channels = parameters.count("channels");
    parameters.count("gone").min(channels) as f64 / channels as f64
}

fn message(parameters: &Parameters) -> usize {
    boxed::<Message>() + size_class(parameters.bytes("payload"))
}

/// Live heap bytes per operation of `spawn-per-send`.
pub(super) fn blocked_sender(parameters: &Parameters) -> f64 {
    share(parameters) * (SENDER + message(parameters)) as f64
}

/// Live heap bytes per operation of `unbounded-queue`.
pub(super) fn queued_value(parameters: &Parameters) -> f64 {
    let slot = BLOCK as f64 / BLOCK_VALUES as f64;
    share(parameters) * (slot + message(parameters) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocked_senders::DESCRIPTION;

    #[test]
    fn the_explanation_shows_the_sizes_of_this_build() {
        for (part, bytes) in [
            ("task", counted::<Goroutine>()),
            ("stack", size_class(STACK_BYTES)),
            ("closure", boxed::<Send>()),
            (
                "waiter record",
                SENDER - boxed::<Send>() - size_class(STACK_BYTES) - counted::<Goroutine>(),
            ),
            ("message", boxed::<Message>()),
            ("block of 32 values", BLOCK),
        ] {
            let text = format!("{part} {bytes}");
            assert!(DESCRIPTION.explanation.contains(&text), "{text}");
        }
    }
}
