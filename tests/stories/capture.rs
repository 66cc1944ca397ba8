//! What users report goes through one writer: joined, in order, bounded, and never lied about.

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::domain::entry::State;
use kafka_error_retry::domain::error::Outcome;
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::{NewFailure, Pushed, Resolved};
use kafka_error_retry::domain::{Error, ErrorCode};
use kafka_error_retry::flows::line::{Answer, Limits, Work};
use kafka_error_retry::flows::writer::Writer;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;

use crate::fakes::store::Verb::{Push, PushNew, Resolve};
use crate::fakes::store::{unanswered, unavailable};
use crate::fakes::world::{LIMITS, World};

/// A call whose caller waits for it.
pub fn call(writer: &Arc<Writer>, work: Work) -> JoinHandle<Result<Answer, Error>> {
    let ticket = writer.hold().enter(work).expect("there is room in the line");
    tokio::spawn(ticket.wait())
}

pub fn push(world: &World, writer: &Arc<Writer>, data_id: &str) -> JoinHandle<Result<Answer, Error>> {
    call(writer, Work::Push(world.failure(data_id)))
}

pub fn succeed(world: &World, writer: &Arc<Writer>, data_id: &str) -> JoinHandle<Result<Answer, Error>> {
    call(writer, Work::Resolve(world.success(data_id)))
}

pub async fn pushed(call: JoinHandle<Result<Answer, Error>>) -> Pushed {
    match call.await.unwrap().expect("the push is recorded") {
        Answer::Pushed(pushed) => pushed,
        Answer::Resolved(_) => panic!("a push was answered as a success"),
    }
}

pub async fn resolved(call: JoinHandle<Result<Answer, Error>>) -> Resolved {
    match call.await.unwrap().expect("the success is recorded") {
        Answer::Resolved(resolved) => resolved,
        Answer::Pushed(_) => panic!("a success was answered as a push"),
    }
}

pub async fn refused(call: JoinHandle<Result<Answer, Error>>) -> (ErrorCode, Option<Outcome>) {
    let error = call.await.unwrap().expect_err("the call fails");
    (error.code, error.outcome)
}

fn ids(call: &[&str]) -> Vec<String> {
    call.iter().map(ToString::to_string).collect()
}

/// A failure that may be counted more often than the default policy allows.
fn often(world: &World, data_id: &str) -> Work {
    let policy = RetryPolicy { retry_count: 1000, ..RetryPolicy::default() };
    Work::Push(NewFailure { policy, ..world.failure(data_id) })
}

