//! The bounded queue of events between Rust and whoever drains it. Full means drop and count: a listener that sleeps
//! must not cost memory or hold up deliveries.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::event::{Event, Level};
use crate::ports::Journal;

/// The most events that wait.
const CAPACITY: usize = 10_000;

type Wake = Box<dyn Fn() + Send + Sync>;

/// A queue that wakes its reader when it stops being empty.
pub struct Queue {
    level: Level,
    waiting: Mutex<Waiting>,
    wake: Mutex<Option<Wake>>,
    counters: Counters,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    dropped: u64,
}

/// How often things happened since the start.
#[derive(Debug, Default)]
struct Counters {
    stored: AtomicU64,
    redelivered: AtomicU64,
    resolved: AtomicU64,
    dead: AtomicU64,
    delivery_failed: AtomicU64,
    dropped: AtomicU64,
}

/// A snapshot of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Failures made durable.
    pub stored: u64,
    /// Copies acknowledged.
    pub redelivered: u64,
    /// Entries deleted by a success.
    pub resolved: u64,
    /// Entries given up.
    pub dead: u64,
    /// Copies not acknowledged.
    pub delivery_failed: u64,
    /// Events lost because nobody drained the queue.
    pub dropped: u64,
}

impl Queue {
    /// Log lines below `level` are not kept.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level, waiting: Mutex::default(), wake: Mutex::default(), counters: Counters::default() }
    }

    /// Calls `wake` whenever the queue stops being empty.
    pub fn on_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        *lock(&self.wake) = Some(Box::new(wake));
        self.call_wake();
    }

    /// Everything that waits, in order.
    #[must_use]
    pub fn drain(&self) -> Vec<Event> {
        let Waiting { events, dropped } = std::mem::take(&mut *lock(&self.waiting));
        let lost = (dropped > 0).then_some(Event::Dropped { count: dropped });
        events.into_iter().chain(lost).collect()
    }

    /// How often things happened since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { stored, redelivered, resolved, dead, delivery_failed, dropped } = &self.counters;
        Counts {
            stored: read(stored),
            redelivered: read(redelivered),
            resolved: read(resolved),
            dead: read(dead),
            delivery_failed: read(delivery_failed),
            dropped: read(dropped),
        }
    }

    fn count(&self, event: &Event) {
        let counter = match event {
            Event::Stored { .. } => &self.counters.stored,
            Event::Redelivered { .. } => &self.counters.redelivered,
            Event::Resolved { .. } => &self.counters.resolved,
            Event::Dead { .. } => &self.counters.dead,
            Event::DeliveryFailed { .. } => &self.counters.delivery_failed,
            Event::Warning(_) | Event::Error(_) | Event::Log { .. } | Event::Dropped { .. } => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn call_wake(&self) {
        if let Some(wake) = &*lock(&self.wake) {
            wake();
        }
    }
}

impl Journal for Queue {
    fn note(&self, event: Event) {
        self.count(&event);
        if matches!(&event, Event::Log { level, .. } if *level < self.level) {
            return;
        }
        let was_empty = {
            let mut waiting = lock(&self.waiting);
            let was_empty = waiting.events.is_empty();
            if waiting.events.len() < CAPACITY {
                waiting.events.push_back(event);
            } else {
                waiting.dropped += 1;
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
            was_empty
        };
        if was_empty {
            self.call_wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn line(level: Level) -> Event {
        Event::Log { level, message: "x".into(), fields: serde_json::Value::Null }
    }

    #[test]
    fn the_reader_is_woken_once_until_it_drains() {
        let (queue, wakes) = (Queue::new(Level::Info), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&wakes);
        queue.on_wake(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        queue.note(line(Level::Info));
        queue.note(line(Level::Error));
        assert_eq!((wakes.load(Ordering::Relaxed), queue.drain().len()), (2, 2));
        queue.note(line(Level::Info));
        assert_eq!(wakes.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_full_queue_drops_and_says_how_many() {
        let queue = Queue::new(Level::Debug);
        (0..CAPACITY + 3).for_each(|_| queue.note(line(Level::Debug)));
        assert_eq!(queue.drain().last(), Some(&Event::Dropped { count: 3 }));
        assert_eq!(queue.drain().len(), 0);
    }

    #[test]
    fn lines_below_the_level_are_not_kept() {
        let queue = Queue::new(Level::Warn);
        queue.note(line(Level::Info));
        assert!(queue.drain().is_empty());
    }
}
