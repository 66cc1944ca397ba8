//! A sweep delivers what is due, and every copy ends as it was answered, whatever its neighbours do.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kafka_error_retry::domain::entry::{Reason, State};
use kafka_error_retry::domain::options::Options;
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::{Expired, Marked, NewFailure, Resolved, Success};
use kafka_error_retry::flows::deliver::SweepReport;
use tokio::time::Instant;

use crate::fakes::broker::Answer;
use crate::fakes::world::{TOPIC, World, mark_of, record_of};

#[tokio::test(start_paused = true)]
async fn every_due_entry_is_delivered_once_and_awaits_its_outcome() {
    let world = World::default();
    world.due(&["a", "b", "c"]).await;
    world.push_all(&["later"]).await;
    let report = world.sweep().await;
    assert_eq!(report, SweepReport { claimed: 3, delivered: 3, ..SweepReport::default() });
    assert_eq!(world.sweep().await, SweepReport::default());
    assert_eq!(world.broker.keys(TOPIC), ["a", "b", "c"]);
    for id in ["a", "b", "c"] {
        assert_eq!(world.stand(id).await, (State::Awaiting, 1));
    }
    assert_eq!(world.stand("later").await, (State::Scheduled, 1));
    assert_eq!(world.notes.of("redelivered").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_copy_says_which_redelivery_it_is() {
    let world = World::default();
    world.due(&["a"]).await;
    world.sweep().await;
    let (copy, mark) = world.copy("a");
    assert_eq!((mark.life, mark.generation), (world.entry("a").await.life, 1));
    assert_eq!(copy.value.as_deref(), Some(&br#"{"id":"a","fromRetry":true}"#[..]));
    assert_eq!(copy.headers.last("x-ker-attempt"), Some(&b"2"[..]));
    assert_eq!(world.notes.of("redelivered"), ["redelivered a attempt 2 generation 1 partition 1"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_claim_holds_goes_out_in_one_sweep() {
    let world = World::default();
    let failures: Vec<_> = (0..2_300).map(|n| world.failure(&format!("{n:04}"))).collect();
    for part in failures.chunks(500) {
        kafka_error_retry::ports::Store::push(&*world.store, part).await.unwrap();
    }
    world.pass(2);
    assert_eq!(world.sweep().await.delivered, 2_300);
    assert_eq!(world.broker.sends(), [1000, 1000, 300]);
    let keys = world.broker.keys(TOPIC);
    assert!(keys.len() == 2_300 && keys.windows(2).all(|pair| pair[0] != pair[1]), "every one once");
}

#[tokio::test(start_paused = true)]
async fn one_bad_copy_harms_no_neighbor() {
    let world = World::default();
    world.due(&["refused", "huge", "lost", "doubtful", "good"]).await;
    for (key, answer) in [
        ("refused", Answer::Refused),
        ("huge", Answer::TooLarge),
        ("lost", Answer::UnknownLost),
        ("doubtful", Answer::UnknownAppended),
    ] {
        world.broker.answer(key, answer);
    }
    let report = world.sweep().await;
    assert_eq!(report, SweepReport { claimed: 5, delivered: 1, failed: 2, given_back: 1, dead: 1, held: 0, resolved: 0 });
    assert_eq!(world.stand("good").await, (State::Awaiting, 1));
    assert_eq!(world.stand("refused").await, (State::Scheduled, 1));
    assert_eq!(world.stand("huge").await, (State::Dead, 1));
    assert_eq!(world.stand("lost").await, (State::Scheduled, 2));
    assert_eq!(world.stand("doubtful").await, (State::Scheduled, 2));
    assert_eq!(
        world.notes.lines(),
        [
            "deliveryFailed refused not_done TOPIC_AUTHORIZATION_FAILED",
            "deliveryFailed huge not_done MSG_SIZE_TOO_LARGE",
            "dead huge 1 too-large",
            "deliveryFailed lost unknown _MSG_TIMED_OUT",
            "deliveryFailed doubtful unknown _MSG_TIMED_OUT",
            "redelivered good attempt 2 generation 1 partition 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_copy_is_sent_again_and_costs_no_attempt() {
    let world = World::default();
    world.due(&["a"]).await;
    world.broker.answer("a", Answer::Refused);
    world.sweep().await;
    let entry = world.entry("a").await;
    assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Scheduled, Reason::NotDelivered, 1));
    assert_eq!(world.sweep().await.claimed, 0, "it waits a moment");
    world.pass(1);
    assert_eq!(world.sweep().await.delivered, 1);
    let (copy, mark) = world.copy("a");
    assert_eq!(mark.generation, 2, "a generation is never given back");
    assert_eq!(copy.headers.last("x-ker-attempt"), Some(&b"2"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_delivery_waits_the_delay_of_the_policy() {
    let world = World::default();
    world.due(&["a"]).await;
    world.broker.answer("a", Answer::UnknownAppended);
    world.sweep().await;
    let entry = world.entry("a").await;
    assert_eq!((entry.reason, entry.failed_generation), (Reason::UnknownDelivery, 1));
    world.pass(3);
    assert_eq!(world.sweep().await.claimed, 0, "four seconds after the second failure");
    world.pass(1);
    assert_eq!(world.sweep().await.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_doubtful_copy_counts_no_second_attempt() {
    let world = World::default();
    world.due(&["good", "bad"]).await;
    for key in ["good", "bad"] {
        world.broker.answer(key, Answer::UnknownAppended);
    }
    world.sweep().await;
    let (copy, mark) = world.copy("good");
    let success = Success { copy: Some(mark_of(&copy)), ..world.success("good") };
    assert_eq!((mark.generation, world.resolve(success).await), (1, Resolved::Deleted));
    let (_, mark) = world.copy("bad");
    let pushed = world.push(NewFailure { copy: Some(mark), ..world.failure("bad") }).await;
    assert_eq!(pushed.retry_count, 2, "the unknown delivery was the attempt");
}

#[tokio::test(start_paused = true)]
async fn unknown_deliveries_spend_the_policy() {
    let world = World::default();
    let policy = RetryPolicy { retry_count: 1, ..RetryPolicy::default() };
    world.push(NewFailure { policy, ..world.failure("a") }).await;
    world.pass(2);
    world.broker.answer("a", Answer::UnknownLost);
    assert_eq!(world.sweep().await.dead, 1);
    assert_eq!(world.notes.of("dead"), ["dead a 2 unknown-delivery"]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_client_without_an_answer_leaves_the_delivery_unknown() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    world.broker.fall_silent_once();
    assert_eq!(world.sweep().await.failed, 2);
    assert_eq!(world.notes.of("deliveryFailed").len(), 2);
    assert_eq!(world.entry("a").await.reason, Reason::UnknownDelivery);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_keeps_failing_is_dead_after_its_redeliveries() {
    for retry_count in [0, 1, 3] {
        let world = World::default();
        let policy = RetryPolicy { retry_count, ..RetryPolicy::default() };
        world.push(NewFailure { policy: policy.clone(), ..world.failure("a") }).await;
        let mut redeliveries = 0;
        while world.entry("a").await.state != State::Dead {
            world.pass(86_400);
            assert_eq!(world.sweep().await.delivered, 1);
            redeliveries += 1;
            let (copy, mark) = world.copy("a");
            let failure =
                NewFailure { message: record_of(&copy), policy: policy.clone(), copy: Some(mark), ..world.failure("a") };
            world.push(failure).await;
        }
        assert_eq!((redeliveries, world.stand("a").await.1), (retry_count, retry_count + 1));
        world.pass(86_400);
        assert_eq!(world.sweep().await, SweepReport::default(), "dead entries stay");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_before_the_delivery_is_recorded_leaves_nothing() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    let gate = world.store.hold(crate::fakes::store::Verb::Settle);
    let sweeper = world.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    let (_, mark) = world.copy("a");
    assert_eq!(world.resolve(Success { copy: Some(mark), ..world.success("a") }).await, Resolved::Deleted);
    gate.open();
    let report = sweeping.await.unwrap().unwrap();
    assert_eq!((report.delivered, report.failed, report.given_back), (2, 0, 0));
    assert!(world.stored("a").await.is_none());
    assert_eq!(world.stand("b").await, (State::Awaiting, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_delivery_is_recorded_counts_and_stays() {
    let world = World::default();
    world.due(&["a"]).await;
    let gate = world.store.hold(crate::fakes::store::Verb::Settle);
    let sweeper = world.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    let (_, mark) = world.copy("a");
    world.push(NewFailure { copy: Some(mark), ..world.failure("a") }).await;
    gate.open();
    sweeping.await.unwrap().unwrap();
    assert_eq!(world.stand("a").await, (State::Scheduled, 2));
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_paused_topic_wait_and_others_go_on() {
    let world = World::default();
    world.broker.add_topic("invoices", 1, Some(false));
    world.due(&["a"]).await;
    let mut other = world.failure("b");
    other.identity.topic = "invoices".into();
    world.push(other).await;
    world.pass(2);
    let store = &*world.store as &dyn kafka_error_retry::ports::Store;
    store.set_paused("", TOPIC, true).await.unwrap();
    let report = world.sweep().await;
    assert_eq!((report.delivered, report.given_back), (1, 1));
    assert_eq!((world.broker.keys(TOPIC).len(), world.broker.keys("invoices").len()), (0, 1));
    let entry = world.entry("a").await;
    assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Scheduled, Reason::Paused, 1));
    store.set_paused("", TOPIC, false).await.unwrap();
    assert_eq!(world.sweep().await.delivered, 1, "resumed, it is due at once");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_bounds_the_claim_and_the_pace() {
    let world = World::with(Options { max_redeliveries_per_second: Some(10), ..Options::default() });
    let ids: Vec<_> = (0..25).map(|n| n.to_string()).collect();
    world.due(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let began = Instant::now();
    assert_eq!(world.sweep().await.delivered, 25);
    assert_eq!(world.broker.sends(), [10, 10, 5]);
    assert_eq!(began.elapsed(), Duration::from_millis(2_500));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_claims_nothing_more() {
    let world = World::with(Options { max_redeliveries_per_second: Some(2), ..Options::default() });
    world.due(&["a", "b", "c"]).await;
    let sweeper = world.sweeper();
    let is_ending = sweeper.is_ending.clone();
    let gate = world.broker.hold_send();
    let sweeping = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    is_ending.store(true, Ordering::Release);
    gate.open();
    let report = sweeping.await.unwrap().unwrap();
    assert_eq!((report.claimed, report.delivered), (2, 2), "what was claimed is delivered and recorded");
    assert_eq!((world.stand("a").await.0, world.stand("c").await.0), (State::Awaiting, State::Scheduled));
    assert_eq!(world.entry("c").await.generation, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_fenced_is_told_as_sent_and_nothing_else() {
    let world = World::default();
    world.due(&["a"]).await;
    world.broker.answer("a", Answer::TooLarge);
    let sweeper = world.sweeper();
    let claimed = world.claim_and_vanish(kafka_error_retry::domain::entry::Scope::Published, 1).await;
    let settled = sweeper.deliverer.deliver(claimed, &HashSet::new()).await;
    let report = sweeper.deliverer.tell(settled, &[Marked::Fenced]);
    assert_eq!((report.dead, world.notes.of("dead").len()), (0, 0));
    assert_eq!(world.notes.of("deliveryFailed").len(), 1);
}
