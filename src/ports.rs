//! The outside world, as far as the flows need it: one small trait each.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Result;
use crate::domain::adoption::{Adopted, AdoptedPage, Adoption, OldRow, OldTopic};
use crate::domain::copy::Copy;
use crate::domain::decide::{Passed, Sent};
use crate::domain::entry::{Entry, Identity, Scope};
use crate::domain::event::Event;
use crate::domain::filter::{Filter, Page};
use crate::domain::message::{Failure, Message};
use crate::domain::verbs::{Claim, Claimed, Marked, NewFailure, Operation, Pushed, Renewal, Resolved, Settlement, Success};

/// Where entries live. Any number of processes share one; its clock decides what is due.
///
/// Many calls become one above this trait, never inside. What a claimant changes is guarded by its token; what users
/// report is guarded by life and generation.
#[async_trait]
pub trait Store: Send + Sync {
    /// Creates or upgrades the tables under a real lock, and says what kind of store this is; safe from every process at
    /// once.
    async fn migrate(&self) -> Result<StoreFacts>;
    /// What `migrate` would do, without doing any of it. A store without tables has nothing to do.
    async fn plan(&self) -> Result<Plan> {
        Ok(Plan::default())
    }

    /// Records failures in one transaction, one answer each, in order: a new identity becomes an entry with a new life,
    /// a known one counts up and takes the new message and policy. Fails with `Conflict::Locked` where a stranger holds
    /// a row for longer than the lock time-out; nothing is recorded then.
    async fn push(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>>;
    /// Records failures whose identity is new, each identity once, in one statement; `None` for those whose identity has
    /// an entry, of which nothing is changed. What an earlier, unanswered try of the same call recorded may be answered as
    /// if it were recorded now. A store that gains nothing by this knows none as new.
    async fn push_new(&self, failures: &[NewFailure]) -> Result<Vec<Option<Pushed>>> {
        Ok(vec![None; failures.len()])
    }
    /// Deletes entries by identity; with a copy's mark only that life and no newer failure. Unknown is fine.
    async fn resolve(&self, successes: &[Success]) -> Result<Vec<Resolved>>;
    /// Which of these identities no other transaction holds a lock on right now.
    async fn unlocked(&self, identities: &[Identity]) -> Result<Vec<bool>>;

    /// Leases due entries of one scope in one short transaction whose UPDATE repeats the claim condition, so that none
    /// goes to two owners. Oldest due first; the generation of scheduled ones goes one up.
    async fn claim_due(&self, claim: &Claim) -> Result<Vec<Claimed>>;
    /// Prolongs leases; says which are still held under the token.
    async fn renew(&self, renewal: &Renewal) -> Result<Vec<i64>>;
    /// Ends leases: writes what their owner makes of the entries. `Fenced` without the current token; `Done` again, and
    /// nothing changed, for what was settled under this token before.
    async fn settle_leased(&self, token: crate::domain::entry::Token, settlements: &[Settlement]) -> Result<Vec<Marked>>;

    /// How long until the earliest entry of these scopes falls due; zero when one is, `None` when nothing waits.
    async fn next_due(&self, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>>;

    /// One entry by number, with its message and error.
    async fn get(&self, namespace: &str, id: i64) -> Result<Option<Stored>>;
    /// One page of matching entries, oldest number first.
    async fn list(&self, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>>;
    /// How many match.
    async fn count(&self, namespace: &str, filter: &Filter) -> Result<u64>;
    /// Applies an operation to at most `limit` matching entries in one short transaction; says how many.
    async fn operate(&self, namespace: &str, operation: Operation, filter: &Filter, limit: u32) -> Result<u64>;
    /// Entries per topic, group and state, and the age of the oldest due one.
    async fn tally(&self, namespace: &str) -> Result<Tally>;

    /// Pauses or resumes redelivery of a topic, for every process.
    async fn set_paused(&self, namespace: &str, topic: &str, paused: bool) -> Result<()>;
    /// The paused topics.
    async fn paused(&self, namespace: &str) -> Result<Vec<String>>;

    /// What the table of 2.x in a database holds, by topic. Only databases that 2.x ran on have one.
    async fn survey(&self, _source: &str) -> Result<Vec<OldTopic>> {
        Ok(vec![])
    }
    /// Makes entries of one page of rows of 2.x and marks the rows, in one transaction.
    async fn adopt(&self, _adoption: &Adoption) -> Result<AdoptedPage> {
        Ok(AdoptedPage::default())
    }
    /// The rows behind adopted entries as they are now; what is gone is left out.
    async fn old_rows(&self, adopted: &[Adopted]) -> Result<Vec<Vec<OldRow>>> {
        Ok(adopted.iter().map(|adopted| adopted.rows.clone()).collect())
    }

    /// Closes the connections.
    async fn close(&self);
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreFacts {
    /// The largest message it takes, if the server has a limit.
    pub max_payload: Option<u64>,
    /// Settings with which it may lose acknowledged commits, as (variable, value).
    pub risks: Vec<(String, String)>,
    /// Name and version, for people.
    pub version: String,
}

/// What it takes to bring the tables of a store to the version that this library needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Name and version of the server; `None` where there is no database to ask.
    pub server: Option<String>,
    /// The version of the tables that are there; 0 without any.
    pub found: i64,
    /// The version that is needed.
    pub needed: i64,
    /// The statements that lie between, in order.
    pub statements: Vec<String>,
}

/// An entry with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The entry.
    pub entry: Entry,
    /// Its bytes.
    pub message: Message,
    /// Its newest error.
    pub error: Option<Failure>,
}

/// How many entries there are of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// One line per topic, group and state.
    pub entries: Vec<TallyLine>,
    /// How long the oldest due entry has been due, in milliseconds.
    pub oldest_due_ms: Option<i64>,
}

/// Entries of one kind.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TallyLine {
    /// Their topic.
    pub topic: String,
    /// Their group.
    pub group_id: String,
    /// Their state.
    pub state: crate::domain::entry::State,
    /// How many.
    pub count: u64,
}

