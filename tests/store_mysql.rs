//! MySQL and MariaDB against the conformance suite, on a real server.
#![cfg(feature = "mysql")]

mod store_suite;

async fn open() -> Option<store_suite::fixture::Bench> {
    store_suite::server::open("mysql", "KER_TEST_MYSQL_URL").await
}

store_suite!(open);
