//! The reference implementation: everything in one map under one lock, the clock an argument. For tests, and for
//! whoever wants to try the library without a database; nothing survives the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::entry::{Delivered, Entry, Identity, Scope, State, Token};
use crate::domain::filter::{Filter, Page};
use crate::domain::fold::{Written, fold};
use crate::domain::time::Timestamp;
use crate::domain::verbs::{
    Acked, Claim, Claimed, Company, Expired, Marked, NewFailure, Operation, Pushed, Renewal, Resolved, Settlement, Success,
};
use crate::domain::{Result, entry::Reason};
use crate::ports::{Clock, Store, StoreFacts, Stored, Tally, TallyLine};

/// A store that forgets.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    last_id: i64,
    rows: BTreeMap<i64, Row>,
    paused: BTreeSet<(String, String)>,
}

struct Row {
    stored: Stored,
    lease: Option<Lease>,
}

#[derive(Clone, Copy)]
struct Lease {
    token: Token,
    has_company: bool,
}

impl MemoryStore {
    /// An empty store whose entries fall due by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn find(&self, identity: &Identity) -> Option<&Row> {
        self.rows.values().find(|row| row.stored.entry.identity == *identity)
    }

    fn of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.values().filter(move |row| row.stored.entry.identity.namespace == namespace)
    }

    fn held(&mut self, id: i64, token: Token) -> Option<&mut Row> {
        let row = self.rows.get_mut(&id)?;
        let is_held = row.stored.entry.state == State::Leased && row.lease.is_some_and(|lease| lease.token == token);
        is_held.then_some(row)
    }

    fn write(&mut self, written: Written) -> i64 {
        let Written { mut entry, message, error } = written;
        if entry.id == 0 {
            self.last_id += 1;
            entry.id = self.last_id;
        }
        let id = entry.id;
        self.rows.insert(id, Row { stored: Stored { entry, message, error }, lease: None });
        id
    }

    /// The due entries of a claim, oldest first, as far as its limits go.
    fn due(&self, claim: &Claim, now: Timestamp) -> Vec<i64> {
        let due_by = claim.due_by.map_or(now, |by| by.min(now));
        let mut due: Vec<&Entry> = self
            .of(&claim.namespace)
            .map(|row| &row.stored.entry)
            .filter(|entry| entry.scope() == Some(claim.scope) && entry.due_at <= due_by)
            .filter(|entry| entry.state == State::Scheduled || claim.expired == Expired::Taken)
            .collect();
        due.sort_by_key(|entry| (entry.due_at, entry.id));
        due.truncate(usize::try_from(claim.limit).unwrap_or(usize::MAX));
        let mut room = claim.max_bytes;
        let fits = |entry: &&Entry| {
            let size = self.rows.get(&entry.id).map_or(0, |row| row.stored.message.size() as u64);
            let fits = room > 0;
            room = room.saturating_sub(size);
            fits
        };
        due.into_iter().take_while(fits).map(|entry| entry.id).collect()
    }

    fn push(&mut self, failures: &[NewFailure], now: Timestamp) -> Vec<Pushed> {
        let identities: BTreeSet<&Identity> = failures.iter().map(|failure| &failure.identity).collect();
        let existing =
            identities.into_iter().filter_map(|identity| self.find(identity)).map(|row| row.stored.entry.clone()).collect();
        let mut folded = fold(existing, now, failures);
        let mut ids = HashMap::new();
        for written in folded.inserts.drain(..) {
            let identity = written.entry.identity.clone();
            ids.insert(identity, self.write(written));
        }
        for written in folded.updates.drain(..) {
            self.write(written);
        }
        folded.answers(&ids)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn migrate(&self) -> Result<StoreFacts> {
        Ok(StoreFacts { version: "memory".into(), ..StoreFacts::default() })
    }

    async fn push(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
        Ok(self.tables().push(failures, self.clock.now()))
    }

    async fn push_new(&self, failures: &[NewFailure]) -> Result<Vec<Option<Pushed>>> {
        let mut tables = self.tables();
        let is_new: Vec<bool> = failures.iter().map(|failure| tables.find(&failure.identity).is_none()).collect();
        let new: Vec<NewFailure> =
            failures.iter().zip(&is_new).filter(|(_, new)| **new).map(|(failure, _)| failure.clone()).collect();
        let mut pushed = tables.push(&new, self.clock.now()).into_iter();
        Ok(is_new.into_iter().map(|new| if new { pushed.next() } else { None }).collect())
    }

    async fn resolve(&self, successes: &[Success]) -> Result<Vec<Resolved>> {
        let mut tables = self.tables();
        let mut resolve = |success: &Success| {
            let Some(row) = tables.find(&success.identity) else { return Resolved::Unknown };
            if !success.deletes(&row.stored.entry) {
                return Resolved::NewerFailure;
            }
            let id = row.stored.entry.id;
            tables.rows.remove(&id);
            Resolved::Deleted
        };
        Ok(successes.iter().map(&mut resolve).collect())
    }

    async fn unlocked(&self, identities: &[Identity]) -> Result<Vec<bool>> {
        Ok(vec![true; identities.len()])
    }

    async fn claim_due(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let ids = tables.due(claim, now);
        let has_company = claim.company == Company::Others || ids.len() > 1;
        let mut claimed = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(row) = tables.rows.get_mut(&id) else { continue };
            let mut before = row.stored.entry.clone();
            if before.state == State::Scheduled {
                before.generation += 1;
            }
            let expired_in_company = before.state == State::Leased && row.lease.is_some_and(|lease| lease.has_company);
            row.stored.entry = Entry { state: State::Leased, due_at: now.after(claim.lease), ..before.clone() };
            row.lease = Some(Lease { token: claim.token, has_company });
            claimed.push(Claimed {
                entry: before,
                message: row.stored.message.clone(),
                expired_in_company,
                now,
                unreadable: None,
            });
        }
        Ok(claimed)
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Vec<i64>> {
        let until = self.clock.now().after(renewal.lease);
        let mut tables = self.tables();
        let mut renewed = renewal.ids.clone();
        renewed.retain(|id| tables.held(*id, renewal.token).map(|row| row.stored.entry.due_at = until).is_some());
        Ok(renewed)
    }

    async fn settle_leased(&self, token: Token, settlements: &[Settlement]) -> Result<Vec<Marked>> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut settle = |settlement: &Settlement| {
            let Some(row) = tables.rows.get_mut(&settlement.id) else { return Marked::Fenced };
            if row.lease.is_none_or(|lease| lease.token != token) {
                return Marked::Fenced;
            }
            // Settled under this token before: the answer was lost, and is given again.
            if row.stored.entry.state == State::Leased {
                apply(&mut row.stored.entry, settlement, now);
            }
            Marked::Done
        };
        Ok(settlements.iter().map(&mut settle).collect())
    }

    async fn next_due(&self, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>> {
        let now = self.clock.now();
        let tables = self.tables();
        let waiting = tables
            .of(namespace)
            .map(|row| &row.stored.entry)
            .filter(|entry| entry.scope().is_some_and(|scope| scopes.contains(&scope)));
        Ok(waiting.map(|entry| entry.due_at).min().map(|due_at| due_at.since(now)))
    }

    async fn get(&self, namespace: &str, id: i64) -> Result<Option<Stored>> {
        Ok(self.tables().of(namespace).find(|row| row.stored.entry.id == id).map(|row| row.stored.clone()))
    }

    async fn list(&self, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>> {
        let now = self.clock.now();
        let tables = self.tables();
        let matching =
            tables.of(namespace).filter(|row| row.stored.entry.id > page.after && filter.matches(&row.stored.entry, now));
        Ok(matching.take(page.limit as usize).map(|row| row.stored.clone()).collect())
    }

    async fn count(&self, namespace: &str, filter: &Filter) -> Result<u64> {
        let now = self.clock.now();
        Ok(self.tables().of(namespace).filter(|row| filter.matches(&row.stored.entry, now)).count() as u64)
    }

    async fn operate(&self, namespace: &str, operation: Operation, filter: &Filter, limit: u32) -> Result<u64> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let is_meant = |entry: &Entry| {
            operation.states().contains(&entry.state) && !is_done(operation, entry, now) && filter.matches(entry, now)
        };
        let ids: Vec<i64> = tables
            .of(namespace)
            .map(|row| &row.stored.entry)
            .filter(|entry| is_meant(entry))
            .map(|entry| entry.id)
            .take(limit as usize)
            .collect();
        for id in &ids {
            match operation {
                Operation::Discard | Operation::Purge => {
                    tables.rows.remove(id);
                }
                Operation::Requeue(_) | Operation::RetryNow | Operation::Hold => {
                    if let Some(row) = tables.rows.get_mut(id) {
                        operate_on(&mut row.stored.entry, operation, now);
                    }
                }
            }
        }
        Ok(ids.len() as u64)
    }

    async fn tally(&self, namespace: &str) -> Result<Tally> {
        let now = self.clock.now();
        let tables = self.tables();
        let mut lines: BTreeMap<(String, String, &str), TallyLine> = BTreeMap::new();
        let mut oldest: Option<Timestamp> = None;
        for Entry { identity, state, due_at, .. } in tables.of(namespace).map(|row| &row.stored.entry) {
            let line = lines.entry((identity.topic.clone(), identity.group.clone(), state.as_str())).or_insert_with(|| {
                TallyLine { topic: identity.topic.clone(), group_id: identity.group.clone(), state: *state, count: 0 }
            });
            line.count += 1;
            if *state == State::Scheduled && *due_at <= now {
                oldest = Some(oldest.map_or(*due_at, |oldest| oldest.min(*due_at)));
            }
        }
        let oldest_due_ms = oldest.map(|due_at| now.0 - due_at.0);
        Ok(Tally { entries: lines.into_values().collect(), oldest_due_ms })
    }

    async fn set_paused(&self, namespace: &str, topic: &str, paused: bool) -> Result<()> {
        let now = self.clock.now();
        let key = (namespace.to_owned(), topic.to_owned());
        let mut tables = self.tables();
        if paused {
            tables.paused.insert(key);
        } else if tables.paused.remove(&key) {
            // What was put off only because of the pause need not wait any longer.
            let put_off = tables.rows.values_mut().map(|row| &mut row.stored.entry);
            for entry in put_off.filter(|entry| entry.identity.namespace == namespace && entry.identity.topic == topic) {
                if entry.state == State::Scheduled && entry.reason == Reason::Paused {
                    entry.due_at = now;
                }
            }
        }
        Ok(())
    }

    async fn paused(&self, namespace: &str) -> Result<Vec<String>> {
        Ok(self.tables().paused.iter().filter(|(of, _)| of == namespace).map(|(_, topic)| topic.clone()).collect())
    }

    async fn close(&self) {}
}

