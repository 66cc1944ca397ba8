//! A journal that remembers.

use std::sync::Mutex;

use kafka_error_retry::domain::event::Event;
use kafka_error_retry::ports::Journal;

/// Every event, in order.
#[derive(Default)]
pub struct Notes(Mutex<Vec<Event>>);

impl Journal for Notes {
    fn note(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Notes {
    /// One short line per event: its type, its data id or code, and what else tells it from others.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(line).collect()
    }

    /// The lines that begin so.
    pub fn of(&self, kind: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.starts_with(kind)).collect()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Stored { subject, retry_count, state, .. } => format!("stored {} {retry_count} {state}", subject.data_id),
        Event::Redelivered { subject, attempt, generation, partition, .. } => {
            format!("redelivered {} attempt {attempt} generation {generation} partition {partition}", subject.data_id)
        }
        Event::Resolved { data_id, .. } => format!("resolved {data_id}"),
        Event::Dead { subject, retry_count, reason } => format!("dead {} {retry_count} {reason}", subject.data_id),
        Event::DeliveryFailed { subject, outcome, code, .. } => format!("deliveryFailed {} {outcome} {code}", subject.data_id),
        Event::Warning(notice) => format!("warning {}", notice.code),
        Event::Error(notice) => format!("error {}", notice.code),
        Event::Log { message, .. } => format!("log {message}"),
        Event::Dropped { count } => format!("dropped {count}"),
    }
}
