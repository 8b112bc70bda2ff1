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
use std::time::Duration;

/// The long timeout itself: its place in map and queue, its entry, its channel.
const TIMER: usize = boxed::<Node<Arc<TimerEntry>>>()
    + size_of::<Slot<TimerEntry>>()
    + counted::<TimerEntry>()
    + counted::<Channel>();

/// A timeout of the caller's own, which is in no map: it cannot be found, and so not be shared.
const OWN_TIMER: usize =
    size_of::<Slot<TimerEntry>>() + counted::<TimerEntry>() + counted::<Channel>();

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
        // What waits on a channel goes when the channel is closed.
        Patch::Timeout2 | Patch::ClosedTimeout => (0, false),
    }
}

/// The longest timeout of which a run is taken to see that it fires: after it what comes goes at
/// the same pace. With a longer one a run ends by its verdict or its memory before.
const LONGEST_SEEN: Duration = Duration::from_secs(300);

/// Whether the long timeout fires while the load goes on, so that nothing is retained for good.
fn fires_under_load(parameters: &Parameters) -> bool {
    let timeout = parameters.duration("timeout");
    timeout <= LONGEST_SEEN && parameters.load().is_some_and(|load| timeout < load)
}

/// Live heap bytes per operation while the long timeout has not fired; none where it does.
///
/// A winner that is ready is tried first in half of the calls, and then no handler was
/// left on the long timeout; the timeout itself exists all the same. One block that loops
/// is retained once, not per operation.
pub(super) fn retained(patch: Patch, parameters: &Parameters) -> f64 {
    if patch == Patch::Timeout2 || fires_under_load(parameters) {
        return 0.0;
    }
    if patch == Patch::ClosedTimeout {
        return OWN_TIMER as f64;
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

    const PARTS: [(&str, usize); 8] = [
        ("timer", TIMER),
        ("own timer", OWN_TIMER),
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
    fn what_a_timeout_holds_is_retained_unless_it_fires_under_the_load() {
        let retained_by = |timeout: &str, load_s: u64| {
            let parameters = Parameters::parse("alts-timeout", DESCRIPTION.parameters, &[timeout]);
            let load = Some(Duration::from_secs(load_s));
            let parameters = parameters.expect("valid").under(None, load);
            retained(Patch::Unpatched, &parameters)
        };
        assert_eq!(retained_by("timeout=6s", 10), 0.0);
        assert!(retained_by("timeout=12s", 10) > 1e6);
        assert!(retained_by("timeout=1h", 8 * 3600) > 1e6);
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
            ("closed-timeout", Patch::ClosedTimeout),
        ] {
            let cell = format!("{name:<14} {:>5}", bookkeeping(patch));
            assert!(DESCRIPTION.explanation.contains(&cell), "{cell}");
        }
    }
}
