//! A store that fails, waits or finds rows locked when a test says so, over the memory store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kafka_error_retry::domain::entry::{Identity, Scope, Token};
use kafka_error_retry::domain::error::{Conflict, Outcome};
use kafka_error_retry::domain::filter::{Filter, Page};
use kafka_error_retry::domain::verbs::{
    Claim, Claimed, Marked, NewFailure, Operation, Pushed, Renewal, Resolved, Settlement, Success,
};
use kafka_error_retry::domain::{Error, ErrorCode, Result};
use kafka_error_retry::ports::{Store, StoreFacts, Stored, Tally};
use kafka_error_retry::store::memory::MemoryStore;

use super::gate::Gate;

/// The verbs that a test can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Migrate,
    Push,
    PushNew,
    Resolve,
    Unlocked,
    Claim,
    Renew,
    Settle,
    Paused,
    Operate,
}

/// What becomes of one call.
enum Plan {
    /// Nothing is done.
    Fail(Error),
    /// It is done, and the answer is lost.
    Lose(Error),
    /// It waits before it is done.
    Hold(Gate),
}

/// A store that never answers as long as it is away.
pub struct FlakyStore {
    inner: MemoryStore,
    plans: Mutex<HashMap<Verb, VecDeque<Plan>>>,
    away: Mutex<HashSet<Verb>>,
    locked: Mutex<HashSet<String>>,
    refused: Mutex<HashMap<String, ErrorCode>>,
    calls: Mutex<Vec<(Verb, Vec<String>)>>,
    claims: Mutex<Vec<Claim>>,
    facts: Mutex<StoreFacts>,
    takes_new: AtomicBool,
}

/// The database does not answer; nothing was done.
pub fn unavailable() -> Error {
    Error::new(ErrorCode::Store, "the database did not answer").with_outcome(Outcome::NotDone)
}

/// COMMIT was sent and never answered.
pub fn unanswered() -> Error {
    Error::new(ErrorCode::Store, "no answer to COMMIT").with_outcome(Outcome::Unknown)
}

/// Lost against another transaction.
pub fn again() -> Error {
    unavailable().with_conflict(Conflict::Again)
}

fn row_is_locked() -> Error {
    Error::new(ErrorCode::Store, "a row is locked by another transaction")
        .with_outcome(Outcome::NotDone)
        .with_conflict(Conflict::Locked)
}

impl FlakyStore {
    pub fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            plans: Mutex::default(),
            away: Mutex::default(),
            locked: Mutex::default(),
            refused: Mutex::default(),
            calls: Mutex::default(),
            claims: Mutex::default(),
            facts: Mutex::new(StoreFacts { version: "flaky".into(), ..StoreFacts::default() }),
            takes_new: AtomicBool::new(false),
        }
    }

    fn plan(&self, verb: Verb, plan: Plan) {
        self.plans.lock().unwrap().entry(verb).or_default().push_back(plan);
    }

    /// The next `count` calls of a verb do nothing and fail.
    pub fn fail(&self, verb: Verb, count: usize, error: impl Fn() -> Error) {
        (0..count).for_each(|_| self.plan(verb, Plan::Fail(error())));
    }

    /// The next call of a verb is done, and its answer is lost.
    pub fn lose_answer(&self, verb: Verb) {
        self.plan(verb, Plan::Lose(unanswered()));
    }

    /// The next call of a verb waits before it is done.
    pub fn hold(&self, verb: Verb) -> Gate {
        let gate = Gate::default();
        self.plan(verb, Plan::Hold(gate.clone()));
        gate
    }

    /// Every call of a verb fails until [`FlakyStore::come_back`].
    pub fn go_away(&self, verb: Verb) {
        self.away.lock().unwrap().insert(verb);
    }

    pub fn come_back(&self, verb: Verb) {
        self.away.lock().unwrap().remove(&verb);
    }

    /// A stranger locks the row of a data id.
    pub fn lock(&self, data_id: &str) {
        self.locked.lock().unwrap().insert(data_id.into());
    }

    pub fn unlock(&self, data_id: &str) {
        self.locked.lock().unwrap().remove(data_id);
    }

    /// Every transaction with this data id is refused.
    pub fn refuse(&self, data_id: &str, code: ErrorCode) {
        self.refused.lock().unwrap().insert(data_id.into(), code);
    }

    pub fn is(&self, facts: StoreFacts) {
        *self.facts.lock().unwrap() = facts;
    }

    /// From now on new failures are recorded in one step, as SQL stores do it.
    pub fn take_new(&self) {
        self.takes_new.store(true, Ordering::SeqCst);
    }

    /// The data ids of every call of these verbs, in order.
    pub fn calls(&self, verbs: &[Verb]) -> Vec<(Verb, Vec<String>)> {
        self.calls.lock().unwrap().iter().filter(|(verb, _)| verbs.contains(verb)).cloned().collect()
    }

    /// How often a verb was called.
    pub fn count_of(&self, verb: Verb) -> usize {
        self.calls(&[verb]).len()
    }

    /// Every claim that was asked for.
    pub fn claims(&self) -> Vec<Claim> {
        self.claims.lock().unwrap().clone()
    }

    fn standing(&self, verb: Verb, ids: &[String]) -> Option<Error> {
        let is_write = matches!(verb, Verb::Push | Verb::PushNew | Verb::Resolve);
        if self.away.lock().unwrap().contains(&verb) {
            return Some(unavailable());
        }
        (is_write && ids.iter().any(|id| self.locked.lock().unwrap().contains(id))).then(row_is_locked)
    }

    fn refusal(&self, verb: Verb, ids: &[String]) -> Option<Error> {
        let is_write = matches!(verb, Verb::Push | Verb::PushNew | Verb::Resolve);
        let refused = self.refused.lock().unwrap();
        let code = ids.iter().filter(|_| is_write).find_map(|id| refused.get(id).copied())?;
        Some(Error::new(code, "the database refuses this row").with_outcome(Outcome::NotDone))
    }

    async fn run<T: Send>(&self, verb: Verb, ids: Vec<String>, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.calls.lock().unwrap().push((verb, ids.clone()));
        if let Some(error) = self.standing(verb, &ids) {
            return Err(error);
        }
        let refusal = self.refusal(verb, &ids);
        let work = async { if let Some(error) = refusal { Err(error) } else { work.await } };
        let plan = self.plans.lock().unwrap().get_mut(&verb).and_then(VecDeque::pop_front);
        match plan {
            None => work.await,
            Some(Plan::Fail(error)) => Err(error),
            Some(Plan::Lose(error)) => work.await.and(Err(error)),
            Some(Plan::Hold(gate)) => {
                gate.pass().await;
                work.await
            }
        }
    }
}

