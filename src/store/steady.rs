//! Around any store: transactions that lost against another one run again, statements are logged on request, and it is
//! known since when the store has answered without interruption.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use crate::domain::adoption::{Adopted, AdoptedPage, Adoption, OldRow, OldTopic};
use crate::domain::entry::{Identity, Scope, Token};
use crate::domain::error::Conflict;
use crate::domain::event::{Event, Level};
use crate::domain::filter::{Filter, Page};
use crate::domain::verbs::{Claim, Claimed, Marked, NewFailure, Operation, Pushed, Renewal, Resolved, Settlement, Success};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Chance, Clock, Journal, Plan, Store, StoreFacts, Stored, Tally};

/// How often a transaction is run again before its conflict is the caller's.
const TRIES: u32 = 12;
/// The first wait before running it again; it doubles up to sixteen times this.
const PAUSE: Duration = Duration::from_millis(4);

/// A store that repeats lost transactions.
pub struct Steady {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    /// Set where every statement is logged.
    log: Option<Arc<dyn Journal>>,
    answering_since: Mutex<Option<Duration>>,
}

impl Steady {
    /// Around `store`; `log` gets a line per verb.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>, log: Option<Arc<dyn Journal>>) -> Self {
        Self { store, clock, chance, log, answering_since: Mutex::new(None) }
    }

    /// For how long the store has answered without interruption; zero before its first answer.
    #[must_use]
    pub fn answering_for(&self) -> Duration {
        let since = *self.answering_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| self.clock.monotonic().saturating_sub(since))
    }

    fn note<T>(&self, verb: &str, began: Duration, rows: usize, result: &Result<T>) {
        let is_gone = matches!(result, Err(Error { code: ErrorCode::Store | ErrorCode::Timeout, conflict: Conflict::None, .. }));
        let mut since = self.answering_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if is_gone { None } else { since.or_else(|| Some(self.clock.monotonic())) };
        drop(since);
        if let Some(log) = &self.log {
            let spent = self.clock.monotonic().saturating_sub(began);
            let fields = json!({ "statement": verb, "duration_ms": spent.as_millis(), "rows": rows, "ok": result.is_ok() });
            log.note(Event::Log { level: Level::Info, message: format!("store {verb}"), fields });
        }
    }

    async fn pause(&self, tries: u32) {
        let longest = PAUSE * (1 << tries.min(4));
        tokio::time::sleep(longest.mul_f64(0.5 + self.chance.fraction() / 2.0)).await;
    }
}

/// Calls a verb of the inner store until it does not lose, and notes how it went. `$rows` counts its result.
macro_rules! steadily {
    ($self:ident, $verb:ident($($argument:expr),*), $rows:expr) => {{
        let began = $self.clock.monotonic();
        let mut tries = 0;
        let result = loop {
            match $self.store.$verb($($argument),*).await {
                Err(error) if error.conflict == Conflict::Again && tries < TRIES => {
                    $self.pause(tries).await;
                    tries += 1;
                }
                other => break other,
            }
        };
        let rows = result.as_ref().map_or(0, $rows);
        $self.note(stringify!($verb), began, rows, &result);
        result
    }};
}

#[async_trait]
impl Store for Steady {
    async fn migrate(&self) -> Result<StoreFacts> {
        steadily!(self, migrate(), |_| 0)
    }

    async fn plan(&self) -> Result<Plan> {
        steadily!(self, plan(), |_| 0)
    }

    async fn push(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
        steadily!(self, push(failures), Vec::len)
    }

    async fn push_new(&self, failures: &[NewFailure]) -> Result<Vec<Option<Pushed>>> {
        steadily!(self, push_new(failures), Vec::len)
    }

    async fn resolve(&self, successes: &[Success]) -> Result<Vec<Resolved>> {
        steadily!(self, resolve(successes), Vec::len)
    }

    async fn unlocked(&self, identities: &[Identity]) -> Result<Vec<bool>> {
        steadily!(self, unlocked(identities), Vec::len)
    }

    async fn claim_due(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        steadily!(self, claim_due(claim), Vec::len)
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Vec<i64>> {
        steadily!(self, renew(renewal), Vec::len)
    }

    async fn settle_leased(&self, token: Token, settlements: &[Settlement]) -> Result<Vec<Marked>> {
        steadily!(self, settle_leased(token, settlements), Vec::len)
    }

    async fn next_due(&self, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>> {
        steadily!(self, next_due(namespace, scopes), |_| 1)
    }

    async fn get(&self, namespace: &str, id: i64) -> Result<Option<Stored>> {
        steadily!(self, get(namespace, id), |found| usize::from(found.is_some()))
    }

    async fn list(&self, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>> {
        steadily!(self, list(namespace, filter, page), Vec::len)
    }

    async fn count(&self, namespace: &str, filter: &Filter) -> Result<u64> {
        steadily!(self, count(namespace, filter), |_| 1)
    }

    async fn operate(&self, namespace: &str, operation: Operation, filter: &Filter, limit: u32) -> Result<u64> {
        steadily!(self, operate(namespace, operation, filter, limit), |done| usize::try_from(*done).unwrap_or(0))
    }

    async fn tally(&self, namespace: &str) -> Result<Tally> {
        steadily!(self, tally(namespace), |tally| tally.entries.len())
    }

    async fn set_paused(&self, namespace: &str, topic: &str, paused: bool) -> Result<()> {
        steadily!(self, set_paused(namespace, topic, paused), |()| 1)
    }

    async fn paused(&self, namespace: &str) -> Result<Vec<String>> {
        steadily!(self, paused(namespace), Vec::len)
    }

    async fn survey(&self, source: &str) -> Result<Vec<OldTopic>> {
        steadily!(self, survey(source), Vec::len)
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<AdoptedPage> {
        steadily!(self, adopt(adoption), |page| usize::try_from(page.adopted).unwrap_or(0))
    }

    async fn old_rows(&self, adopted: &[Adopted]) -> Result<Vec<Vec<OldRow>>> {
        steadily!(self, old_rows(adopted), Vec::len)
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
