//! The only place that makes a JavaScript error of one of ours.
//!
//! An `async` function of napi loses the code of its error: what arrives is `GenericFailure`. An error of napi cannot
//! carry our code, but it can carry a JavaScript value, so the JavaScript error is made here, on the JavaScript thread,
//! and handed on as that value.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use napi::bindgen_prelude::{FromNapiValue, Object, PromiseRaw, ToNapiValue, TypeName, Unknown, ValueType};
use napi::{Env, JsValue, sys};
use serde::Serialize;

use super::testing;
use crate::domain::{Error, Result};
use crate::runtime::THREADS;

/// A result on its way over the border.
pub struct Outcome<T>(pub Result<T>);

impl<T> TypeName for Outcome<T> {
    fn type_name() -> &'static str {
        "Outcome"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        match outcome.0 {
            // SAFETY: napi calls this with a live environment on its own thread, as `T`'s function demands.
            Ok(value) => unsafe { T::to_napi_value(env, value) },
            Err(error) => Err(rejection(env, &error)),
        }
    }
}

/// An error that napi throws or rejects with as it is.
pub fn rejection(env: sys::napi_env, error: &Error) -> napi::Error {
    let made = || {
        let value = js_error(env, error)?;
        // SAFETY: `value` was made in this environment just now.
        unsafe { Unknown::from_napi_value(env, value) }
    };
    match made() {
        Ok(value) => napi::Error::from(value),
        Err(failed) => failed,
    }
}

fn js_error(env: sys::napi_env, error: &Error) -> napi::Result<sys::napi_value> {
    let coded = napi::Error::new(error.code.as_str().to_owned(), error.message.clone());
    // SAFETY: `env` is live and this is its thread; see `to_napi_value`.
    let value = unsafe { napi::JsError::from(coded).into_value(env) };
    let scope = Env::from_raw(env);
    // SAFETY: as above; an error is an object.
    let mut object = unsafe { Object::from_napi_value(env, value)? };
    object.set("retriable", error.code.is_retriable())?;
    object.set("outcome", error.outcome.map(crate::domain::error::Outcome::as_str))?;
    object.set("details", details(error))?;
    let cause = error.source.as_ref().map(|cause| scope.create_error(napi::Error::from_reason(cause.to_string()))).transpose()?;
    object.set("cause", cause.map(|cause| cause.to_unknown()))?;
    Ok(value)
}

fn details(error: &Error) -> Option<serde_json::Value> {
    (!error.details.is_null()).then(|| error.details.clone())
}

/// An error as plain data, where it is one of many answers.
#[derive(Serialize)]
pub struct Fault {
    /// The stable code.
    code: &'static str,
    /// For people.
    message: String,
    /// The same call may succeed later.
    retriable: bool,
    /// `not_done`, `unknown` or null.
    outcome: Option<&'static str>,
    details: Option<serde_json::Value>,
    /// Text of the foreign error.
    cause: Option<String>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self {
            code: error.code.as_str(),
            retriable: error.code.is_retriable(),
            outcome: error.outcome.map(crate::domain::error::Outcome::as_str),
            details: details(&error),
            cause: error.source.as_ref().map(ToString::to_string),
            message: error.message,
        }
    }
}

/// A promise of what `work` comes to. It runs on our own threads, so it goes on when its caller's environment ends, and
/// a panic in it is a rejection and nothing more. The promise is settled from the thread that did the work: napi's own
/// runtime would be one more thread to wake for each call.
pub fn promise<T>(env: &Env, work: impl Future<Output = Result<T>> + Send + 'static) -> napi::Result<PromiseRaw<'_, Outcome<T>>>
where
    T: ToNapiValue + Send + 'static,
{
    testing::in_call();
    let (deferred, promise) = env.create_deferred()?;
    let work = async move {
        testing::in_work();
        work.await
    };
    THREADS.spawn(async move {
        let result = caught(work).await;
        deferred.resolve(move |_| Ok(Outcome(result)));
    });
    Ok(PromiseRaw::new(env.raw(), promise.raw()))
}

/// A panic in `work` as an error. Work that panicked is not polled again.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(Error::internal("a part of kafka-error-retry panicked"))))
    })
    .await
}
