//! `initialize()`: what is made, what is refused, and what is only worth a warning.

use std::time::Duration;

use kafka_error_retry::domain::ErrorCode;
use kafka_error_retry::domain::options::{DbOptions, Durability, KafkaOptions, Options, Tls};
use kafka_error_retry::flows::setup::{ensure_topics, prepare_store, prepare_topics};
use kafka_error_retry::ports::StoreFacts;

use crate::fakes::store::Verb::Migrate;
use crate::fakes::store::unavailable;
use crate::fakes::world::{TOPIC, World};

fn with_topics(topics: &[&str], partitions: Option<i64>) -> Options {
    let topics = topics.iter().map(ToString::to_string).collect();
    Options { kafka: KafkaOptions { topics, partitions, ..KafkaOptions::default() }, ..Options::default() }
}

fn risky() -> StoreFacts {
    let risks = vec![("innodb_flush_log_at_trx_commit".into(), "2".into()), ("sync_binlog".into(), "0".into())];
    StoreFacts { max_payload: Some(1 << 20), risks, version: "x".into() }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_may_lose_commits_is_a_warning_per_setting() {
    let world = World::default();
    world.store.is(risky());
    let facts = prepare_store(&*world.store, &world.options, &*world.notes).await.unwrap();
    assert_eq!(facts, risky());
    assert_eq!(world.notes.lines(), ["warning notDurable", "warning notDurable"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_may_lose_commits_is_refused_when_strict() {
    let world = World::with(Options { durability: Durability::Strict, ..Options::default() });
    world.store.is(risky());
    let error = prepare_store(&*world.store, &world.options, &*world.notes).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotDurable);
    assert_eq!(error.details, serde_json::json!({ "variable": "innodb_flush_log_at_trx_commit", "value": "2" }));
    world.store.is(StoreFacts::default());
    assert!(prepare_store(&*world.store, &world.options, &*world.notes).await.is_ok());
    assert!(world.notes.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_an_error() {
    let world = World::default();
    world.store.fail(Migrate, 1, unavailable);
    assert_eq!(prepare_store(&*world.store, &world.options, &*world.notes).await.unwrap_err().code, ErrorCode::Store);
}

#[tokio::test(start_paused = true)]
async fn configured_topics_are_made_and_existing_ones_left() {
    let world = World::with(with_topics(&[TOPIC, "new"], Some(3)));
    world.broker.make_topics_with(3);
    assert!(prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
    assert_eq!(world.broker.ensured(), [TOPIC, "new"]);
    assert!(world.notes.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_with_another_number_of_partitions_is_a_warning() {
    let world = World::with(with_topics(&[TOPIC], Some(12)));
    assert!(prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
    assert_eq!(world.notes.lines(), ["warning partitionCount"]);
}

#[tokio::test(start_paused = true)]
async fn no_broker_is_a_warning_and_its_topics_are_made_later() {
    let world = World::with(with_topics(&["new"], None));
    world.broker.go_down();
    assert!(!prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
    assert_eq!((world.notes.lines(), world.broker.ensured().len()), (vec!["warning brokerUnavailable".to_owned()], 0));
    world.broker.come_up();
    assert!(ensure_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
    assert_eq!(world.broker.ensured(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn no_broker_is_an_error_where_one_is_required() {
    let world = World::with(Options { require_kafka: true, ..Options::default() });
    world.broker.go_down();
    let error = prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Kafka);
    assert!(world.notes.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_who_insists_on_a_broker_waits_long_for_one() {
    for (require_kafka, within) in [(true, Duration::from_secs(10)), (false, Duration::from_secs(2))] {
        let world = World::with(Options { require_kafka, ..Options::default() });
        prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap();
        assert_eq!(world.broker.probes(), [within]);
    }
}

#[tokio::test(start_paused = true)]
async fn plain_text_to_another_machine_is_a_warning() {
    for (kind, host, tls, expected) in [
        ("mysql", "db.example", Some(Tls::Switch(false)), 1),
        ("mysql", "db.example", None, 0),
        ("postgres", "127.0.0.1", Some(Tls::Switch(false)), 0),
        ("sqlite", "db.example", Some(Tls::Switch(false)), 0),
    ] {
        let db = DbOptions { kind: kind.into(), host: Some(host.into()), tls, ..DbOptions::default() };
        let world = World::with(Options { db, ..Options::default() });
        prepare_store(&*world.store, &world.options, &*world.notes).await.unwrap();
        assert_eq!(world.notes.lines(), vec!["warning insecureTransport"; expected], "{kind} {host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_made_stops_no_other() {
    let world = World::with(with_topics(&["secret", "new"], None));
    world.broker.refuse_to_make("secret");
    assert!(prepare_topics(&*world.broker, &world.options, &*world.notes).await.unwrap(), "trying again would not help");
    assert_eq!((world.notes.lines(), world.broker.ensured().len()), (vec!["warning topicNotCreated".to_owned()], 2));
    let strict = Options { require_kafka: true, ..with_topics(&["secret"], None) };
    assert_eq!(ensure_topics(&*world.broker, &strict, &*world.notes).await.unwrap_err().code, ErrorCode::KafkaAuth);
}

#[tokio::test(start_paused = true)]
async fn topics_that_a_vanished_broker_did_not_make_are_tried_again() {
    let world = World::with(with_topics(&["new"], None));
    world.broker.go_down();
    assert!(!ensure_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
    world.broker.come_up();
    assert!(ensure_topics(&*world.broker, &world.options, &*world.notes).await.unwrap());
}
