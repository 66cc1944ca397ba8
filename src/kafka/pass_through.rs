//! `kafka.librdkafka`: settings that a user may hand on to librdkafka.
//!
//! An allow-list, because librdkafka can load libraries and run shells by configuration, and because some settings carry
//! the promises of this library.

use std::collections::BTreeMap;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use crate::domain::validate::Problem;

/// Which client is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The producer of copies.
    Producer,
    /// One that only asks: the admin client and the readers of groups.
    Admin,
}

/// What every client takes.
const ANY: &[&str] = &[
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.metrics.push",
    "log.connection.close",
    "log.thread.name",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.sigalgs.list",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

/// What only producers take.
const PRODUCER: &[&str] = &[
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "linger.ms",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "request.timeout.ms",
    "sticky.partitioning.linger.ms",
];

/// What only consumers take; accepted here, because the block is one for all clients of a handler.
const CONSUMER: &[&str] = &[
    "check.crcs",
    "coordinator.query.interval.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
];

/// Second names of allowed settings, and the first one. Two names for one setting must not meet in one configuration:
/// which of them wins is chance.
const ALIASES: &[(&str, &str)] = &[("queue.buffering.max.ms", "linger.ms"), ("compression.type", "compression.codec")];

/// What this library sets, from its own options or because its promises rest on it.
const MANAGED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "enable.ssl.certificate.verification",
    "enabled_events",
    "group.id",
    "log.queue",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "offset.store.method",
    "partitioner",
    "queuing.strategy",
    "request.required.acks",
    "retries",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.max.fails",
    "ssl.ca.pem",
    "ssl.certificate.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "statistics.interval.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

const LOADS: &[&str] = &["interceptors", "plugin.library.paths", "ssl.engine.id", "ssl.engine.location", "ssl.providers"];

/// All problems of the block. Opens and loads nothing: only allowed and unknown names ever reach librdkafka.
#[must_use]
pub fn check_librdkafka(block: &BTreeMap<String, String>) -> Vec<Problem> {
    block
        .iter()
        .filter_map(|(name, value)| {
            let expected = objection(name, value)?;
            Some(Problem { path: format!("kafka.librdkafka.{name}"), expected })
        })
        .collect()
}

/// What one client takes of the block, under first names.
pub(super) fn passed_through(block: &BTreeMap<String, String>, client: Client) -> BTreeMap<String, String> {
    let concerns = |name: &str| ANY.contains(&name) || (client == Client::Producer && PRODUCER.contains(&name));
    block.iter().map(|(name, value)| (first_name(name), value)).filter(|(name, _)| concerns(name)).map(own).collect()
}

fn own((name, value): (&str, &String)) -> (String, String) {
    (name.to_owned(), value.clone())
}

fn first_name(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, first)| first)
}

fn objection(name: &str, value: &str) -> Option<String> {
    let first = first_name(name);
    if [ANY, PRODUCER, CONSUMER].iter().any(|names| names.contains(&first)) {
        return set(name, value).err().map(|text| without(&text, value));
    }
    Some(if LOADS.contains(&name) {
        "is not allowed (loads native code)".to_owned()
    } else if name == "sasl.kerberos.kinit.cmd" {
        "is not allowed (runs a shell)".to_owned()
    } else if MANAGED.contains(&name) {
        "is managed by this library".to_owned()
    } else if name.starts_with("test.mock.") {
        "is not allowed (replaces the brokers)".to_owned()
    } else {
        // Whatever a setting does that is on no list: with an empty value it does nothing.
        set(name, "").err().filter(|text| text.contains(UNKNOWN)).unwrap_or_else(|| "is not allowed".to_owned())
    })
}

/// How librdkafka's text about a name that it does not have begins.
const UNKNOWN: &str = "No such configuration property";

/// librdkafka's own opinion of a setting, by setting it on a configuration that is thrown away.
fn set(name: &str, value: &str) -> Result<(), String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, text, ..)) => Err(format!("is refused by librdkafka: {}", text.trim())),
        Err(_) => Err("must be text without NUL".to_owned()),
    }
}

/// librdkafka's text without the value that it quotes: problems never show what was received.
fn without(text: &str, value: &str) -> String {
    let quoted = [format!("\"{value}\""), format!("value {value} is"), format!(": {value}")];
    let masked = ["\"…\"", "value … is", ": …"];
    quoted.iter().zip(masked).fold(text.to_owned(), |text, (quoted, masked)| text.replace(quoted, masked))
}

#[cfg(test)]
#[path = "pass_through_tests.rs"]
mod tests;
