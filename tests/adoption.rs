//! Rows of 2.x on a real server: the table as 2.1.5 makes it, and what becomes of its rows.
#![cfg(feature = "mysql")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod store_suite;

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::clock::{SystemChance, SystemClock};
use kafka_error_retry::domain::adoption::OldRows;
use kafka_error_retry::domain::entry::{Scope, State, Token};
use kafka_error_retry::domain::filter::{Filter, Page};
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::domain::verbs::{Claim, Claimed, Company, Expired, Operation, Success};
use kafka_error_retry::flows::adopt::{self, AdoptionReport};
use kafka_error_retry::journal::Queue;
use kafka_error_retry::ports::{Chance, Store, Stored};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};
use sqlx::{AssertSqlSafe, Row};

use store_suite::{fixture, server};

/// As 2.1.5 creates it.
const DDL: &str = "CREATE TABLE `business_errors` (`id` bigint NOT NULL AUTO_INCREMENT COMMENT 'ID', `dataId` varchar(128) NOT NULL, \
 `topic` varchar(128) NOT NULL, `key` varchar(128) NOT NULL, `policy` text NULL, `value` text NOT NULL, \
 `retryCount` int NULL, `nextTime` datetime NULL, `reachMaxRetryCount` int NULL DEFAULT 0, \
 `createdAt` datetime NOT NULL DEFAULT now(), `updatedAt` datetime NOT NULL DEFAULT now(), PRIMARY KEY (`id`)) ENGINE=InnoDB";

/// A database of its own with a table of 2.x, and a store in it.
struct Old {
    pool: MySqlPool,
    store: Arc<dyn Store>,
    options: Options,
    journal: Queue,
}

impl Old {
    async fn open() -> Option<Self> {
        let mut options = server::options("mysql", "KER_TEST_MYSQL_URL")?;
        let name = format!("ker-old-{}", &fixture::bits().map(|byte| format!("{byte:02x}")).concat()[..12]);
        options.db.database = Some(name.clone());
        let store = kafka_error_retry::store::open(&options, Arc::new(SystemClock::default())).unwrap();
        store.migrate().await.unwrap();
        let connect = MySqlConnectOptions::new()
            .host(options.db.host.as_deref().unwrap())
            .port(u16::try_from(options.db.port.unwrap()).unwrap())
            .username(options.db.username.as_deref().unwrap())
            .password(options.db.password.as_deref().unwrap())
            .database(&name);
        let old = Self {
            pool: Box::pin(MySqlPool::connect_with(connect)).await.unwrap(),
            store,
            options,
            journal: Queue::new(kafka_error_retry::domain::event::Level::Debug),
        };
        old.sql(DDL).await;
        Some(old)
    }

