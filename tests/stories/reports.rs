//! From what callers say to what the store is asked.

use kafka_error_retry::domain::ErrorCode;
use kafka_error_retry::domain::entry::{FailureId, State};
use kafka_error_retry::domain::headers::Headers;
use kafka_error_retry::domain::message::{Message, Origin};
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::Resolved;
use kafka_error_retry::flows::report::Report;

use crate::fakes::world::{TOPIC, World, of_group, record_of, to_retry_topic};

fn report(data_id: Option<&str>, message: Message) -> Report {
    Report {
        group: String::new(),
        topic: TOPIC.into(),
        data_id: data_id.map(str::to_owned),
        message,
        policy: RetryPolicy::default(),
        error: None,
        failure_id: None,
    }
}

fn live(value: &str) -> Message {
    let origin = Origin { partition: Some(1), offset: Some(7), timestamp: Some(1) };
    Message { key: Some(b"k".to_vec()), value: Some(value.into()), origin, ..Message::default() }
}

/// A record in the log that redelivers entry `a`.
async fn redelivered(world: &World) -> Message {
    world.due(&["a"]).await;
    assert_eq!(world.sweep().await.delivered, 1);
    record_of(&world.copy_in(&target(world), "a").0)
}

fn target(world: &World) -> String {
    match world.options.redelivery {
        kafka_error_retry::domain::entry::Redelivery::Original => TOPIC.into(),
        kafka_error_retry::domain::entry::Redelivery::RetryTopic => "billing.ker-retry".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_failure_is_stored_as_it_was_read() {
    let world = World::with(Options { namespace: "n".into(), ..Options::default() });
    let failure = world.reporter().failure(report(Some("a"), live("{}"))).unwrap();
    assert_eq!((failure.identity.namespace.as_str(), failure.identity.data_id.as_str()), ("n", "a"));
    assert_eq!((failure.message, failure.copy), (live("{}"), None));
}

#[tokio::test(start_paused = true)]
async fn the_default_id_is_the_place_of_the_original_record() {
    let world = World::default();
    assert_eq!(world.reporter().failure(report(None, live("{}"))).unwrap().identity.data_id, "1:7");
    let nowhere = Message { origin: Origin { offset: None, ..live("").origin }, ..live("{}") };
    assert_eq!(world.reporter().failure(report(None, nowhere)).unwrap_err().code, ErrorCode::Argument);
}

#[tokio::test(start_paused = true)]
async fn the_default_id_of_a_copy_is_that_of_the_original() {
    let world = World::default();
    let record = redelivered(&world).await;
    let failure = world.reporter().failure(report(None, record)).unwrap();
    assert_eq!(failure.identity.data_id, "1:7", "not where the copy stands");
    assert_eq!(failure.message.origin.timestamp, Some(1_600_000_000_000));
}

#[tokio::test(start_paused = true)]
async fn one_failure_of_a_copy_counts() {
    let world = World::default();
    let record = redelivered(&world).await;
    let before = world.entry("a").await;
    for expected in [2, 2] {
        let failure = world.reporter().failure(report(Some("a"), record.clone())).unwrap();
        assert_eq!(failure.copy.map(|copy| (copy.life, copy.generation)), Some((before.life, 1)));
        assert_eq!(world.push(failure).await.retry_count, expected);
    }
    assert!(world.notes.of("warning").is_empty());
}

#[tokio::test(start_paused = true)]
async fn headers_of_another_record_mean_nothing_and_are_a_warning() {
    let world = World::default();
    let record = redelivered(&world).await;
    let copied_on = Message { headers: record.headers.clone(), ..live("{\"other\":1}") };
    let failure = world.reporter().failure(report(Some("b"), copied_on)).unwrap();
    assert_eq!((failure.copy, failure.message.origin.partition), (None, Some(1)));
    let elsewhere = Report { topic: "invoices".into(), ..report(Some("b"), record) };
    assert_eq!(world.reporter().failure(elsewhere).unwrap().copy, None);
    assert_eq!(world.notes.of("warning"), vec!["warning headersInvalid"; 2]);
}

#[tokio::test(start_paused = true)]
async fn broken_headers_mean_nothing_and_are_a_warning() {
    let world = World::default();
    let mut record = redelivered(&world).await;
    for (name, value) in &mut record.headers.0 {
        if name == "x-ker-generation" {
            *value = Some(b"-1".to_vec());
        }
    }
    assert_eq!(world.reporter().failure(report(Some("a"), record.clone())).unwrap().copy, None);
    let success = world.reporter().success(String::new(), TOPIC.into(), "a".into(), Some(&record.headers));
    assert_eq!(success.copy, None);
    assert_eq!(world.notes.of("warning"), vec!["warning headersInvalid"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_success_without_headers_is_by_id_and_with_them_by_life_and_generation() {
    let world = World::default();
    let record = redelivered(&world).await;
    let reporter = world.reporter();
    let of = |headers: Option<&Headers>| reporter.success(String::new(), TOPIC.into(), "a".into(), headers);
    assert_eq!((of(None).copy, of(Some(&Headers::default())).copy), (None, None));
    // A newer failure came in between.
    world.push(world.failure("a")).await;
    assert_eq!(world.resolve(of(Some(&record.headers))).await, Resolved::NewerFailure);
    assert_eq!(world.stand("a").await, (State::Scheduled, 2));
    assert_eq!(world.resolve(of(None)).await, Resolved::Deleted);
    assert_eq!(world.resolve(of(Some(&record.headers))).await, Resolved::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_success_of_a_former_life_deletes_nothing() {
    let world = World::default();
    let record = redelivered(&world).await;
    world.resolve(world.success("a")).await;
    world.push(world.failure("a")).await;
    let success = world.reporter().success(String::new(), TOPIC.into(), "a".into(), Some(&record.headers));
    assert_eq!(world.resolve(success).await, Resolved::NewerFailure);
}

#[tokio::test(start_paused = true)]
async fn a_copy_read_from_the_retry_topic_is_about_the_original_topic() {
    let world = World::with(to_retry_topic("billing"));
    let record = redelivered(&world).await;
    // Reported under the topic that it was read from, or under the original one.
    for topic in ["billing.ker-retry", TOPIC] {
        let from = Report { group: "billing".into(), topic: topic.into(), ..report(Some("a"), record.clone()) };
        let failure = world.reporter().failure(from).unwrap();
        assert_eq!((failure.identity.topic.as_str(), failure.copy.map(|copy| copy.generation)), (TOPIC, Some(1)));
    }
    assert!(world.notes.of("warning").is_empty());
    let success = world.reporter().success("billing".into(), "billing.ker-retry".into(), "a".into(), Some(&record.headers));
    assert_eq!(world.resolve(success).await, Resolved::Deleted);
}

/// Whoever may write to a topic can compute the sum of what he writes.
#[tokio::test(start_paused = true)]
async fn headers_lead_to_another_topic_only_from_a_retry_topic() {
    // The copies of a world whose topic has another name are what a forger would write into ours.
    let forger = World::with(to_retry_topic("billing"));
    let in_retry_topic = redelivered(&forger).await;
    let reported = |world: &World, topic: &str| {
        let from = Report { group: "billing".into(), topic: topic.into(), ..report(Some("a"), in_retry_topic.clone()) };
        let failure = world.reporter().failure(from).unwrap();
        (failure.identity.topic, failure.copy.is_some())
    };
    let named = |topic: &str| World::with(Options { retry_topic: Some(topic.into()), ..to_retry_topic("billing") });
    for world in [World::with(of_group("billing")), World::with(to_retry_topic("billing")), named("again")] {
        assert_eq!(reported(&world, "billing.ker-retry"), (TOPIC.to_owned(), true), "a default that was in use before");
        assert_eq!(reported(&world, "payments"), ("payments".to_owned(), false), "the sum is for another topic");
    }
    let group = "payments";
    let as_if = World::with(Options { retry_topic: Some(group.into()), ..to_retry_topic("billing") });
    let in_payments = redelivered_from(&as_if, group).await;
    let read_from_payments = Report { topic: group.into(), ..report(Some("a"), in_payments) };
    let failure = World::with(of_group("billing")).reporter().failure(read_from_payments).unwrap();
    assert_eq!((failure.identity.topic.as_str(), failure.copy), (group, None), "payments is nobody's retry topic");
}

async fn redelivered_from(world: &World, topic: &str) -> Message {
    world.broker.add_topic(topic, 1, Some(false));
    world.due(&["a"]).await;
    assert_eq!(world.sweep().await.delivered, 1);
    record_of(&world.copy_in(topic, "a").0)
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_another_group_is_a_live_failure_of_this_one() {
    let world = World::with(of_group("billing"));
    let record = redelivered(&world).await;
    let of_mail = Report { group: "mail".into(), ..report(Some("a"), record) };
    let failure = world.reporter().failure(of_mail).unwrap();
    let pushed = world.push(failure).await;
    assert_eq!((pushed.retry_count, world.store.count_of(crate::fakes::store::Verb::Push)), (1, 2));
    let billing = kafka_error_retry::ports::Store::get(&*world.store, "", 1).await.unwrap().unwrap().entry;
    assert_eq!((billing.state, billing.retry_count), (State::Awaiting, 1), "the other group's entry is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_refused_with_its_size() {
    let world = World::with(Options { max_payload_bytes: 10, ..Options::default() });
    let with = |bytes: usize| Message { value: Some(vec![b'x'; bytes]), ..live("") };
    assert!(world.reporter().failure(report(Some("a"), with(9))).is_ok());
    let error = world.reporter().failure(report(Some("a"), with(10))).unwrap_err();
    assert_eq!((error.code, error.details), (ErrorCode::TooLarge, serde_json::json!({ "size": 11, "limit": 10 })));
}

#[tokio::test(start_paused = true)]
async fn a_retry_topic_of_a_group_needs_the_group() {
    let world = World::with(to_retry_topic(""));
    assert_eq!(world.reporter().failure(report(Some("a"), live("{}"))).unwrap_err().code, ErrorCode::Argument);
    let of_group = Report { group: "billing".into(), ..report(Some("a"), live("{}")) };
    assert!(world.reporter().failure(of_group).is_ok());
    let named = World::with(Options { retry_topic: Some("again".into()), ..to_retry_topic("") });
    assert!(named.reporter().failure(report(Some("a"), live("{}"))).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failure_id_is_kept_or_drawn() {
    let world = World::default();
    let given = Report { failure_id: Some(FailureId([9; 16])), ..report(Some("a"), live("{}")) };
    assert_eq!(world.reporter().failure(given).unwrap().failure_id, FailureId([9; 16]));
    let drawn = [0, 1].map(|_| world.reporter().failure(report(Some("a"), live("{}"))).unwrap().failure_id);
    assert_ne!(drawn[0], drawn[1]);
}
