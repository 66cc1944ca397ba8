//! The only wiring: builds the parts from options, runs the loops, ends them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::clock::{SystemChance, SystemClock};
use crate::cron::{self, Rule};
use crate::domain::error::Outcome;
use crate::domain::event::Event;
use crate::domain::filter::Filter;
use crate::domain::options::{Options, ms};
use crate::domain::verbs::{Expired, Operation};
use crate::domain::{Error, ErrorCode, Result};
use crate::flows::deliver::{Deliverer, SweepReport};
use crate::flows::line::Limits;
use crate::flows::route::Router;
use crate::flows::sweep::{Leases, SCOPES, Sweeper};
use crate::flows::writer::Writer;
use crate::flows::{operate, setup};
use crate::journal::Queue;
use crate::kafka::KafkaBroker;
use crate::ports::{Broker, Chance, Clock, Journal, Store};
use crate::store::steady::Steady;

/// The threads of all handlers of this process. Our own rather than Node's addon runtime: it outlives every environment,
/// and work on it is never dropped half-way because a caller went away.
pub static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    let threads = std::env::var("KAFKA_ERROR_RETRY_THREADS").ok().and_then(|count| count.parse().ok()).unwrap_or(2);
    let built = Builder::new_multi_thread()
        .worker_threads(usize::max(threads, 1))
        .max_blocking_threads(8)
        .thread_name("kafka-error-retry")
        .enable_all()
        .build();
    #[expect(clippy::expect_used, reason = "a process that cannot start threads cannot do anything for its caller")]
    built.expect("the threads of kafka-error-retry start")
});

/// Rows of one transaction of the writer.
const ROWS: usize = 500;
/// Bytes of one transaction of the writer.
const BYTES: usize = 4 * 1024 * 1024;
/// How long the timer sleeps at most, so that it sees what other processes stored.
const LOOK: Duration = Duration::from_secs(1);
/// How often at most the timer asks the store when it is woken by pushes.
const CALM: Duration = Duration::from_millis(50);
/// How often dead entries are looked at that may be old enough to go.
const RETENTION: Duration = Duration::from_secs(60);

/// One handler.
pub struct Handler {
    options: Options,
    rule: Option<Rule>,
    journal: Arc<Queue>,
    parts: OnceCell<Arc<Parts>>,
    task: Mutex<Option<JoinHandle<()>>>,
    is_closing: Arc<AtomicBool>,
    closed: OnceCell<u64>,
}

/// What exists from `initialize()` on.
pub struct Parts {
    /// The entries.
    pub store: Arc<Steady>,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// Records what users report.
    pub writer: Arc<Writer>,
    /// The largest message.
    pub max_payload: u64,
    sweeper: Sweeper,
    sweeping: tokio::sync::Mutex<()>,
    enforce_after: Duration,
    /// Sweeps that were made.
    pub sweeps: AtomicU64,
    /// Ticks that came while a sweep ran.
    pub skipped: AtomicU64,
    background: Mutex<Vec<JoinHandle<()>>>,
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
            task: Mutex::default(),
            is_closing: Arc::default(),
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
    pub fn journal(&self) -> &Arc<Queue> {
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

    /// Opens store and broker, makes tables and topics. Shared while in flight; a failure closes what was opened.
    ///
    /// # Errors
    /// What [`setup`] says; `KER_CLOSED`.
    pub async fn initialize(&self) -> Result<()> {
        if self.is_closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        let parts = self.parts.get_or_try_init(|| self.open()).await?;
        if self.is_closing.load(Ordering::Acquire) {
            // `close()` came in between and saw nothing to close.
            parts.end(Duration::from_millis(self.options.close_timeout)).await;
            return Err(closed());
        }
        Ok(())
    }

    async fn open(&self) -> Result<Arc<Parts>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let chance: Arc<dyn Chance> = Arc::new(SystemChance);
        let journal: Arc<dyn Journal> = Arc::clone(&self.journal) as _;
        let log = self.options.db.logging.then(|| Arc::clone(&journal));
        let inner = crate::store::open(&self.options, Arc::clone(&clock))?;
        let store = Arc::new(Steady::new(inner, clock, Arc::clone(&chance), log));
        let broker: Arc<dyn Broker> = Arc::new(KafkaBroker::new(&self.options, Arc::clone(&journal))?);
        let ready = async {
            let facts = setup::prepare_store(&*store, &self.options, &*journal).await?;
            let has_topics = setup::prepare_topics(&*broker, &self.options, &*journal).await?;
            Ok((facts, has_topics))
        };
        match ready.await {
            Ok((facts, has_topics)) => {
                let parts = self.assemble(store, broker, chance, journal, facts.max_payload);
                parts.start(&self.options, has_topics, Arc::clone(&self.journal) as _, Arc::clone(&self.is_closing));
                Ok(parts)
            }
            Err(error) => {
                let within = ms(self.options.close_timeout);
                let _closed_or_left = timeout(within, store.close()).await;
                broker.close(within).await;
                Err(error)
            }
        }
    }