#[tokio::test(start_paused = true)]
async fn a_single_call_waits_for_no_other() {
    let world = World::default();
    let began = Instant::now();
    assert_eq!(pushed(push(&world, &world.writer(), "a")).await.retry_count, 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_one_transaction_runs_is_the_next_one() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let first = push(&world, &writer, "a");
    gate.reached().await;
    let later: Vec<_> = ["b", "c", "d", "e"].map(|id| push(&world, &writer, id)).into();
    gate.open();
    pushed(first).await;
    for call in later {
        pushed(call).await;
    }
    assert_eq!(world.store.calls(&[Push]), [(Push, ids(&["a"])), (Push, ids(&["b", "c", "d", "e"]))]);
}

#[tokio::test(start_paused = true)]
async fn calls_about_one_identity_are_recorded_in_call_order() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let before = push(&world, &writer, "x");
    gate.reached().await;
    let first = push(&world, &writer, "a");
    let success = succeed(&world, &writer, "a");
    let second = push(&world, &writer, "a");
    let other = succeed(&world, &writer, "b");
    gate.open();
    let (first, second) = (pushed(first).await, pushed(second).await);
    assert_eq!((first.retry_count, second.retry_count), (1, 1), "the success in between ended the first life");
    assert_ne!(first.id, second.id);
    assert_eq!((resolved(success).await, resolved(other).await), (Resolved::Deleted, Resolved::Unknown));
    pushed(before).await;
    let calls = world.store.calls(&[Push, Resolve]);
    let of_a: Vec<_> = calls.iter().filter(|(_, ids)| ids.contains(&"a".to_owned())).map(|(verb, _)| *verb).collect();
    assert_eq!(of_a, [Push, Resolve, Push]);
    assert!(calls.contains(&(Resolve, ids(&["b"]))), "another identity does not wait: {calls:?}");
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_failures_of_one_identity_share_a_transaction() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let before = push(&world, &writer, "x");
    gate.reached().await;
    let many: Vec<_> = (0..20).map(|_| call(&writer, often(&world, "a"))).collect();
    let other = push(&world, &writer, "b");
    gate.open();
    let mut counts = Vec::new();
    for call in many {
        counts.push(pushed(call).await.retry_count);
    }
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    pushed(before).await;
    pushed(other).await;
    let sizes: Vec<_> = world.store.calls(&[Push]).into_iter().map(|(_, ids)| ids.len()).collect();
    assert_eq!(sizes, [1, 9, 8, 4], "eight and the other one, eight, four");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_bounded_in_rows_and_bytes() {
    let world = World::default();
    for (limits, expected) in [
        (Limits { rows: 2, ..LIMITS }, vec![1, 2, 2, 1]),
        (Limits { bytes: 2_000, ..LIMITS }, vec![1, 3, 2]),
        (Limits { bytes: 1, ..LIMITS }, vec![1; 6]),
    ] {
        let before = world.store.count_of(Push);
        let writer = world.writer_with(limits);
        let gate = world.store.hold(Push);
        let mut calls = vec![push(&world, &writer, "x")];
        gate.reached().await;
        calls.extend(["a", "b", "c", "d", "e"].map(|id| push(&world, &writer, id)));
        gate.open();
        for call in calls {
            pushed(call).await;
        }
        let sizes: Vec<_> = world.store.calls(&[Push])[before..].iter().map(|(_, ids)| ids.len()).collect();
        assert_eq!(sizes, expected, "{limits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_together_are_shared_out_where_there_are_two_lanes() {
    let world = World::default();
    let writer = world.writer_with(Limits { lanes: 2, ..LIMITS });
    let gates = [world.store.hold(Push), world.store.hold(Push)];
    let calls: Vec<_> = (0..64).map(|n| push(&world, &writer, &n.to_string())).collect();
    for gate in &gates {
        gate.reached().await;
    }
    // Both halves are under way at the same time.
    let sizes: Vec<_> = world.store.calls(&[Push]).into_iter().map(|(_, ids)| ids.len()).collect();
    assert_eq!(sizes, [32, 32]);
    // One of them ends, and what came meanwhile goes the same way, but not what is about a row of the other.
    let later = [push(&world, &writer, "new"), call(&writer, often(&world, "0")), call(&writer, often(&world, "63"))];
    gates[0].open();
    yield_now().await;
    gates[1].open();
    for call in calls {
        assert_eq!(pushed(call).await.retry_count, 1);
    }
    let mut counts = Vec::new();
    for call in later {
        counts.push(pushed(call).await.retry_count);
    }
    assert_eq!(counts, [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_second_lane_leaves_alone_what_the_first_is_about() {
    let world = World::default();
    let writer = world.writer_with(Limits { lanes: 2, ..LIMITS });
    let gate = world.store.hold(Push);
    let first = call(&writer, often(&world, "a"));
    gate.reached().await;
    let (second, success, other) = (call(&writer, often(&world, "a")), succeed(&world, &writer, "a"), push(&world, &writer, "b"));
    assert_eq!(pushed(other).await.retry_count, 1, "another identity does not wait");
    assert!(!second.is_finished());
    gate.open();
    assert_eq!((pushed(first).await.retry_count, pushed(second).await.retry_count), (1, 2));
    assert_eq!(resolved(success).await, Resolved::Deleted);
    writer.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_less_makes_transactions_smaller() {
    let world = World::default();
    let writer = world.writer();
    writer.bound_bytes(1);
    writer.bound_bytes(1 << 30);
    let gate = world.store.hold(Push);
    let calls = ["x", "a", "b"].map(|id| push(&world, &writer, id));
    gate.reached().await;
    gate.open();
    for call in calls {
        pushed(call).await;
    }
    assert!(world.store.calls(&[Push]).iter().all(|(_, ids)| ids.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_max_pending_are_refused_until_there_is_room() {
    let world = World::default();
    let writer = world.writer_with(Limits { pending: 2, ..LIMITS });
    let gate = world.store.hold(Push);
    let running = push(&world, &writer, "a");
    gate.reached().await;
    let waiting = push(&world, &writer, "b");
    let error = writer.hold().enter(Work::Push(world.failure("c"))).err().expect("there is no room");
    assert_eq!((error.code, error.outcome), (ErrorCode::Busy, Some(Outcome::NotDone)));
    gate.open();
    pushed(running).await;
    pushed(waiting).await;
    assert_eq!(writer.pending(), 0);
    pushed(push(&world, &writer, "c")).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_every_call_and_takes_no_further_one() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let running = push(&world, &writer, "a");
    gate.reached().await;
    let waiting = succeed(&world, &writer, "b");
    let ending = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move { writer.finish().await }
    });
    yield_now().await;
    let error = writer.hold().enter(Work::Push(world.failure("c"))).err().expect("the line is closed");
    assert_eq!((error.code, error.outcome), (ErrorCode::Closed, Some(Outcome::NotDone)));
    assert!(!ending.is_finished(), "two calls are not answered yet");
    gate.open();
    ending.await.unwrap();
    assert_eq!((pushed(running).await.retry_count, resolved(waiting).await), (1, Resolved::Unknown));
    writer.finish().await;
}

#[tokio::test(start_paused = true)]
async fn calls_wait_through_an_outage_and_keep_their_order() {
    let world = World::default();
    let writer = world.writer();
    world.store.fail(Push, 4, unavailable);
    world.store.fail(Resolve, 2, unavailable);
    let calls = [push(&world, &writer, "a"), push(&world, &writer, "a")];
    let success = succeed(&world, &writer, "b");
    let last = push(&world, &writer, "b");
    for (call, count) in calls.into_iter().zip([1, 2]) {
        assert_eq!(pushed(call).await.retry_count, count);
    }
    assert_eq!((resolved(success).await, pushed(last).await.retry_count), (Resolved::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_not_done_is_never_recorded_later() {
    let world = World::default();
    let writer = world.writer();
    world.store.go_away(Push);
    let late = push(&world, &writer, "a");
    assert_eq!(refused(late).await, (ErrorCode::Store, Some(Outcome::NotDone)), "the reason is the store's");
    world.store.come_back(Push);
    pushed(push(&world, &writer, "b")).await;
    writer.finish().await;
    assert!(world.stored("a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_reached_the_store_is_not_done() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let running = push(&world, &writer, "a");
    gate.reached().await;
    let waiting = push(&world, &writer, "b");
    assert_eq!(refused(waiting).await, (ErrorCode::Timeout, Some(Outcome::NotDone)));
    gate.open();
    drop(running);
    writer.finish().await;
    assert!(world.stored("b").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_ends_while_it_runs_is_unknown() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let running = push(&world, &writer, "a");
    gate.reached().await;
    assert_eq!(refused(running).await, (ErrorCode::Timeout, Some(Outcome::Unknown)));
    gate.open();
    writer.finish().await;
    assert_eq!(world.stand("a").await, (State::Scheduled, 1), "it was recorded after all");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_went_back_into_the_line_after_its_deadline_is_not_recorded_later() {
    let world = World::default();
    let writer = world.writer();
    world.store.refuse("a", ErrorCode::Internal);
    let together = world.store.hold(Push);
    let [_refused, good] = ["a", "b"].map(|id| push(&world, &writer, id));
    together.reached().await;
    tokio::time::advance(Duration::from_millis(world.options.push_timeout + 500)).await;
    // The transaction fails for one of them, so that both go back and run one by one; the first takes its time.
    let singly = world.store.hold(Push);
    together.open();
    singly.reached().await;
    assert_eq!(refused(good).await.1, Some(Outcome::NotDone));
    singly.open();
    writer.finish().await;
    assert!(world.stored("b").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_definite_word_is_worth_a_moment_more() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let running = push(&world, &writer, "a");
    gate.reached().await;
    tokio::time::advance(Duration::from_millis(world.options.push_timeout + 500)).await;
    gate.open();
    assert_eq!(pushed(running).await.retry_count, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_commit_is_repeated_and_counts_once() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    let before = push(&world, &writer, "x");
    gate.reached().await;
    world.store.lose_answer(Push);
    let calls = [push(&world, &writer, "a"), push(&world, &writer, "a"), push(&world, &writer, "b")];
    gate.open();
    pushed(before).await;
    for call in calls {
        pushed(call).await;
    }
    assert_eq!(world.store.count_of(Push), 3);
    assert_eq!((world.stand("a").await.1, world.stand("b").await.1), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_an_unanswered_commit_recorded_is_told_like_any_other() {
    let world = World::default();
    let writer = world.writer();
    world.store.lose_answer(Push);
    let policy = RetryPolicy { retry_count: 0, ..RetryPolicy::default() };
    let dead = call(&writer, Work::Push(NewFailure { policy, ..world.failure("a") }));
    assert_eq!(pushed(dead).await.state, State::Dead);
    assert_eq!(world.notes.lines(), ["stored a 1 dead", "dead a 1 failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_call_stays_unknown_when_the_store_then_stays_away() {
    let world = World::default();
    let writer = world.writer();
    world.store.lose_answer(Push);
    let doubtful = push(&world, &writer, "a");
    while world.store.count_of(Push) == 0 {
        yield_now().await;
    }
    world.store.go_away(Push);
    assert_eq!(refused(doubtful).await, (ErrorCode::Store, Some(Outcome::Unknown)));
}

#[tokio::test(start_paused = true)]
async fn a_later_call_waits_behind_one_whose_commit_is_unknown() {
    let world = World::default();
    let writer = world.writer();
    let gate = world.store.hold(Push);
    world.store.fail(Push, 1, unanswered);
    let first = push(&world, &writer, "a");
    gate.reached().await;
    let success = succeed(&world, &writer, "a");
    gate.open();
    pushed(first).await;
    assert_eq!(resolved(success).await, Resolved::Deleted);
    assert!(world.stored("a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refused_row_takes_no_other_along() {
    for code in [ErrorCode::TooLarge, ErrorCode::Internal] {
        let world = World::default();
        let writer = world.writer();
        world.store.refuse("b", code);
        let gate = world.store.hold(Push);
        let before = push(&world, &writer, "x");
        gate.reached().await;
        let calls = ["a", "b", "c"].map(|id| push(&world, &writer, id));
        let success = succeed(&world, &writer, "d");
        gate.open();
        pushed(before).await;
        let [a, b, c] = calls;
        assert_eq!((pushed(a).await.retry_count, pushed(c).await.retry_count), (1, 1));
        assert_eq!(refused(b).await, (code, Some(Outcome::NotDone)));
        assert_eq!(resolved(success).await, Resolved::Unknown);
        assert!(world.stored("b").await.is_none());
        let together = [push(&world, &writer, "e"), push(&world, &writer, "f")];
        for call in together {
            pushed(call).await;
        }
        let last = world.store.calls(&[Push]).pop().map(|(_, ids)| ids);
        assert_eq!(last, Some(ids(&["e", "f"])), "after it, calls are joined again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_failure_wakes_the_sweeps_and_a_success_does_not() {
    let world = World::default();
    let writer = world.writer();
    resolved(succeed(&world, &writer, "a")).await;
    let woken = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move { writer.stored().await }
    });
    yield_now().await;
    assert!(!woken.is_finished());
    pushed(push(&world, &writer, "a")).await;
    woken.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_is_told_once() {
    let world = World::default();
    let writer = world.writer();
    let failure = NewFailure { policy: RetryPolicy { retry_count: 1, ..RetryPolicy::default() }, ..world.failure("a") };
    pushed(call(&writer, Work::Push(failure.clone()))).await;
    pushed(call(&writer, Work::Push(failure.clone()))).await;
    pushed(call(&writer, Work::Push(NewFailure { failure_id: world.failure("").failure_id, ..failure }))).await;
    resolved(succeed(&world, &writer, "a")).await;
    resolved(succeed(&world, &writer, "a")).await;
    assert_eq!(world.notes.lines(), ["stored a 1 scheduled", "stored a 2 dead", "dead a 2 failed", "resolved a"]);
}

#[tokio::test(start_paused = true)]
async fn new_failures_are_recorded_in_one_step_and_known_ones_in_a_transaction() {
    let world = World::default();
    world.store.take_new();
    let writer = world.writer();
    pushed(push(&world, &writer, "known")).await;
    let calls: Vec<_> = ["a", "known", "b"].map(|id| push(&world, &writer, id)).into();
    let mut counts = Vec::new();
    for call in calls {
        counts.push(pushed(call).await.retry_count);
    }
    assert_eq!(counts, [1, 2, 1]);
    let expected = [(PushNew, ids(&["known"])), (PushNew, ids(&["a", "known", "b"])), (Push, ids(&["known"]))];
    assert_eq!(world.store.calls(&[Push, PushNew]), expected);
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_whose_answer_was_lost_is_counted_and_told_once() {
    let world = World::default();
    world.store.take_new();
    world.store.lose_answer(PushNew);
    let writer = world.writer();
    assert_eq!(pushed(push(&world, &writer, "a")).await.retry_count, 1);
    assert_eq!(world.store.count_of(PushNew), 2, "the step was repeated");
    assert_eq!(world.notes.lines(), ["stored a 1 scheduled"]);
}

#[tokio::test(start_paused = true)]
async fn several_failures_of_one_new_identity_are_folded_together() {
    let world = World::default();
    world.store.take_new();
    let writer = world.writer();
    let calls: Vec<_> = (0..3).map(|_| push(&world, &writer, "same")).collect();
    for (n, call) in (1..).zip(calls) {
        assert_eq!(pushed(call).await.retry_count, n);
    }
    assert_eq!(world.store.count_of(PushNew), 0, "in one step they could not be told apart");
}