    async fn sql(&self, text: &str) {
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&self.pool).await.unwrap();
    }

    /// As 2.1.5 inserts.
    async fn row(&self, data_id: &str, count: &str, next_time: &str, reached: &str) {
        self.sql(&format!(
            "INSERT INTO business_errors VALUES (DEFAULT, '{data_id}', 'orders', 'k', '{{\"retryCount\":3,\"backoff\":false}}', \
             '{{\"n\":\"{data_id}\"}}', {count}, {next_time}, {reached}, DEFAULT, DEFAULT)"
        ))
        .await;
    }

    async fn rows(&self) -> Vec<(String, Option<i32>)> {
        let rows = sqlx::query("SELECT dataId, reachMaxRetryCount FROM business_errors ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn adopt(&self, rows: OldRows) -> AdoptionReport {
        adopt::adopt(&*self.store, &self.options, rows, &SystemChance, &self.journal, Duration::from_secs(60)).await.unwrap()
    }

    async fn entries(&self) -> Vec<Stored> {
        let mut all = self.store.list("", &Filter::default(), Page { limit: 1000, after: 0 }).await.unwrap();
        all.sort_by(|a, b| a.entry.identity.data_id.cmp(&b.entry.identity.data_id));
        all
    }

    async fn one(&self, data_id: &str) -> Option<Stored> {
        self.entries().await.into_iter().find(|stored| stored.entry.identity.data_id == data_id)
    }

    async fn claim(&self) -> (Token, Vec<Claimed>) {
        let token = Token(SystemChance.bits());
        let claim = Claim {
            namespace: String::new(),
            scope: Scope::Published,
            token,
            limit: 100,
            max_bytes: u64::MAX,
            lease: Duration::from_secs(30),
            due_by: None,
            expired: Expired::Taken,
            company: Company::None,
        };
        (token, self.store.claim_due(&claim).await.unwrap())
    }

    async fn end(self) {
        self.store.close().await;
        let name = self.options.db.database.clone().unwrap();
        self.sql(&format!("DROP DATABASE `{name}`")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_become_entries_and_are_marked() {
    let Some(mut old) = Old::open().await else { return };
    old.options.db.timezone = Some("Asia/Shanghai".into());
    old.row("due", "2", "'2024-05-01 08:00:00'", "0").await;
    old.row("later", "1", "'2099-05-01 08:00:00'", "0").await;
    old.row("null", "NULL", "NULL", "NULL").await;
    old.row("spent", "3", "'2024-05-01 08:00:00'", "1").await;
    assert_eq!(old.adopt(OldRows::Open).await.adopted, 3);
    let marks: Vec<_> = old.rows().await.into_iter().map(|(_, mark)| mark).collect();
    assert_eq!(marks, [Some(2), Some(2), Some(2), Some(1)]);
    let entries = old.entries().await;
    let facts: Vec<_> = entries
        .iter()
        .map(|stored| (stored.entry.identity.data_id.as_str(), stored.entry.state, stored.entry.retry_count))
        .collect();
    assert_eq!(facts, [("due", State::Scheduled, 2), ("later", State::Scheduled, 1), ("null", State::Scheduled, 1)]);
    // 8:00 in Shanghai is midnight in UTC.
    assert_eq!(entries[0].entry.due_at.0, 1_714_521_600_000);
    assert_eq!(entries[0].message.value.as_deref(), Some(br#"{"n":"due"}"#.as_slice()));
    assert_eq!(entries[0].message.key.as_deref(), Some(b"k".as_slice()));
    assert_eq!(old.adopt(OldRows::Open).await, AdoptionReport::default(), "nothing twice");
    let (_, claimed) = old.claim().await;
    let due: Vec<_> = claimed.iter().map(|claimed| claimed.entry.identity.data_id.as_str()).collect();
    assert_eq!(due, ["due", "null"]);
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_id_become_one_entry_with_the_highest_count() {
    let Some(old) = Old::open().await else { return };
    for count in ["1", "4", "2", "1"] {
        old.row("same", count, "'2024-05-01 08:00:00'", "0").await;
    }
    assert_eq!(old.adopt(OldRows::Open).await.adopted, 4);
    old.row("same", "1", "'2024-05-01 08:00:00'", "0").await;
    assert_eq!(old.adopt(OldRows::Open).await.adopted, 1, "a later one joins it");
    let entries = old.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].entry.retry_count, 4);
    assert_eq!(entries[0].entry.adopted.as_ref().map(|adopted| adopted.rows.len()), Some(5));
    old.store.resolve(&[Success { identity: entries[0].entry.identity.clone(), copy: None }]).await.unwrap();
    assert_eq!(old.rows().await, [], "a success takes all of them along");
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_or_a_failure_in_a_2_x_process_is_seen_before_the_entry_goes_out() {
    let Some(old) = Old::open().await else { return };
    for data_id in ["fails", "succeeds", "waits"] {
        old.row(data_id, "1", "'2024-05-01 08:00:00'", "0").await;
    }
    old.adopt(OldRows::Open).await;
    let (token, claimed) = old.claim().await;
    assert_eq!(claimed.len(), 3);
    // What 2.1.5 sends for notifySuccess and for two failures.
    old.sql("DELETE FROM business_errors WHERE topic = 'orders' AND dataId = 'succeeds'").await;
    old.sql("UPDATE business_errors SET retryCount = 3, nextTime = now(), updatedAt = CURRENT_TIMESTAMP WHERE dataId = 'fails'")
        .await;
    let looked = adopt::look(&*old.store, claimed, &SystemChance, &old.journal).await;
    assert_eq!(looked.resolved, 1);
    let rest: Vec<_> = looked.rest.iter().map(|claimed| claimed.entry.identity.data_id.as_str()).collect();
    assert_eq!(rest, ["waits"]);
    let settlements: Vec<_> = looked.settled.iter().map(|settled| settled.settlement.clone()).collect();
    old.store.settle_leased(token, &settlements).await.unwrap();
    assert_eq!(old.one("succeeds").await, None);
    let failed = old.one("fails").await.unwrap().entry;
    assert_eq!((failed.state, failed.retry_count), (State::Scheduled, 3));
    assert_eq!(failed.adopted.unwrap().rows[0].retry_count, 3, "and is not counted again");
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_failure_on_our_side_outlives_an_older_success_on_theirs() {
    let Some(old) = Old::open().await else { return };
    old.row("x", "1", "'2024-05-01 08:00:00'", "0").await;
    old.adopt(OldRows::Open).await;
    let (_, claimed) = old.claim().await;
    let bench = fixture::Bench { store: Arc::clone(&old.store), namespace: String::new(), clock: None };
    assert_eq!(bench.push(bench.failure("x")).await.retry_count, 2);
    old.sql("DELETE FROM business_errors").await;
    let looked = adopt::look(&*old.store, claimed, &SystemChance, &old.journal).await;
    assert_eq!(looked.resolved, 0);
    assert_eq!(old.one("x").await.unwrap().entry.retry_count, 2);
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spent_rows_are_adopted_as_dead_on_request_only_and_discarded_with_their_entry() {
    let Some(old) = Old::open().await else { return };
    old.row("spent", "10", "'2024-05-01 08:00:00'", "1").await;
    assert_eq!(old.adopt(OldRows::Open).await.adopted, 0);
    let survey = adopt::survey(&*old.store, &old.options).await.unwrap();
    let counts: Vec<_> =
        survey.topics.iter().map(|topic| (topic.topic.as_str(), topic.open, topic.spent, topic.adopted)).collect();
    assert_eq!(counts, [("orders", 0, 1, 0)]);
    assert_eq!(old.adopt(OldRows::Spent).await.adopted, 1);
    assert_eq!(old.one("spent").await.unwrap().entry.state, State::Dead);
    assert_eq!(old.store.operate("", Operation::Purge, &Filter::default(), 10).await.unwrap(), 1);
    assert_eq!(old.rows().await, []);
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_adopt_every_row_once() {
    let Some(old) = Old::open().await else { return };
    for n in 0..1200 {
        old.row(&format!("id-{n}"), "1", "'2024-05-01 08:00:00'", "0").await;
    }
    let reports = futures_util::future::join_all((0..8).map(|_| old.adopt(OldRows::Open))).await;
    let mut total: u64 = reports.iter().map(|report| report.adopted).sum();
    // Rows that another process held were skipped, and come with the next look.
    total += old.adopt(OldRows::Open).await.adopted;
    assert_eq!(total, 1200);
    assert_eq!(old.store.count("", &Filter::default()).await.unwrap(), 1200);
    old.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_push_error_would_refuse_stays_where_it_is() {
    let Some(old) = Old::open().await else { return };
    old.row("", "1", "NULL", "0").await;
    old.row(&"中".repeat(100), "1", "NULL", "0").await;
    old.row("fine", "1", "NULL", "0").await;
    let report = old.adopt(OldRows::Open).await;
    assert_eq!((report.adopted, report.refused), (1, 2));
    old.end().await;
}