    fn assemble(
        &self,
        store: Arc<Steady>,
        broker: Arc<dyn Broker>,
        chance: Arc<dyn Chance>,
        journal: Arc<dyn Journal>,
        server_limit: Option<u64>,
    ) -> Arc<Parts> {
        let options = &self.options;
        let limits = Limits { pending: options.max_pending as usize, rows: ROWS, bytes: BYTES };
        let writer = Arc::new(Writer::new(Arc::clone(&store) as _, Arc::clone(&journal), limits, ms(options.push_timeout)));
        let max_payload = server_limit.map_or(options.max_payload_bytes, |limit| limit.min(options.max_payload_bytes));
        writer.bound_bytes(usize::try_from(max_payload).unwrap_or(BYTES));
        let deliverer = Deliverer {
            broker: Arc::clone(&broker),
            chance: Arc::clone(&chance),
            journal: Arc::clone(&journal),
            router: Router::new(options),
            mark: options.mark,
            outcome_timeout: ms(options.outcome_timeout),
        };
        let sweeper = Sweeper {
            store: Arc::clone(&store) as _,
            broker: Arc::clone(&broker),
            deliverer,
            chance,
            journal,
            leases: Arc::new(Leases::default()),
            namespace: options.namespace.clone(),
            lease: ms(options.lease_timeout),
            per_second: options.max_redeliveries_per_second,
            is_ending: Arc::clone(&self.is_closing),
            is_broker_here: AtomicBool::new(true),
        };
        Arc::new(Parts {
            store,
            broker,
            writer,
            max_payload,
            sweeper,
            sweeping: tokio::sync::Mutex::new(()),
            enforce_after: ms(options.push_timeout.min(options.outcome_timeout)),
            sweeps: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            background: Mutex::default(),
        })
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
                Some(rule) => THREADS.spawn(by_rule(parts, rule, journal)),
                None => THREADS.spawn(by_due_time(parts, self.options.namespace.clone(), journal)),
            });
        }
        Ok(())
    }

    /// No sweep begins any more; one that runs is waited for.
    pub async fn stop_sweeps(&self) {
        let task = lock(&self.task).take();
        let (Some(task), Some(parts)) = (task, self.parts.get()) else { return };
        // Under the lock no sweep runs, so the task is ended between two of them and never within one.
        let _no_sweep_runs = parts.sweeping.lock().await;
        task.abort();
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

    /// Ends everything within `closeTimeout`; says how many parts did not end in time.
    pub async fn close(&self) -> u64 {
        self.is_closing.store(true, Ordering::Release);
        *self.closed.get_or_init(|| self.end()).await
    }

    async fn end(&self) -> u64 {
        let deadline = Instant::now() + ms(self.options.close_timeout);
        let leaked = u64::from(timeout_at(deadline, self.stop_sweeps()).await.is_err());
        let left = deadline.saturating_duration_since(Instant::now());
        match self.parts.get() {
            Some(parts) => leaked + parts.end(left).await,
            None => leaked,
        }
    }
}

impl Parts {
    fn start(self: &Arc<Self>, options: &Options, has_topics: bool, journal: Arc<dyn Journal>, is_closing: Arc<AtomicBool>) {
        let mut background = lock(&self.background);
        background.push(THREADS.spawn(Arc::clone(&self.writer).run()));
        background.push(THREADS.spawn(renew(Arc::clone(self), ms(options.lease_timeout))));
        if !has_topics {
            background.push(THREADS.spawn(look_for_broker(Arc::clone(self), options.clone(), journal, is_closing)));
        }
        if let Some(age) = options.retention.dead {
            background.push(THREADS.spawn(purge(Arc::clone(self), options.namespace.clone(), age)));
        }
    }

