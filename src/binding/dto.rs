//! Entries that are handed out, field by field. `null` is absent, never `undefined`.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::ports::Stored;

/// A header handed out.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct HeaderOut {
    pub name: String,
    pub value: Option<Buffer>,
}

/// A message handed out.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct MessageOut {
    pub topic: String,
    pub key: Option<Buffer>,
    pub value: Option<Buffer>,
    pub headers: Vec<HeaderOut>,
    pub partition: Option<i32>,
    /// Decimal.
    pub offset: Option<String>,
    /// Epoch milliseconds.
    pub timestamp: Option<i64>,
}

/// What a handling ended with.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ErrorInfo {
    pub class: String,
    pub message: String,
    pub code: Option<String>,
    pub stack: Option<String>,
}

/// An entry handed out.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct EntryOut {
    pub id: String,
    pub namespace: String,
    pub group_id: String,
    pub topic: String,
    pub data_id: String,
    pub life: String,
    pub state: String,
    pub reason: String,
    pub retry_count: u32,
    pub generation: String,
    pub due_at: i64,
    /// JSON.
    pub policy: String,
    pub redelivery: String,
    pub message: MessageOut,
    pub error: Option<ErrorInfo>,
    pub first_failed_at: i64,
    pub last_failed_at: i64,
}

/// A page of entries.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PageOut {
    pub entries: Vec<EntryOut>,
    pub cursor: Option<String>,
}

impl From<Stored> for EntryOut {
    fn from(stored: Stored) -> Self {
        let Stored { entry, message, error } = stored;
        let headers = message.headers.0.into_iter().map(|(name, value)| HeaderOut { name, value: value.map(Into::into) });
        Self {
            id: entry.id.to_string(),
            namespace: entry.identity.namespace,
            group_id: entry.identity.group,
            topic: entry.identity.topic.clone(),
            data_id: entry.identity.data_id,
            life: entry.life.to_string(),
            state: entry.state.as_str().to_owned(),
            reason: entry.reason.as_str().to_owned(),
            retry_count: entry.retry_count,
            generation: entry.generation.to_string(),
            due_at: entry.due_at.0,
            policy: serde_json::to_string(&entry.policy).unwrap_or_default(),
            redelivery: entry.redelivery.as_str().to_owned(),
            message: MessageOut {
                topic: entry.identity.topic,
                key: message.key.map(Into::into),
                value: message.value.map(Into::into),
                headers: headers.collect(),
                partition: message.origin.partition,
                offset: message.origin.offset.map(|offset| offset.to_string()),
                timestamp: message.origin.timestamp,
            },
            error: error.map(|error| ErrorInfo {
                class: error.class,
                message: error.message,
                code: error.code,
                stack: error.stack,
            }),
            first_failed_at: entry.first_failed_at.0,
            last_failed_at: entry.last_failed_at.0,
        }
    }
}
