//! The broker adapter against librdkafka's mock cluster: what a delivery can end as, and that nothing hangs.
#![cfg(feature = "kafka")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kafka_error_retry::domain::ErrorCode;
use kafka_error_retry::domain::copy::Copy;
use kafka_error_retry::domain::decide::{Passed, Sent};
use kafka_error_retry::domain::event::{Event, Level};
use kafka_error_retry::domain::headers::Headers;
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::kafka::KafkaBroker;
use kafka_error_retry::kafka::config::MESSAGE_TIMEOUT;
use kafka_error_retry::kafka::mock::{Answer, Mock, Request};
use kafka_error_retry::ports::{Broker, Journal, TopicFacts};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{BorrowedHeaders, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;

type Fallible = Result<(), Box<dyn std::error::Error>>;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl Journal for Events {
    fn note(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

impl Events {
    fn warnings(&self) -> Vec<String> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |event: &Event| match event {
            Event::Log { level: Level::Warn, message, .. } => Some(message.clone()),
            _ => None,
        };
        events.iter().filter_map(warning).collect()
    }
}

fn options(brokers: &[String]) -> Options {
    let json = json!({ "kafka": { "brokers": brokers }, "connectTimeout": 5_000 });
    serde_json::from_value(json).unwrap_or_default()
}

fn broker_within(mock: &Mock, message_timeout: Duration) -> Result<KafkaBroker, Box<dyn std::error::Error>> {
    Ok(KafkaBroker::with_message_timeout(&options(&mock.brokers()), Arc::new(Events::default()), message_timeout)?)
}

fn broker(mock: &Mock) -> Result<KafkaBroker, Box<dyn std::error::Error>> {
    broker_within(mock, MESSAGE_TIMEOUT)
}

fn copy(topic: &str, value: &[u8]) -> Copy {
    Copy { topic: topic.to_owned(), key: Some(b"k".to_vec()), value: Some(value.to_vec()), headers: Headers::default() }
}

fn code(sent: &Sent) -> &str {
    match sent {
        Sent::Acked { .. } => "",
        Sent::Refused(trouble) | Sent::TooLarge(trouble) | Sent::Unknown(trouble) => &trouble.code,
    }
}

fn reader(mock: &Mock, topic: &str, partition: i32) -> Result<BaseConsumer, Box<dyn std::error::Error>> {
    let config = ClientConfig::new()
        .set("bootstrap.servers", mock.brokers().join(","))
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .create::<BaseConsumer>()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning)?;
    config.assign(&list)?;
    Ok(config)
}

/// Key, value and headers of the records of a partition, as many as asked for.
type Record = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn read(consumer: &BaseConsumer, count: usize) -> Result<Vec<Record>, Box<dyn std::error::Error>> {
    let mut records = Vec::new();
    while records.len() < count {
        let message = consumer.poll(10 * SECOND).ok_or("no record came")??;
        let list = |headers: &BorrowedHeaders| headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect();
        let headers = message.headers().map(list).unwrap_or_default();
        records.push((message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec), headers));
    }
    Ok(records)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_acknowledged_with_partition_and_offset() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 3)?;
    let broker = broker(&mock)?;
    let copies = (0..6).map(|n| (copy("t", b"v"), Some(n % 3))).collect();
    let sent = broker.send(copies).await;
    let expected: Vec<Sent> = (0..6).map(|n| Sent::Acked { partition: n % 3, offset: i64::from(n / 3) }).collect();
    assert_eq!(sent, expected);
    let anywhere = broker.send(vec![(copy("t", b"v"), None)]).await;
    assert!(matches!(anywhere[..], [Sent::Acked { partition: 0..3, .. }]), "{anywhere:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_arrive_as_they_were_and_null_is_not_empty() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker(&mock)?;
    let headers = vec![
        ("a".to_owned(), None),
        ("a".to_owned(), Some(Vec::new())),
        ("b".to_owned(), Some(vec![0, 255, 10])),
        (String::new(), Some(b"nameless".to_vec())),
    ];
    let all: Vec<Record> = vec![
        (None, None, Vec::new()),
        (Some(Vec::new()), Some(Vec::new()), Vec::new()),
        (None, Some(vec![0, 1, 255]), headers.clone()),
        (Some(vec![0, 254]), None, headers),
    ];
    let copies = all.iter().cloned();
    let copies = copies.map(|(key, value, headers)| (Copy { topic: "t".into(), key, value, headers: Headers(headers) }, Some(0)));
    let sent = broker.send(copies.collect()).await;
    assert!(sent.iter().all(|sent| matches!(sent, Sent::Acked { .. })), "{sent:?}");
    assert_eq!(read(&reader(&mock, "t", 0)?, all.len())?, all);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_copies_are_answered_in_their_order() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 4)?;
    let broker = broker(&mock)?;
    broker.probe(10 * SECOND).await?;
    let value = |n: usize| format!("{n}-{}", "x".repeat(200)).into_bytes();
    let begin = Instant::now();
    let sent = broker.send((0..1_000).map(|n| (copy("t", &value(n)), i32::try_from(n % 4).ok())).collect()).await;
    println!("1000 copies in {:?}", begin.elapsed());
    for (n, sent) in sent.iter().enumerate() {
        let expected = Sent::Acked { partition: i32::try_from(n % 4)?, offset: i64::try_from(n / 4)? };
        assert_eq!(*sent, expected, "{n}");
    }
    let values: Vec<_> = read(&reader(&mock, "t", 3)?, 250)?.into_iter().map(|(_, value, _)| value).collect();
    assert_eq!(values, (0..250).map(|n| Some(value(n * 4 + 3))).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sends_at_once_each_get_their_own_answers() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 8)?;
    let broker = Arc::new(broker(&mock)?);
    let sends = (0..8).map(|partition| {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move { broker.send((0..200).map(|_| (copy("t", b"v"), Some(partition))).collect()).await })
    });
    for (partition, sent) in (0..).zip(join_all(sends).await) {
        let expected: Vec<Sent> = (0..200).map(|offset| Sent::Acked { partition, offset }).collect();
        assert_eq!(sent?, expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_topic_or_partition_is_refused_and_its_neighbours_are_not() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 2)?;
    let broker = broker(&mock)?;
    assert_eq!(broker.topic("none").await?, None);
    assert_eq!(broker.topic("t").await?, Some(TopicFacts { partitions: 2, is_compacted: None }));
    let copies = [("t", Some(1)), ("t", Some(7)), ("none", Some(0)), ("nowhere", None), ("t", Some(0))];
    let sent = broker.send(copies.map(|(topic, partition)| (copy(topic, b"v"), partition)).to_vec()).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }, .., Sent::Acked { .. }]), "{sent:?}");
    assert!(sent[1..4].iter().all(|sent| matches!(sent, Sent::Refused(_))), "{sent:?}");
    assert_eq!([1, 2, 3].map(|n| code(&sent[n])), ["_UNKNOWN_PARTITION", "UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_OR_PART"]);
    // It is made, and everything that was believed of it is corrected by looking.
    mock.create_topic("none", 3)?;
    assert_eq!(broker.topic("none").await?.map(|facts| facts.partitions), Some(3));
    let sent = broker.send(vec![(copy("none", b"v"), Some(2))]).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_brokers_are_refusals_only_when_nothing_was_written() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker_within(&mock, 3 * SECOND)?;
    broker.probe(10 * SECOND).await?;
    for (answer, is_refused, name) in [
        (Answer::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, true, "TOPIC_AUTHORIZATION_FAILED"),
        (Answer::RD_KAFKA_RESP_ERR_INVALID_RECORD, false, "INVALID_RECORD"),
    ] {
        mock.fail(Request::Produce, &[answer])?;
        let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
        assert_eq!((matches!(sent[0], Sent::Refused(_)), code(&sent[0])), (is_refused, name), "{sent:?}");
        // As before every delivery; librdkafka refuses by itself what was refused once, until somebody looks.
        broker.topic("t").await?;
    }
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_written_before_its_answer_was_an_error_is_unknown() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker_within(&mock, 2 * SECOND)?;
    broker.probe(10 * SECOND).await?;
    mock.fail(Request::Produce, &[Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND; 1_000])?;
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Unknown(_)]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_unknown_and_the_copy_may_be_in_the_log() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker_within(&mock, 2 * SECOND)?;
    let sent = broker.send(vec![(copy("t", b"first"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }]), "{sent:?}");
    mock.round_trip(6 * SECOND)?;
    let begin = Instant::now();
    let sent = broker.send(vec![(copy("t", b"second"), Some(0))]).await;
    assert!(matches!(&sent[..], [Sent::Unknown(trouble)] if trouble.code == "_MSG_TIMED_OUT"), "{sent:?}");
    assert!(begin.elapsed() < 5 * SECOND, "{:?}", begin.elapsed());
    mock.round_trip(Duration::ZERO)?;
    let values: Vec<_> = read(&reader(&mock, "t", 0)?, 2)?.into_iter().map(|(_, value, _)| value).collect();
    assert_eq!(values, [Some(b"first".to_vec()), Some(b"second".to_vec())]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_never_left_because_all_brokers_are_down_is_refused() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker_within(&mock, 2 * SECOND)?;
    broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    mock.down()?;
    assert!(broker.probe(SECOND).await.is_err());
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(&sent[..], [Sent::Refused(trouble)] if trouble.code == "_MSG_TIMED_OUT"), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_fails_in_time_while_brokers_are_down_and_succeeds_when_they_are_back() -> Fallible {
    let mock = Mock::start(1)?;
    let broker = broker(&mock)?;
    broker.probe(10 * SECOND).await?;
    mock.down()?;
    let begin = Instant::now();
    let error = broker.probe(SECOND).await.err().ok_or("a probe succeeded without a broker")?;
    assert_eq!(error.code, ErrorCode::Kafka, "{error}");
    assert!(begin.elapsed() < 3 * SECOND, "{:?}", begin.elapsed());
    mock.up()?;
    broker.probe(15 * SECOND).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_of_a_probe_says_why_no_broker_answered() -> Fallible {
    let mock = Mock::start(1)?;
    let login = json!({ "mechanism": "plain", "username": "u", "password": "CANARY" });
    // The mock cluster knows neither TLS, which it answers by hanging up, nor logins.
    for (name, value, code, words) in
        [("ssl", json!(true), ErrorCode::Kafka, "SSL_HANDSHAKE"), ("sasl", login, ErrorCode::KafkaAuth, "SASL")]
    {
        let mut kafka = json!({ "brokers": mock.brokers() });
        kafka[name] = value;
        let options: Options = serde_json::from_value(json!({ "kafka": kafka }))?;
        let broker = KafkaBroker::new(&options, Arc::new(Events::default()))?;
        let error = broker.probe(2 * SECOND).await.err().ok_or("a probe got through")?;
        assert!(error.code == code && error.message.contains(words), "{error:?}");
        assert!(!format!("{error:?}").contains("CANARY"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_over_the_limit_is_too_large_and_its_neighbours_are_acknowledged() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let options = Options { max_payload_bytes: 10_000, ..options(&mock.brokers()) };
    let broker = KafkaBroker::new(&options, Arc::new(Events::default()))?;
    let sent = broker.send([10, 20_000, 9_000].map(|size| (copy("t", &vec![0; size]), Some(0))).to_vec()).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }, Sent::TooLarge(_), Sent::Acked { .. }]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_a_whole_batch_is_not_the_last_word_for_its_members() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker(&mock)?;
    // A first one, so that the eight that follow travel together.
    broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    mock.fail(Request::Produce, &[Answer::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE])?;
    let sent = broker.send((0..8).map(|_| (copy("t", b"v"), Some(0))).collect()).await;
    assert!(sent.iter().all(|sent| matches!(sent, Sent::Acked { .. })), "{sent:?}");
    mock.fail(Request::Produce, &[Answer::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 2])?;
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::TooLarge(_)]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_librdkafka_gave_up_is_replaced() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    mock.fail(Request::InitProducerId, &[Answer::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED])?;
    let broker = broker_within(&mock, 5 * SECOND)?;
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Refused(_)]), "{sent:?}");
    let sent = broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    assert!(matches!(sent[..], [Sent::Acked { .. }]), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_passed_what_lies_before_its_committed_offset() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 2)?;
    let broker = broker(&mock)?;
    broker.send((0..10).map(|n| (copy("t", b"v"), Some(n % 2))).collect()).await;
    let asked: Vec<(String, i32, i64)> =
        [(0, 0), (0, 2), (0, 3), (1, 0)].map(|(partition, offset)| ("t".to_owned(), partition, offset)).to_vec();
    assert_eq!(broker.passed("reader", &asked).await, [Passed::NotYet; 4]);
    let consumer = reader(&mock, "t", 0)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Offset(3))?;
    consumer.commit(&list, CommitMode::Sync)?;
    assert_eq!(broker.passed("reader", &asked).await, [Passed::Yes, Passed::Yes, Passed::NotYet, Passed::NotYet]);
    assert_eq!(broker.passed("reader", &[]).await, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_may_not_be_read_is_untold_however_that_is_said() -> Fallible {
    for request in [Request::FindCoordinator, Request::OffsetFetch] {
        let mock = Mock::start(1)?;
        mock.create_topic("t", 1)?;
        let broker = broker(&mock)?;
        mock.fail(request, &[Answer::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 1_000])?;
        let asked = [("t".to_owned(), 0, 0)];
        for _ in 0..2 {
            let begin = Instant::now();
            assert_eq!(broker.passed("g", &asked).await, [Passed::Untold], "{request:?}");
            assert!(begin.elapsed() < 4 * SECOND, "{request:?} {:?}", begin.elapsed());
        }
        mock.heal(request)?;
        // Permitted meanwhile; the client looks for the coordinator now and then.
        let begin = Instant::now();
        while broker.passed("g", &asked).await != [Passed::NotYet] {
            assert!(begin.elapsed() < 30 * SECOND, "{request:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_on_the_move_does_no_harm() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker(&mock)?;
    let asked = [("t".to_owned(), 0, 0)];
    for answer in [
        Answer::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        Answer::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        Answer::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        Answer::RD_KAFKA_RESP_ERR__TRANSPORT,
    ] {
        for request in [Request::OffsetFetch, Request::FindCoordinator] {
            mock.fail(request, &[answer; 2])?;
            assert_eq!(broker.passed("g", &asked).await, [Passed::NotYet], "{answer:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_not_yet_and_in_time() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let options = Options { connect_timeout: 1_000, ..options(&mock.brokers()) };
    let broker = KafkaBroker::new(&options, Arc::new(Events::default()))?;
    mock.down()?;
    let begin = Instant::now();
    assert_eq!(broker.passed("g", &[("t".to_owned(), 0, 0)]).await, [Passed::NotYet]);
    assert!(begin.elapsed() < 4 * SECOND, "{:?}", begin.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn close_is_quick_when_idle_and_later_calls_are_told() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let events = Arc::new(Events::default());
    let broker = KafkaBroker::new(&options(&mock.brokers()), Arc::<Events>::clone(&events))?;
    broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    let begin = Instant::now();
    broker.close(10 * SECOND).await;
    assert!(begin.elapsed() < 5 * SECOND, "{:?}", begin.elapsed());
    assert_eq!(events.warnings(), Vec::<String>::new());
    assert!(matches!(broker.send(vec![(copy("t", b"v"), Some(0))]).await[..], [Sent::Refused(_)]));
    assert_eq!(broker.probe(SECOND).await.err().map(|error| error.code), Some(ErrorCode::Closed));
    broker.close(10 * SECOND).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn close_is_bounded_while_answers_are_missing_and_the_copies_under_way_are_unknown() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = Arc::new(broker(&mock)?);
    broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    mock.round_trip(30 * SECOND)?;
    let busy = Arc::clone(&broker);
    let sending = tokio::spawn(async move { busy.send(vec![(copy("t", b"v"), Some(0))]).await });
    // The close below must find it under way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begin = Instant::now();
    broker.close(2 * SECOND).await;
    assert!(begin.elapsed() < 4 * SECOND, "{:?}", begin.elapsed());
    let sent = sending.await?;
    assert!(matches!(&sent[..], [Sent::Unknown(trouble)] if trouble.code == "_PURGE_INFLIGHT"), "{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_librdkafka_refuses_are_a_config_error() -> Fallible {
    let mut options = options(&["localhost:1".to_owned()]);
    options.kafka.librdkafka.insert("ssl.ca.location".to_owned(), "/no/such/file".to_owned());
    options.kafka.ssl = Some(kafka_error_retry::domain::options::Tls::Switch(true));
    let error = KafkaBroker::new(&options, Arc::new(Events::default())).err().ok_or("accepted")?;
    assert_eq!(error.code, ErrorCode::Config, "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_broker_never_waits() -> Fallible {
    let mock = Mock::start(1)?;
    mock.create_topic("t", 1)?;
    let broker = broker(&mock)?;
    broker.send(vec![(copy("t", b"v"), Some(0))]).await;
    mock.round_trip(30 * SECOND)?;
    let begin = Instant::now();
    drop(broker);
    assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    Ok(())
}
