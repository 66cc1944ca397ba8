//! Connections that were in use a moment ago.
//!
//! The driver's pool asks a connection whether it is whole when it is taken and again when it is given back: two ways to
//! the server and back beside the one of the statement. So the last few stay here for as long as there is work for them.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connection::LOOK;
use super::engine::Session;
use crate::domain::error::Conflict;
use crate::domain::{Error, ErrorCode, Result};

/// A connection that was in use so shortly ago is believed to be whole. If it is not, the statement fails as it would
/// have failed a moment later.
const WARM: Duration = Duration::from_secs(1);
/// Now and then the pool looks at a connection: it ends those that are too old.
const LONGEST: Duration = Duration::from_secs(30);
/// The most that are kept. The pool does not know that they are free.
const MOST: usize = 4;

/// The connections that are kept.
#[derive(Default)]
pub struct Warm(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    connections: Vec<Lent>,
    /// Callers that wait for the pool. While there are any nothing is kept from it.
    waiting: usize,
    is_closed: bool,
}

/// A connection of the pool.
struct Lent {
    session: Box<dyn Session>,
    since: Instant,
    used: Instant,
}

impl Lent {
    fn now(session: Box<dyn Session>) -> Self {
        let now = Instant::now();
        Self { session, since: now, used: now }
    }
}

impl Warm {
    /// A connection that is kept, or the one that `open` gets from the pool.
    ///
    /// # Errors
    /// What `open` says.
    pub async fn borrow(self: &Arc<Self>, open: impl Future<Output = Result<Box<dyn Session>>>) -> Result<Borrowed> {
        while let Some(mut lent) = self.last_or_wait() {
            if lent.used.elapsed() <= WARM || matches!(timeout(LOOK, lent.session.ping()).await, Ok(Ok(()))) {
                return Ok(self.lend(lent));
            }
            lent.session.discard();
        }
        let _waiting = Waiting(self);
        Ok(self.lend(Lent::now(open.await?)))
    }

    fn lend(self: &Arc<Self>, lent: Lent) -> Borrowed {
        Borrowed { lent: Some(lent), warm: Some(Arc::clone(self)), is_idle: false }
    }

    /// The one that was used last. Without one the caller counts as waiting for the pool from this moment.
    fn last_or_wait(&self) -> Option<Lent> {
        let mut kept = self.kept();
        let last = kept.connections.pop();
        kept.waiting += usize::from(last.is_none());
        last
    }

    /// Gives everything back to the pool, now and from now on.
    pub fn close(&self) {
        let mut kept = self.kept();
        kept.is_closed = true;
        kept.connections.clear();
    }

    fn keep(&self, lent: Lent) {
        let mut kept = self.kept();
        kept.connections.retain(|other| other.used.elapsed() <= LONGEST);
        let has_room = kept.connections.len() < MOST && kept.waiting == 0 && !kept.is_closed;
        if has_room && lent.since.elapsed() <= LONGEST {
            kept.connections.push(Lent { used: Instant::now(), ..lent });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a>(&'a Warm);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.kept().waiting -= 1;
    }
}

/// A connection for the time of one piece of work. Whoever drops it before the work is over, by a time limit or because
/// nobody waits any more, closes it: what it is in the middle of is unknown, and the next one must not find out.
pub struct Borrowed {
    /// Only the drop takes it.
    lent: Option<Lent>,
    warm: Option<Arc<Warm>>,
    is_idle: bool,
}

impl Borrowed {
    /// One that goes back to its pool.
    pub fn new(session: Box<dyn Session>) -> Self {
        Self { lent: Some(Lent::now(session)), warm: None, is_idle: false }
    }

    /// The work is over. After an answer that the server cannot work now (it is read-only, it shuts down), the connection
    /// is closed as well: after a failover the next one may lead to a server that can.
    pub fn end<T>(mut self, result: &Result<T>) {
        self.is_idle = !matches!(result, Err(Error { code: ErrorCode::Store, conflict: Conflict::None, .. }));
    }
}

impl Deref for Borrowed {
    type Target = dyn Session;

    #[expect(clippy::expect_used, reason = "it is there until the drop")]
    fn deref(&self) -> &Self::Target {
        &*self.lent.as_ref().expect("a connection that is not dropped").session
    }
}

impl DerefMut for Borrowed {
    #[expect(clippy::expect_used, reason = "it is there until the drop")]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.lent.as_mut().expect("a connection that is not dropped").session
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else { return };
        match &self.warm {
            _ if !self.is_idle => lent.session.discard(),
            Some(warm) => warm.keep(lent),
            None => {}
        }
    }
}

#[cfg(test)]
#[path = "warm_tests.rs"]
mod tests;
