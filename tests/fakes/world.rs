//! One process after another over the same store and broker, and short words for what tests do with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kafka_error_retry::clock::ManualClock;
use kafka_error_retry::domain::copy::{self, Copy, Reading};
use kafka_error_retry::domain::entry::{Entry, FailureId, Identity, Life, Redelivery, Scope, State, Token};
use kafka_error_retry::domain::filter::{Filter, Page};
use kafka_error_retry::domain::message::{Message, Origin};
use kafka_error_retry::domain::options::{Options, ms};
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::{Claim, Claimed, Company, CopyMark, Expired, NewFailure, Pushed, Resolved, Success};
use kafka_error_retry::flows::deliver::{Deliverer, SweepReport};
use kafka_error_retry::flows::leases::Leases;
use kafka_error_retry::flows::line::Limits;
use kafka_error_retry::flows::report::Reporter;
use kafka_error_retry::flows::route::Router;
use kafka_error_retry::flows::sweep::Sweeper;
use kafka_error_retry::flows::writer::Writer;
use kafka_error_retry::ports::{Broker, Chance, Journal, Store, Stored};
use kafka_error_retry::store::memory::MemoryStore;

use super::broker::FakeBroker;
use super::notes::Notes;
use super::store::{FlakyStore, SharedStore};

/// The topic of every failure that names no other.
pub const TOPIC: &str = "orders";

/// Counts instead of drawing, so that ids differ and tests repeat.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Chance for Counting {
    fn bits(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes()
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

/// Store, broker, time and options.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: SharedStore,
    pub broker: Arc<FakeBroker>,
    pub notes: Arc<Notes>,
    pub chance: Arc<Counting>,
    pub options: Options,
}

impl Default for World {
    fn default() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(FlakyStore::new(MemoryStore::new(clock.clone())));
        let broker = Arc::new(FakeBroker::default());
        broker.add_topic(TOPIC, 3, Some(false));
        let chance = Arc::default();
        Self { clock, store, broker, notes: Arc::default(), chance, options: Options::default() }
    }
}

