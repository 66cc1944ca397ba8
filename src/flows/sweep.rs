//! One pass over what was due when it began: claim, deliver, record the delivery.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::adopt;
use super::deliver::{Deliverer, Settled, SweepReport};
use crate::domain::Result;
use crate::domain::entry::{Scope, Token};
use crate::domain::event::Event;
use crate::domain::time::Timestamp;
use crate::domain::verbs::{Claim, Company, Expired, Marked, Renewal, Settlement, Success};
use crate::fault;
use crate::ports::{Broker, Chance, Journal, Store};

/// The scopes of what is published, in the order of a sweep.
pub const SCOPES: [Scope; 2] = [Scope::Published, Scope::PublishedAlone];

/// The most entries of a claim.
const BATCH: u32 = 1000;
/// Their bytes: what a process holds in memory for one sweep.
const BATCH_BYTES: u64 = 32 * 1024 * 1024;
/// How long the broker has to show that it is there, before anything is claimed.
const PROBE: Duration = Duration::from_secs(5);
/// Between tries to record a delivery while the store is away.
const AGAIN: Duration = Duration::from_millis(500);

/// The leases that this process holds.
#[derive(Default)]
pub struct Leases(Mutex<HashMap<Token, Vec<i64>>>);

impl Leases {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Token, Vec<i64>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Held until what it returns is dropped, also by a panic: a lease that nobody ends must not be renewed for ever.
    fn hold(&self, token: Token, ids: Vec<i64>) -> Held<'_> {
        self.with(|held| held.insert(token, ids));
        Held { leases: self, token }
    }

    fn company(&self) -> Company {
        self.with(|held| if held.is_empty() { Company::None } else { Company::Others })
    }

    /// Prolongs all of them; whose lease is lost finds out by its token.
    pub async fn renew(&self, store: &dyn Store, lease: Duration) {
        let held: Vec<_> = self.with(|held| held.iter().map(|(token, ids)| (*token, ids.clone())).collect());
        for (token, ids) in held {
            // An error is no reason to stop: the next round is due long before the lease ends.
            let _renewed_or_tried_again = async {
                fault::point("lease.renew", "").await?;
                store.renew(&Renewal { token, ids, lease }).await
            }
            .await;
        }
    }
}

/// The leases of one claim.
struct Held<'a> {
    leases: &'a Leases,
    token: Token,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.leases.with(|held| held.remove(&self.token));
    }
}

/// Sweeps.
pub struct Sweeper {
    /// The entries.
    pub store: Arc<dyn Store>,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// Does the work.
    pub deliverer: Deliverer,
    /// For tokens.
    pub chance: Arc<dyn Chance>,
    /// For events.
    pub journal: Arc<dyn Journal>,
    /// Held leases, for whoever renews them.
    pub leases: Arc<Leases>,
    /// Of these entries.
    pub namespace: String,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Copies per second, when throttled.
    pub per_second: Option<u32>,
    /// Set when the process wants to end: nothing more is claimed.
    pub is_ending: Arc<AtomicBool>,
    /// Whether the broker answered the last time.
    pub is_broker_here: AtomicBool,
}

impl Sweeper {
    /// One pass. Claims nothing while the broker does not answer, so that an outage costs no attempts.
    ///
    /// # Errors
    /// When the store cannot be read; what was claimed before is settled.
    pub async fn sweep(&self, expired: Expired) -> Result<SweepReport> {
        let mut total = SweepReport::default();
        if !self.broker_answers().await {
            return Ok(total);
        }
        let paused: HashSet<String> = self.store.paused(&self.namespace).await?.into_iter().collect();
        let mut began = None;
        for scope in SCOPES {
            while !self.is_ending.load(Ordering::Acquire) {
                let report = self.batch(scope, expired, &paused, &mut began).await?;
                total += report;
                if report.claimed == 0 {
                    break;
                }
                // Deliveries that end unknown may be the beginning of an outage: look again before the next claim.
                if report.delivered < report.claimed && !self.broker_answers().await {
                    return Ok(total);
                }
            }
        }
        Ok(total)
    }

    async fn broker_answers(&self) -> bool {
        let answer = self.broker.probe(PROBE).await;
        let was_here = self.is_broker_here.swap(answer.is_ok(), Ordering::AcqRel);
        if let Err(error) = &answer
            && was_here
        {
            let text = format!("no broker answers, so nothing is redelivered until one does: {error}");
            self.journal.note(Event::warning("brokerUnavailable", text, error.details.clone()));
        }
        answer.is_ok()
    }

    async fn batch(
        &self,
        scope: Scope,
        expired: Expired,
        paused: &HashSet<String>,
        began: &mut Option<Timestamp>,
    ) -> Result<SweepReport> {
        let token = Token(self.chance.bits());
        let limit = match scope {
            Scope::Published => self.per_second.map_or(BATCH, |rate| rate.min(BATCH)),
            Scope::PublishedAlone => 1,
        };
        let claim = Claim {
            namespace: self.namespace.clone(),
            scope,
            token,
            limit,
            max_bytes: BATCH_BYTES,
            lease: self.lease,
            due_by: *began,
            expired,
            company: self.leases.company(),
        };
        fault::point("claim.before", "").await?;
        let claimed = self.store.claim_due(&claim).await?;
        let Some(first) = claimed.first() else { return Ok(SweepReport::default()) };
        began.get_or_insert(first.now);
        let count = claimed.len();
        let held = self.leases.hold(token, claimed.iter().map(|claimed| claimed.entry.id).collect());
        fault::point("claim.after_commit", "").await?;
        let looked = adopt::look(&*self.store, claimed, &*self.chance, &*self.journal).await;
        let mut settled = looked.settled;
        settled.extend(self.deliverer.deliver(looked.rest, paused).await);
        fault::point("publish.after_ack_before_mark", "").await?;
        let marked = self.record(token, &settled).await;
        drop(held);
        if fault::is_planted("P6") {
            self.forget(&settled).await;
        }
        fault::point("mark.after_commit", "").await?;
        let mut report = self.deliverer.tell(settled, &marked?);
        report.claimed += looked.resolved;
        report.resolved = looked.resolved;
        if let Some(rate) = self.per_second {
            sleep(Duration::from_secs_f64(f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(rate))).await;
        }
        Ok(report)
    }

    /// Planted: a copy in the log counts as a success.
    async fn forget(&self, settled: &[Settled]) {
        let sent = settled.iter().filter(|settled| settled.settlement.delivery.is_some());
        let successes: Vec<_> = sent.map(|settled| Success { identity: settled.entry.identity.clone(), copy: None }).collect();
        let _planted = self.store.resolve(&successes).await;
    }

    /// Records what became of a batch. While the store is away it is tried again: the token tells whether the entries
    /// are still ours, and giving up would cost every one of them an attempt. One error tells of the whole outage.
    async fn record(&self, token: Token, settled: &[Settled]) -> Result<Vec<Marked>> {
        let settlements: Vec<Settlement> = settled.iter().map(|settled| settled.settlement.clone()).collect();
        let mut is_told = false;
        loop {
            match self.store.settle_leased(token, &settlements).await {
                Err(error) if error.code.is_retriable() && !self.is_ending.load(Ordering::Acquire) => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.journal.note(Event::error(&error));
                    }
                    sleep(AGAIN).await;
                }
                other => return other,
            }
        }
    }
}
