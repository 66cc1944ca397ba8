//! A broker or a store that is away costs nothing but time.

use kafka_error_retry::domain::entry::State;
use kafka_error_retry::domain::verbs::Expired;
use kafka_error_retry::domain::{Error, ErrorCode};
use kafka_error_retry::flows::deliver::SweepReport;

use crate::fakes::broker::Answer;
use crate::fakes::store::Verb::{Claim, Paused, Settle};
use crate::fakes::store::unavailable;
use crate::fakes::world::{TOPIC, World};

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_while_the_broker_is_down_and_one_warning_says_so() {
    let world = World::default();
    world.due(&["a"]).await;
    let sweeper = world.sweeper();
    for outage in 1..=2 {
        world.broker.go_down();
        let before = (world.store.count_of(Claim), world.entry("a").await);
        for _ in 0..3 {
            assert_eq!(sweeper.sweep(Expired::Taken).await.unwrap(), SweepReport::default());
        }
        assert_eq!(world.notes.of("warning"), vec!["warning brokerUnavailable"; outage]);
        assert_eq!((world.store.count_of(Claim), world.entry("a").await), before);
        world.broker.come_up();
        assert_eq!(sweeper.sweep(Expired::Taken).await.unwrap().delivered, 1);
        // The outcome never comes, so that it is due again.
        world.pass(600);
        sweeper.sweep(Expired::Taken).await.unwrap();
        world.pass(86_400);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_broker_costs_at_most_the_copies_under_way() {
    let world = World::default();
    let failures: Vec<_> = (0..1_500).map(|n| world.failure(&format!("{n:04}"))).collect();
    kafka_error_retry::ports::Store::push(&*world.store, &failures).await.unwrap();
    world.pass(2);
    let gate = world.broker.hold_send();
    let sweeper = world.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    world.broker.go_down();
    gate.open();
    let report = sweeping.await.unwrap().unwrap();
    assert_eq!((report.claimed, report.failed), (1000, 1000), "the second thousand is not claimed");
    assert_eq!(world.stand("1499").await, (State::Scheduled, 1));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_recorded_once_the_store_is_back_and_no_attempt_is_lost() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    world.store.fail(Settle, 3, unavailable);
    let report = world.sweep().await;
    assert_eq!((report.delivered, world.store.count_of(Settle)), (2, 4));
    assert_eq!((world.stand("a").await, world.stand("b").await), ((State::Awaiting, 1), (State::Awaiting, 1)));
    assert_eq!(world.broker.keys(TOPIC), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_while_recording_is_one_error() {
    let world = World::default();
    world.due(&["a"]).await;
    world.store.fail(Settle, 20, unavailable);
    world.sweep().await;
    assert_eq!(world.notes.of("error"), ["error KER_STORE"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_recording_changes_nothing() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    world.broker.answer("b", Answer::UnknownLost);
    world.store.lose_answer(Settle);
    let report = world.sweep().await;
    assert_eq!((report.delivered, report.failed), (1, 1));
    assert_eq!((world.stand("a").await, world.stand("b").await), ((State::Awaiting, 1), (State::Scheduled, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_does_not_wait_for_a_store_that_is_away() {
    let world = World::default();
    world.due(&["a"]).await;
    world.store.go_away(Settle);
    let sweeper = world.sweeper();
    let is_ending = sweeper.is_ending.clone();
    let gate = world.broker.hold_send();
    let sweeping = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    is_ending.store(true, std::sync::atomic::Ordering::Release);
    gate.open();
    assert_eq!(sweeping.await.unwrap().unwrap_err().code, ErrorCode::Store);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_store_is_away_fails_and_claims_nothing() {
    let world = World::default();
    world.due(&["a"]).await;
    for verb in [Paused, Claim] {
        world.store.fail(verb, 1, unavailable);
        let failed: Error = world.sweeper().sweep(Expired::Taken).await.unwrap_err();
        assert_eq!(failed.code, ErrorCode::Store);
        assert_eq!((world.stand("a").await, world.broker.sends().len()), ((State::Scheduled, 1), 0));
    }
}
