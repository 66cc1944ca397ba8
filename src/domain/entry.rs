//! One stored failure and what may happen to it.
//!
//! ```text
//! scheduled → leased → awaiting → gone            success
//!                    → scheduled | dead           failed again, no outcome, crash, unknown delivery
//!                    → held                       a guard (compacted topic)
//! scheduled ⇄ held, dead → scheduled              an operator
//! ```
//!
//! Two numbers order what is reported about an entry. `generation` counts redeliveries; a copy carries it.
//! `failed_generation` is the newest generation whose failure was counted: a failure of it or of an older one counts
//! nothing more, and a success of an older one deletes nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::adoption::Adopted;
use super::policy::RetryPolicy;
use super::time::Timestamp;

/// What an entry is about; compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Services that share a database but not their entries use different ones.
    pub namespace: String,
    /// The consumer group that failed; empty when unknown.
    pub group: String,
    /// The topic of the original record.
    pub topic: String,
    /// The caller's id of the message.
    pub data_id: String,
}

/// 128 random bits; the hexadecimal text is what users and headers see.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Reads 32 hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(|bits| Self(bits.to_be_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }
    };
}

random_id!(
    /// An entry from capture until it is gone.
    Life
);
random_id!(
    /// One failure; it counts once however often it is reported.
    FailureId
);
random_id!(
    /// The right to change a leased entry.
    Token
);

/// A fixed set of words, stored and shown as such.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$item])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The opposite of `as_str`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}
pub(super) use words;

words!(
    /// Where an entry stands.
    State {
        /// Waits until it is due.
        Scheduled = "scheduled",
        /// Claimed by a process that delivers it.
        Leased = "leased",
        /// Delivered; its outcome is not yet reported.
        Awaiting = "awaiting",
        /// Given up; kept until an operator acts.
        Dead = "dead",
        /// Set aside by an operator or a guard.
        Held = "held",
    }
);

words!(
    /// Why an entry is where it is.
    Reason {
        /// A handling failed and `pushError` said so.
        Failed = "failed",
        /// The process that held the lease vanished.
        Crash = "crash",
        /// Nobody reported what became of the copy.
        NoOutcome = "no-outcome",
        /// The broker may or may not have taken the copy.
        UnknownDelivery = "unknown-delivery",
        /// The broker certainly did not take the copy; no attempt was counted.
        NotDelivered = "not-delivered",
        /// The broker will never take a message of this size.
        TooLarge = "too-large",
        /// The topic is compacted: a copy could replace a newer value.
        Compacted = "compacted",
        /// The topic is paused.
        Paused = "paused",
        /// An operator said so.
        Operator = "operator",
        /// A part of what is stored cannot be read.
        Unreadable = "unreadable",
    }
);

words!(
    /// Where a redelivery goes.
    Redelivery {
        /// Published to the topic it came from.
        Original = "original",
        /// Published to the retry topic of the group.
        RetryTopic = "retryTopic",
    }
);

/// Which claims see an entry: one index range each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Published, claimed in batches.
    Published,
    /// Published, claimed alone: its lease expired in company, so it may be what kills processes.
    PublishedAlone,
}

impl Scope {
    /// What the scope column holds.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Published => b"",
            Self::PublishedAlone => b"!",
        }
    }
}

/// Where and when the broker took the newest copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Partition of the copy.
    pub partition: i32,
    /// Offset of the copy.
    pub offset: i64,
    /// When the delivery was recorded, by the database's clock.
    pub acked_at: Timestamp,
    /// Whether the deadline is a deadline, or only a date to look whether the group has passed the copy.
    pub is_counting: bool,
}

/// One stored failure without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number in the store; 0 until it is stored.
    pub id: i64,
    /// What it is about.
    pub identity: Identity,
    /// From capture until gone.
    pub life: Life,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// When it is to be claimed next; for dead and held ones since when.
    pub due_at: Timestamp,
    /// To be claimed alone.
    pub is_alone: bool,
    /// Number of the newest redelivery.
    pub generation: i64,
    /// Newest generation whose failure was counted.
    pub failed_generation: i64,
    /// Counted attempts since capture or requeue.
    pub retry_count: u32,
    /// Its own policy.
    pub policy: RetryPolicy,
    /// Where its copies go.
    pub redelivery: Redelivery,
    /// The newest failures that were counted.
    pub recent: RecentFailures,
    /// The newest copy.
    pub delivered: Option<Delivered>,
    /// First failure of this life.
    pub first_failed_at: Timestamp,
    /// Newest counted failure that was reported.
    pub last_failed_at: Timestamp,
    /// The rows of 2.x that it stands for.
    pub adopted: Option<Adopted>,
}

impl Entry {
    /// The scope column; `None` for what no claim may see.
    #[must_use]
    pub const fn scope(&self) -> Option<Scope> {
        match self.state {
            State::Dead | State::Held => None,
            State::Scheduled | State::Leased | State::Awaiting if self.is_alone => Some(Scope::PublishedAlone),
            State::Scheduled | State::Leased | State::Awaiting => Some(Scope::Published),
        }
    }
}

/// The ids of the newest counted failures, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecentFailures(Vec<FailureId>);

impl RecentFailures {
    /// How many an entry remembers, and the most failures of one identity that go into one transaction: a repeated
    /// transaction finds every one of its failures again.
    pub const LIMIT: usize = 8;

    /// Whether the failure was counted lately.
    #[must_use]
    pub fn contains(&self, id: FailureId) -> bool {
        self.0.contains(&id)
    }

    /// Remembers one more and forgets the oldest beyond the limit.
    pub fn remember(&mut self, id: FailureId) {
        self.0.push(id);
        if self.0.len() > Self::LIMIT {
            self.0.remove(0);
        }
    }

    /// Sixteen bytes each.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|id| id.0).collect()
    }

    /// The opposite of `encode`; an incomplete id at the end is dropped.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks::<16>().0.iter().copied().map(FailureId).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_survive_their_text() {
        let life = Life([0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff]);
        assert_eq!(Life::parse(&life.to_string()), Some(life));
        for bad in ["", "0f", "+0000000000000000000000000000001", "0000000000000000000000000000000g"] {
            assert_eq!(Life::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn nine_failures_leave_the_newest_eight() {
        let mut recent = RecentFailures::default();
        (0..9_u8).for_each(|n| recent.remember(FailureId([n; 16])));
        assert!(!recent.contains(FailureId([0; 16])) && recent.contains(FailureId([1; 16])));
        assert_eq!(RecentFailures::decode(&recent.encode()), recent);
    }

    #[test]
    fn words_survive_their_text() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
        }
        assert_eq!(State::parse("Dead"), None);
    }
}
