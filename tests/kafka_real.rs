//! The broker adapter against a real broker: what the mock cluster cannot do. Runs when `KER_TEST_BROKERS` names one.
#![cfg(feature = "kafka")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_error_retry::domain::copy::Copy;
use kafka_error_retry::domain::decide::{Passed, Sent};
use kafka_error_retry::domain::event::Event;
use kafka_error_retry::domain::headers::Headers;
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::kafka::KafkaBroker;
use kafka_error_retry::ports::{Broker, Journal, TopicFacts};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

const SECOND: Duration = Duration::from_secs(1);

struct Nowhere;

impl Journal for Nowhere {
    fn note(&self, _: Event) {}
}

/// The brokers to test with; without any the test is skipped, and says so.
#[expect(clippy::print_stderr, reason = "a skipped test is said loudly")]
fn brokers(test: &str) -> Option<String> {
    let brokers = std::env::var("KER_TEST_BROKERS").ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        assert!(std::env::var("REQUIRE_SERVICES").as_deref() != Ok("1"), "KER_TEST_BROKERS is not set");
        eprintln!("SKIPPED {test}: KER_TEST_BROKERS is not set");
    }
    brokers
}

fn connect(brokers: &str, kafka: &Value) -> Fallible<KafkaBroker> {
    let mut kafka = kafka.clone();
    kafka["brokers"] = json!(brokers.split(',').collect::<Vec<_>>());
    let options: Options = serde_json::from_value(json!({ "kafka": kafka }))?;
    Ok(KafkaBroker::new(&options, Arc::new(Nowhere))?)
}

/// A name that no other run has used.
fn fresh(name: &str) -> String {
    format!("ker-{name}-{:016x}", fastrand::u64(..))
}

fn admin(brokers: &str) -> Fallible<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", brokers).create()?)
}

fn copy(topic: &str, size: usize) -> Copy {
    Copy { topic: topic.to_owned(), key: Some(b"k".to_vec()), value: Some(vec![b'v'; size]), headers: Headers::default() }
}

