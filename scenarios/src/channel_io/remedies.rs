//! The comparison that the document promises: what each remedy bounds, and who pays.
//!
//! The figures come from runs; the words are what the figures are to be read with.

use crate::Remedy;

/// Every remedy that the document proposes, in its order.
///
/// Throughput is never more than the reader's rate in any row: no remedy makes the receiver
/// faster. Gauges that show a row: `handlers_alive` and `queue_depth` (memory), `dropped`
/// and `refused` (loss), `delivered` per second and the latency percentiles (throughput).
pub const REMEDIES: &[Remedy] = &[
    Remedy {
        variant: "large-buffer",
        bounds: "handlers and descriptors, until the buffer is full",
        leaves: "queued messages at arrivals minus services; once full, handlers as before",
        memory: "16 bytes per place at the start, then every message that waits",
        loss: "none seen; what is queued is lost if the process ends",
        throughput: "the reader's rate; the wait grows with the queue, without end",
    },
    Remedy {
        variant: "limited-connections",
        bounds: "handlers, messages and descriptors, at connection-limit",
        leaves: "",
        memory: "connection-limit handlers at most",
        loss: "connections beyond the limit, closed on accept; the client sees a reset",
        throughput: "the reader's rate; the wait is connection-limit services",
    },
    Remedy {
        variant: "abort-slow",
        bounds: "the life of a handler, at abort-after; so handlers, at rate × abort-after",
        leaves: "",
        memory: "rate × abort-after handlers, a timer in each",
        loss: "messages that waited too long, after they were read; the client is not told",
        throughput: "the reader's rate; the wait is abort-after at most",
    },
    Remedy {
        variant: "stop-listening",
        bounds: "handlers, messages and descriptors, at connection-limit",
        leaves: "",
        memory: "connection-limit handlers at most",
        loss: "connections while the port is closed; the client sees a refusal at once",
        throughput: "the reader's rate; the wait is connection-limit services",
    },
    Remedy {
        variant: "rate-limited",
        bounds: "connections let in, at the receiver's rate; handlers that wait, at small-buffer",
        leaves: "",
        memory: "small-buffer handlers at most, as long as the receiver keeps the pace it is set for",
        loss: "connections beyond the rate, closed on accept; the client sees a reset",
        throughput: "the reader's rate; the wait is small-buffer services",
    },
    Remedy {
        variant: "single-sender",
        bounds: "blocked senders, at one; queued messages, at small-buffer",
        leaves: "",
        memory: "small-buffer messages and one task; no handler waits",
        loss: "messages that find the sender's queue full; the client is not told",
        throughput: "the reader's rate; the wait is small-buffer services",
    },
    Remedy {
        variant: "directional",
        bounds: "the handlers of a receiver that has gone: they are told, and end",
        leaves: "handlers of a receiver that is only slow, at arrivals minus services",
        memory: "as without it while the receiver lives; nothing once it has gone",
        loss: "everything after the receiver has gone, counted and marked",
        throughput: "the reader's rate, and nothing, visibly, once it has gone",
    },
    Remedy {
        variant: "layered",
        bounds: "handlers, messages and descriptors, at connection-limit; a handler's life, at \
                 abort-after; the handlers of a receiver that has gone",
        leaves: "",
        memory: "small-buffer messages and the lower of the two bounds in handlers",
        loss: "messages that waited too long, and connections beyond the limit",
        throughput: "the reader's rate; the wait is small-buffer services and abort-after",
    },
];
