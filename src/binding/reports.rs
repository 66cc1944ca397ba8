//! Failures and successes on their way in, and the answers to them. They cross by the batch, as one JSON text with the
//! bytes in a list beside it: an object of JavaScript that is read field by field costs more than the row in the database.

use napi::bindgen_prelude::{FromNapiValue, TypeName, Uint8Array, ValidateNapiValue, ValueType};
use napi::sys;
use serde::{Deserialize, Serialize};

use super::outcome::Fault;
use crate::domain::entry::FailureId;
use crate::domain::headers::Headers;
use crate::domain::message::{Failure, Message, Origin};
use crate::domain::policy::RetryPolicy;
use crate::domain::verbs::{Pushed, Resolved, Success};
use crate::domain::{Error, ErrorCode, Result};
use crate::flows::report::{Report, Reporter};

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

/// The bytes of a batch; each is taken once.
pub struct Slots(Vec<Option<Vec<u8>>>);

impl Slots {
    /// In their order.
    pub fn new(bytes: Vec<Bytes>) -> Self {
        Self(bytes.into_iter().map(|bytes| Some(bytes.0)).collect())
    }

    fn take(&mut self, slot: Option<usize>) -> Result<Option<Vec<u8>>> {
        let Some(slot) = slot else { return Ok(None) };
        let missing = || Error::internal("a batch names bytes that it does not have");
        self.0.get_mut(slot).and_then(Option::take).map(Some).ok_or_else(missing)
    }

    fn headers(&mut self, headers: Vec<HeaderIn>) -> Result<Headers> {
        let header = |HeaderIn(name, slot)| Ok((name, self.take(slot)?));
        Ok(Headers(headers.into_iter().map(header).collect::<Result<_>>()?))
    }
}

/// A header: its name, and where its value is.
#[derive(Deserialize)]
struct HeaderIn(String, Option<usize>);

/// A failure handed in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailureIn {
    group_id: String,
    data_id: Option<String>,
    topic: String,
    key: Option<usize>,
    value: Option<usize>,
    headers: Vec<HeaderIn>,
    partition: Option<i32>,
    /// Decimal.
    offset: Option<String>,
    /// Epoch milliseconds.
    timestamp: Option<i64>,
    /// JSON, complete or partial; null for the handler's.
    policy: Option<String>,
    error: Option<ErrorIn>,
    /// 32 hexadecimal digits.
    failure_id: Option<String>,
}

#[derive(Deserialize)]
struct ErrorIn {
    class: String,
    message: String,
    code: Option<String>,
    stack: Option<String>,
}

/// A success handed in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuccessIn {
    group_id: String,
    topic: String,
    data_id: String,
    headers: Option<Vec<HeaderIn>>,
}

/// The items of a batch.
pub fn items<'a, T: Deserialize<'a>>(batch: &'a str) -> Result<Vec<T>> {
    serde_json::from_str(batch).map_err(|error| Error::internal("a batch cannot be read").caused_by(error))
}

impl FailureIn {
    /// As a report; a partial policy is completed from the handler's.
    pub fn into_report(self, bytes: &mut Slots, handlers_policy: &RetryPolicy) -> Result<Report> {
        let offset = self.offset.map(|offset| offset.parse()).transpose();
        let offset = offset.map_err(|_| argument("message.offset must be a decimal integer"))?;
        let failure_id = self
            .failure_id
            .map(|id| FailureId::parse(&id).ok_or_else(|| argument("message.failureId must be 32 hexadecimal digits")));
        let message = Message {
            key: bytes.take(self.key)?,
            value: bytes.take(self.value)?,
            headers: bytes.headers(self.headers)?,
            origin: Origin { partition: self.partition, offset, timestamp: self.timestamp },
        };
        Ok(Report {
            group: self.group_id,
            topic: self.topic,
            data_id: self.data_id,
            message,
            policy: policy(self.policy.as_deref(), handlers_policy)?,
            error: self.error.map(|ErrorIn { class, message, code, stack }| Failure { class, message, code, stack }),
            failure_id: failure_id.transpose()?,
        })
    }
}

impl SuccessIn {
    /// As a success.
    pub fn into_success(self, bytes: &mut Slots, reporter: &Reporter<'_>) -> Result<Success> {
        let headers = self.headers.map(|headers| bytes.headers(headers)).transpose()?;
        Ok(reporter.success(self.group_id, self.topic, self.data_id, headers.as_ref()))
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

/// One of many answers: a result, or the error of its item.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerOut {
    /// A recorded failure.
    #[serde(rename_all = "camelCase")]
    Pushed {
        id: String,
        retry_count: u32,
        /// Epoch milliseconds.
        due_at: i64,
        state: &'static str,
        failure_id: String,
    },
    /// A recorded success.
    Resolved { deleted: u32, reason: Option<&'static str> },
    /// Nothing was recorded, or that is not known.
    Error(Fault),
}

impl From<Result<Pushed>> for AnswerOut {
    fn from(result: Result<Pushed>) -> Self {
        match result {
            Ok(pushed) => Self::Pushed {
                id: pushed.id.to_string(),
                retry_count: pushed.retry_count,
                due_at: pushed.due_at.0,
                state: pushed.state.as_str(),
                failure_id: pushed.failure_id.to_string(),
            },
            Err(error) => Self::Error(error.into()),
        }
    }
}

impl From<Result<Resolved>> for AnswerOut {
    fn from(result: Result<Resolved>) -> Self {
        match result {
            Ok(Resolved::Deleted) => Self::Resolved { deleted: 1, reason: None },
            Ok(Resolved::Unknown) => Self::Resolved { deleted: 0, reason: None },
            Ok(Resolved::NewerFailure) => Self::Resolved { deleted: 0, reason: Some("newer-failure") },
            Err(error) => Self::Error(error.into()),
        }
    }
}
