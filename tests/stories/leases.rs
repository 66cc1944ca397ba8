//! One owner at a time: leases are renewed, lost, fenced, and tell a crash from bad company.

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::domain::entry::{Reason, Scope, State};
use kafka_error_retry::domain::verbs::{Company, Expired};

use crate::fakes::store::Verb::Renew;
use crate::fakes::store::unavailable;
use crate::fakes::world::{TOPIC, World};

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_owner_delivers() {
    let world = World::default();
    world.due(&["a"]).await;
    let gate = world.broker.hold_send();
    let sweeper = Arc::new(world.sweeper());
    let sweeping = tokio::spawn({
        let sweeper = Arc::clone(&sweeper);
        async move { sweeper.sweep(Expired::Taken).await }
    });
    gate.reached().await;
    world.store.fail(Renew, 1, unavailable);
    for _ in 0..6 {
        world.pass(10);
        sweeper.leases.renew(&*world.store, LEASE).await;
    }
    assert_eq!(world.sweep().await.claimed, 0, "another process leaves it alone");
    gate.open();
    assert_eq!(sweeping.await.unwrap().unwrap().delivered, 1);
    assert_eq!(world.stand("a").await, (State::Awaiting, 1));
    let before = world.store.count_of(Renew);
    sweeper.leases.renew(&*world.store, LEASE).await;
    assert_eq!(world.store.count_of(Renew), before, "nothing is held any more");
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_a_lease_changes_nothing() {
    let world = World::default();
    world.due(&["a"]).await;
    let gate = world.broker.hold_send();
    let sweeper = world.sweeper();
    let slow = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    world.pass(31);
    assert_eq!(world.sweep().await.failed, 1, "the other process takes it for crashed");
    world.pass(4);
    assert_eq!(world.sweep().await.delivered, 1);
    let before = world.entry("a").await;
    world.notes.clear();
    gate.open();
    let report = slow.await.unwrap().unwrap();
    assert_eq!((report.delivered, report.failed, report.dead), (1, 0, 0));
    assert_eq!(world.entry("a").await, before);
    assert_eq!(world.notes.lines(), ["redelivered a attempt 2 generation 1 partition 1"], "the copy is in the log");
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_a_lease_takes_nothing_from_its_new_owner() {
    let world = World::default();
    world.due(&["a"]).await;
    let gate = world.broker.hold_send();
    let sweeper = world.sweeper();
    let slow = tokio::spawn(async move { sweeper.sweep(Expired::Taken).await });
    gate.reached().await;
    world.pass(31);
    world.sweep().await;
    world.pass(4);
    assert_eq!(world.claim_and_vanish(Scope::Published, 1).await.len(), 1);
    let before = world.entry("a").await;
    gate.open();
    slow.await.unwrap().unwrap();
    assert_eq!((before.state, world.entry("a").await), (State::Leased, before));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_expired_in_company_counts_nothing_and_is_alone_next() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    world.claim_and_vanish(Scope::Published, 10).await;
    world.pass(31);
    assert_eq!(world.sweep().await.given_back, 2);
    for id in ["a", "b"] {
        let entry = world.entry(id).await;
        assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Scheduled, Reason::Crash, 1));
        assert!(
            entry.is_alone && entry.due_at.since(kafka_error_retry::ports::Clock::now(&*world.clock)) == Duration::from_secs(2)
        );
    }
    world.pass(2);
    assert_eq!(world.sweep().await.delivered, 2);
    assert_eq!(world.broker.sends(), [1, 1], "each by itself");
    assert!(!world.entry("a").await.is_alone);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_expired_alone_is_an_attempt() {
    let world = World::default();
    world.due(&["a", "b"]).await;
    world.claim_and_vanish(Scope::Published, 10).await;
    world.pass(31);
    world.sweep().await;
    world.pass(2);
    assert_eq!(world.claim_and_vanish(Scope::PublishedAlone, 1).await[0].entry.identity.data_id, "a");
    world.pass(31);
    let report = world.sweep().await;
    assert_eq!((report.failed, report.delivered), (1, 1));
    let entry = world.entry("a").await;
    assert_eq!((entry.state, entry.reason, entry.retry_count), (State::Scheduled, Reason::Crash, 2));
    assert_eq!(world.stand("b").await, (State::Awaiting, 1));
}

#[tokio::test(start_paused = true)]
async fn what_kills_every_process_is_dead_after_its_redeliveries() {
    let world = World::default();
    world.due(&["a"]).await;
    let mut crashes = 0;
    while world.entry("a").await.state != State::Dead {
        assert_eq!(world.claim_and_vanish(Scope::Published, 1).await.len(), 1);
        crashes += 1;
        world.pass(31);
        world.sweep().await;
        world.pass(86_400);
    }
    assert_eq!((crashes, world.stand("a").await.1), (3, 4));
    assert_eq!(world.notes.of("dead"), ["dead a 4 crash"]);
    assert!(world.broker.keys(TOPIC).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_others_left_behind_is_left_while_the_store_is_not_trusted() {
    let world = World::default();
    world.due(&["crashed"]).await;
    world.claim_and_vanish(Scope::Published, 1).await;
    world.due(&["delivered"]).await;
    world.sweep().await;
    world.pass(3_600);
    world.due(&["fresh"]).await;
    let report = world.sweeper().sweep(Expired::Left).await.unwrap();
    assert_eq!((report.claimed, report.delivered), (1, 1));
    assert_eq!(world.stand("crashed").await, (State::Leased, 1));
    assert_eq!(world.stand("delivered").await, (State::Awaiting, 1));
    let report = world.sweep().await;
    assert_eq!(report.failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_panics_leaves_its_leases_to_expire() {
    let world = World::default();
    world.due(&["a"]).await;
    world.broker.panic_once();
    let sweeper = Arc::new(world.sweeper());
    let swept = tokio::spawn({
        let sweeper = Arc::clone(&sweeper);
        async move { sweeper.sweep(Expired::Taken).await }
    });
    assert!(swept.await.unwrap_err().is_panic());
    world.pass(20);
    sweeper.leases.renew(&*world.store, LEASE).await;
    world.pass(11);
    assert_eq!(sweeper.sweep(Expired::Taken).await.unwrap().failed, 1, "nobody renews it any more");
    let companies: Vec<_> = world.store.claims().iter().map(|claim| claim.company).collect();
    assert!(companies.iter().all(|company| *company == Company::None), "{companies:?}");
}
