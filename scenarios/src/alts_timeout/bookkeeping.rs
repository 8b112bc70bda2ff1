//! What one operation retains, object by object.

use super::alts::{AltFlag, AltHandler, AltsCallback, FretReference, Patch, PortCallback};
use super::block::{BindingsFrame, Block, StateMachine};
use super::channel::{Channel, FixedBuffer};
use super::daemon::Slot;
use super::deadline_map::Node;
use super::nack::{NackChannel, NackHolder};
use super::timeout::TimerEntry;
use crate::Parameters;
use crate::retained::{boxed, counted, size_class};
use std::sync::{Arc, Mutex};

/// The long timeout itself: its place in map and queue, its entry, its channel.
const TIMER: usize = boxed::<Node<Arc<TimerEntry>>>()
    + size_of::<Slot<TimerEntry>>()
    + counted::<TimerEntry>()
    + counted::<Channel>();

/// Waiting on it: node of the list (two links and the handler), handler, callback.
const HANDLER: usize = size_class(2 * size_of::<usize>() + size_of::<Arc<AltHandler>>())
    + counted::<AltHandler>()
    + boxed::<PortCallback>();

/// Flag and its atom.
const FLAG: usize = counted::<AltFlag>() + boxed::<Mutex<bool>>();

/// The reference of patch 0001: an atom that holds nothing any more.
const FRET_REFERENCE: usize =
    counted::<FretReference>() + boxed::<Mutex<Option<Arc<AltsCallback>>>>();

const NACK: usize = counted::<NackChannel>() + counted::<NackHolder>();

/// The completion callback, holding a block or emptied.
const CALLBACK: usize = counted::<AltsCallback>();

/// State object, functions, bindings, return channel with its buffer; payload not counted.
const BLOCK: usize = counted::<Block>()
    + boxed::<StateMachine>()
    + boxed::<BindingsFrame>()
    + counted::<Channel>()
    + boxed::<FixedBuffer>();

/// Bytes of the records that hang on the abandoned handler of one call, and whether the
/// block is among them.
fn held_by_handler(patch: Patch, winner_is_ready: bool) -> (usize, bool) {
    match patch {
        Patch::Unpatched => (HANDLER + FLAG + CALLBACK, true),
        Patch::Clear => (HANDLER + FLAG + FRET_REFERENCE, false),
        Patch::Nack => (HANDLER + FLAG + FRET_REFERENCE + NACK, false),
        Patch::OnceCallback => (HANDLER + FLAG + CALLBACK, winner_is_ready),
        Patch::Timeout2 => (0, false),
    }
}

/// Live heap bytes per operation while the long timeout has not fired.
///
/// A winner that is ready is tried first in half of the calls, and then no handler was
/// left on the long timeout; the timeout itself exists all the same. One block that loops
/// is retained once, not per operation.
pub(super) fn retained(patch: Patch, parameters: &Parameters) -> f64 {
    if patch == Patch::Timeout2 {
        return 0.0;
    }
    let winner_is_ready = parameters.choice("winner") == "ready";
    let share = if winner_is_ready { 0.5 } else { 1.0 };
    let (mut bytes, block) = held_by_handler(patch, winner_is_ready);
    if block && parameters.choice("shape") != "loop" {
        bytes += BLOCK + size_class(parameters.bytes("payload"));
    }
    TIMER as f64 + share * bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alts_timeout::DESCRIPTION;

    const PARTS: [(&str, usize); 7] = [
        ("timer", TIMER),
        ("handler", HANDLER),
        ("flag", FLAG),
        ("fret reference", FRET_REFERENCE),
        ("nack channel", NACK),
        ("callback", CALLBACK),
        ("block", BLOCK),
    ];

    fn bookkeeping(patch: Patch) -> f64 {
        let settings = ["payload=0"];
        let parameters = Parameters::parse("alts-timeout", DESCRIPTION.parameters, &settings);
        retained(patch, &parameters.expect("valid"))
    }

    #[test]
    fn the_variants_stand_in_the_order_of_the_originals() {
        // core.async 1.3.610: 1151, 0002: 702, 0001: 604, 1.8.741: 573, timeout2: 0.
        let order = [
            Patch::Unpatched,
            Patch::Nack,
            Patch::Clear,
            Patch::OnceCallback,
            Patch::Timeout2,
        ];
        let bytes: Vec<_> = order.into_iter().map(bookkeeping).collect();
        assert!(bytes.windows(2).all(|pair| pair[0] > pair[1]), "{bytes:?}");
    }

    #[test]
    fn the_explanation_shows_the_sizes_of_this_build() {
        for (part, bytes) in PARTS {
            let line = format!("{part} {bytes}");
            assert!(DESCRIPTION.explanation.contains(&line), "{line}");
        }
        for (name, patch) in [
            ("unpatched", Patch::Unpatched),
            ("nacked", Patch::Nack),
            ("cleared", Patch::Clear),
            ("once-callback", Patch::OnceCallback),
        ] {
            let cell = format!("{name:<14} {:>5}", bookkeeping(patch));
            assert!(DESCRIPTION.explanation.contains(&cell), "{cell}");
        }
    }
}
