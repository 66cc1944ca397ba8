//! librdkafka's mock cluster for tests and demos: a broker inside this process, on ordinary loopback ports.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi_derive::napi;

use super::outcome::rejection;
use super::testing;
use crate::domain::{Error, ErrorCode, Result};
use crate::kafka::mock::Mock;

/// A cluster that forgets everything when it is closed. It knows no admin requests: topics are made by `createTopic`.
#[napi]
pub struct MockCluster {
    inner: Mutex<Option<Mock>>,
    bootstrap_servers: String,
}

#[napi]
impl MockCluster {
    /// Starts so many brokers.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, brokers: i32) -> napi::Result<Self> {
        testing::in_call();
        let mock = Mock::start(brokers).map_err(|error| rejection(env.raw(), &failed(error)))?;
        let bootstrap_servers = mock.brokers().join(",");
        Ok(Self { inner: Mutex::new(Some(mock)), bootstrap_servers })
    }

    /// `host:port`, separated by commas.
    #[napi(getter, catch_unwind)]
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        testing::in_call();
        self.bootstrap_servers.clone()
    }

    /// Makes a topic.
    #[napi(catch_unwind)]
    pub fn create_topic(&self, env: Env, name: String, partitions: i32) -> napi::Result<()> {
        self.with(env, move |mock| mock.create_topic(&name, partitions).map_err(failed))
    }

    /// Every request is answered so many milliseconds later.
    #[napi(catch_unwind)]
    pub fn set_round_trip(&self, env: Env, milliseconds: u32) -> napi::Result<()> {
        self.with(env, |mock| mock.round_trip(Duration::from_millis(milliseconds.into())).map_err(failed))
    }

    /// No broker answers.
    #[napi(catch_unwind)]
    pub fn down(&self, env: Env) -> napi::Result<()> {
        self.with(env, |mock| mock.down().map_err(failed))
    }

    /// All brokers answer again.
    #[napi(catch_unwind)]
    pub fn up(&self, env: Env) -> napi::Result<()> {
        self.with(env, |mock| mock.up().map_err(failed))
    }

    /// Ends it; may be called twice.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        testing::in_call();
        drop(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn with(&self, env: Env, work: impl FnOnce(&Mock) -> Result<()>) -> napi::Result<()> {
        testing::in_call();
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let done = inner.as_ref().map_or_else(|| Err(Error::new(ErrorCode::Closed, "the mock cluster is closed")), work);
        done.map_err(|error| rejection(env.raw(), &error))
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorCode::Kafka, "the mock cluster refused").caused_by(error)
}
