//! One handler: what may be called when, and how it begins and ends.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::parts::Parts;
use super::{THREADS, lock, loops};
use crate::clock::{SystemChance, SystemClock};
use crate::cron::Rule;
use crate::domain::adoption::OldRows;
use crate::domain::error::Outcome;
use crate::domain::options::{Options, ms};
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;
use crate::flows::adopt::{self, AdoptionReport};
use crate::flows::deliver::SweepReport;
use crate::flows::setup;
use crate::journal::Queue;
use crate::kafka::KafkaBroker;
use crate::ports::{Broker, Clock, Journal, Plan, Store};
use crate::store::steady::Steady;

/// One handler.
pub struct Handler {
    options: Options,
    rule: Option<Rule>,
    journal: Arc<Queue>,
    parts: OnceCell<Arc<Parts>>,
    /// In place of the parts, for operators.
    only_store: OnceCell<Arc<Steady>>,
    task: Mutex<Option<JoinHandle<()>>>,
    is_closing: Arc<AtomicBool>,
    closing: Notify,
    closed: OnceCell<u64>,
}

impl Handler {
    /// Without any I/O.
    #[must_use]
    pub fn new(options: Options, rule: Option<Rule>) -> Self {
        let journal = Arc::new(Queue::new(options.log_level));
        Self {
            options,
            rule,
            journal,
            parts: OnceCell::new(),
            only_store: OnceCell::new(),
            task: Mutex::default(),
            is_closing: Arc::default(),
            closing: Notify::new(),
            closed: OnceCell::new(),
        }
    }

    /// What it was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Its events.
    #[must_use]
    pub const fn journal(&self) -> &Arc<Queue> {
        &self.journal
    }

    /// The parts, once there are any.
    ///
    /// # Errors
    /// `KER_STATE` before `initialize()`, `KER_CLOSED` from `close()` on.
    pub fn parts(&self) -> Result<&Arc<Parts>> {
        if self.is_closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.parts
            .get()
            .ok_or_else(|| Error::new(ErrorCode::State, "call initialize function first").with_outcome(Outcome::NotDone))
    }

    /// The store, whether it was opened alone or with the rest.
    ///
    /// # Errors
    /// As [`Handler::parts`].
    pub fn store(&self) -> Result<&Arc<Steady>> {
        let parts = self.parts();
        match self.only_store.get() {
            Some(store) if !self.is_closing.load(Ordering::Acquire) => Ok(store),
            _ => parts.map(|parts| &parts.store),
        }
    }

    /// Opens store and broker, makes tables and topics. Shared while in flight; a failure closes what was opened.
    ///
    /// # Errors
    /// What [`setup`] says; `KER_CLOSED`.
    pub async fn initialize(&self) -> Result<()> {
        if self.is_closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        if self.options.store_only {
            self.only_store.get_or_try_init(|| self.open_store()).await?;
        } else {
            self.parts.get_or_try_init(|| self.open()).await?;
        }
        // `close()` may have come in between; it waits for what has been opened, and closes it.
        if self.is_closing.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    /// What `initialize()` would do to the tables. Opens a store of its own, and makes nothing.
    ///
    /// # Errors
    /// What the store says; `KER_CLOSED`.
    pub async fn plan(&self) -> Result<Plan> {
        let store = self.connect()?;
        let plan = self.until_closing(store.plan()).await;
        self.end_store(&store).await;
        plan
    }

    /// What `work` comes to, unless `close()` comes first.
    async fn until_closing<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let closes = self.closing.notified();
        // Those who waited for an initialization that `close()` has ended come here next.
        if self.is_closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        tokio::select! {
            result = work => result,
            () = closes => Err(closed()),
        }
    }

