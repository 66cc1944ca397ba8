//! Group commit: what arrives while transactions run is the next one, so a single caller waits for nobody and many callers
//! share the cost of one fsync.
//!
//! There is no timer. Where the database takes several transactions at a time there are two lanes, so that calls are
//! prepared and answered while it works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::line::{Answer, Item, Limits, Line, Ticket, Work, locked_for_too_long};
use super::report;
use crate::domain::entry::Identity;
use crate::domain::error::Conflict;
use crate::domain::verbs::{NewFailure, Success};
use crate::domain::{Error, Result};
use crate::ports::{Journal, Store};

/// The first wait after the store did not answer; it doubles up to [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// What a try for a locked row may take: the lock time-out and its way there and back. One that could outlast the caller
/// is not made, so that the caller hears `not_done` and not `unknown`.
const TRY: Duration = Duration::from_millis(1500);

/// The one writer of what users report.
pub struct Writer {
    store: Arc<dyn Store>,
    journal: Arc<dyn Journal>,
    line: Mutex<Line>,
    limits: Mutex<Limits>,
    timeout: Duration,
    arrived: Notify,
    finished: Notify,
    stored: Notify,
}

/// Wakes the writer when it is dropped.
pub struct Held(Arc<Writer>);

impl Held {
    /// Takes a place in the line, now; the ticket has the answer.
    ///
    /// # Errors
    /// `KER_BUSY`, `KER_CLOSED`; nothing is done then.
    pub fn enter(&self, work: Work) -> Result<Ticket> {
        self.0.line().enter(work, Instant::now() + self.0.timeout, self.0.limits())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.arrived.notify_one();
    }
}

impl Writer {
    /// Nothing is written until [`Writer::run`] runs.
    pub fn new(store: Arc<dyn Store>, journal: Arc<dyn Journal>, limits: Limits, timeout: Duration) -> Self {
        let (line, limits) = (Mutex::default(), Mutex::new(limits));
        Self { store, journal, line, limits, timeout, arrived: Notify::new(), finished: Notify::new(), stored: Notify::new() }
    }

