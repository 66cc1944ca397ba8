//! Rows that a stranger holds.

use std::time::Duration;

use kafka_error_retry::domain::ErrorCode;
use kafka_error_retry::domain::error::Outcome;
use kafka_error_retry::domain::verbs::Resolved;

use super::capture::{push, pushed, refused, resolved, succeed};
use crate::fakes::store::Verb::{Push, Unlocked};
use crate::fakes::store::unavailable;
use crate::fakes::world::World;

#[tokio::test(start_paused = true)]
async fn a_locked_row_is_split_off_and_the_others_are_recorded() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("b");
    let [a, b, c] = ["a", "b", "c"].map(|id| push(&world, &writer, id));
    pushed(a).await;
    pushed(c).await;
    assert!(!b.is_finished());
    pushed(push(&world, &writer, "d")).await;
    world.store.unlock("b");
    assert_eq!(pushed(b).await.retry_count, 1);
}

#[tokio::test(start_paused = true)]
async fn later_calls_about_a_locked_row_wait_behind_the_first() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    let first = push(&world, &writer, "a");
    let second = push(&world, &writer, "a");
    pushed(push(&world, &writer, "b")).await;
    let success = succeed(&world, &writer, "a");
    let third = push(&world, &writer, "a");
    pushed(push(&world, &writer, "c")).await;
    world.store.unlock("a");
    assert_eq!((pushed(first).await.retry_count, pushed(second).await.retry_count), (1, 2));
    assert_eq!((resolved(success).await, pushed(third).await.retry_count), (Resolved::Deleted, 1));
}

#[tokio::test(start_paused = true)]
async fn of_one_locked_row_only_the_first_call_is_tried() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    let [first, second] = ["a", "a"].map(|id| push(&world, &writer, id));
    pushed(push(&world, &writer, "b")).await;
    let gate = world.store.hold(Push);
    world.store.unlock("a");
    gate.reached().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    pushed(push(&world, &writer, "c")).await;
    assert!(!second.is_finished());
    gate.open();
    assert_eq!((pushed(first).await.retry_count, pushed(second).await.retry_count), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_row_locked_for_too_long_is_a_time_out_and_is_never_recorded_later() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    let locked = push(&world, &writer, "a");
    pushed(push(&world, &writer, "b")).await;
    assert_eq!(refused(locked).await, (ErrorCode::Timeout, Some(Outcome::NotDone)));
    world.store.unlock("a");
    writer.finish().await;
    assert!(world.stored("a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn calls_behind_a_row_locked_for_too_long_go_on_when_it_is_free() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    let locked = push(&world, &writer, "a");
    assert_eq!(refused(locked).await.0, ErrorCode::Timeout);
    let next = push(&world, &writer, "a");
    world.store.unlock("a");
    assert_eq!(pushed(next).await.retry_count, 1);
    assert_eq!(writer.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_locked_but_cannot_be_seen_harms_no_other() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    world.store.fail(Unlocked, 1, unavailable);
    let locked = push(&world, &writer, "a");
    let others = ["b", "c"].map(|id| push(&world, &writer, id));
    for call in others {
        pushed(call).await;
    }
    world.store.unlock("a");
    pushed(locked).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_locked_row() {
    let world = World::default();
    let writer = world.writer();
    world.store.lock("a");
    let locked = push(&world, &writer, "a");
    pushed(push(&world, &writer, "b")).await;
    let ending = tokio::spawn({
        let writer = writer.clone();
        async move { writer.finish().await }
    });
    tokio::task::yield_now().await;
    assert!(!ending.is_finished());
    world.store.unlock("a");
    ending.await.unwrap();
    pushed(locked).await;
    assert!(world.store.count_of(Push) >= 3);
}
