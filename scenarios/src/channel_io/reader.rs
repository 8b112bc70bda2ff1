//! The receiving end: takes messages at a pace of its own, whatever arrives.

use super::channel::{Channel, ReceiveHalf};
use super::counts::Counts;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The end of the channel that a reader holds.
pub(super) enum Inlet {
    /// The whole channel, of which the server holds a clone.
    Whole(Channel),
    /// The receiving half, which nobody else has.
    Half(ReceiveHalf),
}

impl Inlet {
    fn channel(&self) -> &Channel {
        match self {
            Inlet::Whole(channel) => channel,
            Inlet::Half(half) => half.channel(),
        }
    }
}

/// When a reader takes and when it rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Takes a message whenever its clock ticks.
    OnTick,
    /// `for message := range messages`: takes one, and is busy with it until it is done.
    BusyLoop,
}

/// The reader.
pub(super) struct Reader {
    pub(super) inlet: Inlet,
    pub(super) habit: Habit,
    /// Time per message.
    pub(super) period: Duration,
    /// When it stops reading and drops its end, after its start; `None` for never.
    pub(super) leaves_after: Option<Duration>,
    pub(super) counts: Arc<Counts>,
}

impl Reader {
    /// Reads until it leaves.
    ///
    /// Times are absolute, so that a late wake-up does not slow the pace. Time in which
    /// there was nothing to take is not made up for.
    pub(super) async fn read(self) {
        let began = Instant::now();
        let channel = self.inlet.channel();
        let mut due = began;
        loop {
            if self.habit == Habit::OnTick {
                due += self.period;
                sleep_until(due).await;
            }
            if self
                .leaves_after
                .is_some_and(|after| began.elapsed() >= after)
            {
                self.counts.mark("receiver-left");
                return;
            }
            let idle = channel.is_idle();
            let message = channel.receive().await;
            if idle {
                due = Instant::now();
            }
            if self.habit == Habit::BusyLoop {
                // Busy with the message: what it is handed on to answers at `due`.
                due += self.period;
                sleep_until(due).await;
            }
            self.counts.deliver(&message);
        }
    }
}
