//! The operator's calls of a handler.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use serde_json::{Value, json};

use super::dto::{EntryOut, PageOut};
use super::handler::Handler;
use super::outcome::{Outcome, promise};
use crate::domain::adoption::OldRows;
use crate::domain::entry::Redelivery;
use crate::domain::filter::Filter;
use crate::domain::verbs::Operation;
use crate::domain::{Error, ErrorCode, Result};
use crate::flows::operate;
use crate::ports::Store;
use crate::runtime;

#[napi]
impl Handler {
    /// One entry by number.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<EntryOut | null>>")]
    pub fn get<'env>(&self, env: &'env Env, id: String) -> napi::Result<PromiseRaw<'env, Outcome<Option<EntryOut>>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let found = operate::find(&**inner.store()?, &inner.options().namespace, &id).await?;
            Ok(found.map(EntryOut::from))
        })
    }

    /// One page of entries.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<PageOut>>")]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        filter: String,
        limit: u32,
        cursor: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<PageOut>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let filter = read_filter(&filter)?;
            let store = &**inner.store()?;
            let (entries, cursor) = operate::list(store, &inner.options().namespace, &filter, limit, cursor.as_deref()).await?;
            Ok(PageOut { entries: entries.into_iter().map(EntryOut::from).collect(), cursor })
        })
    }

    /// How many match.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number>>")]
    pub fn count<'env>(&self, env: &'env Env, filter: String) -> napi::Result<PromiseRaw<'env, Outcome<i64>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let filter = read_filter(&filter)?;
            inner.store()?.count(&inner.options().namespace, &filter).await.map(number)
        })
    }

    /// Applies an operation to what matches.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number>>")]
    pub fn operate<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "'requeue' | 'retryNow' | 'hold' | 'discard' | 'purge'")] operation: String,
        filter: String,
        redelivery: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, Outcome<i64>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let operation = read_operation(&operation, redelivery.as_deref())?;
            let filter = read_filter(&filter)?;
            operate::operate(&**inner.store()?, &inner.options().namespace, operation, &filter).await.map(number)
        })
    }

    /// Pauses or resumes a topic, for every process.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<void>>")]
    pub fn set_paused<'env>(&self, env: &'env Env, topic: String, paused: bool) -> napi::Result<PromiseRaw<'env, Outcome<()>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { inner.store()?.set_paused(&inner.options().namespace, &topic, paused).await })
    }

    /// What `initialize()` would do to the tables, as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn plan<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { Ok(json!(inner.plan().await?).to_string()) })
    }

    /// Makes entries of rows of 2.x, or only says what there is, as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn adopt<'env>(&self, env: &'env Env, spent: bool, dry_run: bool) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        let rows = if spent { OldRows::Spent } else { OldRows::Open };
        promise(env, async move { Ok(json!(inner.adopt(rows, dry_run).await?).to_string()) })
    }

    /// Counts and counters, as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn stats<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move {
            let parts = inner.parts()?;
            let tally = parts.store.tally(&inner.options().namespace).await?;
            Ok(json!({
                "entries": tally.entries,
                "oldestDueMs": tally.oldest_due_ms,
                "pending": parts.writer.pending(),
                "sweeps": parts.sweeps.load(Ordering::Relaxed),
                "sweepsSkipped": parts.skipped.load(Ordering::Relaxed),
                "counters": inner.journal().counts(),
            })
            .to_string())
        })
    }

    /// Whether store, broker and scheduler work, as JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
    pub fn health<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Outcome<String>>> {
        let inner = Arc::clone(&self.inner);
        promise(env, async move { Ok(health(&inner).await.to_string()) })
    }
}

async fn health(handler: &runtime::Handler) -> Value {
    let check = |answer: Result<()>| match answer {
        Ok(()) => json!({ "status": "ok" }),
        Err(error) => json!({ "status": "down", "reason": error.to_string() }),
    };
    let parts = match handler.parts() {
        Ok(parts) => parts,
        Err(error) => return json!({ "status": "down", "checks": { "database": check(Err(error)) } }),
    };
    let probe = std::time::Duration::from_secs(2);
    let (database, kafka) = tokio::join!(parts.store.paused(&handler.options().namespace), parts.broker.probe(probe));
    let scheduler = if handler.is_sweeping() { json!({ "status": "ok" }) } else { json!({ "status": "stopped" }) };
    let status = match (&database, &kafka) {
        (Err(_), _) => "down",
        (Ok(_), Err(_)) => "degraded",
        (Ok(_), Ok(())) => "ok",
    };
    json!({ "status": status, "checks": { "database": check(database.map(|_| ())), "kafka": check(kafka), "scheduler": scheduler } })
}

fn read_filter(filter: &str) -> Result<Filter> {
    serde_json::from_str(filter).map_err(|error| Error::new(ErrorCode::Argument, "the filter cannot be read").caused_by(error))
}

fn read_operation(operation: &str, redelivery: Option<&str>) -> Result<Operation> {
    let unknown = |what: &str| Error::new(ErrorCode::Argument, format!("{what} is not known"));
    Ok(match operation {
        "requeue" => {
            let redelivery = redelivery.map(|word| Redelivery::parse(word).ok_or_else(|| unknown("redelivery")));
            Operation::Requeue(redelivery.transpose()?)
        }
        "retryNow" => Operation::RetryNow,
        "hold" => Operation::Hold,
        "discard" => Operation::Discard,
        "purge" => Operation::Purge,
        _ => return Err(unknown("operation")),
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
