//! The native half of a handler.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Function, PromiseRaw};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::json;

use super::dto::{FailureIn, PushAnswer, ResolveAnswer, SuccessIn, headers};
use super::options::checked;
use super::outcome::{Outcome, promise, rejection};
use super::testing;
use crate::clock::SystemChance;
use crate::domain::error::Outcome as Became;
use crate::domain::verbs::{Pushed, Resolved};
use crate::domain::{Error, Result};
use crate::flows::line::{Answer, Ticket, Work};
use crate::flows::report::Reporter;
use crate::runtime::{self, THREADS};

/// One handler. JavaScript asks; nothing here calls back but `wake`, which only says that there is something to drain.
#[napi]
pub struct Handler {
    pub(super) inner: Arc<runtime::Handler>,
    ends_with_thread: bool,
}

/// A worker that is terminated runs no JavaScript any more that could close its handlers; what they hold would stay as
/// long as the process. At the end of the process itself nothing new begins.
impl Drop for Handler {
    fn drop(&mut self) {
        if self.ends_with_thread {
            let inner = Arc::clone(&self.inner);
            THREADS.spawn(async move { inner.close().await });
        }
    }
}

#[napi]
impl Handler {
    /// By options as JSON; with `ends_with_thread` it closes when the thread that made it ends. Throws `KER_CONFIG`. No I/O.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, options: String, ends_with_thread: Option<bool>) -> napi::Result<Self> {
        testing::in_call();
        let (options, rule) = checked(options).map_err(|error| rejection(env.raw(), &error))?;
        Ok(Self { inner: Arc::new(runtime::Handler::new(options, rule)), ends_with_thread: ends_with_thread == Some(true) })
    }

    /// Calls `wake` when `drain()` has something new. Weak: it keeps no process alive.
    #[napi(catch_unwind)]
    pub fn on_wake(&self, wake: Function<'_, (), ()>) -> napi::Result<()> {
        testing::in_call();
        let wake = wake.build_threadsafe_function().weak::<true>().callee_handled::<false>().max_queue_size::<1>().build()?;
        self.inner.journal().on_wake(move || {
            // Full means that a call is on its way already.
            let _queued_or_not_needed = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        Ok(())
    }

    /// The events since the last time, as a JSON array.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn drain(&self) -> String {
        testing::in_call();
        json!(self.inner.journal().drain()).to_string()
    }

    /// Opens store and broker.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<void>>")]
    pub fn initialize<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<()>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { inner.initialize().await })
    }

    /// Records failures. Their places in the line are taken before it returns.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Array<PushAnswer>>>")]
    pub fn push<'env>(
        &self,
        env: &'env Env,
        failures: Vec<FailureIn>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<Vec<PushAnswer>>>> {
        let entered = self.enter_failures(failures);
        promise(env, async move {
            let mut answers = Vec::new();
            for (failure_id, ticket) in entered? {
                let result = pushed(ticket).await.map_err(|error| with_failure_id(error, failure_id.as_deref()));
                answers.push(result.into());
            }
            Ok(answers)
        })
    }

    /// Records successes. Their places in the line are taken before it returns.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<Array<ResolveAnswer>>>")]
    pub fn resolve<'env>(
        &self,
        env: &'env Env,
        successes: Vec<SuccessIn>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<Vec<ResolveAnswer>>>> {
        let entered = self.enter_successes(successes);
        promise(env, async move {
            let mut answers = Vec::new();
            for ticket in entered? {
                answers.push(resolved(ticket).await.into());
            }
            Ok(answers)
        })
    }

    /// Sweeps from now on.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<void>>")]
    pub fn start_sweeps<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<()>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { inner.start_sweeps() })
    }

    /// No sweep begins any more.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<void>>")]
    pub fn stop_sweeps<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<()>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            inner.stop_sweeps().await;
            Ok(())
        })
    }

    /// One pass now; resolves with a report as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn sweep<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { Ok(json!(inner.sweep().await?).to_string()) })
    }

    /// Ends everything in time; resolves with `{ leaked }` as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let leaked = inner.close().await;
            Ok(json!({ "leaked": leaked }).to_string())
        })
    }
}

type Entered<T> = Result<Vec<T>>;

impl Handler {
    fn enter_failures(&self, failures: Vec<FailureIn>) -> Entered<(Option<String>, Result<Ticket>)> {
        let parts = self.inner.parts()?;
        let options = self.inner.options();
        let reporter = self.reporter(parts.max_payload);
        let enter = |failure: FailureIn| {
            let failure = failure.into_report(&options.policy).and_then(|report| reporter.failure(report));
            let id = failure.as_ref().ok().map(|failure| failure.failure_id.to_string());
            (id, failure.and_then(|failure| parts.writer.enter(Work::Push(failure))))
        };
        Ok(failures.into_iter().map(enter).collect())
    }

    fn enter_successes(&self, successes: Vec<SuccessIn>) -> Entered<Result<Ticket>> {
        let parts = self.inner.parts()?;
        let reporter = self.reporter(parts.max_payload);
        let enter = |success: SuccessIn| {
            let given = success.headers.map(headers);
            let success = reporter.success(success.group_id, success.topic, success.data_id, given.as_ref());
            parts.writer.enter(Work::Resolve(success))
        };
        Ok(successes.into_iter().map(enter).collect())
    }

    fn reporter(&self, max_payload: u64) -> Reporter<'_> {
        let options = self.inner.options();
        Reporter {
            namespace: &options.namespace,
            redelivery: options.redelivery,
            retry_topic: options.retry_topic.as_deref(),
            max_payload,
            chance: &SystemChance,
            journal: &**self.inner.journal(),
        }
    }
}

async fn pushed(ticket: Result<Ticket>) -> Result<Pushed> {
    match ticket?.wait().await? {
        Answer::Pushed(pushed) => Ok(pushed),
        Answer::Resolved(_) => Err(Error::internal("a push was answered as a success")),
    }
}

async fn resolved(ticket: Result<Ticket>) -> Result<Resolved> {
    match ticket?.wait().await? {
        Answer::Resolved(resolved) => Ok(resolved),
        Answer::Pushed(_) => Err(Error::internal("a success was answered as a push")),
    }
}

/// Whoever repeats a push that may have been recorded hands this in, so that it counts once.
fn with_failure_id(mut error: Error, failure_id: Option<&str>) -> Error {
    if error.outcome != Some(Became::Unknown) {
        return error;
    }
    if let Some(failure_id) = failure_id {
        let mut details = error.details.as_object().cloned().unwrap_or_default();
        details.insert("failureId".to_owned(), failure_id.into());
        error.details = details.into();
    }
    error
}
