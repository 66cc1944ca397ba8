//! What goes into and comes out of the store's verbs.

use std::time::Duration;

use super::adoption::Adopted;
use super::entry::{Delivered, Entry, FailureId, Identity, Life, Reason, Redelivery, Scope, State, Token};
use super::message::{Failure, Message};
use super::policy::RetryPolicy;
use super::time::Timestamp;

/// Which redelivery a report speaks of, read from the headers of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyMark {
    /// The life that the copy names.
    pub life: Life,
    /// The generation that it carries.
    pub generation: i64,
}

/// A failure to record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFailure {
    /// What failed.
    pub identity: Identity,
    /// Its bytes.
    pub message: Message,
    /// The policy from now on.
    pub policy: RetryPolicy,
    /// Where copies go from now on.
    pub redelivery: Redelivery,
    /// Counts once.
    pub failure_id: FailureId,
    /// The copy whose handling failed; `None` for a live message.
    pub copy: Option<CopyMark>,
    /// What the handling ended with.
    pub error: Option<Failure>,
    /// The life, should this become a new entry.
    pub new_life: Life,
    /// 0..1, decides the jitter of the delay.
    pub chance: f64,
}

/// What became of a recorded failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The entry's number.
    pub id: i64,
    /// Its counted attempts.
    pub retry_count: u32,
    /// When it is due.
    pub due_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// The failure's id.
    pub failure_id: FailureId,
    /// Whether this failure counted, and whether it ended the entry.
    pub effect: Effect,
}

/// What a failure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Counted.
    Counted,
    /// Counted, and the policy is spent by it.
    Died,
    /// Known already, or of an older generation: nothing changed.
    Nothing,
}

impl Effect {
    /// Of a failure that counted and left the entry in this state.
    #[must_use]
    pub const fn counted(state: State) -> Self {
        if matches!(state, State::Dead) { Self::Died } else { Self::Counted }
    }
}

/// A success to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    /// What succeeded.
    pub identity: Identity,
    /// The copy whose handling succeeded; without it the identity alone decides.
    pub copy: Option<CopyMark>,
}

impl Success {
    /// Whether it deletes this entry: always by id alone; with a copy only in its life and with no newer failure.
    #[expect(
        clippy::suspicious_operation_groupings,
        reason = "a success is compared with the newest failure, not with the newest copy"
    )]
    #[must_use]
    pub fn deletes(&self, entry: &Entry) -> bool {
        self.copy.is_none_or(|copy| copy.life == entry.life && copy.generation >= entry.failed_generation)
    }
}

/// What became of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The entry is gone.
    Deleted,
    /// There was none.
    Unknown,
    /// There is one, but of another life or with a newer failure.
    NewerFailure,
}

/// Wants the due entries of one scope.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Of this namespace.
    pub namespace: String,
    /// Of this scope.
    pub scope: Scope,
    /// The token of the lease; random, one per claim.
    pub token: Token,
    /// The most entries.
    pub limit: u32,
    /// Their total size, after which no further one is taken; the first one is always taken.
    pub max_bytes: u64,
    /// How long the lease lasts unless renewed.
    pub lease: Duration,
    /// Only what was due then, by the database's clock; `None` for what is due now.
    pub due_by: Option<Timestamp>,
    /// Whether expired leases and passed deadlines may be taken too.
    pub expired: Expired,
    /// Whether the process holds other leases.
    pub company: Company,
}

/// Whether a claim takes what others left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// Expired leases and passed deadlines too.
    Taken,
    /// Only what is scheduled: the store has not answered long enough to tell a crash from an outage.
    Left,
}

/// Whether a lease's process held others at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// No other lease is held; the claim decides by how many entries it takes.
    None,
    /// Others are held.
    Others,
}

/// An entry under a lease, with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The entry as it was before the claim, apart from `generation`, which is one up if it was scheduled.
    pub entry: Entry,
    /// Its bytes.
    pub message: Message,
    /// Whether the lease that expired had company; meaningful where `entry.state` is leased.
    pub expired_in_company: bool,
    /// The clock of the database at the claim.
    pub now: Timestamp,
    /// What could not be read of it: something stands in its place.
    pub unreadable: Option<&'static str>,
}

/// Prolongs leases.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The token they are held under.
    pub token: Token,
    /// The entries.
    pub ids: Vec<i64>,
    /// How long from now.
    pub lease: Duration,
}

/// The end of a lease: what its owner makes of the entry. Everything is written as given; the token is the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The entry.
    pub id: i64,
    /// Its new state.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Due so long from now.
    pub due_in: Duration,
    /// Its counted attempts.
    pub retry_count: u32,
    /// Its newest counted generation.
    pub failed_generation: i64,
    /// To be claimed alone next time.
    pub is_alone: bool,
    /// The copy, for awaiting entries.
    pub delivery: Option<Delivery>,
    /// The rows of 2.x as they were last seen; `None` where nothing changed.
    pub adopted: Option<Adopted>,
}

/// Where the broker took a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Partition of the copy.
    pub partition: i32,
    /// Offset of the copy.
    pub offset: i64,
    /// Acknowledged before, or just now.
    pub acked: Acked,
    /// Whether the deadline counts.
    pub is_counting: bool,
}

/// When the broker acknowledged a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acked {
    /// Just now: the store notes its time. Nothing else of the entry has changed since it was claimed but that it need not
    /// be claimed alone any more.
    Now,
    /// Noted before.
    At(Timestamp),
}

impl From<Delivered> for Delivery {
    fn from(delivered: Delivered) -> Self {
        let Delivered { partition, offset, acked_at, is_counting } = delivered;
        Self { partition, offset, acked: Acked::At(acked_at), is_counting }
    }
}

/// Whether a change under a lease took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// Done.
    Done,
    /// Refused: the lease is not held under this token any more.
    Fenced,
}

/// What an operator does to the entries that a filter matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Dead or held ones become scheduled and due now, `retry_count` 0, same life; with another mode if given.
    Requeue(Option<Redelivery>),
    /// Scheduled ones become due now.
    RetryNow,
    /// Scheduled ones are set aside.
    Hold,
    /// Deletes them, whatever their state.
    Discard,
    /// Deletes dead ones.
    Purge,
}

impl Operation {
    /// The states it touches.
    #[must_use]
    pub const fn states(self) -> &'static [State] {
        match self {
            Self::Requeue(_) => &[State::Dead, State::Held],
            Self::RetryNow | Self::Hold => &[State::Scheduled],
            Self::Discard => State::ALL,
            Self::Purge => &[State::Dead],
        }
    }
}
