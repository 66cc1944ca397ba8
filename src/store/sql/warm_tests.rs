use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::lazy;
use tokio::time::advance;

use super::*;
use crate::store::sql::value::{Cells, Kind, Value};

/// A pool that counts what is asked of it.
#[derive(Default)]
struct Pool {
    opened: AtomicUsize,
    pings: AtomicUsize,
    back: AtomicUsize,
    closed: AtomicUsize,
    is_broken: AtomicBool,
}

struct FakeSession {
    pool: Arc<Pool>,
    is_discarded: bool,
}

#[async_trait]
impl Session for FakeSession {
    async fn rows(&mut self, _: &str, _: Vec<Value>, _: &[Kind]) -> Result<Vec<Cells>> {
        Ok(vec![])
    }

    async fn run(&mut self, _: &str, _: Vec<Value>) -> Result<u64> {
        Ok(0)
    }

    async fn plain(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn ping(&mut self) -> Result<()> {
        self.pool.pings.fetch_add(1, Ordering::Relaxed);
        if self.pool.is_broken.load(Ordering::Relaxed) { Err(Error::new(ErrorCode::Store, "gone")) } else { Ok(()) }
    }

    fn discard(&mut self) {
        self.is_discarded = true;
    }
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        let counter = if self.is_discarded { &self.pool.closed } else { &self.pool.back };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pool {
    fn open(self: Arc<Self>) -> impl Future<Output = Result<Box<dyn Session>>> {
        lazy(move |_| {
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(FakeSession { pool: self, is_discarded: false }) as _)
        })
    }

    /// Opened, asked whether they are whole, given back, closed.
    fn counts(&self) -> [usize; 4] {
        [&self.opened, &self.pings, &self.back, &self.closed].map(|counter| counter.load(Ordering::Relaxed))
    }
}

async fn borrow(warm: &Arc<Warm>, pool: &Arc<Pool>) -> Borrowed {
    warm.borrow(Arc::clone(pool).open()).await.unwrap()
}

async fn use_once(warm: &Arc<Warm>, pool: &Arc<Pool>) {
    borrow(warm, pool).await.end(&Ok(()));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_used_a_moment_ago_is_taken_as_it_is_and_an_older_one_is_asked() {
    let (warm, pool) = (Arc::<Warm>::default(), Arc::<Pool>::default());
    use_once(&warm, &pool).await;
    use_once(&warm, &pool).await;
    assert_eq!(pool.counts(), [1, 0, 0, 0]);
    advance(WARM * 2).await;
    use_once(&warm, &pool).await;
    assert_eq!(pool.counts(), [1, 1, 0, 0]);
    advance(WARM * 2).await;
    pool.is_broken.store(true, Ordering::Relaxed);
    use_once(&warm, &pool).await;
    assert_eq!(pool.counts(), [2, 2, 0, 1], "one that does not answer is closed");
}

#[tokio::test(start_paused = true)]
async fn the_pool_sees_each_again_after_a_while() {
    let (warm, pool) = (Arc::<Warm>::default(), Arc::<Pool>::default());
    for _ in 0..2 * LONGEST.as_secs() {
        use_once(&warm, &pool).await;
        advance(Duration::from_secs(1)).await;
    }
    let [opened, _, back, closed] = pool.counts();
    assert!(opened == 2 && back >= 1 && closed == 0, "{opened} {back} {closed}");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_are_kept_and_none_after_the_end() {
    let (warm, pool) = (Arc::<Warm>::default(), Arc::<Pool>::default());
    let mut all = Vec::new();
    for _ in 0..MOST + 2 {
        all.push(borrow(&warm, &pool).await);
    }
    for borrowed in all {
        borrowed.end(&Ok(()));
    }
    assert_eq!(pool.counts(), [MOST + 2, 0, 2, 0]);
    let last = borrow(&warm, &pool).await;
    warm.close();
    assert_eq!(pool.counts(), [MOST + 2, 0, MOST + 1, 0]);
    last.end(&Ok(()));
    assert_eq!(pool.counts(), [MOST + 2, 0, MOST + 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_from_a_pool_that_somebody_waits_for() {
    let (warm, pool) = (Arc::<Warm>::default(), Arc::<Pool>::default());
    let first = borrow(&warm, &pool).await;
    let waiting = tokio::spawn({
        let warm = Arc::clone(&warm);
        async move { warm.borrow(std::future::pending()).await.map(drop) }
    });
    tokio::task::yield_now().await;
    first.end(&Ok(()));
    assert_eq!(pool.counts(), [1, 0, 1, 0]);
    // Whoever gives up does not wait any more.
    waiting.abort();
    assert!(waiting.await.is_err());
    use_once(&warm, &pool).await;
    assert_eq!(pool.counts(), [2, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_in_the_middle_of_something_is_closed() {
    let (warm, pool) = (Arc::<Warm>::default(), Arc::<Pool>::default());
    drop(borrow(&warm, &pool).await);
    borrow(&warm, &pool).await.end::<()>(&Err(Error::new(ErrorCode::Store, "read-only")));
    assert_eq!(pool.counts(), [2, 0, 0, 2]);
}