impl World {
    pub fn with(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// A writer that runs, of a process with these limits.
    pub fn writer_with(&self, limits: Limits) -> Arc<Writer> {
        let (store, journal) = (self.store.clone() as Arc<dyn Store>, self.notes.clone() as Arc<dyn Journal>);
        let writer = Arc::new(Writer::new(store, journal, limits, ms(self.options.push_timeout)));
        tokio::spawn(writer.clone().run());
        writer
    }

    pub fn writer(&self) -> Arc<Writer> {
        self.writer_with(LIMITS)
    }

    /// The sweeps of one process.
    pub fn sweeper(&self) -> Sweeper {
        let broker = self.broker.clone() as Arc<dyn Broker>;
        let chance = self.chance.clone() as Arc<dyn Chance>;
        let journal = self.notes.clone() as Arc<dyn Journal>;
        let deliverer = Deliverer {
            broker: broker.clone(),
            chance: chance.clone(),
            journal: journal.clone(),
            router: Router::new(&self.options),
            mark: self.options.mark,
            outcome_timeout: ms(self.options.outcome_timeout),
        };
        Sweeper {
            store: self.store.clone() as Arc<dyn Store>,
            broker,
            deliverer,
            chance,
            journal,
            leases: Arc::new(Leases::default()),
            namespace: self.options.namespace.clone(),
            lease: ms(self.options.lease_timeout),
            per_second: self.options.max_redeliveries_per_second,
            is_ending: Arc::new(AtomicBool::new(false)),
            is_broker_here: AtomicBool::new(true),
        }
    }

    /// One sweep of a process that has been sure of its store for long enough.
    pub async fn sweep(&self) -> SweepReport {
        self.sweeper().sweep(Expired::Taken).await.expect("the sweep succeeds")
    }

    pub fn reporter(&self) -> Reporter<'_> {
        Reporter {
            namespace: &self.options.namespace,
            redelivery: self.options.redelivery,
            retry_topic: self.options.retry_topic.as_deref(),
            max_payload: self.options.max_payload_bytes,
            chance: &*self.chance,
            journal: &*self.notes,
        }
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn identity(&self, data_id: &str) -> Identity {
        let namespace = self.options.namespace.clone();
        Identity { namespace, group: self.options.group_id.clone(), topic: TOPIC.into(), data_id: data_id.into() }
    }

    /// A live failure; the key of its message is the data id.
    pub fn failure(&self, data_id: &str) -> NewFailure {
        let value = format!("{{\"id\":\"{data_id}\"}}");
        let origin = Origin { partition: Some(1), offset: Some(7), timestamp: Some(1_600_000_000_000) };
        NewFailure {
            identity: self.identity(data_id),
            message: Message { key: Some(data_id.into()), value: Some(value.into()), origin, ..Message::default() },
            policy: RetryPolicy { retry_count: 3, ..RetryPolicy::default() },
            redelivery: self.options.redelivery,
            failure_id: FailureId(self.chance.bits()),
            copy: None,
            error: None,
            new_life: Life(self.chance.bits()),
            chance: 0.5,
        }
    }

    pub fn success(&self, data_id: &str) -> Success {
        Success { identity: self.identity(data_id), copy: None }
    }

    pub async fn push(&self, failure: NewFailure) -> Pushed {
        self.store.push(&[failure]).await.expect("the push succeeds").remove(0)
    }

    /// Failures that are due two seconds later.
    pub async fn push_all(&self, ids: &[&str]) {
        for id in ids {
            self.push(self.failure(id)).await;
        }
    }

    /// Failures that are due now.
    pub async fn due(&self, ids: &[&str]) {
        self.push_all(ids).await;
        self.pass(2);
    }

    pub async fn resolve(&self, success: Success) -> Resolved {
        self.store.resolve(&[success]).await.expect("it resolves").remove(0)
    }

    pub async fn stored(&self, data_id: &str) -> Option<Stored> {
        let filter = Filter { data_id: Some(data_id.into()), ..Filter::default() };
        let found = self.store.list(&self.options.namespace, &filter, Page { limit: 10, after: 0 }).await;
        found.expect("the list is read").pop()
    }

    pub async fn entry(&self, data_id: &str) -> Entry {
        self.stored(data_id).await.expect("the entry exists").entry
    }

    /// State and counted attempts.
    pub async fn stand(&self, data_id: &str) -> (State, u32) {
        let entry = self.entry(data_id).await;
        (entry.state, entry.retry_count)
    }

    /// The newest copy with this key in a topic, and the life and generation in it.
    pub fn copy_in(&self, topic: &str, key: &str) -> (Copy, CopyMark) {
        let is_meant = |copy: &Copy| copy.key.as_deref() == Some(key.as_bytes());
        let copies = self.broker.log(topic).into_iter().map(|(_, copy)| copy).filter(is_meant);
        let newest = copies.map(|copy| (mark_of(&copy), copy)).max_by_key(|(mark, _)| mark.generation);
        let (mark, copy) = newest.expect("a copy is in the log");
        (copy, mark)
    }

    pub fn copy(&self, key: &str) -> (Copy, CopyMark) {
        self.copy_in(TOPIC, key)
    }

    /// What a process claims that then vanishes.
    pub async fn claim_and_vanish(&self, scope: Scope, limit: u32) -> Vec<Claimed> {
        self.take_and_vanish(scope, limit, Expired::Left).await
    }

    /// The same, with what others left behind.
    pub async fn take_and_vanish(&self, scope: Scope, limit: u32, expired: Expired) -> Vec<Claimed> {
        let claim = Claim {
            namespace: self.options.namespace.clone(),
            scope,
            token: Token(self.chance.bits()),
            limit,
            max_bytes: u64::MAX,
            lease: ms(self.options.lease_timeout),
            due_by: None,
            expired,
            company: Company::None,
        };
        self.store.claim_due(&claim).await.expect("the claim succeeds")
    }
}

/// Enough for every test that is not about limits.
pub const LIMITS: Limits = Limits { pending: 1000, rows: 500, bytes: 1 << 20, lanes: 1 };

pub fn mark_of(copy: &Copy) -> CopyMark {
    match copy::read(&copy.headers) {
        Reading::Copy(headers) => headers.mark,
        other => panic!("{other:?}"),
    }
}

/// The record of a copy, as its consumer hands it in.
pub fn record_of(copy: &Copy) -> Message {
    let origin = Origin { partition: Some(0), offset: Some(0), timestamp: Some(0) };
    Message { key: copy.key.clone(), value: copy.value.clone(), headers: copy.headers.clone(), origin }
}

/// Options with a group.
pub fn of_group(group: &str) -> Options {
    Options { group_id: group.into(), ..Options::default() }
}

/// Options whose copies go to the retry topic.
pub fn to_retry_topic(group: &str) -> Options {
    Options { redelivery: Redelivery::RetryTopic, ..of_group(group) }
}
