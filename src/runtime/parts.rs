//! What exists from `initialize()` on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{THREADS, lock, loops};
use crate::clock::SystemChance;
use crate::domain::Result;
use crate::domain::options::{DbOptions, Options, ms};
use crate::domain::verbs::Expired;
use crate::flows::deliver::{Deliverer, SweepReport};
use crate::flows::leases::Leases;
use crate::flows::line::Limits;
use crate::flows::route::Router;
use crate::flows::sweep::Sweeper;
use crate::flows::writer::Writer;
use crate::ports::{Broker, Chance, Journal, Store};
use crate::store::steady::Steady;

/// Rows of one transaction of the writer.
const ROWS: usize = 500;
/// Bytes of one transaction of the writer.
const BYTES: usize = 4 * 1024 * 1024;

/// This part of the time for the end is for recording what became of copies under way.
const LAST_PART: u32 = 4;

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
    /// Sweeps.
    pub sweeper: Sweeper,
    /// Held by whoever sweeps.
    pub sweeping: tokio::sync::Mutex<()>,
    enforce_after: Duration,
    /// Sweeps that were made.
    pub sweeps: AtomicU64,
    /// Ticks that came while a sweep ran.
    pub skipped: AtomicU64,
    background: Mutex<Vec<JoinHandle<()>>>,
}

/// Two where the database has several writers and the pool is not small: more would only make the transactions smaller.
fn lanes(db: &DbOptions) -> usize {
    let has_one_writer = matches!(db.kind.as_str(), "memory" | "sqlite");
    if has_one_writer || db.pool_size < 4 { 1 } else { 2 }
}

impl Parts {
    /// Puts the parts together; nothing runs yet.
    pub fn new(
        options: &Options,
        store: Arc<Steady>,
        broker: Arc<dyn Broker>,
        journal: &Arc<dyn Journal>,
        is_closing: Arc<AtomicBool>,
        server_limit: Option<u64>,
    ) -> Arc<Self> {
        let chance: Arc<dyn Chance> = Arc::new(SystemChance);
        let limits = Limits { pending: options.max_pending as usize, rows: ROWS, bytes: BYTES, lanes: lanes(&options.db) };
        let writer = Arc::new(Writer::new(Arc::clone(&store) as _, Arc::clone(journal), limits, ms(options.push_timeout)));
        let max_payload = server_limit.map_or(options.max_payload_bytes, |limit| limit.min(options.max_payload_bytes));
        writer.bound_bytes(usize::try_from(max_payload).unwrap_or(BYTES));
        let deliverer = Deliverer {
            broker: Arc::clone(&broker),
            chance: Arc::clone(&chance),
            journal: Arc::clone(journal),
            router: Router::new(options),
            mark: options.mark,
            outcome_timeout: ms(options.outcome_timeout),
        };
        let sweeper = Sweeper {
            store: Arc::clone(&store) as _,
            broker: Arc::clone(&broker),
            deliverer,
            chance,
            journal: Arc::clone(journal),
            leases: Arc::new(Leases::default()),
            namespace: options.namespace.clone(),
            lease: ms(options.lease_timeout),
            per_second: options.max_redeliveries_per_second,
            is_ending: is_closing,
            is_broker_here: AtomicBool::new(true),
        };
        Arc::new(Self {
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

    /// Begins the background work.
    pub fn start(self: &Arc<Self>, options: &Options, has_topics: bool, journal: Arc<dyn Journal>, is_closing: Arc<AtomicBool>) {
        let mut background = lock(&self.background);
        background.push(THREADS.spawn(Arc::clone(&self.writer).run()));
        background.push(THREADS.spawn(loops::renew(Arc::clone(self), ms(options.lease_timeout))));
        if loops::adopts(options) {
            background.push(THREADS.spawn(loops::adopt_on(Arc::clone(self), options.clone(), Arc::clone(&journal))));
        }
        if !has_topics {
            background.push(THREADS.spawn(loops::look_for_broker(Arc::clone(self), options.clone(), journal, is_closing)));
        }
        if let Some(age) = options.retention.dead {
            background.push(THREADS.spawn(loops::purge(Arc::clone(self), options.namespace.clone(), age)));
        }
    }

    /// One pass; waits for one that runs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sweep(&self) -> Result<SweepReport> {
        let _one_at_a_time = self.sweeping.lock().await;
        self.sweep_now().await
    }

    /// One pass, by a caller that holds `sweeping`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sweep_now(&self) -> Result<SweepReport> {
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        // After an outage of the store it cannot be told whether another process died or was only cut off as well.
        let is_sure = self.store.answering_for() >= self.enforce_after;
        self.sweeper.sweep(if is_sure { Expired::Taken } else { Expired::Left }).await
    }

    /// Ends everything in time; says how many parts did not.
    pub async fn end(&self, within: Duration) -> u64 {
        let deadline = Instant::now() + within;
        let mut leaked = u64::from(timeout_at(deadline, self.writer.finish()).await.is_err());
        for task in lock(&self.background).drain(..) {
            task.abort();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.broker.close(left.saturating_sub(left / LAST_PART)).await;
        // What the end of the broker made of the copies under way is still to be recorded.
        leaked += u64::from(timeout_at(deadline, self.sweeping.lock()).await.is_err());
        leaked += u64::from(timeout_at(deadline, self.store.close()).await.is_err());
        leaked
    }
}
