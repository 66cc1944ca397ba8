//! The rules of options: all problems at once, each with its path, never with the received value.

use serde::Serialize;

use super::options::{DbOptions, KafkaOptions, Options, Sasl, Tls};
use super::zone::Zone;

/// One thing that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path below `options`, as `kafka.brokers[1]`.
    pub path: String,
    /// What was expected, as the rest of a sentence.
    pub expected: String,
}

/// The shortest lease: three renewals must fit into it, and one takes up to a second.
const SHORTEST_LEASE: u64 = 3_000;

/// All problems of an options object that its own values show.
#[must_use]
pub fn validate(options: &Options) -> Vec<Problem> {
    let mut check = Check(Vec::new());
    check.db(&options.db);
    if !options.store_only {
        check.kafka(&options.kafka);
    }
    check.that(options.policy.max_delay > 0, "policy.maxDelay", "must be a duration > 0");
    check.that(options.policy.retry_count <= 2_147_483_647, "policy.retryCount", "must be an integer 0–2147483647");
    check.that(options.namespace.len() <= 64, "namespace", "must be at most 64 bytes");
    check.that(options.group_id.len() <= 255, "groupId", "must be at most 255 bytes");
    if let Some(topic) = &options.retry_topic {
        check.that(is_topic(topic), "retryTopic", TOPIC);
    }
    check.that(options.lease_timeout >= SHORTEST_LEASE, "leaseTimeout", "must be at least 3 s: three renewals must fit into it");
    for (name, value) in [
        ("outcomeTimeout", options.outcome_timeout),
        ("pushTimeout", options.push_timeout),
        ("connectTimeout", options.connect_timeout),
        ("closeTimeout", options.close_timeout),
    ] {
        check.that(value > 0, name, "must be a duration > 0");
    }
    check.that(options.max_pending > 0, "maxPending", "must be an integer ≥ 1");
    check.that((1..=1 << 30).contains(&options.max_payload_bytes), "maxPayloadBytes", "must be an integer 1–1073741824");
    check.that(options.max_redeliveries_per_second != Some(0), "maxRedeliveriesPerSecond", "must be an integer ≥ 1");
    check.that(options.retention.dead != Some(0), "retention.dead", "must be a duration > 0");
    check.0
}

struct Check(Vec<Problem>);

impl Check {
    fn that(&mut self, is_fine: bool, path: &str, expected: &str) {
        if !is_fine {
            self.0.push(Problem { path: path.to_owned(), expected: expected.to_owned() });
        }
    }

    fn db(&mut self, db: &DbOptions) {
        let kinds = ["mysql", "mariadb", "postgres", "sqlite", "memory"];
        self.that(kinds.contains(&db.kind.as_str()), "db.type", "must be one of mysql, mariadb, postgres, sqlite, memory");
        self.that(db.port.is_none_or(|port| (1..=65_535).contains(&port)), "db.port", "must be an integer 1–65535");
        if db.kind == "sqlite" {
            let file = db.database();
            self.that(!file.is_empty() && !file.contains('\0'), "db.database", "must be a file name without NUL");
        } else {
            self.that(is_database(db.database()), "db.database", "must match [A-Za-z0-9_-]{1,63}");
        }
        self.that(is_prefix(&db.table_prefix), "db.tablePrefix", "must match [A-Za-z_][A-Za-z0-9_]{0,47}");
        let is_zone = db.timezone.as_deref().is_none_or(|zone| Zone::parse(zone).is_some());
        self.that(is_zone, "db.timezone", "must be 'local', 'Z', an offset such as '+08:00' or an IANA name");
        self.that((1..=1000).contains(&db.pool_size), "db.poolSize", "must be an integer 1–1000");
        self.tls(db.tls.as_ref(), "db.tls");
    }

    fn kafka(&mut self, kafka: &KafkaOptions) {
        self.that(!kafka.brokers.is_empty(), "kafka.brokers", "must name at least one host:port");
        for (index, broker) in kafka.brokers.iter().enumerate() {
            self.that(is_broker(broker), &format!("kafka.brokers[{index}]"), "must be host:port");
        }
        for (index, topic) in kafka.topics.iter().enumerate() {
            self.that(is_topic(topic), &format!("kafka.topics[{index}]"), TOPIC);
        }
        self.that(kafka.partitions.is_none_or(|n| (1..=100_000).contains(&n)), "kafka.partitions", "must be an integer 1–100000");
        self.that(kafka.replicas.is_none_or(|n| (1..=32_767).contains(&n)), "kafka.replicas", "must be an integer 1–32767");
        if let Some(Sasl { mechanism, username, .. }) = &kafka.sasl {
            let known = ["plain", "scram-sha-256", "scram-sha-512"];
            self.that(
                known.contains(&mechanism.as_str()),
                "kafka.sasl.mechanism",
                "must be one of plain, scram-sha-256, scram-sha-512",
            );
            self.that(!username.is_empty(), "kafka.sasl.username", "must be a non-empty string");
        }
        self.tls(kafka.ssl.as_ref(), "kafka.ssl");
    }

