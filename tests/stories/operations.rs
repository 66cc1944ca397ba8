//! What operators ask for.

use kafka_error_retry::domain::entry::{Redelivery, State};
use kafka_error_retry::domain::filter::Filter;
use kafka_error_retry::domain::verbs::Operation;
use kafka_error_retry::domain::{Error, ErrorCode};
use kafka_error_retry::flows::operate::{find, list, operate};
use kafka_error_retry::ports::Store;

use crate::fakes::store::Verb::Operate;
use crate::fakes::store::unavailable;
use crate::fakes::world::{TOPIC, World};

async fn with_entries(count: usize) -> World {
    let world = World::default();
    let failures: Vec<_> = (0..count).map(|n| world.failure(&format!("{n:04}"))).collect();
    world.store.push(&failures).await.unwrap();
    world
}

async fn apply(world: &World, operation: Operation, filter: &Filter) -> Result<u64, Error> {
    operate(&*world.store, "", operation, filter).await
}

fn by_id(id: &str) -> Filter {
    Filter { ids: Some(vec![id.into()]), ..Filter::default() }
}

#[tokio::test(start_paused = true)]
async fn an_operation_on_many_entries_goes_in_steps_of_five_hundred() {
    for operation in [Operation::RetryNow, Operation::Hold, Operation::Requeue(None), Operation::Discard] {
        let world = with_entries(1_200).await;
        if operation == Operation::Requeue(None) {
            assert_eq!(apply(&world, Operation::Hold, &Filter::default()).await.unwrap(), 1_200);
        }
        let before = world.store.count_of(Operate);
        assert_eq!(apply(&world, operation, &Filter::default()).await.unwrap(), 1_200, "{operation:?}");
        // Until nothing is left: whether there is more is only known by asking.
        assert_eq!(world.store.count_of(Operate) - before, 4, "{operation:?}");
    }
    let world = with_entries(1_000).await;
    assert_eq!(apply(&world, Operation::Discard, &Filter::default()).await.unwrap(), 1_000);
    assert_eq!(world.store.count_of(Operate), 3);
}

#[tokio::test(start_paused = true)]
async fn an_entry_in_the_wrong_state_is_refused_by_name() {
    let world = with_entries(1).await;
    let error = apply(&world, Operation::Requeue(None), &by_id("1")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::State);
    assert!(error.message.contains("scheduled") && error.message.contains("dead and held"), "{}", error.message);
    assert_eq!(apply(&world, Operation::Purge, &by_id("1")).await.unwrap_err().code, ErrorCode::State);
    assert_eq!(apply(&world, Operation::Hold, &by_id("1")).await.unwrap(), 1);
    assert_eq!(apply(&world, Operation::RetryNow, &by_id("1")).await.unwrap_err().code, ErrorCode::State);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_already_so_is_no_error() {
    let world = with_entries(1).await;
    for id in ["99", "x", ""] {
        assert_eq!(apply(&world, Operation::Discard, &by_id(id)).await.unwrap(), 0, "{id:?}");
    }
    assert_eq!(apply(&world, Operation::RetryNow, &by_id("1")).await.unwrap(), 1);
    assert_eq!(apply(&world, Operation::RetryNow, &by_id("1")).await.unwrap(), 0, "it is due already");
    let two = Filter { ids: Some(vec!["1".into(), "2".into()]), ..Filter::default() };
    assert_eq!(apply(&world, Operation::Purge, &two).await.unwrap(), 0, "of several, those that fit are meant");
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_is_an_error_and_earlier_steps_stay() {
    let world = with_entries(700).await;
    world.store.fail(Operate, 0, unavailable);
    let gate = world.store.hold(Operate);
    world.store.fail(Operate, 1, unavailable);
    let discarding = tokio::spawn({
        let store = world.store.clone();
        async move { operate(&*store, "", Operation::Discard, &Filter::default()).await }
    });
    gate.reached().await;
    gate.open();
    assert_eq!(discarding.await.unwrap().unwrap_err().code, ErrorCode::Store);
    assert_eq!(world.store.count("", &Filter::default()).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_requeued_entry_starts_over_where_it_is_told_to() {
    let world = with_entries(1).await;
    apply(&world, Operation::Hold, &by_id("1")).await.unwrap();
    apply(&world, Operation::Requeue(Some(Redelivery::RetryTopic)), &by_id("1")).await.unwrap();
    let entry = world.entry("0000").await;
    assert_eq!((entry.state, entry.retry_count, entry.redelivery), (State::Scheduled, 0, Redelivery::RetryTopic));
    assert_eq!(world.sweep().await.delivered, 1);
    assert_eq!((world.broker.keys(TOPIC).len(), world.broker.keys(".ker-retry").len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_discarded_entry_is_gone_even_while_it_is_delivered() {
    let world = with_entries(1).await;
    world.pass(2);
    let gate = world.broker.hold_send();
    let sweeper = world.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.sweep(kafka_error_retry::domain::verbs::Expired::Taken).await });
    gate.reached().await;
    assert_eq!(apply(&world, Operation::Discard, &Filter::default()).await.unwrap(), 1);
    gate.open();
    sweeping.await.unwrap().unwrap();
    assert!(world.stored("0000").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn entries_are_read_page_by_page() {
    let world = with_entries(5).await;
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let (entries, next) = list(&*world.store, "", &Filter::default(), 2, cursor.as_deref()).await.unwrap();
        pages.push(entries.len());
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [2, 2, 1]);
    let tampered = list(&*world.store, "", &Filter::default(), 2, Some("7.0000")).await.unwrap_err();
    assert_eq!(tampered.code, ErrorCode::Argument);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_found_by_its_number_and_by_nothing_else() {
    let world = with_entries(1).await;
    assert!(find(&*world.store, "", "1").await.unwrap().is_some());
    for id in ["2", "0000", "1 ", "1.0", ""] {
        assert!(find(&*world.store, "", id).await.unwrap().is_none(), "{id:?}");
    }
    assert!(find(&*world.store, "elsewhere", "1").await.unwrap().is_none());
}
