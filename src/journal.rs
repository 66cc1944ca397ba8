//! The bounded queue of events between Rust and whoever drains it. Full means drop and count: a listener that sleeps
//! must not cost memory or hold up deliveries.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::event::{Event, Kind, Level};
use crate::ports::Journal;

/// The most events that wait.
const CAPACITY: usize = 10_000;

type Wake = Box<dyn Fn() + Send + Sync>;

/// A queue that wakes its reader when it stops being empty.
pub struct Queue {
    level: Level,
    waiting: Mutex<Waiting>,
    wake: Mutex<Option<Wake>>,
    counters: [AtomicU64; Kind::ALL.len()],
    dropped: AtomicU64,
    unheard: [AtomicBool; Kind::ALL.len()],
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    dropped: u64,
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
        Self {
            level,
            waiting: Mutex::default(),
            wake: Mutex::default(),
            counters: Default::default(),
            dropped: AtomicU64::new(0),
            unheard: Default::default(),
        }
    }

    /// Whether events of this kind are kept; in the beginning all are. Those that nobody hears are counted only.
    pub fn hear(&self, kind: Kind, is_heard: bool) {
        self.unheard[kind as usize].store(!is_heard, Ordering::Relaxed);
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
        let read = |kind: Kind| self.counters[kind as usize].load(Ordering::Relaxed);
        Counts {
            stored: read(Kind::Stored),
            redelivered: read(Kind::Redelivered),
            resolved: read(Kind::Resolved),
            dead: read(Kind::Dead),
            delivery_failed: read(Kind::DeliveryFailed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn call_wake(&self) {
        if let Some(wake) = &*lock(&self.wake) {
            wake();
        }
    }
}

impl Journal for Queue {
    fn note(&self, event: Event) {
        if let Some(kind) = event.kind() {
            self.counters[kind as usize].fetch_add(1, Ordering::Relaxed);
            if self.unheard[kind as usize].load(Ordering::Relaxed) {
                return;
            }
        }
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
                self.dropped.fetch_add(1, Ordering::Relaxed);
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
    fn what_nobody_hears_is_counted_and_not_kept() {
        let queue = Queue::new(Level::Debug);
        let (topic, group_id, data_id) = (String::new(), String::new(), String::new());
        let resolved = Event::Resolved { topic, group_id, data_id };
        queue.hear(Kind::Resolved, false);
        queue.note(resolved.clone());
        assert_eq!((queue.drain().len(), queue.counts().resolved), (0, 1));
        queue.hear(Kind::Resolved, true);
        queue.note(resolved);
        assert_eq!((queue.drain().len(), queue.counts().resolved), (1, 2));
    }

    #[test]
    fn lines_below_the_level_are_not_kept() {
        let queue = Queue::new(Level::Warn);
        queue.note(line(Level::Info));
        assert!(queue.drain().is_empty());
    }
}