    async fn sweep(&self) -> Result<SweepReport> {
        let _one_at_a_time = self.sweeping.lock().await;
        self.sweep_now().await
    }

    async fn sweep_now(&self) -> Result<SweepReport> {
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        // After an outage of the store it cannot be told whether another process died or was only cut off as well.
        let is_sure = self.store.answering_for() >= self.enforce_after;
        self.sweeper.sweep(if is_sure { Expired::Taken } else { Expired::Left }).await
    }

    /// Whether the broker answered the last time it was needed.
    #[must_use]
    pub fn is_broker_here(&self) -> bool {
        self.sweeper.is_broker_here.load(Ordering::Acquire)
    }

    async fn end(&self, within: Duration) -> u64 {
        let deadline = Instant::now() + within;
        let mut leaked = u64::from(timeout_at(deadline, self.writer.finish()).await.is_err());
        for task in lock(&self.background).drain(..) {
            task.abort();
        }
        self.broker.close(deadline.saturating_duration_since(Instant::now())).await;
        leaked += u64::from(timeout_at(deadline, self.store.close()).await.is_err());
        leaked
    }
}

async fn renew(parts: Arc<Parts>, lease: Duration) {
    loop {
        sleep(lease / 3).await;
        parts.sweeper.leases.renew(&*parts.store, lease).await;
    }
}

async fn look_for_broker(parts: Arc<Parts>, options: Options, journal: Arc<dyn Journal>, is_closing: Arc<AtomicBool>) {
    while !is_closing.load(Ordering::Acquire) {
        sleep(setup::LOOK_AGAIN).await;
        let answers = parts.broker.probe(ms(options.connect_timeout)).await.is_ok();
        if answers && setup::ensure_topics(&*parts.broker, &options, &*journal).await.unwrap_or(false) {
            return;
        }
    }
}

async fn purge(parts: Arc<Parts>, namespace: String, age: u64) {
    let filter = Filter { settled_for: Some(age), ..Filter::default() };
    loop {
        let _next_time = operate::operate(&*parts.store, &namespace, Operation::Purge, &filter).await;
        sleep(RETENTION).await;
    }
}

async fn by_rule(parts: Arc<Parts>, rule: Rule, journal: Arc<Queue>) {
    let ticking = Arc::clone(&journal);
    let tick = move || {
        let (parts, journal) = (Arc::clone(&parts), Arc::clone(&ticking));
        THREADS.spawn(async move {
            let Ok(_one_at_a_time) = parts.sweeping.try_lock() else {
                parts.skipped.fetch_add(1, Ordering::Relaxed);
                return;
            };
            note(&journal, parts.sweep_now().await);
        });
    };
    if let Err(error) = cron::tick_by(rule, Arc::new(SystemClock::default()), tick).await {
        journal.note(Event::error(&Error::internal("the schedule cannot run").caused_by(error)));
    }
}

/// Sleeps until the next entry is due, a second at most; a push of this process wakes it.
async fn by_due_time(parts: Arc<Parts>, namespace: String, journal: Arc<Queue>) {
    loop {
        let wait = match parts.store.next_due(&namespace, &SCOPES).await {
            Ok(Some(Duration::ZERO)) => {
                let swept = parts.sweep().await;
                // Due, and yet nothing could be taken (no broker, or only what is left to others): do not ask in circles.
                let is_stuck = swept.as_ref().map_or(true, |report| report.claimed == 0);
                note(&journal, swept);
                if is_stuck { LOOK } else { Duration::ZERO }
            }
            Ok(wait) => wait.map_or(LOOK, |wait| wait.min(LOOK)),
            Err(error) => {
                journal.note(Event::error(&error));
                LOOK
            }
        };
        if wait > CALM {
            sleep(CALM).await;
            let _woken_or_over = timeout(wait - CALM, parts.writer.stored()).await;
        } else {
            sleep(wait).await;
        }
    }
}

fn note(journal: &Queue, swept: Result<SweepReport>) {
    if let Err(error) = swept {
        journal.note(Event::error(&error));
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Closed, "the handler is closed").with_outcome(Outcome::NotDone)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
