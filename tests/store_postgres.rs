//! PostgreSQL against the conformance suite, on a real server.
#![cfg(feature = "postgres")]

mod store_suite;

async fn open() -> Option<store_suite::fixture::Bench> {
    store_suite::server::open("postgres", "KER_TEST_POSTGRES_URL").await
}

store_suite!(open);