fn commit(brokers: &str, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Fallible {
    let config = &mut ClientConfig::new();
    let consumer: BaseConsumer = config.set("bootstrap.servers", brokers).set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(consumer.commit(&list, CommitMode::Sync)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_as_the_options_say_and_can_be_used_at_once() -> Fallible {
    let Some(brokers) = brokers("a_topic_is_made_as_the_options_say_and_can_be_used_at_once") else { return Ok(()) };
    let config =
        json!({ "partitions": 3, "replicas": 1, "topicConfig": { "cleanup.policy": "compact", "max.message.bytes": "5000" } });
    let broker = connect(&brokers, &config)?;
    let topic = fresh("made");
    assert_eq!(broker.topic(&topic).await?, None);
    broker.ensure_topic(&topic).await?;
    assert_eq!(broker.topic(&topic).await?, Some(TopicFacts { partitions: 3, is_compacted: Some(true) }));
    let sent = broker.send((0..3).map(|partition| (copy(&topic, 10), Some(partition))).collect()).await;
    assert!(sent.iter().all(|sent| matches!(sent, Sent::Acked { .. })), "{sent:?}");
    let found = admin(&brokers)?.describe_configs([&ResourceSpecifier::Topic(&topic)], &AdminOptions::new()).await?;
    let limit = found.into_iter().next().ok_or("no answer")??.get("max.message.bytes").and_then(|entry| entry.value.clone());
    assert_eq!(limit.as_deref(), Some("5000"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_exists_stays_as_it_is() -> Fallible {
    let Some(brokers) = brokers("a_topic_that_exists_stays_as_it_is") else { return Ok(()) };
    let topic = fresh("stays");
    connect(&brokers, &json!({ "partitions": 2 }))?.ensure_topic(&topic).await?;
    let broker = connect(&brokers, &json!({ "partitions": 7, "topicConfig": { "cleanup.policy": "compact" } }))?;
    broker.ensure_topic(&topic).await?;
    assert_eq!(broker.topic(&topic).await?, Some(TopicFacts { partitions: 2, is_compacted: Some(false) }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_options_leave_open_the_broker_decides() -> Fallible {
    let Some(brokers) = brokers("what_the_options_leave_open_the_broker_decides") else { return Ok(()) };
    let broker = connect(&brokers, &json!({}))?;
    let topic = fresh("open");
    broker.ensure_topic(&topic).await?;
    assert!(broker.topic(&topic).await?.is_some_and(|facts| facts.partitions > 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_cannot_be_made_is_an_error_with_the_name_of_the_reason() -> Fallible {
    let Some(brokers) = brokers("a_topic_that_cannot_be_made_is_an_error_with_the_name_of_the_reason") else { return Ok(()) };
    let broker = connect(&brokers, &json!({ "topicConfig": { "no.such.setting": "1" } }))?;
    let error = broker.ensure_topic(&fresh("bad")).await.err().ok_or("made")?;
    assert_eq!(error.details["code"].as_str(), Some("INVALID_CONFIG"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_and_no_delivery_makes_a_topic() -> Fallible {
    let Some(brokers) = brokers("no_question_and_no_delivery_makes_a_topic") else { return Ok(()) };
    let broker = connect(&brokers, &json!({}))?;
    let topic = fresh("none");
    assert_eq!(broker.topic(&topic).await?, None);
    let sent = broker.send(vec![(copy(&topic, 1), None), (copy(&topic, 1), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Refused(_), Sent::Refused(_)]), "{sent:?}");
    broker.probe(5 * SECOND).await?;
    assert_eq!(broker.topic(&topic).await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_over_the_limit_of_the_topic_are_too_large_and_their_neighbours_are_acknowledged() -> Fallible {
    let Some(brokers) = brokers("copies_over_the_limit_of_the_topic_are_too_large_and_their_neighbours_are_acknowledged") else {
        return Ok(());
    };
    let broker = connect(&brokers, &json!({ "partitions": 1, "topicConfig": { "max.message.bytes": "5000" } }))?;
    let topic = fresh("small");
    broker.ensure_topic(&topic).await?;
    // Two hundred small ones together are over the limit as well, though each of them is far below.
    let is_large = |n: usize| n == 3 || n == 150;
    let copies = (0..200).map(|n| (copy(&topic, if is_large(n) { 20_000 } else { 100 }), Some(0))).collect();
    let begin = Instant::now();
    let sent = broker.send(copies).await;
    println!("200 copies, two of them too large: {:?}", begin.elapsed());
    for (n, sent) in sent.iter().enumerate() {
        let is_right = if is_large(n) { matches!(sent, Sent::TooLarge(_)) } else { matches!(sent, Sent::Acked { .. }) };
        assert!(is_right, "{n}: {sent:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_topic_can_never_take_does_not_take_its_neighbours_along() -> Fallible {
    let Some(brokers) = brokers("a_record_that_the_topic_can_never_take_does_not_take_its_neighbours_along") else {
        return Ok(());
    };
    let broker = connect(&brokers, &json!({ "partitions": 1, "topicConfig": { "cleanup.policy": "compact" } }))?;
    let topic = fresh("keyed");
    broker.ensure_topic(&topic).await?;
    let mut copies: Vec<_> = (0..20).map(|_| (copy(&topic, 10), Some(0))).collect();
    copies[7].0.key = None;
    let sent = broker.send(copies).await;
    for (n, sent) in sent.iter().enumerate() {
        let is_right = if n == 7 { matches!(sent, Sent::Unknown(_)) } else { matches!(sent, Sent::Acked { .. }) };
        assert!(is_right, "{n}: {sent:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_copies_are_acknowledged_in_their_order() -> Fallible {
    let Some(brokers) = brokers("a_thousand_copies_are_acknowledged_in_their_order") else { return Ok(()) };
    let broker = connect(&brokers, &json!({ "partitions": 1 }))?;
    let topic = fresh("thousand");
    broker.ensure_topic(&topic).await?;
    broker.send(vec![(copy(&topic, 1), Some(0))]).await;
    for round in 0..3 {
        let begin = Instant::now();
        let sent = broker.send((0..1_000).map(|_| (copy(&topic, 200), Some(0))).collect()).await;
        println!("1000 copies in {:?}", begin.elapsed());
        let expected: Vec<Sent> = (0..1_000).map(|n| Sent::Acked { partition: 0, offset: 1 + round * 1_000 + n }).collect();
        assert_eq!(sent, expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_passed_what_lies_before_its_offset_or_before_the_start_of_the_log() -> Fallible {
    let Some(brokers) = brokers("a_group_has_passed_what_lies_before_its_offset_or_before_the_start_of_the_log") else {
        return Ok(());
    };
    let broker = connect(&brokers, &json!({ "partitions": 3 }))?;
    let (topic, group) = (fresh("passed"), fresh("group"));
    broker.ensure_topic(&topic).await?;
    broker.send((0..30).map(|n| (copy(&topic, 10), Some(n % 3))).collect()).await;
    let gone = fresh("gone");
    let place = |topic: &str, partition, offset| (topic.to_owned(), partition, offset);
    let asked = [
        place(&topic, 0, 3),
        place(&topic, 0, 4),
        place(&topic, 1, 3),
        place(&topic, 1, 4),
        place(&topic, 2, 9),
        place(&topic, 99, 0),
        place(&gone, 0, 0),
    ];
    assert_eq!(broker.passed(&group, &asked).await, [Passed::NotYet; 7]);
    commit(&brokers, &group, &topic, &[(0, 4)])?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 1, Offset::Offset(4))?;
    admin(&brokers)?.delete_records(&list, &AdminOptions::new()).await?;
    let expected = [Passed::Yes, Passed::NotYet, Passed::Yes, Passed::NotYet, Passed::NotYet, Passed::NotYet, Passed::NotYet];
    let begin = Instant::now();
    assert_eq!(broker.passed(&group, &asked).await, expected);
    assert!(begin.elapsed() < 5 * SECOND, "a topic that is gone must not hold up the others: {:?}", begin.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_seen_after_the_first_refusal() -> Fallible {
    let Some(brokers) = brokers("partitions_that_are_added_are_seen_after_the_first_refusal") else { return Ok(()) };
    let broker = connect(&brokers, &json!({ "partitions": 1 }))?;
    let topic = fresh("grows");
    broker.ensure_topic(&topic).await?;
    assert_eq!(broker.topic(&topic).await?.map(|facts| facts.partitions), Some(1));
    admin(&brokers)?
        .create_partitions([&NewPartitions::new(&topic, 4)], &AdminOptions::new().operation_timeout(Some(SECOND)))
        .await?;
    let sent = broker.send(vec![(copy(&topic, 1), Some(3))]).await;
    assert!(matches!(sent[..], [Sent::Refused(_)]), "{sent:?}");
    assert_eq!(broker.topic(&topic).await?.map(|facts| facts.partitions), Some(4));
    let sent = broker.send(vec![(copy(&topic, 1), Some(3))]).await;
    assert!(matches!(sent[..], [Sent::Acked { partition: 3, offset: 0 }]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn close_is_quick_when_nothing_is_under_way() -> Fallible {
    let Some(brokers) = brokers("close_is_quick_when_nothing_is_under_way") else { return Ok(()) };
    let broker = connect(&brokers, &json!({ "partitions": 1 }))?;
    let topic = fresh("close");
    broker.ensure_topic(&topic).await?;
    broker.send(vec![(copy(&topic, 1), Some(0))]).await;
    let begin = Instant::now();
    broker.close(10 * SECOND).await;
    assert!(begin.elapsed() < 5 * SECOND, "{:?}", begin.elapsed());
    Ok(())
}
