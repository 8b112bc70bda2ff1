//! The list of channels, and the receivers that come and go on them.
//!
//! A receiver reads for a while and leaves: it returns, or it fails. On some channels the
//! next one takes its place; on the others nobody does. The list holds all of them alike.

use super::channel::{Channel, Counts, Message};
use super::scheduler::Scheduler;
use crate::Meter;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Messages that a receiver reads before it leaves a channel that gets another one.
pub(super) const LONG_STINT: u32 = 100;
/// Messages that the last receiver of a channel reads.
pub(super) const LAST_STINT: u32 = 3;

/// Why a receiver left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// It had read what it wanted.
    Returned,
    /// It could not go on.
    Failed,
}

impl Departure {
    /// The receivers of every other pair of channels fail.
    pub(super) fn of(index: usize) -> Self {
        if (index / 2).is_multiple_of(2) {
            Departure::Returned
        } else {
            Departure::Failed
        }
    }

    /// The word for a mark.
    pub(super) fn word(self) -> &'static str {
        match self {
            Departure::Returned => "returned",
            Departure::Failed => "failed",
        }
    }
}

/// Which channels lose their receiver for good: `gone` of `channels`, evenly among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) channels: usize,
    pub(super) gone: usize,
}

impl Plan {
    /// Whether nobody takes the place of this channel's receiver.
    pub(super) fn loses_receiver(self, index: usize) -> bool {
        let gone = self.gone.min(self.channels);
        let lost_before = |index| index * gone / self.channels;
        lost_before(index + 1) > lost_before(index)
    }

    /// Messages that the first receiver of a channel reads.
    pub(super) fn first_stint(self, index: usize) -> u32 {
        match self.loses_receiver(index) {
            true => LAST_STINT,
            false => LONG_STINT,
        }
    }
}

/// The channels, in the order of the list that the sending loop goes through.
pub(super) struct Subscribers {
    scheduler: Rc<Scheduler>,
    channels: Vec<Rc<Channel>>,
    plan: Plan,
    departed: Rc<RefCell<Vec<(usize, Departure)>>>,
    meter: Arc<dyn Meter>,
}

impl Subscribers {
    /// Makes the channels, with room for `capacity` values, and one receiver for each.
    pub(super) fn new(
        scheduler: &Rc<Scheduler>,
        plan: Plan,
        capacity: usize,
        counts: &Counts,
        meter: &Arc<dyn Meter>,
    ) -> Self {
        let channel = |_| Channel::new(scheduler, capacity, counts.clone());
        let subscribers = Subscribers {
            scheduler: Rc::clone(scheduler),
            channels: (0..plan.channels).map(channel).collect(),
            plan,
            departed: Rc::new(RefCell::new(Vec::with_capacity(plan.channels))),
            meter: Arc::clone(meter),
        };
        for index in 0..plan.channels {
            subscribers.welcome(index, plan.first_stint(index));
        }
        scheduler.turn();
        subscribers
    }

    /// The channel of that place in the list; places beyond the end start over.
    pub(super) fn channel(&self, place: usize) -> &Rc<Channel> {
        &self.channels[place % self.channels.len()]
    }

    /// Lets receivers take the places that others left, where somebody comes at all.
    pub(super) fn replace_departed(&self) {
        while let Some((index, departure)) = self.pop_departed() {
            if self.plan.loses_receiver(index) {
                let word = departure.word();
                self.meter.mark(&format!("receiver {index} {word}"));
            } else {
                self.welcome(index, LONG_STINT);
                self.scheduler.turn();
            }
        }
    }

    /// Sends a receiver to every channel that lost its own; they read whatever waits there.
    pub(super) fn come_back(&self) {
        for index in (0..self.channels.len()).filter(|index| self.plan.loses_receiver(*index)) {
            self.welcome(index, u32::MAX);
        }
        self.scheduler.turn();
    }

    fn pop_departed(&self) -> Option<(usize, Departure)> {
        self.departed.borrow_mut().pop()
    }

    fn welcome(&self, index: usize, stint: u32) {
        let channel = Rc::clone(&self.channels[index]);
        let departed = Rc::clone(&self.departed);
        self.scheduler.spawn(async move {
            let departure = receive(&channel, stint, index).await;
            departed.borrow_mut().push((index, departure));
        });
    }
}

/// Reads `stint` messages.
async fn receive(channel: &Channel, stint: u32, index: usize) -> Departure {
    for _ in 0..stint {
        let message = channel.receive().await;
        read(&message);
    }
    Departure::of(index)
}

/// Stands for what a receiver does with a message.
pub(super) fn read(message: &Message) {
    std::hint::black_box(message.body.first());
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.scheduler.abandon();
        for channel in &self.channels {
            channel.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_channels_stand_evenly_among_the_others() {
        for (channels, gone, lost) in [
            (8, 4, vec![1, 3, 5, 7]),
            (8, 0, vec![]),
            (5, 1, vec![4]),
            (3, 7, vec![0, 1, 2]),
        ] {
            let plan = Plan { channels, gone };
            let found = (0..channels).filter(|index| plan.loses_receiver(*index));
            assert_eq!(found.collect::<Vec<_>>(), lost, "{gone} of {channels}");
        }
    }
}