/// Publishes copies and answers questions about topics and groups.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Publishes copies, each to its partition (`None`: wherever the client likes); one answer each, in order. Waits
    /// for every delivery report.
    async fn send(&self, copies: Vec<(Copy, Option<i32>)>) -> Vec<Sent>;
    /// What is known of a topic; `None` when the broker says that it does not exist. Cached for a short while.
    async fn topic(&self, name: &str) -> Result<Option<TopicFacts>>;
    /// Creates a topic if it does not exist; never alters one.
    async fn ensure_topic(&self, name: &str) -> Result<()>;
    /// Fails when no broker answers in time.
    async fn probe(&self, within: Duration) -> Result<()>;
    /// For each (topic, partition, offset) whether the group has passed it; one request per call.
    async fn passed(&self, group: &str, copies: &[(String, i32, i64)]) -> Vec<Passed>;
    /// Waits for what is under way, at most so long.
    async fn close(&self, within: Duration);
}

/// What is known of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicFacts {
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether `cleanup.policy` names `compact`; `None` when the settings may not be read.
    pub is_compacted: Option<bool>,
}

/// The process's clock: only for measuring how long something took, never for what is due.
pub trait Clock: Send + Sync {
    /// Epoch milliseconds of this process. The memory store has no other clock.
    fn now(&self) -> crate::domain::time::Timestamp;
    /// Time that only goes forward.
    fn monotonic(&self) -> Duration;
}

/// Randomness.
pub trait Chance: Send + Sync {
    /// 128 unpredictable bits.
    fn bits(&self) -> [u8; 16];
    /// 0..1.
    fn fraction(&self) -> f64;
}

/// Takes events; never blocks, never fails.
pub trait Journal: Send + Sync {
    /// Notes one.
    fn note(&self, event: Event);
}
