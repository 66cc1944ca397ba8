//! Where copies go, and what keeps them from going anywhere.

use kafka_error_retry::domain::entry::{Reason, State};
use kafka_error_retry::domain::message::Origin;
use kafka_error_retry::domain::options::{Compacted, KafkaOptions, Options};
use kafka_error_retry::domain::partitioner::Partitioner;
use kafka_error_retry::domain::verbs::Expired;

use crate::fakes::world::{TOPIC, World, to_retry_topic};

async fn at(world: &World, data_id: &str, topic: &str, partition: Option<i32>) {
    let mut failure = world.failure(data_id);
    failure.identity.topic = topic.into();
    failure.message.origin = Origin { partition, ..Origin::default() };
    world.push(failure).await;
    world.pass(2);
}

fn partitions(world: &World, topic: &str) -> Vec<i32> {
    world.broker.log(topic).into_iter().map(|(partition, _)| partition).collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_to_the_original_partition() {
    let world = World::default();
    for partition in [2, 0, 1] {
        at(&world, &format!("of {partition}"), TOPIC, Some(partition)).await;
    }
    world.sweep().await;
    let found: Vec<_> = world.broker.log(TOPIC).into_iter().map(|(partition, copy)| (partition, copy.key)).collect();
    assert_eq!(found, [(0, Some(b"of 0".to_vec())), (1, Some(b"of 1".to_vec())), (2, Some(b"of 2".to_vec()))]);
}

#[tokio::test(start_paused = true)]
async fn the_partitioner_decides_where_the_original_partition_is_unknown_or_gone() {
    for partitioner in [Partitioner::Legacy, Partitioner::Murmur2Random, Partitioner::Fnv1a] {
        let world = World::with(Options { partitioner, ..Options::default() });
        for (id, partition) in [("unknown", None), ("gone", Some(3)), ("nonsense", Some(-1))] {
            at(&world, id, TOPIC, partition).await;
        }
        assert_eq!(world.sweep().await.delivered, 3);
        for (partition, copy) in world.broker.log(TOPIC) {
            assert_eq!(partition, partitioner.choose(copy.key.as_deref(), 3, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_number_of_partitions_than_configured_is_one_warning() {
    let kafka = KafkaOptions { partitions: Some(12), ..KafkaOptions::default() };
    let world = World::with(Options { kafka, ..Options::default() });
    let sweeper = world.sweeper();
    for id in ["a", "b", "c"] {
        at(&world, id, TOPIC, None).await;
        sweeper.sweep(Expired::Taken).await.unwrap();
    }
    assert_eq!(world.notes.of("warning"), ["warning partitionCount"]);
    at(&World { notes: world.notes.clone(), ..World::default() }, "d", TOPIC, Some(1)).await;
    assert_eq!(world.notes.of("warning").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_compacted_topic_are_held_with_a_warning_and_others_go_out() {
    let world = World::default();
    world.broker.add_topic("prices", 1, Some(true));
    at(&world, "a", "prices", Some(0)).await;
    at(&world, "b", TOPIC, Some(0)).await;
    let report = world.sweep().await;
    assert_eq!((report.held, report.delivered), (1, 1));
    let entry = world.entry("a").await;
    assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Held, Reason::Compacted, 1));
    assert_eq!(world.notes.of("warning"), ["warning compacted"]);
    world.pass(86_400);
    assert_eq!(world.sweep().await.held, 0, "held is held");
    assert!(world.broker.log("prices").is_empty());
}

#[tokio::test(start_paused = true)]
async fn copies_are_forced_onto_a_compacted_topic_on_request() {
    let world = World::with(Options { compacted: Compacted::Force, ..Options::default() });
    world.broker.add_topic("prices", 1, Some(true));
    at(&world, "a", "prices", Some(0)).await;
    assert_eq!(world.sweep().await.delivered, 1);
    assert!(world.notes.of("warning").is_empty());
}

#[tokio::test(start_paused = true)]
async fn unreadable_settings_count_as_not_compacted_with_one_warning() {
    let world = World::default();
    world.broker.add_topic("prices", 1, None);
    let sweeper = world.sweeper();
    for id in ["a", "b"] {
        at(&world, id, "prices", Some(0)).await;
        assert_eq!(sweeper.sweep(Expired::Taken).await.unwrap().delivered, 1);
    }
    assert_eq!(world.notes.of("warning"), ["warning compactionUnknown"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_topic_may_be_compacted_where_the_original_is() {
    let world = World::with(to_retry_topic("billing"));
    world.broker.add_topic("prices", 1, Some(true));
    at(&world, "a", "prices", Some(0)).await;
    assert_eq!(world.sweep().await.delivered, 1);
    let (copy, _) = world.copy_in("billing.ker-retry", "a");
    assert_eq!(copy.headers.last("x-ker-topic"), Some(&b"prices"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_made_before_the_first_copy() {
    let world = World::default();
    world.broker.make_topics_with(5);
    at(&world, "a", "new", Some(4)).await;
    at(&world, "b", "new", Some(3)).await;
    assert_eq!(world.sweep().await.delivered, 2);
    assert_eq!((world.broker.ensured(), partitions(&world, "new")), (vec!["new".to_owned()], vec![3, 4]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_that_may_not_be_made_gives_the_attempt_back() {
    let refusing = World::default();
    refusing.broker.refuse_to_make("new");
    let keeping_out = World::with(Options { ensure_topics: false, ..Options::default() });
    for (world, code) in [(refusing, "KER_KAFKA_AUTH"), (keeping_out, "UNKNOWN_TOPIC_OR_PART")] {
        at(&world, "a", "new", None).await;
        at(&world, "b", TOPIC, None).await;
        let report = world.sweep().await;
        assert_eq!((report.delivered, report.given_back), (1, 1));
        assert_eq!(world.stand("a").await, (State::Scheduled, 1));
        assert_eq!(world.notes.of("deliveryFailed"), [format!("deliveryFailed a not_done {code}")]);
        world.broker.add_topic("new", 1, Some(false));
        world.pass(1);
        assert_eq!(world.sweep().await.delivered, 1, "as soon as it is there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_looked_up_once_per_claim() {
    let world = World::default();
    world.due(&["a", "b", "c"]).await;
    world.sweep().await;
    assert_eq!(world.broker.looked_up(), [TOPIC]);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_key_and_partition_goes_to_some_partition() {
    let world = World::default();
    let mut failure = world.failure("a");
    failure.message.key = None;
    failure.message.origin = Origin::default();
    world.push(failure).await;
    world.pass(2);
    assert_eq!(world.sweep().await.delivered, 1);
    assert_eq!(partitions(&world, TOPIC).len(), 1);
}
