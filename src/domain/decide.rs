//! What becomes of a claimed entry. Every way a redelivery can go ends here, as one [`Settlement`].

use std::time::Duration;

use super::entry::{Entry, Reason, State};
use super::time::{Timestamp, millis};
use super::verbs::{Claimed, Delivery, Settlement};

/// What the broker made of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is in the log.
    Acked {
        /// Of this partition.
        partition: i32,
        /// At this offset.
        offset: i64,
    },
    /// It certainly is not: nothing left this process, or the broker said no.
    Refused(Trouble),
    /// It is not, and never will be, because of its size.
    TooLarge(Trouble),
    /// It may be in the log: the answer was lost.
    Unknown(Trouble),
}

/// Why a copy was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The broker client's name of the error.
    pub code: String,
    /// Its text.
    pub message: String,
}

/// Whether the group has read past a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Its committed offset, or the start of the log, is beyond the copy.
    Yes,
    /// Not yet, or it cannot be told now.
    NotYet,
    /// The broker will never say: this client may not read the group's offsets.
    Untold,
}

/// What a claimed entry needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// To be delivered.
    Deliver,
    /// A look at the offsets of its group: its deadline does not count yet.
    Look,
    /// Nothing but bookkeeping: its lease expired or its deadline passed.
    Fail(Reason),
    /// Its lease expired while its process held others: no attempt, but alone next time.
    Suspect,
    /// To be set aside: a part of it cannot be read, and it must not hold up the others.
    SetAside,
}

/// After so long the deadline of a copy counts, whatever its group has read.
const PATIENCE: Duration = Duration::from_hours(24);

/// What a claimed entry needs, by the state it was found in.
#[must_use]
pub const fn turn(claimed: &Claimed) -> Turn {
    if claimed.unreadable.is_some() {
        return Turn::SetAside;
    }
    match (claimed.entry.state, claimed.entry.delivered) {
        // A lease on an entry whose copy is out was one for a look: who died over it had delivered nothing.
        (State::Awaiting | State::Leased, Some(copy)) if !copy.is_counting => Turn::Look,
        (State::Awaiting | State::Leased, Some(_)) | (State::Awaiting, None) => Turn::Fail(Reason::NoOutcome),
        (State::Leased, None) if claimed.expired_in_company => Turn::Suspect,
        (State::Leased, None) => Turn::Fail(Reason::Crash),
        (State::Scheduled | State::Dead | State::Held, _) => Turn::Deliver,
    }
}

/// Nothing changed but the state and when it is due.
const fn back(entry: &Entry, reason: Reason, due_in: Duration) -> Settlement {
    Settlement {
        id: entry.id,
        state: State::Scheduled,
        reason,
        due_in,
        retry_count: entry.retry_count,
        failed_generation: entry.failed_generation,
        is_alone: entry.is_alone,
        delivery: None,
        adopted: None,
    }
}

/// A counted attempt: waits the policy's delay, or is dead.
#[must_use]
pub fn failed(entry: &Entry, reason: Reason, chance: f64) -> Settlement {
    failed_times(entry, 1, reason, chance)
}

/// So many attempts that are counted at once.
#[must_use]
pub fn failed_times(entry: &Entry, times: u32, reason: Reason, chance: f64) -> Settlement {
    let retry_count = entry.retry_count.saturating_add(times);
    let is_spent = entry.policy.is_spent(retry_count);
    Settlement {
        state: if is_spent { State::Dead } else { State::Scheduled },
        due_in: if is_spent { Duration::ZERO } else { entry.policy.delay(retry_count, chance) },
        retry_count,
        failed_generation: entry.generation,
        is_alone: false,
        ..back(entry, reason, Duration::ZERO)
    }
}

/// An attempt that is not counted, because others under the same process may be to blame.
#[must_use]
pub fn suspected(entry: &Entry, chance: f64) -> Settlement {
    Settlement { is_alone: true, ..back(entry, Reason::Crash, entry.policy.delay(entry.retry_count, chance)) }
}

/// Given back without an attempt, to be tried again after `due_in`.
#[must_use]
pub const fn given_back(entry: &Entry, reason: Reason, due_in: Duration) -> Settlement {
    back(entry, reason, due_in)
}

/// Set aside by a guard.
#[must_use]
pub fn held(entry: &Entry, reason: Reason) -> Settlement {
    Settlement { state: State::Held, ..back(entry, reason, Duration::ZERO) }
}

/// How long an entry waits that was definitely not delivered: longer the longer it has been in trouble, so that a topic
/// that stays missing is not asked for every second.
#[must_use]
pub fn refusal_pause(in_trouble_for: Duration) -> Duration {
    (in_trouble_for / 8).clamp(Duration::from_secs(1), Duration::from_secs(30))
}

/// What a delivery, or its failure, makes of an entry. `pause` is the wait after a definite refusal.
#[must_use]
pub fn after_send(entry: &Entry, sent: &Sent, outcome_timeout: Duration, pause: Duration, chance: f64) -> Settlement {
    match sent {
        Sent::Acked { partition, offset } => {
            let delivery = Delivery {
                partition: *partition,
                offset: *offset,
                acked: super::verbs::Acked::Now,
                // With a known group the deadline waits until the group has passed the copy.
                is_counting: entry.identity.group.is_empty(),
            };
            Settlement {
                state: State::Awaiting,
                delivery: Some(delivery),
                is_alone: false,
                ..back(entry, entry.reason, outcome_timeout)
            }
        }
        Sent::Refused(_) => back(entry, Reason::NotDelivered, pause),
        Sent::TooLarge(_) => Settlement { state: State::Dead, ..back(entry, Reason::TooLarge, Duration::ZERO) },
        Sent::Unknown(_) => failed(entry, Reason::UnknownDelivery, chance),
    }
}

/// What a look at the group's offsets makes of an awaiting entry.
#[must_use]
pub fn after_look(entry: &Entry, passed: Passed, now: Timestamp, outcome_timeout: Duration, chance: f64) -> Settlement {
    let Some(delivered) = entry.delivered else { return failed(entry, Reason::NoOutcome, chance) };
    let waited = now.since(delivered.acked_at);
    let wait = |is_counting, due_in| Settlement {
        state: State::Awaiting,
        delivery: Some(Delivery { is_counting, ..delivered.into() }),
        ..back(entry, entry.reason, due_in)
    };
    match passed {
        Passed::Yes => wait(true, outcome_timeout),
        // Counts from the acknowledgement, so it may be over already.
        Passed::Untold if waited >= outcome_timeout => failed(entry, Reason::NoOutcome, chance),
        Passed::Untold => wait(true, outcome_timeout.saturating_sub(waited)),
        Passed::NotYet if millis(waited) >= millis(PATIENCE) => wait(true, outcome_timeout),
        Passed::NotYet => wait(false, outcome_timeout),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
