use serde_json::{Value, json};

use super::*;

fn options(kafka: &Value) -> Options {
    let mut kafka = kafka.clone();
    kafka["brokers"] = json!(["a:1", "b:2"]);
    serde_json::from_value(json!({ "kafka": kafka })).unwrap_or_default()
}

fn producer_with(kafka: &Value) -> ClientConfig {
    producer(&options(kafka), MESSAGE_TIMEOUT)
}

#[test]
fn a_producer_is_idempotent_waits_for_all_replicas_and_gives_up_after_a_minute() {
    let config = producer_with(&json!({}));
    for (name, value) in [
        ("bootstrap.servers", "a:1,b:2"),
        ("client.id", "kafka-error-retry"),
        ("security.protocol", "plaintext"),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("message.timeout.ms", "60000"),
        ("message.max.bytes", "16781312"),
        ("queue.buffering.max.kbytes", "65536"),
        ("linger.ms", "5"),
        ("allow.auto.create.topics", "false"),
        ("socket.keepalive.enable", "true"),
        ("log.connection.close", "false"),
    ] {
        assert_eq!(config.get(name), Some(value), "{name}");
    }
}

#[test]
fn librdkafka_takes_every_setting() {
    let all = json!({
        "clientId": "x",
        "ssl": { "passphrase": "p", "rejectUnauthorized": false },
        "sasl": { "mechanism": "scram-sha-512", "username": "u", "password": "p" },
        "librdkafka": { "compression.codec": "zstd", "fetch.min.bytes": "1" },
    });
    for config in [producer_with(&all), admin(&options(&all)), producer_with(&json!({})), admin(&options(&json!({})))] {
        assert!(config.create_native_config().is_ok(), "{config:?}");
    }
}

#[test]
fn the_largest_payload_fits_into_the_queue_and_stays_within_the_limit_of_librdkafka() {
    let mut options = options(&json!({}));
    options.max_payload_bytes = 1 << 30;
    let config = producer(&options, MESSAGE_TIMEOUT);
    assert_eq!(config.get("message.max.bytes"), Some("1000000000"));
    assert_eq!(config.get("queue.buffering.max.kbytes"), Some("976564"));
    assert!(config.create_native_config().is_ok());
    options.max_payload_bytes = 1;
    assert_eq!(producer(&options, MESSAGE_TIMEOUT).get("message.max.bytes"), Some("4097"));
}

#[test]
fn the_protocol_follows_tls_and_login() {
    let login = json!({ "mechanism": "plain", "username": "u", "password": "p" });
    for (kafka, protocol) in [
        (json!({ "ssl": false }), "plaintext"),
        (json!({ "ssl": true }), "ssl"),
        (json!({ "ssl": {} }), "ssl"),
        (json!({ "sasl": login }), "sasl_plaintext"),
        (json!({ "sasl": login, "ssl": true }), "sasl_ssl"),
    ] {
        assert_eq!(producer_with(&kafka).get("security.protocol"), Some(protocol), "{kafka}");
        assert_eq!(admin(&options(&kafka)).get("security.protocol"), Some(protocol), "{kafka}");
    }
}

#[test]
fn tls_is_verified_unless_the_user_says_otherwise() {
    let name = "enable.ssl.certificate.verification";
    assert_eq!(producer_with(&json!({ "ssl": true })).get(name), Some("true"));
    assert_eq!(producer_with(&json!({ "ssl": { "rejectUnauthorized": true } })).get(name), Some("true"));
    assert_eq!(producer_with(&json!({ "ssl": { "rejectUnauthorized": false } })).get(name), Some("false"));
}

#[test]
fn certificates_and_login_are_handed_over_as_texts() {
    let kafka = json!({
        "ssl": { "ca": "CA", "cert": "CERT", "key": "KEY", "passphrase": "PASS" },
        "sasl": { "mechanism": "scram-sha-256", "username": "u", "password": "p" },
    });
    let config = producer_with(&kafka);
    for (name, value) in [
        ("ssl.ca.pem", "CA"),
        ("ssl.certificate.pem", "CERT"),
        ("ssl.key.pem", "KEY"),
        ("ssl.key.password", "PASS"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", "u"),
        ("sasl.password", "p"),
    ] {
        assert_eq!(config.get(name), Some(value), "{name}");
    }
    assert_eq!(config.get("ssl.ca.location"), None, "roots come from one place");
}

#[test]
fn the_user_replaces_defaults_under_any_of_their_names_but_nothing_that_is_forced() {
    let kafka = json!({ "librdkafka": {
        "queue.buffering.max.ms": "50", "socket.keepalive.enable": "false", "acks": "1", "message.timeout.ms": "1", "client.id": "x",
    } });
    let config = producer_with(&kafka);
    assert_eq!(config.get("linger.ms"), Some("50"));
    assert_eq!(config.get("queue.buffering.max.ms"), None, "two names for one setting would race");
    assert_eq!(config.get("socket.keepalive.enable"), Some("false"));
    assert_eq!(config.get("acks"), Some("all"));
    assert_eq!(config.get("message.timeout.ms"), Some("60000"));
    assert_eq!(config.get("client.id"), Some("kafka-error-retry"));
}

#[test]
fn a_client_gets_only_what_concerns_it() {
    let kafka = json!({ "librdkafka": { "compression.codec": "lz4", "fetch.min.bytes": "2", "client.rack": "r" } });
    let (producer, admin) = (producer_with(&kafka), admin(&options(&kafka)));
    assert_eq!((producer.get("compression.codec"), admin.get("compression.codec")), (Some("lz4"), None));
    assert_eq!((producer.get("fetch.min.bytes"), admin.get("fetch.min.bytes")), (None, None));
    assert_eq!((producer.get("client.rack"), admin.get("client.rack")), (Some("r"), Some("r")));
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let kafka = json!({
        "ssl": { "passphrase": "CANARY" },
        "sasl": { "mechanism": "plain", "username": "u", "password": "CANARY" },
    });
    assert!(!format!("{:?}", producer_with(&kafka)).contains("CANARY"));
}
