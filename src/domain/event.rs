//! What happened, for listeners, logs and counters. Never a payload, never a secret.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{Entry, Identity, words};

/// One thing that happened. In JSON `type` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Event {
    /// A failure is durable.
    #[serde(rename_all = "camelCase")]
    Stored {
        /// Which entry.
        #[serde(flatten)]
        subject: Subject,
        /// Its counted attempts.
        retry_count: u32,
        /// When it is due, epoch milliseconds.
        due_at: i64,
        /// Where it stands.
        state: &'static str,
    },
    /// The broker has a copy.
    #[serde(rename_all = "camelCase")]
    Redelivered {
        /// Which entry.
        #[serde(flatten)]
        subject: Subject,
        /// The attempt that the copy is for.
        attempt: u32,
        /// The generation that it carries.
        generation: i64,
        /// Its partition.
        partition: i32,
        /// Its offset, decimal.
        offset: String,
    },
    /// A success was reported, and the entry is gone.
    #[serde(rename_all = "camelCase")]
    Resolved {
        /// Its topic.
        topic: String,
        /// Its group.
        group_id: String,
        /// Its data id.
        data_id: String,
    },
    /// An entry was given up.
    #[serde(rename_all = "camelCase")]
    Dead {
        /// Which entry.
        #[serde(flatten)]
        subject: Subject,
        /// Its counted attempts.
        retry_count: u32,
        /// Why.
        reason: &'static str,
    },
    /// A copy was not acknowledged.
    #[serde(rename_all = "camelCase")]
    DeliveryFailed {
        /// Which entry.
        #[serde(flatten)]
        subject: Subject,
        /// `not_done` or `unknown`.
        outcome: &'static str,
        /// The broker client's name of the error.
        code: String,
        /// Its text.
        message: String,
    },
    /// Something to look at; work goes on.
    Warning(Notice),
    /// Something that did not work; work goes on if it can.
    Error(Notice),
    /// A line for the log.
    Log {
        /// How loud.
        level: Level,
        /// What happened.
        message: String,
        /// Facts.
        fields: Value,
    },
    /// The queue was full; so many were lost.
    Dropped {
        /// How many.
        count: u64,
    },
}

words!(
    /// The events that are counted, and that only listeners want: nobody logs them. The word is their `type` in JSON.
    Kind {
        /// [`Event::Stored`].
        Stored = "stored",
        /// [`Event::Redelivered`].
        Redelivered = "redelivered",
        /// [`Event::Resolved`].
        Resolved = "resolved",
        /// [`Event::Dead`].
        Dead = "dead",
        /// [`Event::DeliveryFailed`].
        DeliveryFailed = "deliveryFailed",
    }
);

/// Text of a warning or error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Stable name.
    pub code: String,
    /// For people.
    pub message: String,
    /// For programs.
    pub details: Value,
}

/// Which entry an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its number, decimal.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Its group.
    pub group_id: String,
    /// Its data id.
    pub data_id: String,
}

impl Subject {
    /// By number and identity.
    #[must_use]
    pub fn new(id: i64, identity: &Identity) -> Self {
        Self {
            id: id.to_string(),
            topic: identity.topic.clone(),
            group_id: identity.group.clone(),
            data_id: identity.data_id.clone(),
        }
    }
}

impl From<&Entry> for Subject {
    fn from(entry: &Entry) -> Self {
        Self::new(entry.id, &entry.identity)
    }
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Normal.
    Info,
    /// To look at.
    Warn,
    /// Did not work.
    Error,
}

impl Event {
    /// Which of the counted ones it is.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Stored { .. } => Some(Kind::Stored),
            Self::Redelivered { .. } => Some(Kind::Redelivered),
            Self::Resolved { .. } => Some(Kind::Resolved),
            Self::Dead { .. } => Some(Kind::Dead),
            Self::DeliveryFailed { .. } => Some(Kind::DeliveryFailed),
            Self::Warning(_) | Self::Error(_) | Self::Log { .. } | Self::Dropped { .. } => None,
        }
    }

    /// A warning.
    pub fn warning(code: &str, message: impl Into<String>, details: Value) -> Self {
        Self::Warning(Notice { code: code.to_owned(), message: message.into(), details })
    }

    /// A success that forgot an entry.
    #[must_use]
    pub fn resolved(identity: &Identity) -> Self {
        let Identity { group, topic, data_id, .. } = identity.clone();
        Self::Resolved { topic, group_id: group, data_id }
    }

    /// An error, from one of ours.
    #[must_use]
    pub fn error(error: &super::Error) -> Self {
        let message = match &error.source {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self::Error(Notice { code: error.code.as_str().to_owned(), message, details: error.details.clone() })
    }
}
