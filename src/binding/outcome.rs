//! The only place that makes a JavaScript error of one of ours.
//!
//! An `async` function of napi loses the code of its error: what arrives is `GenericFailure`. An error of napi cannot
//! carry our code, but it can carry a JavaScript value, so the JavaScript error is made here, on the JavaScript thread,
//! and handed on as that value.

use std::future::Future;

use napi::bindgen_prelude::{FromNapiValue, Object, PromiseRaw, ToNapiValue, TypeName, Unknown, ValueType};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

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
#[napi(object, use_nullable = true)]
pub struct Fault {
    /// The stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// The same call may succeed later.
    pub retriable: bool,
    /// `not_done`, `unknown` or null.
    pub outcome: Option<String>,
    /// JSON.
    pub details: Option<String>,
    /// Text of the foreign error.
    pub cause: Option<String>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self {
            code: error.code.as_str().to_owned(),
            retriable: error.code.is_retriable(),
            outcome: error.outcome.map(|outcome| outcome.as_str().to_owned()),
            details: details(&error).map(|details| details.to_string()),
            cause: error.source.as_ref().map(ToString::to_string),
            message: error.message,
        }
    }
}

/// A promise of what `work` comes to. It runs on our own threads, so it goes on when its caller's environment ends, and
/// a panic in it is a rejection and nothing more.
pub fn promise<T>(env: &Env, work: impl Future<Output = Result<T>> + Send + 'static) -> napi::Result<PromiseRaw<'_, Outcome<T>>>
where
    T: ToNapiValue + Send + 'static,
{
    testing::in_call();
    let running = THREADS.spawn(async move {
        testing::in_work();
        work.await
    });
    env.spawn_future(async move {
        let result =
            running.await.unwrap_or_else(|failed| Err(Error::internal("a part of kafka-error-retry panicked").caused_by(failed)));
        Ok(Outcome(result))
    })
}
