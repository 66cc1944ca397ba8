//! Getting a connection of a pool, and giving it back.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Pool};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long a new connection has, before one that became free is as welcome.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a connection may take to show that it is whole, when it is given back.
pub const LOOK: Duration = Duration::from_secs(5);

/// A connection that answers. `is_full` knows the words of a server that takes no more connections.
///
/// # Errors
/// When there is none in `limit`.
pub async fn acquire<DB: Database>(
    pool: &Pool<DB>,
    limit: Duration,
    is_full: fn(&sqlx::Error) -> bool,
) -> sqlx::Result<PoolConnection<DB>> {
    let deadline = Instant::now() + limit;
    loop {
        let found = timeout_at(deadline, free_or_new(pool, is_full)).await;
        let mut connection = found.map_err(|_| sqlx::Error::PoolTimedOut)??;
        if matches!(timeout_at(deadline, connection.ping()).await, Ok(Ok(()))) {
            return Ok(connection);
        }
        connection.close_on_drop();
    }
}

/// The driver's pool insists on opening a connection as long as it may have more of them. A server that takes no more
/// would let the caller wait until the end, or refuse it, although connections become free all the time.
async fn free_or_new<DB: Database>(pool: &Pool<DB>, is_full: fn(&sqlx::Error) -> bool) -> sqlx::Result<PoolConnection<DB>> {
    loop {
        // On the heap: the driver's future for a new connection with TLS is large.
        let mut opening = Box::pin(pool.acquire());
        loop {
            if let Ok(acquired) = timeout(PATIENCE, &mut opening).await {
                match acquired {
                    Err(error) if is_full(&error) => break,
                    other => return other,
                }
            }
            if let Some(free) = pool.try_acquire() {
                return Ok(free);
            }
        }
        sleep(PATIENCE).await;
        if let Some(free) = pool.try_acquire() {
            return Ok(free);
        }
    }
}

/// Gives a connection back. The driver first asks whether it is whole, and would wait for ever on a line that went dead.
pub fn give_back<DB: Database>(connection: &mut PoolConnection<DB>) {
    tokio::spawn(timeout(LOOK, connection.return_to_pool()));
}
