//! The memory store against the conformance suite, with time moved by hand.

mod store_suite;

use std::sync::Arc;

use kafka_error_retry::clock::ManualClock;
use kafka_error_retry::store::memory::MemoryStore;
use store_suite::fixture::Bench;

async fn open() -> Option<Bench> {
    let clock = Arc::new(ManualClock::default());
    Some(Bench::new(Arc::new(MemoryStore::new(Arc::<ManualClock>::clone(&clock))), Some(clock)).await)
}

store_suite!(open);
