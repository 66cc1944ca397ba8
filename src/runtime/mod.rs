//! The only wiring: builds the parts from options, runs the loops, ends them.

mod handler;
mod loops;
mod parts;

pub use handler::Handler;
pub use parts::Parts;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Builder, Runtime};

/// The threads of all handlers of this process. Our own rather than Node's addon runtime: it outlives every environment,
/// and work on it is never dropped half-way because a caller went away.
pub static THREADS: LazyLock<Runtime> = LazyLock::new(|| {
    let threads = std::env::var("KAFKA_ERROR_RETRY_THREADS").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let built = Builder::new_multi_thread()
        .worker_threads(usize::max(threads, 1))
        .max_blocking_threads(8)
        .thread_name("kafka-error-retry")
        .enable_all()
        .build();
    #[expect(clippy::expect_used, reason = "a process that cannot start threads cannot do anything for its caller")]
    built.expect("the threads of kafka-error-retry start")
});

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