#[async_trait]
impl Store for FlakyStore {
    async fn migrate(&self) -> Result<StoreFacts> {
        let facts = self.facts.lock().unwrap().clone();
        self.run(Verb::Migrate, vec![], async { Ok(facts) }).await
    }

    async fn push(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
        let ids = failures.iter().map(|failure| failure.identity.data_id.clone()).collect();
        self.run(Verb::Push, ids, self.inner.push(failures)).await
    }

    async fn push_new(&self, failures: &[NewFailure]) -> Result<Vec<Option<Pushed>>> {
        if !self.takes_new.load(Ordering::SeqCst) {
            return Ok(vec![None; failures.len()]);
        }
        let ids = failures.iter().map(|failure| failure.identity.data_id.clone()).collect();
        self.run(Verb::PushNew, ids, self.inner.push_new(failures)).await
    }

    async fn resolve(&self, successes: &[Success]) -> Result<Vec<Resolved>> {
        let ids = successes.iter().map(|success| success.identity.data_id.clone()).collect();
        self.run(Verb::Resolve, ids, self.inner.resolve(successes)).await
    }

    async fn unlocked(&self, identities: &[Identity]) -> Result<Vec<bool>> {
        let free = identities.iter().map(|identity| !self.locked.lock().unwrap().contains(&identity.data_id)).collect();
        self.run(Verb::Unlocked, vec![], async { Ok(free) }).await
    }

    async fn claim_due(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        self.claims.lock().unwrap().push(claim.clone());
        self.run(Verb::Claim, vec![], self.inner.claim_due(claim)).await
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Vec<i64>> {
        self.run(Verb::Renew, vec![], self.inner.renew(renewal)).await
    }

    async fn settle_leased(&self, token: Token, settlements: &[Settlement]) -> Result<Vec<Marked>> {
        self.run(Verb::Settle, vec![], self.inner.settle_leased(token, settlements)).await
    }

    async fn next_due(&self, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>> {
        self.inner.next_due(namespace, scopes).await
    }

    async fn get(&self, namespace: &str, id: i64) -> Result<Option<Stored>> {
        self.inner.get(namespace, id).await
    }

    async fn list(&self, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>> {
        self.inner.list(namespace, filter, page).await
    }

    async fn count(&self, namespace: &str, filter: &Filter) -> Result<u64> {
        self.inner.count(namespace, filter).await
    }

    async fn operate(&self, namespace: &str, operation: Operation, filter: &Filter, limit: u32) -> Result<u64> {
        self.run(Verb::Operate, vec![], self.inner.operate(namespace, operation, filter, limit)).await
    }

    async fn tally(&self, namespace: &str) -> Result<Tally> {
        self.inner.tally(namespace).await
    }

    async fn set_paused(&self, namespace: &str, topic: &str, paused: bool) -> Result<()> {
        self.inner.set_paused(namespace, topic, paused).await
    }

    async fn paused(&self, namespace: &str) -> Result<Vec<String>> {
        self.run(Verb::Paused, vec![], self.inner.paused(namespace)).await
    }

    async fn close(&self) {}
}

/// A shared one.
pub type SharedStore = Arc<FlakyStore>;