    /// For whoever has calls: they enter one by one, and the writer sleeps on until this is dropped. It is best dropped on
    /// the writer's own thread.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held(Arc::clone(self))
    }

    /// How many calls are not answered yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.line().pending()
    }

    /// Lowers the bytes of a transaction to what the server takes.
    pub fn bound_bytes(&self, bytes: usize) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.bytes = limits.bytes.min(bytes);
    }

    /// Resolves when a failure was stored since the last time.
    pub async fn stored(&self) {
        self.stored.notified().await;
    }

    /// Refuses further calls, and resolves when all earlier ones are answered.
    pub async fn finish(&self) {
        self.line().close();
        self.arrived.notify_one();
        loop {
            let finished = self.finished.notified();
            if self.line().is_finished() {
                return;
            }
            finished.await;
        }
    }

    /// Writes until [`Writer::finish`] has been called and everything is answered.
    pub async fn run(self: Arc<Self>) {
        let mut lanes = JoinSet::new();
        for _ in 0..self.limits().lanes {
            lanes.spawn(Arc::clone(&self).lane());
        }
        lanes.join_all().await;
    }

    async fn lane(self: Arc<Self>) {
        let mut pause = PAUSE;
        loop {
            let batch = self.line().take(self.limits());
            if batch.is_empty() {
                if self.line().is_finished() {
                    self.finished.notify_waiters();
                    // The other lanes end too.
                    self.arrived.notify_one();
                    return;
                }
                self.arrived.notified().await;
                continue;
            }
            if self.line().has_waiting() {
                self.arrived.notify_one();
            }
            if self.write(batch).await {
                pause = PAUSE;
            } else {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }

    /// Writes a batch: one transaction for its failures, one for its successes. `false` when the store did not answer.
    async fn write(self: &Arc<Self>, batch: Vec<Item>) -> bool {
        let (failures, successes): (Vec<_>, Vec<_>) = batch.into_iter().partition(|item| matches!(item.work, Work::Push(_)));
        let (pushed, resolved) = tokio::join!(self.write_failures(failures), self.write_alike(successes));
        pushed && resolved
    }

    /// Most failures are the first of their identity, and those are recorded in one step. The others, and those that turn
    /// out not to be new, go the way of all: lock, fold, write.
    async fn write_failures(self: &Arc<Self>, items: Vec<Item>) -> bool {
        let (fresh, mut rest) = split_fresh(items);
        if fresh.is_empty() {
            return self.write_alike(rest).await;
        }
        let mut is_answering = true;
        match self.store.push_new(&failures(&fresh)).await {
            Ok(pushed) => {
                let (mut done, mut answers) = (Vec::new(), Vec::new());
                for (item, pushed) in fresh.into_iter().zip(pushed) {
                    match pushed {
                        Some(pushed) => {
                            done.push(item);
                            answers.push(Answer::Pushed(pushed));
                        }
                        None => rest.push(item),
                    }
                }
                self.answer_all(done, answers);
            }
            Err(error) => is_answering = self.recover(fresh, error).await,
        }
        self.write_alike(rest).await && is_answering
    }

    async fn write_alike(self: &Arc<Self>, items: Vec<Item>) -> bool {
        if items.is_empty() {
            return true;
        }
        match run(&*self.store, &items).await {
            Ok(answers) => {
                self.answer_all(items, answers);
                true
            }
            Err(error) => self.recover(items, error).await,
        }
    }

    fn answer_all(&self, items: Vec<Item>, answers: Vec<Answer>) {
        self.line().done(&items);
        let has_pushes = matches!(answers.first(), Some(Answer::Pushed(_)));
        for (item, answer) in items.into_iter().zip(answers) {
            report::note(&*self.journal, &item.work, &item.told(&answer));
            item.answer(Ok(answer));
        }
        if has_pushes {
            self.stored.notify_one();
        }
        self.arrived.notify_one();
    }

    async fn recover(self: &Arc<Self>, items: Vec<Item>, error: Error) -> bool {
        for item in &items {
            item.failed_once(&error);
        }
        match error.conflict {
            Conflict::Locked => {
                self.split_locked(items).await;
                true
            }
            Conflict::Again | Conflict::None | Conflict::NoDatabase if error.code.is_retriable() => {
                self.put_back(items, &error);
                false
            }
            // One of them is refused, whichever: alone it gets its own answer and takes no other along.
            _ if items.len() > 1 => {
                let mut line = self.line();
                line.run_singly(items.len());
                line.put_back(items);
                true
            }
            _ => {
                self.fail(items, &error);
                true
            }
        }
    }

    /// Back into the line, but for those whose time is over.
    fn put_back(&self, items: Vec<Item>, error: &Error) {
        let now = Instant::now();
        let (late, rest): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.deadline <= now);
        self.fail(late, error);
        self.line().put_back(rest);
    }

    fn fail(&self, items: Vec<Item>, error: &Error) {
        self.line().done(&items);
        for item in items {
            item.fail(error);
        }
        self.arrived.notify_one();
    }

    /// A stranger holds a row. Those that are free go on at once; the others are tried one by one beside the line.
    async fn split_locked(self: &Arc<Self>, items: Vec<Item>) {
        let identities: Vec<_> = items.iter().map(|item| item.work.identity().clone()).collect();
        // Where that cannot be told, all are tried one by one.
        let free = self.store.unlocked(&identities).await.unwrap_or_default();
        let mut is_free = free.into_iter().chain(std::iter::repeat(false));
        let (mut rest, locked): (Vec<_>, Vec<_>) = items.into_iter().partition(|_| is_free.next() == Some(true));
        if locked.is_empty() {
            // The row is being inserted and cannot be seen yet, or became free just now.
            if let [_] = rest.as_slice() {
                for item in rest {
                    self.try_alone(item);
                }
            } else {
                let mut line = self.line();
                line.run_singly(rest.len());
                line.put_back(std::mem::take(&mut rest));
            }
            return;
        }
        let mut blocked = std::collections::HashSet::new();
        for item in locked {
            // Of one identity only the first is tried; the others wait behind it in the line.
            if blocked.insert(item.work.identity().clone()) {
                self.try_alone(item);
            } else {
                rest.push(item);
            }
        }
        self.line().put_back(rest);
    }

    fn try_alone(self: &Arc<Self>, item: Item) {
        tokio::spawn(Arc::clone(self).run_alone(item));
    }

    async fn run_alone(self: Arc<Self>, item: Item) {
        let items = vec![item];
        loop {
            match run(&*self.store, &items).await {
                Ok(answers) => {
                    self.answer_all(items, answers);
                    break;
                }
                Err(error) if !error.code.is_retriable() || items.iter().all(|item| item.deadline <= Instant::now() + TRY) => {
                    self.fail(items, &locked_for_too_long(error));
                    break;
                }
                Err(error) => {
                    for item in &items {
                        item.failed_once(&error);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that may be the first failure of their identity: none of a copy, and none with another of its identity.
fn split_fresh(items: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
    let mut count: HashMap<Identity, usize> = HashMap::with_capacity(items.len());
    for item in &items {
        *count.entry(item.work.identity().clone()).or_default() += 1;
    }
    let is_fresh = |item: &Item| match &item.work {
        Work::Push(failure) => failure.copy.is_none() && count.get(&failure.identity) == Some(&1),
        Work::Resolve(_) => false,
    };
    items.into_iter().partition(is_fresh)
}

fn failures(items: &[Item]) -> Vec<NewFailure> {
    let failure = |item: &Item| if let Work::Push(failure) = &item.work { Some(failure.clone()) } else { None };
    items.iter().filter_map(failure).collect()
}

/// One transaction of items with the same verb.
async fn run(store: &dyn Store, items: &[Item]) -> Result<Vec<Answer>> {
    let failures = failures(items);
    if !failures.is_empty() {
        return Ok(store.push(&failures).await?.into_iter().map(Answer::Pushed).collect());
    }
    let successes: Vec<Success> = items
        .iter()
        .filter_map(|item| if let Work::Resolve(success) = &item.work { Some(success.clone()) } else { None })
        .collect();
    Ok(store.resolve(&successes).await?.into_iter().map(Answer::Resolved).collect())
}
