//! What crosses the border, field by field. `null` is absent, never `undefined`.

use napi::bindgen_prelude::{Buffer, FromNapiValue, TypeName, Uint8Array, ValidateNapiValue, ValueType};
use napi::sys;
use napi_derive::napi;

use super::outcome::Fault;
use crate::domain::entry::FailureId;
use crate::domain::headers::Headers;
use crate::domain::message::{Failure, Message, Origin};
use crate::domain::policy::RetryPolicy;
use crate::domain::verbs::{Pushed, Resolved};
use crate::domain::{Error, ErrorCode, Result};
use crate::flows::report::Report;
use crate::ports::Stored;

/// Bytes copied while JavaScript waits: what it does to its buffer afterwards changes nothing.
pub struct Bytes(Vec<u8>);

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Uint8Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for Bytes {}

impl FromNapiValue for Bytes {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: napi calls this with a live environment and a value of it.
        let array = unsafe { Uint8Array::from_napi_value(env, value)? };
        Ok(Self(array.to_vec()))
    }
}

/// A header handed in.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct HeaderIn {
    pub name: String,
    #[napi(ts_type = "Uint8Array | null")]
    pub value: Option<Bytes>,
}

/// A header handed out.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct HeaderOut {
    pub name: String,
    pub value: Option<Buffer>,
}

/// A message handed in.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct MessageIn {
    pub topic: String,
    #[napi(ts_type = "Uint8Array | null")]
    pub key: Option<Bytes>,
    #[napi(ts_type = "Uint8Array | null")]
    pub value: Option<Bytes>,
    pub headers: Vec<HeaderIn>,
    pub partition: Option<i32>,
    /// Decimal.
    pub offset: Option<String>,
    /// Epoch milliseconds.
    pub timestamp: Option<i64>,
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
#[napi(object, use_nullable = true)]
pub struct ErrorInfo {
    pub class: String,
    pub message: String,
    pub code: Option<String>,
    pub stack: Option<String>,
}

/// A failure handed in.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct FailureIn {
    pub group_id: String,
    pub data_id: Option<String>,
    pub message: MessageIn,
    /// JSON, complete or partial; null for the handler's.
    pub policy: Option<String>,
    pub error: Option<ErrorInfo>,
    /// 32 hexadecimal digits.
    pub failure_id: Option<String>,
}

/// A recorded failure.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PushedOut {
    pub id: String,
    pub retry_count: u32,
    /// Epoch milliseconds.
    pub due_at: i64,
    pub state: String,
    pub failure_id: String,
}

/// Exactly one of the two.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PushAnswer {
    pub ok: Option<PushedOut>,
    pub error: Option<Fault>,
}

/// A success handed in.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct SuccessIn {
    pub group_id: String,
    pub topic: String,
    pub data_id: String,
    pub headers: Option<Vec<HeaderIn>>,
}

/// A recorded success.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ResolvedOut {
    pub deleted: u32,
    pub reason: Option<String>,
}

/// Exactly one of the two.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ResolveAnswer {
    pub ok: Option<ResolvedOut>,
    pub error: Option<Fault>,
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
    pub reason: Option<String>,
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

/// Headers handed in, as ours.
pub fn headers(headers: Vec<HeaderIn>) -> Headers {
    Headers(headers.into_iter().map(|header| (header.name, header.value.map(|value| value.0))).collect())
}

impl FailureIn {
    /// As a report; a partial policy is completed from the handler's.
    pub fn into_report(self, handlers_policy: &RetryPolicy) -> Result<Report> {
        let MessageIn { topic, key, value, headers: given, partition, offset, timestamp } = self.message;
        let offset = offset.map(|offset| offset.parse()).transpose();
        let offset = offset.map_err(|_| argument("message.offset must be a decimal integer"))?;
        let failure_id = self
            .failure_id
            .map(|id| FailureId::parse(&id).ok_or_else(|| argument("message.failureId must be 32 hexadecimal digits")));
        let message = Message {
            key: key.map(|key| key.0),
            value: value.map(|value| value.0),
            headers: headers(given),
            origin: Origin { partition, offset, timestamp },
        };
        Ok(Report {
            group: self.group_id,
            topic,
            data_id: self.data_id,
            message,
            policy: policy(self.policy.as_deref(), handlers_policy)?,
            error: self.error.map(|error| Failure {
                class: error.class,
                message: error.message,
                code: error.code,
                stack: error.stack,
            }),
            failure_id: failure_id.transpose()?,
        })
    }
}

fn policy(json: Option<&str>, base: &RetryPolicy) -> Result<RetryPolicy> {
    let Some(json) = json else { return Ok(base.clone()) };
    let unreadable = |error| argument("message.policy cannot be read").caused_by(error);
    let mut merged = serde_json::to_value(base).map_err(unreadable)?;
    let given: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).map_err(unreadable)?;
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(given);
    }
    serde_json::from_value(merged).map_err(unreadable)
}

fn argument(text: &str) -> Error {
    Error::new(ErrorCode::Argument, format!("pushError: {text}"))
}

impl From<Result<Pushed>> for PushAnswer {
    fn from(result: Result<Pushed>) -> Self {
        match result {
            Ok(pushed) => Self {
                ok: Some(PushedOut {
                    id: pushed.id.to_string(),
                    retry_count: pushed.retry_count,
                    due_at: pushed.due_at.0,
                    state: pushed.state.as_str().to_owned(),
                    failure_id: pushed.failure_id.to_string(),
                }),
                error: None,
            },
            Err(error) => Self { ok: None, error: Some(error.into()) },
        }
    }
}

impl From<Result<Resolved>> for ResolveAnswer {
    fn from(result: Result<Resolved>) -> Self {
        let done = |deleted, reason: Option<&str>| Self {
            ok: Some(ResolvedOut { deleted, reason: reason.map(ToOwned::to_owned) }),
            error: None,
        };
        match result {
            Ok(Resolved::Deleted) => done(1, None),
            Ok(Resolved::Unknown) => done(0, None),
            Ok(Resolved::NewerFailure) => done(0, Some("newer-failure")),
            Err(error) => Self { ok: None, error: Some(error.into()) },
        }
    }
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
            reason: Some(entry.reason.as_str().to_owned()),
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