fn apply(entry: &mut Entry, settlement: &Settlement, now: Timestamp) {
    entry.state = settlement.state;
    entry.reason = settlement.reason;
    entry.due_at = now.after(settlement.due_in);
    entry.retry_count = settlement.retry_count;
    entry.failed_generation = settlement.failed_generation;
    entry.is_alone = settlement.is_alone;
    entry.delivered = settlement.delivery.map(|delivery| Delivered {
        partition: delivery.partition,
        offset: delivery.offset,
        acked_at: match delivery.acked {
            Acked::Now => now,
            Acked::At(at) => at,
        },
        is_counting: delivery.is_counting,
    });
    if settlement.adopted.is_some() {
        entry.adopted.clone_from(&settlement.adopted);
    }
}

/// An operation that would change nothing is not counted, so that whoever repeats it until zero comes to an end.
fn is_done(operation: Operation, entry: &Entry, now: Timestamp) -> bool {
    operation == Operation::RetryNow && entry.due_at <= now
}

fn operate_on(entry: &mut Entry, operation: Operation, now: Timestamp) {
    entry.due_at = now;
    match operation {
        Operation::Requeue(redelivery) => {
            entry.state = State::Scheduled;
            entry.reason = Reason::Operator;
            entry.retry_count = 0;
            entry.is_alone = false;
            entry.redelivery = redelivery.unwrap_or(entry.redelivery);
        }
        Operation::Hold => {
            entry.state = State::Held;
            entry.reason = Reason::Operator;
        }
        Operation::RetryNow | Operation::Discard | Operation::Purge => {}
    }
}
