//! The native half of a handler.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Function, PromiseRaw};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::json;

use super::options::checked;
use super::outcome::{Outcome, promise, rejection};
use super::reports::{AnswerOut, Bytes, FailureIn, Slots, SuccessIn, items};
use super::testing;
use crate::clock::SystemChance;
use crate::domain::error::Outcome as Became;
use crate::domain::event::Kind;
use crate::domain::verbs::{Pushed, Resolved};
use crate::domain::{Error, Result};
use crate::flows::line::{Answer, Ticket, Work};
use crate::flows::report::Reporter;
use crate::flows::writer::Held;
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
        let inner = Arc::new(runtime::Handler::new(options, rule));
        for kind in Kind::ALL {
            inner.journal().hear(*kind, false);
        }
        Ok(Self { inner, ends_with_thread: ends_with_thread == Some(true) })
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

    /// Whether anybody listens to an event; in the beginning nobody does. Names that everybody hears, such as `error`, are
    /// taken and change nothing.
    #[napi(catch_unwind)]
    pub fn hear(&self, event: String, is_heard: bool) {
        testing::in_call();
        if let Some(kind) = Kind::parse(&event) {
            self.inner.journal().hear(kind, is_heard);
        }
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

    /// Records failures: a JSON array of `FailureIn`, and the bytes that it names. Their places in the line are taken
    /// before it returns. Resolves with a JSON array of answers.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn push<'env>(
        &self,
        env: &'env Env,
        failures: String,
        #[napi(ts_arg_type = "Array<Uint8Array>")] bytes: Vec<Bytes>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let entered = self.enter_failures(&failures, Slots::new(bytes));
        promise(env, async move {
            let mut answers = Vec::new();
            for (failure_id, ticket) in let_go(entered)? {
                let result = pushed(ticket).await.map_err(|error| with_failure_id(error, failure_id.as_deref()));
                answers.push(AnswerOut::from(result));
            }
            text(&answers)
        })
    }

    /// Records successes: a JSON array of `SuccessIn`, and the bytes that it names. Their places in the line are taken
    /// before it returns. Resolves with a JSON array of answers.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn resolve<'env>(
        &self,
        env: &'env Env,
        successes: String,
        #[napi(ts_arg_type = "Array<Uint8Array>")] bytes: Vec<Bytes>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let entered = self.enter_successes(&successes, Slots::new(bytes));
        promise(env, async move {
            let mut answers = Vec::new();
            for ticket in let_go(entered)? {
                answers.push(AnswerOut::from(resolved(ticket).await));
            }
            text(&answers)
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

/// Calls with their places in the line, and the writer, which is still held.
type Entered<T> = Result<(Vec<T>, Held)>;

/// On the writer's own thread: to wake it from JavaScript's would cost a second change of threads.
fn let_go<T>(entered: Entered<T>) -> Result<Vec<T>> {
    entered.map(|(calls, _held)| calls)
}

impl Handler {
    fn enter_failures(&self, failures: &str, mut bytes: Slots) -> Entered<(Option<String>, Result<Ticket>)> {
        let parts = self.inner.parts()?;
        let options = self.inner.options();
        let (reporter, held) = (self.reporter(parts.max_payload), parts.writer.hold());
        let enter = |failure: FailureIn| {
            let report = failure.into_report(&mut bytes, &options.policy);
            let failure = report.and_then(|report| reporter.failure(report));
            let id = failure.as_ref().ok().map(|failure| failure.failure_id.to_string());
            (id, failure.and_then(|failure| held.enter(Work::Push(failure))))
        };
        Ok((items(failures)?.into_iter().map(enter).collect(), held))
    }

    fn enter_successes(&self, successes: &str, mut bytes: Slots) -> Entered<Result<Ticket>> {
        let parts = self.inner.parts()?;
        let (reporter, held) = (self.reporter(parts.max_payload), parts.writer.hold());
        let enter = |success: SuccessIn| held.enter(Work::Resolve(success.into_success(&mut bytes, &reporter)?));
        Ok((items(successes)?.into_iter().map(enter).collect(), held))
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

fn text(answers: &[AnswerOut]) -> Result<String> {
    serde_json::to_string(answers).map_err(|error| Error::internal("the answers cannot be written").caused_by(error))
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