    fn tls(&mut self, tls: Option<&Tls>, path: &str) {
        if let Some(Tls::Settings(tls)) = tls {
            self.that(tls.cert.is_some() == tls.key.is_some(), path, "must have both cert and key, or neither");
        }
    }
}

const TOPIC: &str = "must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'";

/// Kafka's rule for topic names.
#[must_use]
pub fn is_topic(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(is_allowed) && name != "." && name != ".."
}

/// What `pushError` takes for an id; TypeScript checks the same before a call.
#[must_use]
pub fn is_data_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && !id.contains('\0')
}

/// What a database may be called: it goes into SQL, quoted, after this check.
#[must_use]
pub fn is_database(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What may stand in front of a table name: it goes into SQL, quoted, after this check.
#[must_use]
pub fn is_prefix(name: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.len() <= 48
        && name.as_bytes().first().is_some_and(is_first)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `host:port`, `[v6]:port`, with a port of 1–65535.
fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == ',' || c == '/');
    is_host && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &serde_json::Value) -> Vec<String> {
        let options: Options = serde_json::from_value(json.clone()).unwrap_or_default();
        validate(&options).into_iter().map(|problem| problem.path).collect()
    }

    fn with(path: &str, value: &serde_json::Value) -> Vec<String> {
        let mut json =
            serde_json::json!({ "db": { "type": "mysql" }, "kafka": { "brokers": ["a:1"] }, "policy": {}, "retention": {} });
        let pointer = format!("/{}", path.replace('.', "/"));
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(object) = json.pointer_mut(parent).and_then(|parent| parent.as_object_mut()) {
            object.insert(name.to_owned(), value.clone());
        }
        problems(&json)
    }

    #[test]
    fn a_small_options_object_is_fine() {
        assert_eq!(with("namespace", &"".into()), Vec::<String>::new());
    }

    #[test]
    fn every_bad_value_is_named_by_its_path() {
        let cases: [(&str, serde_json::Value, &str); 25] = [
            ("db.type", "oracle".into(), "db.type"),
            ("db.port", 0.into(), "db.port"),
            ("db.port", 65_536.into(), "db.port"),
            ("db.database", "a;DROP TABLE x".into(), "db.database"),
            ("db.database", "a`b".into(), "db.database"),
            ("db.database", "x".repeat(64).into(), "db.database"),
            ("db.database", "".into(), "db.database"),
            ("db.timezone", "Mars/Olympus".into(), "db.timezone"),
            ("db.tablePrefix", "a-b".into(), "db.tablePrefix"),
            ("db.tablePrefix", "1a".into(), "db.tablePrefix"),
            ("db.tablePrefix", "x".repeat(49).into(), "db.tablePrefix"),
            ("db.tls", serde_json::json!({ "cert": "c" }), "db.tls"),
            ("kafka.ssl", serde_json::json!({ "key": "k" }), "kafka.ssl"),
            ("kafka.brokers", serde_json::json!([]), "kafka.brokers"),
            ("kafka.brokers", serde_json::json!(["a:1", "host"]), "kafka.brokers[1]"),
            ("kafka.brokers", serde_json::json!(["host:0"]), "kafka.brokers[0]"),
            ("kafka.topics", serde_json::json!(["a b"]), "kafka.topics[0]"),
            ("kafka.partitions", 0.into(), "kafka.partitions"),
            ("kafka.sasl", serde_json::json!({ "mechanism": "gssapi", "username": "x" }), "kafka.sasl.mechanism"),
            ("policy.maxDelay", 0.into(), "policy.maxDelay"),
            ("policy.retryCount", 2_147_483_648_u32.into(), "policy.retryCount"),
            ("leaseTimeout", 2_999.into(), "leaseTimeout"),
            ("maxPending", 0.into(), "maxPending"),
            ("retention.dead", 0.into(), "retention.dead"),
            ("retryTopic", "..".into(), "retryTopic"),
        ];
        for (path, value, expected) in cases {
            assert_eq!(with(path, &value), [expected], "{path} {value}");
        }
    }

    #[test]
    fn who_only_wants_the_store_names_no_broker() {
        assert_eq!(problems(&serde_json::json!({ "db": { "type": "mysql" } })), ["kafka.brokers"]);
        assert_eq!(problems(&serde_json::json!({ "db": { "type": "mysql" }, "storeOnly": true })), Vec::<String>::new());
    }

    #[test]
    fn all_problems_come_at_once() {
        let json = serde_json::json!({ "db": { "type": "x", "port": 0 }, "kafka": { "brokers": ["a"] } });
        assert_eq!(problems(&json), ["db.type", "db.port", "kafka.brokers[0]"]);
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let json = serde_json::json!({
            "db": { "type": "mysql", "password": "CANARY-db" },
            "kafka": { "brokers": ["a:1"], "sasl": { "mechanism": "plain", "username": "u", "password": "CANARY-sasl" }, "ssl": { "key": "CANARY-key" } },
        });
        let options: Options = serde_json::from_value(json).unwrap_or_default();
        assert!(!format!("{options:?} {:?}", options.kafka.sasl).contains("CANARY"));
    }
}
