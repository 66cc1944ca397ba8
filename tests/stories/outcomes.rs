//! When a copy counts as not answered.

use kafka_error_retry::domain::entry::{Reason, Scope, State};
use kafka_error_retry::domain::verbs::{Expired, Resolved, Success};

use crate::fakes::world::{TOPIC, World, of_group, to_retry_topic};

const TIMEOUT: u64 = 600;
const DAY: u64 = 86_400;

async fn delivered(world: &World, ids: &[&str]) {
    world.due(ids).await;
    assert_eq!(world.sweep().await.delivered, ids.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_never_comes_is_an_attempt_and_the_entry_comes_again() {
    let world = World::default();
    delivered(&world, &["a"]).await;
    world.pass(TIMEOUT - 1);
    assert_eq!(world.sweep().await.claimed, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.failed, 1);
    let entry = world.entry("a").await;
    assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Scheduled, Reason::NoOutcome, 2));
    world.pass(3);
    assert_eq!(world.sweep().await.claimed, 0, "four seconds after the second failure");
    world.pass(1);
    assert_eq!(world.sweep().await.delivered, 1);
    assert_eq!(world.copy("a").1.generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_success_of_the_same_generation_counts_however_late() {
    let world = World::default();
    delivered(&world, &["a"]).await;
    let (_, mark) = world.copy("a");
    world.pass(TIMEOUT);
    world.sweep().await;
    world.pass(4);
    world.sweep().await;
    assert_eq!(world.resolve(Success { copy: Some(mark), ..world.success("a") }).await, Resolved::Deleted);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_behind_costs_no_attempt_for_a_day() {
    let world = World::with(of_group("billing"));
    delivered(&world, &["a"]).await;
    world.broker.commit("billing", TOPIC, 1, 0);
    for _ in 0..(DAY / TIMEOUT) - 1 {
        world.pass(TIMEOUT);
        let report = world.sweep().await;
        assert_eq!((report.claimed, report.failed), (1, 0));
        assert_eq!(world.stand("a").await, (State::Awaiting, 1));
    }
    world.pass(TIMEOUT);
    assert_eq!(world.sweep().await.failed, 0, "after a day the deadline starts");
    world.pass(TIMEOUT);
    assert_eq!(world.sweep().await.failed, 1);
    assert_eq!(world.stand("a").await, (State::Scheduled, 2));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_starts_when_the_group_has_passed_the_copy() {
    let world = World::with(of_group("billing"));
    delivered(&world, &["a"]).await;
    world.pass(TIMEOUT);
    world.sweep().await;
    world.broker.commit("billing", TOPIC, 1, 1);
    world.pass(TIMEOUT);
    assert_eq!(world.sweep().await.failed, 0, "seen past the copy only now");
    world.pass(TIMEOUT - 1);
    assert_eq!(world.sweep().await.claimed, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.failed, 1);
    assert_eq!(world.entry("a").await.reason, Reason::NoOutcome);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_retention_deleted_counts_as_passed() {
    let world = World::with(of_group("billing"));
    delivered(&world, &["a"]).await;
    world.broker.delete_below(TOPIC, 1, 1);
    for failed in [0, 1] {
        world.pass(TIMEOUT);
        assert_eq!(world.sweep().await.failed, failed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_offsets_are_secret_counts_from_the_acknowledgment_with_one_warning() {
    let world = World::with(of_group("billing"));
    world.broker.hide_group("billing");
    let sweeper = world.sweeper();
    let sweep = async || sweeper.sweep(kafka_error_retry::domain::verbs::Expired::Taken).await.unwrap();
    world.due(&["a", "b"]).await;
    sweep().await;
    world.pass(TIMEOUT);
    assert_eq!(sweep().await.failed, 2);
    world.pass(4);
    sweep().await;
    world.pass(TIMEOUT);
    assert_eq!(sweep().await.failed, 2);
    assert_eq!(world.notes.of("warning"), ["warning offsetsUnreadable"]);
}

#[tokio::test(start_paused = true)]
async fn who_dies_over_a_look_at_offsets_costs_no_attempt() {
    let world = World::with(of_group("billing"));
    delivered(&world, &["a", "b"]).await;
    world.pass(TIMEOUT);
    assert_eq!(world.take_and_vanish(Scope::Published, 10, Expired::Taken).await.len(), 2);
    world.pass(31);
    let report = world.sweep().await;
    assert_eq!((report.claimed, report.failed, report.given_back), (2, 0, 0));
    assert_eq!(world.stand("a").await, (State::Awaiting, 1));
    assert_eq!(world.broker.keys(TOPIC).len(), 2, "and nothing is sent twice");
}

#[tokio::test(start_paused = true)]
async fn offsets_are_asked_once_per_group_and_claim() {
    let world = World::with(of_group("billing"));
    delivered(&world, &["a", "b", "c"]).await;
    let mut other = world.failure("d");
    other.identity.group = "mail".into();
    world.push(other).await;
    world.pass(2);
    world.sweep().await;
    world.pass(TIMEOUT);
    world.sweep().await;
    assert_eq!(world.broker.questions(), [("billing".to_owned(), 3), ("mail".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn the_offsets_of_a_retry_topic_are_those_that_count_for_its_copies() {
    let world = World::with(to_retry_topic("billing"));
    world.broker.add_topic("billing.ker-retry", 3, Some(false));
    delivered(&world, &["a"]).await;
    world.broker.commit("billing", TOPIC, 1, 1000);
    world.pass(TIMEOUT);
    world.sweep().await;
    world.pass(TIMEOUT);
    assert_eq!(world.sweep().await.failed, 0, "the original topic says nothing about it");
    world.broker.commit("billing", "billing.ker-retry", 1, 1);
    for failed in [0, 1] {
        world.pass(TIMEOUT);
        assert_eq!(world.sweep().await.failed, failed);
    }
}
