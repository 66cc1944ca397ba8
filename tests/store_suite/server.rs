//! Servers under test, named by `KER_TEST_…_URL`; `npm test` starts them. Without one the cases are skipped loudly, or
//! fail where `REQUIRE_SERVICES=1` says that there must be one.

use std::sync::Arc;

use kafka_error_retry::clock::SystemClock;
use kafka_error_retry::domain::options::Options;

use super::fixture::Bench;

/// `scheme://user:password@host:port` from the environment, as options.
#[expect(clippy::print_stderr, reason = "a skipped test is said loudly")]
pub fn options(kind: &str, variable: &str) -> Option<Options> {
    let Ok(url) = std::env::var(variable) else {
        assert!(std::env::var("REQUIRE_SERVICES").as_deref() != Ok("1"), "{variable} is not set, and REQUIRE_SERVICES=1");
        eprintln!("SKIPPED: {variable} is not set; `npm test` starts the servers");
        return None;
    };
    let (_, rest) = url.split_once("://").expect("a URL");
    let (login, address) = rest.rsplit_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    let (host, port) = address.trim_end_matches('/').split_once(':').expect("a port");
    let mut options = Options::default();
    options.db.kind = kind.into();
    options.db.host = Some(host.into());
    options.db.port = port.parse().ok();
    options.db.username = Some(user.into());
    options.db.password = Some(password.into());
    options.db.database = Some("ker-suite".into());
    // Tables of its own for every case: beside others, a row may be locked for a moment and be skipped by a claim.
    options.db.table_prefix = format!("t{}_", &kafka_error_retry::domain::entry::Life(super::fixture::bits()).to_string()[..12]);
    Some(options)
}

pub async fn open(kind: &str, variable: &str) -> Option<Bench> {
    let options = options(kind, variable)?;
    let store = kafka_error_retry::store::open(&options, Arc::new(SystemClock::default())).expect("it opens");
    Some(Bench::new(store, None).await)
}