    fn connect(&self) -> Result<Arc<Steady>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let log = self.options.db.logging.then(|| Arc::clone(&self.journal) as Arc<dyn Journal>);
        let inner = crate::store::open(&self.options, Arc::clone(&clock))?;
        Ok(Arc::new(Steady::new(inner, clock, Arc::new(SystemChance), log)))
    }

    async fn open_store(&self) -> Result<Arc<Steady>> {
        let store = self.connect()?;
        match self.until_closing(setup::prepare_store(&*store, &self.options, &*self.journal)).await {
            Ok(_facts) => Ok(store),
            Err(error) => {
                self.end_store(&store).await;
                Err(error)
            }
        }
    }

    /// Says how many connections did not close in time: none, or at least one.
    async fn end_store(&self, store: &Steady) -> u64 {
        u64::from(timeout(ms(self.options.close_timeout), store.close()).await.is_err())
    }

    async fn open(&self) -> Result<Arc<Parts>> {
        let journal: Arc<dyn Journal> = Arc::clone(&self.journal) as _;
        let store = self.connect()?;
        let broker: Arc<dyn Broker> = Arc::new(KafkaBroker::new(&self.options, Arc::clone(&journal))?);
        let ready = async {
            let facts = setup::prepare_store(&*store, &self.options, &*journal).await?;
            if loops::adopts(&self.options) {
                loops::adopt_once(&*store, &self.options, &*journal).await;
            }
            let has_topics = setup::prepare_topics(&*broker, &self.options, &*journal).await?;
            Ok((facts, has_topics))
        };
        match self.until_closing(ready).await {
            Ok((facts, has_topics)) => {
                let parts = Parts::new(&self.options, store, broker, &journal, Arc::clone(&self.is_closing), facts.max_payload);
                parts.start(&self.options, has_topics, Arc::clone(&self.journal) as _, Arc::clone(&self.is_closing));
                Ok(parts)
            }
            Err(error) => {
                let deadline = Instant::now() + ms(self.options.close_timeout);
                let _closed_or_left = timeout_at(deadline, store.close()).await;
                broker.close(deadline.saturating_duration_since(Instant::now())).await;
                Err(error)
            }
        }
    }

    /// Sweeps from now on, by the rule or as soon as something is due. A second call changes nothing.
    ///
    /// # Errors
    /// As [`Handler::parts`].
    pub fn start_sweeps(&self) -> Result<()> {
        let parts = Arc::clone(self.parts()?);
        let mut task = lock(&self.task);
        if task.is_none() {
            let journal = Arc::clone(&self.journal);
            *task = Some(match self.rule.clone() {
                Some(rule) => THREADS.spawn(loops::by_rule(parts, rule, journal)),
                None => THREADS.spawn(loops::by_due_time(parts, self.options.namespace.clone(), journal)),
            });
        }
        Ok(())
    }

    /// No sweep begins any more; one that runs is waited for.
    pub async fn stop_sweeps(&self) {
        let task = lock(&self.task).take();
        let (Some(task), Some(parts)) = (task, self.parts.get()) else { return };
        let task = AbortOnDrop(task);
        // Under the lock no sweep runs, so the task is ended between two of them and never within one; only who closes
        // has no time to wait for that.
        let _no_sweep_runs = parts.sweeping.lock().await;
        drop(task);
    }

    /// Whether sweeps are made by themselves.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        lock(&self.task).is_some()
    }

    /// One pass now; waits for one that runs.
    ///
    /// # Errors
    /// As [`Handler::parts`]; when the store cannot be read.
    pub async fn sweep(&self) -> Result<SweepReport> {
        self.parts()?.sweep().await
    }

    /// Makes entries of rows of 2.x, or only says what there is.
    ///
    /// # Errors
    /// As [`Handler::parts`]; what the store says.
    pub async fn adopt(&self, rows: OldRows, is_dry_run: bool) -> Result<AdoptionReport> {
        let store = &**self.store()?;
        let mut report = adopt::survey(store, &self.options).await?;
        if !is_dry_run {
            let done = adopt::adopt(store, &self.options, rows, &SystemChance, &*self.journal, Duration::MAX).await?;
            report = AdoptionReport { topics: report.topics, ..done };
        }
        Ok(report)
    }

    /// Ends everything within `closeTimeout`; says how many parts did not end in time.
    pub async fn close(&self) -> u64 {
        self.is_closing.store(true, Ordering::Release);
        self.closing.notify_waiters();
        *self.closed.get_or_init(|| self.end()).await
    }

    async fn end(&self) -> u64 {
        let within = ms(self.options.close_timeout);
        let deadline = Instant::now() + within;
        let _only_to_pass = fault::point("close.start", "").await;
        // A sweep that waits for a silent broker ends when the broker is given up, and then has something to record.
        let mut stopping = pin!(self.stop_sweeps());
        let is_stopped = timeout_at(deadline - within / 2, &mut stopping).await.is_ok();
        let _only_to_pass = fault::point("close.mid", "").await;
        if self.options.store_only {
            return self.end_only_store(deadline).await;
        }
        // An initialization that is under way ends now, and closes what it has opened.
        let opened = timeout_at(deadline, self.parts.get_or_try_init(|| async { Err(closed()) })).await;
        let left = deadline.saturating_duration_since(Instant::now());
        match opened {
            Ok(Ok(parts)) if is_stopped => parts.end(left).await,
            Ok(Ok(parts)) => tokio::join!(parts.end(left), timeout_at(deadline, stopping)).0,
            Ok(Err(_)) => 0,
            Err(_) => 1,
        }
    }

    /// As for the parts.
    async fn end_only_store(&self, deadline: Instant) -> u64 {
        let ended = async {
            if let Ok(store) = self.only_store.get_or_try_init(|| async { Err(closed()) }).await {
                store.close().await;
            }
        };
        u64::from(timeout_at(deadline, ended).await.is_err())
    }
}

/// A task that does not outlive this.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the handler is closed").with_outcome(Outcome::NotDone)
}
