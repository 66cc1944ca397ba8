//! What runs beside the calls: the timer or the schedule, renewals, the search for a broker, retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::THREADS;
use super::parts::Parts;
use crate::clock::{SystemChance, SystemClock};
use crate::cron::{self, Rule};
use crate::domain::adoption::OldRows;
use crate::domain::event::Event;
use crate::domain::filter::Filter;
use crate::domain::options::{Options, ms};
use crate::domain::verbs::Operation;
use crate::domain::{Error, ErrorCode, Result};
use crate::flows::deliver::SweepReport;
use crate::flows::sweep::SCOPES;
use crate::flows::{adopt, operate, setup};
use crate::journal::Queue;
use crate::ports::{Journal, Store};

/// How long the timer sleeps at most, so that it sees what other processes stored.
const LOOK: Duration = Duration::from_secs(1);
/// How often at most the timer asks the store when it is woken by pushes.
const CALM: Duration = Duration::from_millis(50);
/// How often rows of 2.x are looked for.
const ADOPTION: Duration = Duration::from_secs(60);
/// How often dead entries are looked at that may be old enough to go.
const RETENTION: Duration = Duration::from_secs(60);

/// Prolongs the leases of this process, three times as often as they need it.
pub async fn renew(parts: Arc<Parts>, lease: Duration) {
    loop {
        sleep(lease / 3).await;
        parts.sweeper.leases.renew(&*parts.store, lease).await;
    }
}

/// Until a broker answers and the configured topics are there.
pub async fn look_for_broker(parts: Arc<Parts>, options: Options, journal: Arc<dyn Journal>, is_closing: Arc<AtomicBool>) {
    while !is_closing.load(Ordering::Acquire) {
        sleep(setup::LOOK_AGAIN).await;
        let answers = parts.broker.probe(ms(options.connect_timeout)).await.is_ok();
        if answers && setup::ensure_topics(&*parts.broker, &options, &*journal).await.unwrap_or(false) {
            return;
        }
    }
}

/// Deletes dead entries that are old enough.
pub async fn purge(parts: Arc<Parts>, namespace: String, age: u64) {
    let filter = Filter { settled_for: Some(age), ..Filter::default() };
    loop {
        let _next_time = operate::operate(&*parts.store, &namespace, Operation::Purge, &filter).await;
        sleep(RETENTION).await;
    }
}

/// Whether rows of 2.x are looked for: it ran on these databases only.
pub fn adopts(options: &Options) -> bool {
    options.db.adopt && matches!(options.db.kind.as_str(), "mysql" | "mariadb")
}

/// Adopts what 2.x left, as far as it goes in the time that connecting may take; a failure of this harms nothing else.
pub async fn adopt_once(store: &dyn Store, options: &Options, journal: &dyn Journal) {
    let patience = ms(options.connect_timeout);
    match adopt::adopt(store, options, OldRows::Open, &SystemChance, journal, patience).await {
        Ok(_told) => {}
        Err(error) if error.code == ErrorCode::StorePrivilege => {
            journal.note(Event::warning("adoptionRefused", error.message, error.details));
        }
        Err(error) => journal.note(Event::error(&error)),
    }
}

/// Adopts what processes of 2.x that still run leave behind.
pub async fn adopt_on(parts: Arc<Parts>, options: Options, journal: Arc<dyn Journal>) {
    loop {
        sleep(ADOPTION).await;
        adopt_once(&*parts.store, &options, &*journal).await;
    }
}

/// A sweep at every tick, unless the last one still runs.
pub async fn by_rule(parts: Arc<Parts>, rule: Rule, journal: Arc<Queue>) {
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
pub async fn by_due_time(parts: Arc<Parts>, namespace: String, journal: Arc<Queue>) {
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
            let _woken_or_over = timeout(wait.saturating_sub(CALM), parts.writer.stored()).await;
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
