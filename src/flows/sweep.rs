//! One pass over what was due when it began: claim, deliver, record the delivery.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::adopt;
use super::deliver::{Deliverer, Settled, SweepReport};
use super::leases::{Held, Leases};
use crate::domain::Result;
use crate::domain::entry::{Scope, Token};
use crate::domain::event::Event;
use crate::domain::time::Timestamp;
use crate::domain::verbs::{Claim, Claimed, Expired, Marked, Settlement, Success};
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

/// What was claimed at once.
struct Batch<'a> {
    token: Token,
    claimed: Vec<Claimed>,
    held: Held<'a>,
}

/// A batch that was sent, and is to be recorded.
struct Delivered<'a> {
    token: Token,
    settled: Vec<Settled>,
    held: Held<'a>,
    resolved: u64,
}

impl Delivered<'_> {
    fn is_all_sent(&self) -> bool {
        self.settled.iter().all(Settled::is_sent)
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
            let is_broker_here = self.sweep_scope(scope, expired, &paused, &mut began, &mut total).await?;
            if !is_broker_here {
                break;
            }
        }
        Ok(total)
    }

    /// Batch after batch; the delivery of one is recorded while the next is claimed. `false` when the broker went away.
    async fn sweep_scope(
        &self,
        scope: Scope,
        expired: Expired,
        paused: &HashSet<String>,
        began: &mut Option<Timestamp>,
        total: &mut SweepReport,
    ) -> Result<bool> {
        let mut delivered: Option<Delivered<'_>> = None;
        loop {
            let before = delivered.as_ref().map_or(0, |delivered| delivered.settled.len());
            let (recorded, claimed) = match scope {
                Scope::Published => tokio::join!(self.finish(delivered.take()), self.claim(scope, expired, began, before)),
                // Claimed alone means that this process holds no other lease.
                Scope::PublishedAlone => {
                    let recorded = self.finish(delivered.take()).await;
                    (recorded, self.claim(scope, expired, began, before).await)
                }
            };
            let Some(batch) = claimed? else {
                *total += recorded?;
                return Ok(true);
            };
            let next = self.deliver(batch, paused).await?;
            match recorded {
                Ok(report) => *total += report,
                Err(error) => {
                    // Its own leases run out; those of the next batch need not.
                    self.finish(Some(next)).await?;
                    return Err(error);
                }
            }
            // Deliveries that end unknown may be the beginning of an outage: look again before the next claim.
            if !next.is_all_sent() && !self.broker_answers().await {
                *total += self.finish(Some(next)).await?;
                return Ok(false);
            }
            delivered = Some(next);
        }
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

    async fn claim(
        &self,
        scope: Scope,
        expired: Expired,
        began: &mut Option<Timestamp>,
        before: usize,
    ) -> Result<Option<Batch<'_>>> {
        self.keep_pace(before).await;
        if self.is_ending.load(Ordering::Acquire) {
            return Ok(None);
        }
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
        let Some(first) = claimed.first() else { return Ok(None) };
        began.get_or_insert(first.now);
        let held = self.leases.hold(token, claimed.iter().map(|claimed| claimed.entry.id).collect());
        fault::point("claim.after_commit", "").await?;
        Ok(Some(Batch { token, claimed, held }))
    }

    /// Waits as long as so many entries may take, when throttled.
    async fn keep_pace(&self, entries: usize) {
        if let Some(rate) = self.per_second {
            let entries = u32::try_from(entries).unwrap_or(u32::MAX);
            sleep(Duration::from_secs_f64(f64::from(entries) / f64::from(rate))).await;
        }
    }

    async fn deliver<'a>(&'a self, batch: Batch<'a>, paused: &HashSet<String>) -> Result<Delivered<'a>> {
        let Batch { token, claimed, held } = batch;
        let looked = adopt::look(&*self.store, claimed, &*self.chance, &*self.journal).await;
        let mut settled = looked.settled;
        settled.extend(self.deliverer.deliver(looked.rest, paused).await);
        fault::point("publish.after_ack_before_mark", "").await?;
        Ok(Delivered { token, settled, held, resolved: looked.resolved })
    }

    /// Records a batch, gives its leases up and tells of it.
    async fn finish(&self, delivered: Option<Delivered<'_>>) -> Result<SweepReport> {
        let Some(Delivered { token, settled, held, resolved }) = delivered else { return Ok(SweepReport::default()) };
        let marked = self.record(token, &settled).await;
        drop(held);
        if fault::is_planted("P6") {
            self.forget(&settled).await;
        }
        fault::point("mark.after_commit", "").await?;
        let mut report = self.deliverer.tell(settled, &marked?);
        report.claimed += resolved;
        report.resolved = resolved;
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
