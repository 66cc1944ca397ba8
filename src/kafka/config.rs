//! Options → librdkafka's settings. Pure: nothing is opened, read or sent.
//!
//! In this order, so that a later one wins: our defaults, the user's `kafka.librdkafka`, what we force. Forced is what
//! the promises of this library rest on.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::pass_through::{Client, passed_through};
use crate::domain::event::Level;
use crate::domain::options::{Options, Sasl, Tls, TlsSettings};

/// How long librdkafka tries to deliver a copy. Long enough for a broker to restart or a leader to move; a lease is
/// renewed meanwhile.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// The name that brokers see unless the user gives one.
const CLIENT_ID: &str = "kafka-error-retry";

/// Room for what a copy carries beside the message: our headers and the frame of the record.
const FRAME: u64 = 4 * 1024;

/// The most that librdkafka takes for `message.max.bytes`.
const LARGEST_MESSAGE: u64 = 1_000_000_000;

/// Memory for copies under way, in KiB. librdkafka's own default is 1 GiB.
const QUEUE_KBYTES: u64 = 64 * 1024;

/// The producer of copies.
#[must_use]
pub fn producer(options: &Options, message_timeout: Duration) -> ClientConfig {
    let message_max_bytes = options.max_payload_bytes.saturating_add(FRAME).clamp(1_000, LARGEST_MESSAGE);
    let mut settings = connection_defaults();
    // A sweep sends batches, so that a copy seldom waits for others.
    put(&mut settings, "linger.ms", "5");
    put(&mut settings, "queue.buffering.max.messages", "100000");
    // A message over it would find the queue full for ever.
    put(&mut settings, "queue.buffering.max.kbytes", QUEUE_KBYTES.max(message_max_bytes.div_ceil(1024) + 1).to_string());
    settings.extend(passed_through(&options.kafka.librdkafka, Client::Producer));
    settings.extend(connection(options));
    // No duplicate and no gap by librdkafka's own repetitions; it needs all replicas to answer.
    put(&mut settings, "enable.idempotence", "true");
    put(&mut settings, "acks", "all");
    put(&mut settings, "message.timeout.ms", message_timeout.as_millis().to_string());
    put(&mut settings, "message.max.bytes", message_max_bytes.to_string());
    client_config(settings, level(options.log_level))
}

/// The admin client.
#[must_use]
pub fn admin(options: &Options) -> ClientConfig {
    let mut settings = connection_defaults();
    settings.extend(passed_through(&options.kafka.librdkafka, Client::Admin));
    settings.extend(connection(options));
    // rdkafka does not empty the log queue of an admin client: it would grow for ever. What it has to say about
    // connections, the producer says as well.
    client_config(settings, RDKafkaLogLevel::Emerg)
}

/// A consumer that subscribes to nothing and only asks; it still lacks the group.
#[must_use]
pub fn reader(options: &Options) -> ClientConfig {
    let mut config = admin(options);
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    config
}

fn connection_defaults() -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (name, value) in [
        // Firewalls forget connections that are silent between two sweeps.
        ("socket.keepalive.enable", "true"),
        // Brokers close idle connections all day; that is no news.
        ("log.connection.close", "false"),
        ("log.thread.name", "false"),
        // A topic made a moment ago may be unknown to other brokers, but not for half a minute.
        ("topic.metadata.propagation.max.ms", "5000"),
        // Sends telemetry to brokers that ask for it, and once more while a client is closed.
        ("enable.metrics.push", "false"),
    ] {
        put(&mut settings, name, value);
    }
    // OpenSSL is linked statically, so its own idea of where the system's roots are is wrong on most systems.
    if cfg!(unix) {
        put(&mut settings, "ssl.ca.location", "probe");
    }
    settings
}

/// What is forced for every client.
fn connection(options: &Options) -> BTreeMap<String, String> {
    let kafka = &options.kafka;
    let mut settings = BTreeMap::new();
    put(&mut settings, "bootstrap.servers", kafka.brokers.join(","));
    put(&mut settings, "client.id", kafka.client_id.as_deref().unwrap_or(CLIENT_ID));
    // Whether a topic may be made is `ensureTopics`, never a side effect of a question or a delivery.
    put(&mut settings, "allow.auto.create.topics", "false");
    let tls = match &kafka.ssl {
        None | Some(Tls::Switch(false)) => None,
        Some(Tls::Switch(true)) => Some(TlsSettings::default()),
        Some(Tls::Settings(tls)) => Some(tls.clone()),
    };
    let protocol = match (&tls, &kafka.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    put(&mut settings, "security.protocol", protocol);
    settings.extend(tls.iter().flat_map(tls_settings));
    settings.extend(kafka.sasl.iter().flat_map(sasl_settings));
    settings
}

fn tls_settings(tls: &TlsSettings) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let texts = [
        ("ssl.ca.pem", &tls.ca),
        ("ssl.certificate.pem", &tls.cert),
        ("ssl.key.pem", &tls.key),
        ("ssl.key.password", &tls.passphrase),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            put(&mut settings, name, value);
        }
    }
    let is_verified = tls.reject_unauthorized.unwrap_or(true);
    put(&mut settings, "enable.ssl.certificate.verification", is_verified.to_string());
    settings
}

fn sasl_settings(sasl: &Sasl) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    put(&mut settings, "sasl.mechanism", sasl.mechanism.to_uppercase());
    put(&mut settings, "sasl.username", &sasl.username);
    put(&mut settings, "sasl.password", &sasl.password);
    settings
}

fn put(settings: &mut BTreeMap<String, String>, name: &str, value: impl Into<String>) {
    settings.insert(name.to_owned(), value.into());
}

fn client_config(mut settings: BTreeMap<String, String>, log_level: RDKafkaLogLevel) -> ClientConfig {
    // librdkafka refuses roots from two places.
    if settings.contains_key("ssl.ca.pem") {
        settings.remove("ssl.ca.location");
    }
    let mut config: ClientConfig = settings.into_iter().collect();
    config.set_log_level(log_level);
    initialize_openssl();
    config
}

/// Makes OpenSSL ready without its clean-up at `exit()`.
///
/// It must come before librdkafka's own initialization, which registers that clean-up: a process that ended while a
/// thread of librdkafka or ours was still at work in OpenSSL would end by SIGSEGV.
pub fn initialize_openssl() {
    openssl_sys::init();
}

const fn level(level: Level) -> RDKafkaLogLevel {
    match level {
        Level::Debug => RDKafkaLogLevel::Debug,
        Level::Info => RDKafkaLogLevel::Info,
        Level::Warn => RDKafkaLogLevel::Warning,
        Level::Error => RDKafkaLogLevel::Error,
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
