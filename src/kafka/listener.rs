//! What librdkafka says by itself, on its own thread: log lines, errors of connections, delivery reports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use serde_json::json;
use tokio::sync::Notify;

use super::batch::{Answer, Ticket};
use super::error::{Complaint, code_of, refusal_kind};
use super::native;
use crate::domain::event::{Event, Level};
use crate::ports::Journal;

/// What those who wait in the foreground must know of it.
#[derive(Debug, Default)]
pub struct Heard {
    complaints: Mutex<Complaints>,
    room: Notify,
}

/// Since a broker last answered.
#[derive(Debug, Default)]
struct Complaints {
    /// The newest by TLS or login: it explains more than what comes after it.
    refusal: Option<Complaint>,
    last: Option<Complaint>,
}

impl Heard {
    /// What explains the silence of all brokers best.
    #[must_use]
    pub fn complaint(&self) -> Option<Complaint> {
        let complaints = self.complaints();
        complaints.refusal.as_ref().or(complaints.last.as_ref()).cloned()
    }

    /// A broker answered: whatever was wrong before is over.
    pub fn answered(&self) {
        *self.complaints() = Complaints::default();
    }

    /// Waits for a delivery report, which means room in the queue.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    /// `false` when it is what was heard last: rdkafka hands every error to the context twice.
    fn hear(&self, complaint: Complaint) -> bool {
        let mut complaints = self.complaints();
        if complaints.last.as_ref() == Some(&complaint) {
            return false;
        }
        if refusal_kind(complaint.code).is_some() {
            complaints.refusal = Some(complaint.clone());
        }
        complaints.last = Some(complaint);
        true
    }

    fn complaints(&self) -> MutexGuard<'_, Complaints> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of one client.
pub struct Listener {
    /// `producer` or `admin`, for the log.
    pub client: &'static str,
    /// Where lines go.
    pub journal: Arc<dyn Journal>,
    /// What others wait for.
    pub heard: Arc<Heard>,
}

impl Listener {
    fn line(&self, level: Level, facility: &str, message: String) {
        let fields = json!({ "client": self.client, "facility": facility });
        self.journal.note(Event::Log { level, message, fields });
    }
}

/// How loud a line of librdkafka is. A connection that fails is tried again by librdkafka, so it is no error yet.
fn level(level: RDKafkaLogLevel, facility: &str) -> Level {
    match level {
        RDKafkaLogLevel::Error if facility == "FAIL" => Level::Warn,
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => Level::Error,
        RDKafkaLogLevel::Warning => Level::Warn,
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => Level::Info,
        RDKafkaLogLevel::Debug => Level::Debug,
    }
}

impl ClientContext for Listener {
    fn log(&self, loudness: RDKafkaLogLevel, facility: &str, message: &str) {
        self.line(level(loudness, facility), facility, format!("librdkafka: {message}"));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = code_of(&error);
        if !self.heard.hear(Complaint { code, reason: reason.to_owned() }) {
            return;
        }
        // `ALL_BROKERS_DOWN` and its like are information; that nothing gets through shows where somebody waits.
        let level = if code == Code::Fatal { Level::Error } else { Level::Debug };
        self.line(level, &native::name(code), format!("librdkafka: {reason}"));
    }

    /// Not asked for; without this rdkafka would parse and print them.
    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Listener {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, delivery: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = match delivery {
            Ok(message) => Answer::Acked { partition: message.partition(), offset: message.offset() },
            Err((error, message)) => Answer::Failed(code_of(error), native::stored(message)),
        };
        ticket.answer(answer);
        self.heard.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<(Level, String)>>);

    impl Journal for Lines {
        fn note(&self, event: Event) {
            if let Event::Log { level, message, .. } = event {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push((level, message));
            }
        }
    }

    fn listener() -> (Arc<Lines>, Listener) {
        let lines = Arc::new(Lines::default());
        (Arc::clone(&lines), Listener { client: "producer", journal: lines, heard: Arc::default() })
    }

    fn taken(lines: &Lines) -> Vec<(Level, String)> {
        std::mem::take(&mut lines.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[test]
    fn all_brokers_down_is_one_debug_line() {
        let (lines, listener) = listener();
        listener.error(KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        listener.error(KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(taken(&lines), [(Level::Debug, "librdkafka: 1/1 brokers are down".to_owned())]);
        assert_eq!(listener.heard.complaint().map(|complaint| complaint.code), Some(Code::AllBrokersDown));
    }

    #[test]
    fn a_failed_connection_is_a_warning_and_other_errors_are_errors() {
        let (lines, listener) = listener();
        listener.log(RDKafkaLogLevel::Error, "FAIL", "connect refused");
        listener.log(RDKafkaLogLevel::Error, "PRODUCE", "no");
        listener.log(RDKafkaLogLevel::Notice, "X", "n");
        let levels: Vec<Level> = taken(&lines).into_iter().map(|(level, _)| level).collect();
        assert_eq!(levels, [Level::Warn, Level::Error, Level::Info]);
    }

    #[test]
    fn a_refused_login_explains_the_silence_until_a_broker_answers() {
        let (_, listener) = listener();
        listener.error(KafkaError::Global(Code::Authentication), "wrong password");
        listener.error(KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(listener.heard.complaint().map(|complaint| complaint.reason), Some("wrong password".to_owned()));
        listener.heard.answered();
        assert_eq!(listener.heard.complaint(), None);
    }
}
