//! SQLite against the conformance suite, on a file of its own for every case.
#![cfg(feature = "sqlite")]
#![expect(clippy::expect_used, reason = "a test that cannot open its store has failed")]

mod store_suite;

use std::sync::Arc;

use kafka_error_retry::clock::SystemClock;
use kafka_error_retry::domain::options::Options;
use store_suite::fixture::Bench;

async fn open() -> Option<Bench> {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let mut options = Options::default();
    options.db.kind = "sqlite".into();
    options.db.database = Some(folder.join("retry.db").to_string_lossy().into_owned());
    let store = kafka_error_retry::store::open(&options, Arc::new(SystemClock::default())).expect("it opens");
    Some(Bench::new(store, None).await)
}

store_suite!(open);
