//! Around any store: lost transactions run again, and it is known since when it has answered.

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::domain::error::Conflict;
use kafka_error_retry::ports::Store;
use kafka_error_retry::store::steady::Steady;

use crate::fakes::store::Verb::{Claim, Paused, Push};
use crate::fakes::store::{again, unavailable};
use crate::fakes::world::World;

fn steady(world: &World) -> Steady {
    Steady::new(world.store.clone(), world.clock.clone(), world.chance.clone(), None)
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_lost_runs_again() {
    let world = World::default();
    world.store.fail(Push, 5, again);
    let pushed = steady(&world).push(&[world.failure("a")]).await.unwrap();
    assert_eq!((pushed[0].retry_count, world.store.count_of(Push)), (1, 6));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_always_loses_comes_to_an_end() {
    let world = World::default();
    world.store.fail(Push, 1_000, again);
    let error = steady(&world).push(&[world.failure("a")]).await.unwrap_err();
    assert_eq!(error.conflict, Conflict::Again);
    assert!(world.store.count_of(Push) < 20);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_repeated_but_told() {
    let world = World::default();
    world.store.fail(Push, 2, unavailable);
    assert!(steady(&world).push(&[world.failure("a")]).await.is_err());
    assert_eq!(world.store.count_of(Push), 1);
}

#[tokio::test(start_paused = true)]
async fn how_long_a_store_has_answered_starts_over_with_an_outage() {
    let world = World::default();
    let store = steady(&world);
    assert_eq!(store.answering_for(), Duration::ZERO);
    store.paused("").await.unwrap();
    world.pass(60);
    store.paused("").await.unwrap();
    assert_eq!(store.answering_for(), Duration::from_mins(1));
    world.store.fail(Push, 1, again);
    store.push(&[world.failure("a")]).await.unwrap();
    assert_eq!(store.answering_for(), Duration::from_mins(1), "a lost transaction is an answer");
    world.store.fail(Paused, 1, unavailable);
    store.paused("").await.unwrap_err();
    assert_eq!(store.answering_for(), Duration::ZERO);
    world.pass(60);
    assert_eq!(store.answering_for(), Duration::ZERO, "it has not answered since");
    store.paused("").await.unwrap();
    world.pass(1);
    assert_eq!(store.answering_for(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn every_statement_is_logged_on_request() {
    let world = World::default();
    let store = Steady::new(world.store.clone(), world.clock.clone(), world.chance.clone(), Some(Arc::clone(&world.notes) as _));
    store.push(&[world.failure("a")]).await.unwrap();
    store.paused("").await.unwrap();
    assert_eq!(world.notes.lines(), ["log store push", "log store paused"]);
    assert_eq!(world.store.count_of(Claim), 0);
}
