//! What the cases share: a store, a namespace of their own, and short words for long structs.

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::clock::{ManualClock, SystemChance};
use kafka_error_retry::domain::entry::{FailureId, Identity, Life, Reason, Redelivery, Scope, State, Token};
use kafka_error_retry::domain::filter::Filter;
use kafka_error_retry::domain::message::Message;
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::{
    Acked, Claim, Claimed, Company, CopyMark, Delivery, Expired, NewFailure, Pushed, Settlement, Success,
};
use kafka_error_retry::ports::{Chance, Store, Stored};

/// A store under test.
pub struct Bench {
    pub store: Arc<dyn Store>,
    pub namespace: String,
    /// Set where time is moved by hand.
    pub clock: Option<Arc<ManualClock>>,
}

pub fn bits() -> [u8; 16] {
    SystemChance.bits()
}

impl Bench {
    pub async fn new(store: Arc<dyn Store>, clock: Option<Arc<ManualClock>>) -> Self {
        store.migrate().await.expect("the tables are made");
        Self { store, namespace: Life(bits()).to_string(), clock }
    }

    /// Lets time pass, by hand or for real.
    pub async fn pass(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    pub fn identity(&self, data_id: &str) -> Identity {
        Identity { namespace: self.namespace.clone(), group: String::new(), topic: "orders".into(), data_id: data_id.into() }
    }

    /// A failure whose entry is due a millisecond later.
    pub fn failure(&self, data_id: &str) -> NewFailure {
        NewFailure {
            identity: self.identity(data_id),
            message: Message { value: Some(data_id.as_bytes().to_vec()), ..Message::default() },
            policy: RetryPolicy { max_delay: 1, ..RetryPolicy::default() },
            redelivery: Redelivery::Original,
            failure_id: FailureId(bits()),
            copy: None,
            error: None,
            new_life: Life(bits()),
            chance: 0.5,
        }
    }

    /// A failure whose entry waits seconds.
    pub fn later(&self, data_id: &str) -> NewFailure {
        NewFailure { policy: RetryPolicy::default(), ..self.failure(data_id) }
    }

    pub async fn push(&self, failure: NewFailure) -> Pushed {
        self.store.push(&[failure]).await.expect("the push succeeds").remove(0)
    }

    pub async fn push_all(&self, ids: impl IntoIterator<Item = String>) {
        let failures: Vec<_> = ids.into_iter().map(|id| self.failure(&id)).collect();
        self.store.push(&failures).await.expect("the push succeeds");
    }

    pub fn claim(&self) -> Claim {
        Claim {
            namespace: self.namespace.clone(),
            scope: Scope::Published,
            token: Token(bits()),
            limit: 100,
            max_bytes: u64::MAX,
            lease: Duration::from_secs(30),
            due_by: None,
            expired: Expired::Taken,
            company: Company::None,
        }
    }

    /// Claims once what was pushed has had time to fall due.
    pub async fn take(&self, claim: &Claim) -> Vec<Claimed> {
        self.pass(Duration::from_millis(5)).await;
        self.store.claim_due(claim).await.expect("the claim succeeds")
    }

    pub async fn one(&self, data_id: &str) -> Option<Stored> {
        let filter = Filter { data_id: Some(data_id.into()), ..Filter::default() };
        let page = kafka_error_retry::domain::filter::Page { limit: 10, after: 0 };
        let mut found = self.store.list(&self.namespace, &filter, page).await.expect("the list is read");
        assert!(found.len() <= 1, "one entry per identity");
        found.pop()
    }

    pub async fn state(&self, data_id: &str) -> Option<State> {
        self.one(data_id).await.map(|stored| stored.entry.state)
    }

    pub fn success(&self, data_id: &str, copy: Option<(Life, i64)>) -> Success {
        Success { identity: self.identity(data_id), copy: copy.map(|(life, generation)| CopyMark { life, generation }) }
    }
}

/// What a delivery makes of a claimed entry.
pub fn delivered(claimed: &Claimed) -> Settlement {
    Settlement {
        state: State::Awaiting,
        due_in: Duration::from_mins(10),
        delivery: Some(Delivery { partition: 3, offset: 77, acked: Acked::Now, is_counting: true }),
        ..back(claimed)
    }
}

/// Given back, due at once.
pub const fn back(claimed: &Claimed) -> Settlement {
    let entry = &claimed.entry;
    Settlement {
        id: entry.id,
        state: State::Scheduled,
        reason: Reason::NotDelivered,
        due_in: Duration::ZERO,
        retry_count: entry.retry_count,
        failed_generation: entry.failed_generation,
        is_alone: false,
        delivery: None,
        adopted: None,
    }
}
