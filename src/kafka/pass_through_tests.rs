use super::*;

fn objection_to(name: &str, value: &str) -> Option<String> {
    let problems = check_librdkafka(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
    assert!(problems.iter().all(|problem| problem.path == format!("kafka.librdkafka.{name}")));
    problems.into_iter().next().map(|problem| problem.expected)
}

#[test]
fn settings_that_load_code_or_run_a_shell_are_not_allowed() {
    for name in ["plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl.providers", "interceptors"] {
        assert_eq!(objection_to(name, "/tmp/x.so").as_deref(), Some("is not allowed (loads native code)"), "{name}");
    }
    assert_eq!(objection_to("sasl.kerberos.kinit.cmd", "x").as_deref(), Some("is not allowed (runs a shell)"));
}

#[test]
fn settings_that_promises_rest_on_are_managed() {
    for name in [
        "enable.auto.commit",
        "enable.auto.offset.store",
        "group.id",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "bootstrap.servers",
        "metadata.broker.list",
        "security.protocol",
        "ssl.ca.pem",
        "sasl.password",
        "retries",
        "transactional.id",
    ] {
        assert_eq!(objection_to(name, "true").as_deref(), Some("is managed by this library"), "{name}");
    }
}

#[test]
fn an_unknown_setting_has_the_text_of_librdkafka() {
    let text = objection_to("no.such.key", "x").unwrap_or_default();
    assert!(text.contains("No such configuration property: \"no.such.key\""), "{text}");
}

#[test]
fn a_bad_value_has_the_text_of_librdkafka_without_the_value() {
    let text = objection_to("linger.ms", "CANARY").unwrap_or_default();
    assert_eq!(text, "is refused by librdkafka: Invalid value for configuration property \"queue.buffering.max.ms\"");
    let text = objection_to("socket.timeout.ms", "987654321").unwrap_or_default();
    assert_eq!(
        text,
        "is refused by librdkafka: Configuration property \"socket.timeout.ms\" value … is outside allowed range 10..300000"
    );
    for (name, value) in [
        ("compression.codec", "CANARY"),
        ("debug", "CANARY"),
        ("socket.keepalive.enable", "CANARY"),
        ("client.dns.lookup", "CANARY"),
    ] {
        let text = objection_to(name, value).unwrap_or_default();
        assert!(text.starts_with("is refused by librdkafka: ") && !text.contains("CANARY"), "{name}: {text}");
    }
}

#[test]
fn mock_clusters_and_what_is_not_on_the_list_are_not_allowed() {
    assert_eq!(objection_to("test.mock.num.brokers", "3").as_deref(), Some("is not allowed (replaces the brokers)"));
    for name in
        ["sasl.oauthbearer.method", "opaque", "builtin.features", "default_topic_conf", "msg_order_cmp", "ssl.keystore.location"]
    {
        assert_eq!(objection_to(name, "x").as_deref(), Some("is not allowed"), "{name}");
    }
}

#[test]
fn every_allowed_name_is_one_of_librdkafka() {
    for name in [ANY, PRODUCER, CONSUMER].concat() {
        assert!(!set(name, "").is_err_and(|text| text.contains(UNKNOWN)), "{name}");
    }
    for (alias, first) in ALIASES {
        assert!(set(alias, "1").is_ok() || set(alias, "none").is_ok(), "{alias}");
        assert!(PRODUCER.contains(first), "{alias}");
    }
}

#[test]
fn no_name_is_on_two_lists() {
    let mut names = [ANY, PRODUCER, CONSUMER, MANAGED, LOADS].concat();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn nul_bytes_are_a_problem_and_not_a_panic() {
    assert_eq!(objection_to("client.rack", "a\0b").as_deref(), Some("must be text without NUL"));
    assert!(objection_to("a\0b", "x").is_some());
}

#[test]
fn good_settings_of_all_kinds_are_accepted() {
    let block = [
        ("linger.ms", "0"),
        ("queue.buffering.max.ms", "0"),
        ("fetch.min.bytes", "1"),
        ("client.rack", "r"),
        ("compression.type", "lz4"),
    ];
    let block = block.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(check_librdkafka(&block), []);
}
