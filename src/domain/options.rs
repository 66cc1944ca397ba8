//! What a handler is configured with, and the only home of the defaults. TypeScript checks shapes and turns durations
//! into milliseconds; ranges and rules are in [`super::validate`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::copy::Mark;
use super::entry::Redelivery;
use super::event::Level;
use super::partitioner::Partitioner;
use super::policy::RetryPolicy;

/// All options. Durations are milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Separates services that share a database.
    pub namespace: String,
    /// The group of calls that name none.
    pub group_id: String,
    /// The store.
    pub db: DbOptions,
    /// The broker.
    pub kafka: KafkaOptions,
    /// The policy of calls that bring none.
    pub policy: RetryPolicy,
    /// When to sweep; `None` as soon as something is due.
    pub schedule_rule: Option<String>,
    /// IANA name of the zone of the rule.
    pub schedule_timezone: Option<String>,
    /// Where copies go.
    pub redelivery: Redelivery,
    /// Name of the retry topic; `None` for `<group>.ker-retry`.
    pub retry_topic: Option<String>,
    /// What happens to an entry whose topic is compacted.
    pub compacted: Compacted,
    /// How a redelivery is marked.
    pub mark: Mark,
    /// Where copies go whose original partition is unknown or gone.
    pub partitioner: Partitioner,
    /// Create missing topics before the first redelivery to them.
    pub ensure_topics: bool,
    /// Reject `initialize()` when no broker answers.
    pub require_kafka: bool,
    /// How long a lease lasts unless renewed.
    pub lease_timeout: u64,
    /// How long an outcome may be missing after the delivery.
    pub outcome_timeout: u64,
    /// How long `pushError` and `notifySuccess` may take.
    pub push_timeout: u64,
    /// How long to wait for database and broker at `initialize()`.
    pub connect_timeout: u64,
    /// How long `close()` may take.
    pub close_timeout: u64,
    /// The most calls that wait for the store.
    pub max_pending: u32,
    /// The largest message, key and headers included.
    pub max_payload_bytes: u64,
    /// Throttle; `None` is none.
    pub max_redeliveries_per_second: Option<u32>,
    /// What is deleted by age.
    pub retention: Retention,
    /// Whether tables are made.
    pub schema: Schema,
    /// What to do about a store that may lose commits.
    pub durability: Durability,
    /// What is logged.
    pub log_level: Level,
    /// For operators, not for users: the store is opened and nothing else, so no broker has to be named.
    pub store_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: String::new(),
            group_id: String::new(),
            db: DbOptions::default(),
            kafka: KafkaOptions::default(),
            policy: RetryPolicy::default(),
            schedule_rule: None,
            schedule_timezone: None,
            redelivery: Redelivery::Original,
            retry_topic: None,
            compacted: Compacted::Hold,
            mark: Mark::Body,
            partitioner: Partitioner::Legacy,
            ensure_topics: true,
            require_kafka: false,
            lease_timeout: 30_000,
            outcome_timeout: 600_000,
            push_timeout: 15_000,
            connect_timeout: 10_000,
            close_timeout: 10_000,
            max_pending: 10_000,
            max_payload_bytes: 16 * 1024 * 1024,
            max_redeliveries_per_second: None,
            retention: Retention::default(),
            schema: Schema::Auto,
            durability: Durability::Warn,
            log_level: Level::Info,
            store_only: false,
        }
    }
}

/// The store.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DbOptions {
    /// Which kind; empty is a problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// Server name; `None` is `localhost`.
    pub host: Option<String>,
    /// Server port; `None` is the kind's own.
    pub port: Option<i64>,
    /// Login name.
    pub username: Option<String>,
    /// Login secret.
    pub password: Option<String>,
    /// Database name; for SQLite the file.
    pub database: Option<String>,
    /// Unix socket instead of host and port.
    pub socket_path: Option<String>,
    /// In front of every table name.
    pub table_prefix: String,
    /// The most connections.
    pub pool_size: u32,
    /// `None`: verified, unless the host is loopback.
    pub tls: Option<Tls>,
    /// Whether rows of 2.x become entries.
    pub adopt: bool,
    /// How 2.x wrote times: `Z`, an offset or an IANA name; UTC when absent.
    pub timezone: Option<String>,
    /// Log name, milliseconds and rows of every statement.
    pub logging: bool,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            kind: String::new(),
            host: None,
            port: None,
            username: None,
            password: None,
            database: None,
            socket_path: None,
            table_prefix: "ker_".to_owned(),
            pool_size: 10,
            tls: None,
            adopt: true,
            timezone: None,
            logging: false,
        }
    }
}

impl DbOptions {
    /// The database, or the default that 2.x always used; for SQLite a file of that name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database.as_deref().unwrap_or(if self.kind == "sqlite" { "./kafka-error-retry.db" } else { "kafka-error-retry" })
    }

    /// Whether the server is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host.as_deref().unwrap_or("localhost");
        let is_loopback_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.socket_path.is_some() || host == "localhost" || is_loopback_address
    }
}

/// TLS, to a store or to brokers.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Tls {
    /// On or off, with the system's roots.
    Switch(bool),
    /// On, with these settings.
    Settings(TlsSettings),
}

/// PEM texts and whom to trust.
#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsSettings {
    /// Certificate authorities.
    pub ca: Option<String>,
    /// Own certificate.
    pub cert: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// The key's secret; only for brokers.
    pub passphrase: Option<String>,
    /// `false` takes any certificate.
    pub reject_unauthorized: Option<bool>,
}

/// The broker.
#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct KafkaOptions {
    /// `host:port` each.
    pub brokers: Vec<String>,
    /// Name that brokers see.
    pub client_id: Option<String>,
    /// TLS.
    pub ssl: Option<Tls>,
    /// Login.
    pub sasl: Option<Sasl>,
    /// Created at `initialize()`.
    pub topics: Vec<String>,
    /// Partitions of topics that are created; `None` is the broker's default.
    pub partitions: Option<i64>,
    /// Replicas of topics that are created; `None` is the broker's default.
    pub replicas: Option<i64>,
    /// Settings of topics that are created.
    pub topic_config: BTreeMap<String, String>,
    /// Passed on to librdkafka.
    pub librdkafka: BTreeMap<String, String>,
}

/// Login at brokers.
#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Sasl {
    /// `plain`, `scram-sha-256` or `scram-sha-512`.
    pub mechanism: String,
    /// Login name.
    pub username: String,
    /// Login secret.
    pub password: String,
}

/// Secrets stay out of every `Debug` output.
macro_rules! without_secrets {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    )*};
}
without_secrets!(DbOptions, KafkaOptions, Sasl, TlsSettings, Tls);

/// What happens to an entry whose topic is compacted, where a copy could replace a newer value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compacted {
    /// It is held, with a warning.
    Hold,
    /// It is published all the same.
    Force,
}

/// What is deleted by age; nothing unless set.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Dead entries after so many milliseconds.
    pub dead: Option<u64>,
}

/// Whether tables are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schema {
    /// Made and upgraded.
    Auto,
    /// Must be there, in the right version.
    Verify,
    /// Taken as they are.
    None,
}

/// What to do about a store that may lose acknowledged commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// One warning.
    Warn,
    /// `initialize()` rejects.
    Strict,
}

/// Milliseconds as a duration.
#[must_use]
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
