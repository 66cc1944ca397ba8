//! SQLite against the conformance suite, on a file of its own for every case.
#![cfg(feature = "sqlite")]
#![expect(clippy::expect_used, reason = "a test that cannot open its store has failed")]

mod store_suite;

use std::path::Path;
use std::sync::Arc;

use kafka_error_retry::clock::{SystemChance, SystemClock};
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::ports::Store;
use kafka_error_retry::store::steady::Steady;
use store_suite::fixture::Bench;

fn store(file: &Path) -> Arc<dyn Store> {
    let mut options = Options::default();
    options.db.kind = "sqlite".into();
    options.db.database = Some(file.to_string_lossy().into_owned());
    kafka_error_retry::store::open(&options, Arc::new(SystemClock::default())).expect("it opens")
}

async fn open() -> Option<Bench> {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    Some(Bench::new(store(&folder.join("retry.db")), None).await)
}

store_suite!(open);

/// Some find no file, and some find one that another has just made.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_that_many_make_at_once_is_made() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("retry.db");
        let makers: Vec<_> = (0..16)
            .map(|_| {
                let store = Steady::new(store(&file), Arc::new(SystemClock::default()), Arc::new(SystemChance), None);
                tokio::spawn(async move {
                    let made = store.migrate().await;
                    store.close().await;
                    made
                })
            })
            .collect();
        for maker in makers {
            let made = maker.await.expect("no panic");
            assert!(made.is_ok(), "{made:?}");
        }
    }
}
