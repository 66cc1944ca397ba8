//! From what a caller says to what the store is asked, and from its answer to events.

use super::line::{Answer, Work};
use crate::domain::copy::{self, CopyHeaders, Reading};
use crate::domain::entry::{FailureId, Identity, Life, Redelivery};
use crate::domain::event::{Event, Subject};
use crate::domain::headers::Headers;
use crate::domain::message::{Failure, Message, Origin};
use crate::domain::policy::RetryPolicy;
use crate::domain::validate::is_topic;
use crate::domain::verbs::{Effect, NewFailure, Resolved, Success};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Chance, Journal};

/// A failure as a caller reports it.
#[derive(Debug, Clone)]
pub struct Report {
    /// Empty for none.
    pub group: String,
    /// The topic that it was read from.
    pub topic: String,
    /// `None`: the coordinates of the original record.
    pub data_id: Option<String>,
    /// Bytes, headers and coordinates as read.
    pub message: Message,
    /// The policy.
    pub policy: RetryPolicy,
    /// What the handling ended with.
    pub error: Option<Failure>,
    /// Drawn when absent.
    pub failure_id: Option<FailureId>,
}

/// What all reports of a handler have in common.
pub struct Reporter<'a> {
    /// The handler's namespace.
    pub namespace: &'a str,
    /// Where its copies go.
    pub redelivery: Redelivery,
    /// The retry topic of the options.
    pub retry_topic: Option<&'a str>,
    /// The largest message.
    pub max_payload: u64,
    /// For ids.
    pub chance: &'a dyn Chance,
    /// For warnings.
    pub journal: &'a dyn Journal,
}

impl Reporter<'_> {
    /// What the store is asked for a failure.
    ///
    /// # Errors
    /// `KER_TOO_LARGE` beyond the payload limit; `KER_ARGUMENT` without any id.
    pub fn failure(&self, report: Report) -> Result<NewFailure> {
        let Report { group, topic, data_id, mut message, policy, error, failure_id } = report;
        let size = message.size() as u64;
        if size > self.max_payload {
            let text = format!("pushError: the message has {size} bytes, more than the limit of {}", self.max_payload);
            let details = serde_json::json!({ "size": size, "limit": self.max_payload });
            return Err(Error::new(ErrorCode::TooLarge, text).with_details(details));
        }
        let copy = self.copy_headers(&topic, &message);
        if let Some(copy) = &copy {
            // The original record is what counts, through any number of redeliveries.
            message.origin = copy.origin;
        }
        let topic = copy.as_ref().and_then(|copy| copy.topic.clone()).unwrap_or(topic);
        if self.redelivery == Redelivery::RetryTopic && self.retry_topic.is_none() && group.is_empty() {
            let text =
                "pushError: redelivery 'retryTopic' needs a groupId, of the call or of the handler, or the option retryTopic";
            return Err(Error::new(ErrorCode::Argument, text));
        }
        let data_id = match data_id {
            Some(data_id) => data_id,
            None => coordinates(message.origin)?,
        };
        Ok(NewFailure {
            identity: Identity { namespace: self.namespace.to_owned(), group, topic, data_id },
            message,
            policy,
            redelivery: self.redelivery,
            failure_id: failure_id.unwrap_or_else(|| FailureId(self.chance.bits())),
            copy: copy.map(|copy| copy.mark),
            error,
            new_life: Life(self.chance.bits()),
            chance: self.chance.fraction(),
        })
    }

    /// Our headers, if they are there and belong to this record.
    fn copy_headers(&self, topic: &str, message: &Message) -> Option<CopyHeaders> {
        match copy::read(&message.headers) {
            Reading::Plain => None,
            Reading::Copy(headers) if self.are_own(&headers, topic, message) => Some(headers),
            Reading::Copy(_) | Reading::Broken => {
                self.meaningless(topic);
                None
            }
        }
    }

    /// Whoever may write to a topic can compute a sum, and must not lead its entries to another topic by that. So
    /// headers name another topic than the record's own only in a retry topic.
    fn are_own(&self, headers: &CopyHeaders, topic: &str, message: &Message) -> bool {
        let belong_to = |topic| headers.belong_to(topic, message.key.as_deref(), message.value.as_deref());
        let default = copy::default_retry_topic(&headers.group);
        let mut retry_topics = self.retry_topic.into_iter().chain([default.as_str()]);
        match headers.topic.as_deref() {
            None => belong_to(topic),
            // From a retry topic, reported under the original one.
            Some(original) if original == topic => retry_topics.any(belong_to),
            Some(original) => is_topic(original) && retry_topics.any(|retry| retry == topic) && belong_to(topic),
        }
    }

    fn meaningless(&self, topic: &str) {
        let text = format!(
            "the x-ker-* headers of a message of {topic} are not its own, so they mean nothing; was it built from a redelivered one?"
        );
        self.journal.note(Event::warning("headersInvalid", text, serde_json::json!({ "topic": topic })));
    }

    /// What the store is asked for a success. Headers alone are trusted: the life in them is random.
    #[must_use]
    pub fn success(&self, group: String, topic: String, data_id: String, headers: Option<&Headers>) -> Success {
        let copy = headers.and_then(|headers| match copy::read(headers) {
            Reading::Plain => None,
            Reading::Copy(copy) => Some(copy),
            Reading::Broken => {
                self.meaningless(&topic);
                None
            }
        });
        let (original, copy) = copy.map_or((None, None), |copy| (copy.topic, Some(copy.mark)));
        // A copy read from a retry topic is about the topic that its entry has, as for a failure.
        let topic = original.unwrap_or(topic);
        Success { identity: Identity { namespace: self.namespace.to_owned(), group, topic, data_id }, copy }
    }
}

fn coordinates(origin: Origin) -> Result<String> {
    match (origin.partition, origin.offset) {
        (Some(partition), Some(offset)) => Ok(format!("{partition}:{offset}")),
        _ => Err(Error::new(ErrorCode::Argument, "pushError: message.dataId is missing, and so are partition and offset")),
    }
}

/// Notes what a recorded report did.
pub fn note(journal: &dyn Journal, work: &Work, answer: &Answer) {
    let identity = work.identity();
    match answer {
        Answer::Pushed(pushed) => {
            let subject = || Subject::new(pushed.id, identity);
            if pushed.effect == Effect::Nothing {
                return;
            }
            journal.note(Event::Stored {
                subject: subject(),
                retry_count: pushed.retry_count,
                due_at: pushed.due_at.0,
                state: pushed.state.as_str(),
            });
            if pushed.effect == Effect::Died {
                journal.note(Event::Dead { subject: subject(), retry_count: pushed.retry_count, reason: "failed" });
            }
        }
        Answer::Resolved(Resolved::Deleted) => journal.note(Event::resolved(identity)),
        Answer::Resolved(Resolved::Unknown | Resolved::NewerFailure) => {}
    }
}
