//! What claimants do: lease, renew, settle.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::domain::entry::{Entry, Reason, Scope, State, Token};
use kafka_error_retry::domain::message::Message;
use kafka_error_retry::domain::verbs::{Claim, Claimed, Company, Delivery, Expired, Marked, NewFailure, Renewal, Settlement};

use super::fixture::{Bench, back, bits, delivered};

const SOON: Duration = Duration::from_millis(1);

pub async fn what_is_not_due_is_not_claimed(bench: &Bench) {
    bench.push(bench.later("later")).await;
    bench.push(bench.failure("now")).await;
    let claimed = bench.take(&bench.claim()).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].entry.identity.data_id, "now");
    assert!(claimed[0].entry.due_at <= claimed[0].now);
}

pub async fn two_claims_never_lease_the_same_entry(bench: &Bench) {
    bench.push_all((0..10).map(|n| n.to_string())).await;
    let first = bench.take(&Claim { limit: 6, ..bench.claim() }).await;
    let second = bench.take(&Claim { limit: 6, ..bench.claim() }).await;
    assert_eq!((first.len(), second.len()), (6, 4));
    let ids: HashSet<_> = first.iter().chain(&second).map(|claimed| claimed.entry.id).collect();
    assert_eq!(ids.len(), 10);
    assert!(first.windows(2).all(|pair| (pair[0].entry.due_at, pair[0].entry.id) < (pair[1].entry.due_at, pair[1].entry.id)));
}

pub async fn claims_at_once_share_the_entries(bench: &Bench) {
    bench.push_all((0..400).map(|n| n.to_string())).await;
    bench.pass(Duration::from_millis(5)).await;
    let claimers = (0..4).map(|_| {
        let (store, claim) = (Arc::clone(&bench.store), Claim { limit: 25, ..bench.claim() });
        tokio::spawn(async move {
            let mut mine = Vec::new();
            let mut idle = 0;
            // Empty twice in a row: a claim may find everything locked by the others for a moment.
            while idle < 2 {
                match store.claim_due(&Claim { token: Token(bits()), ..claim.clone() }).await {
                    Ok(claimed) if claimed.is_empty() => idle += 1,
                    Ok(claimed) => {
                        idle = 0;
                        mine.extend(claimed.into_iter().map(|claimed| claimed.entry.id));
                    }
                    Err(_) => {}
                }
            }
            mine
        })
    });
    let mut ids = Vec::new();
    for claimer in claimers {
        ids.extend(claimer.await.expect("the claimer ends"));
    }
    let distinct: HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (400, 400));
}

pub async fn an_entry_is_claimed_with_its_payload(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claimed = bench.take(&bench.claim()).await.remove(0);
    assert_eq!(claimed.message.value.as_deref(), Some(&b"a"[..]));
    assert_eq!((claimed.entry.state, claimed.entry.generation, claimed.entry.retry_count), (State::Scheduled, 1, 1));
    let stored = bench.one("a").await.expect("the entry exists").entry;
    assert_eq!((stored.state, stored.generation), (State::Leased, 1));
    assert!(stored.due_at.since(claimed.now) >= Duration::from_secs(29), "the lease ends thirty seconds later");
}

pub async fn a_claim_stops_at_its_byte_limit(bench: &Bench) {
    for n in 0..4 {
        let message = Message { value: Some(vec![0; 100_000]), ..Message::default() };
        bench.push(NewFailure { message, ..bench.failure(&n.to_string()) }).await;
    }
    assert_eq!(bench.take(&Claim { max_bytes: 150_000, ..bench.claim() }).await.len(), 2);
    assert_eq!(bench.take(&Claim { max_bytes: 1, ..bench.claim() }).await.len(), 1, "the first one is always taken");
}

pub async fn only_what_was_due_by_then_is_claimed(bench: &Bench) {
    bench.push(bench.failure("early")).await;
    let early = bench.take(&bench.claim()).await.remove(0);
    bench.push(bench.failure("late")).await;
    let claim = Claim { due_by: Some(early.entry.due_at), ..bench.claim() };
    assert!(bench.take(&claim).await.is_empty());
    assert_eq!(bench.take(&bench.claim()).await.len(), 1);
}

pub async fn an_expired_lease_is_claimed_again(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    bench.take(&Claim { lease: SOON, ..bench.claim() }).await;
    let again = bench.take(&bench.claim()).await.remove(0);
    assert_eq!((again.entry.state, again.entry.generation), (State::Leased, 1), "no new generation: nothing is delivered yet");
    assert!(!again.expired_in_company);
    assert!(bench.take(&bench.claim()).await.is_empty());
}

pub async fn an_expired_lease_is_left_when_told_so(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    bench.take(&Claim { lease: SOON, limit: 1, ..bench.claim() }).await;
    let claimed = bench.take(&Claim { expired: Expired::Left, ..bench.claim() }).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].entry.state, State::Scheduled);
}

pub async fn a_renewed_lease_does_not_expire(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    let claim = Claim { lease: SOON, ..bench.claim() };
    let ids: Vec<_> = bench.take(&claim).await.iter().map(|claimed| claimed.entry.id).collect();
    let renewal = Renewal { token: claim.token, ids: ids.clone(), lease: Duration::from_secs(30) };
    assert_eq!(bench.store.renew(&renewal).await.expect("it renews"), ids);
    assert!(bench.take(&bench.claim()).await.is_empty());
}

pub async fn a_renewal_under_a_foreign_token_does_nothing(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    let claim = Claim { lease: SOON, limit: 1, ..bench.claim() };
    let mine = bench.take(&claim).await[0].entry.id;
    let other = bench.take(&Claim { expired: Expired::Left, ..bench.claim() }).await[0].entry.id;
    let renewal = Renewal { token: claim.token, ids: vec![mine, other], lease: Duration::from_secs(30) };
    assert_eq!(bench.store.renew(&renewal).await.expect("it renews"), [mine]);
    let stranger = Renewal { token: Token(bits()), ..renewal };
    assert!(bench.store.renew(&stranger).await.expect("it renews").is_empty());
}

pub async fn a_delivered_entry_awaits_its_outcome(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    let marked = bench.store.settle_leased(claim.token, &[delivered(&claimed[0])]).await.expect("it is settled");
    assert_eq!(marked, [Marked::Done]);
    let entry = bench.one("a").await.expect("the entry exists").entry;
    let copy = entry.delivered.expect("the copy is noted");
    assert_eq!((entry.state, copy.partition, copy.offset, copy.is_counting), (State::Awaiting, 3, 77, true));
    assert!(copy.acked_at >= claimed[0].now && entry.due_at.since(copy.acked_at) == Duration::from_mins(10));
}

pub async fn a_settlement_repeated_after_a_lost_answer_changes_nothing(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    for state in [State::Held, State::Dead] {
        let settlement = Settlement { state, ..back(&claimed[0]) };
        let marked = bench.store.settle_leased(claim.token, &[settlement]).await.expect("it is answered");
        assert_eq!(marked, [Marked::Done], "it is settled under this token");
    }
    assert_eq!(bench.state("a").await, Some(State::Held));
}

pub async fn a_settlement_under_an_old_token_is_fenced(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let old = Claim { lease: SOON, ..bench.claim() };
    let stale = bench.take(&old).await;
    let current = bench.claim();
    let claimed = bench.take(&current).await;
    let marked = bench.store.settle_leased(old.token, &[back(&stale[0])]).await.expect("it is answered");
    assert_eq!(marked, [Marked::Fenced]);
    assert_eq!(bench.state("a").await, Some(State::Leased));
    let marked = bench.store.settle_leased(current.token, &[back(&claimed[0])]).await.expect("it is answered");
    assert_eq!(marked, [Marked::Done]);
}

pub async fn a_settlement_after_the_success_is_fenced(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    bench.store.resolve(&[bench.success("a", None)]).await.expect("it resolves");
    let marked = bench.store.settle_leased(claim.token, &[delivered(&claimed[0])]).await.expect("it is answered");
    assert_eq!(marked, [Marked::Fenced]);
    assert!(bench.one("a").await.is_none(), "nothing is resurrected");
}

pub async fn some_of_a_batch_may_be_fenced(bench: &Bench) {
    bench.push_all((0..5).map(|n| n.to_string())).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    bench.store.resolve(&[bench.success("3", None)]).await.expect("it resolves");
    let settlements: Vec<_> = claimed.iter().map(delivered).collect();
    let marked = bench.store.settle_leased(claim.token, &settlements).await.expect("it is answered");
    for (claimed, marked) in claimed.iter().zip(marked) {
        let expected = if claimed.entry.identity.data_id == "3" { Marked::Fenced } else { Marked::Done };
        assert_eq!(marked, expected, "{}", claimed.entry.identity.data_id);
    }
}

pub async fn a_suspect_is_claimed_alone(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    let suspect = Settlement { is_alone: true, reason: Reason::Crash, ..back(&claimed[0]) };
    bench.store.settle_leased(claim.token, &[suspect]).await.expect("it is settled");
    assert!(bench.take(&bench.claim()).await.is_empty());
    let alone = bench.take(&Claim { scope: Scope::PublishedAlone, ..bench.claim() }).await;
    assert_eq!((alone.len(), alone[0].entry.is_alone, alone[0].entry.reason), (1, true, Reason::Crash));
    bench.push(bench.failure("a")).await;
    assert_eq!(bench.take(&bench.claim()).await.len(), 1, "a reported failure clears it of suspicion");
}

pub async fn company_is_remembered(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    bench.take(&Claim { lease: SOON, ..bench.claim() }).await;
    let together = bench.take(&Claim { lease: SOON, limit: 1, ..bench.claim() }).await;
    assert!(together[0].expired_in_company, "two were claimed at once");
    bench.push(bench.failure("c")).await;
    let c = Claim { lease: SOON, company: Company::Others, expired: Expired::Left, ..bench.claim() };
    assert_eq!(bench.take(&c).await.len(), 1);
    let claimed = bench.take(&bench.claim()).await;
    let in_company =
        |id: &str| claimed.iter().find(|claimed| claimed.entry.identity.data_id == id).map(|claimed| claimed.expired_in_company);
    assert_eq!(in_company("c"), Some(true), "its process held others");
    assert_eq!(in_company(&together[0].entry.identity.data_id), Some(false), "it was claimed alone since");
}

pub async fn the_earliest_entry_says_when_to_look_again(bench: &Bench) {
    let next =
        async || bench.store.next_due(&bench.namespace, &[Scope::Published, Scope::PublishedAlone]).await.expect("it is read");
    assert_eq!(next().await, None);
    bench.push(bench.later("a")).await;
    let wait = next().await.expect("something waits");
    assert!(wait <= Duration::from_secs(2) && wait > Duration::ZERO, "{wait:?}");
    bench.push(bench.failure("b")).await;
    bench.pass(Duration::from_millis(5)).await;
    assert_eq!(next().await, Some(Duration::ZERO));
}

pub async fn dead_and_held_entries_are_never_claimed(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    let dead = Settlement { state: State::Dead, reason: Reason::TooLarge, ..back(&claimed[0]) };
    let held = Settlement { state: State::Held, reason: Reason::Compacted, ..back(&claimed[1]) };
    bench.store.settle_leased(claim.token, &[dead, held]).await.expect("it is settled");
    assert!(bench.take(&bench.claim()).await.is_empty());
    let next = bench.store.next_due(&bench.namespace, &[Scope::Published, Scope::PublishedAlone]).await;
    assert_eq!(next.expect("it is read"), None);
}

pub async fn namespaces_do_not_see_each_other(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let elsewhere = Claim { namespace: format!("{}x", bench.namespace), ..bench.claim() };
    assert!(bench.take(&elsewhere).await.is_empty());
    let mut success = bench.success("a", None);
    success.identity.namespace.push('x');
    bench.store.resolve(&[success]).await.expect("it resolves");
    assert!(bench.one("a").await.is_some());
}

pub async fn a_large_value_is_claimed_whole(bench: &Bench) {
    let value: Vec<u8> = (0..1_048_576_u32).map(|n| n.to_le_bytes()[0]).collect();
    for id in ["a", "b"] {
        let message = Message { key: Some(b"k".to_vec()), value: Some(value.clone()), ..Message::default() };
        bench.push(NewFailure { message, ..bench.failure(id) }).await;
    }
    let claimed = bench.take(&bench.claim()).await;
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|claimed| claimed.message.value.as_ref() == Some(&value)));
}

pub async fn a_batch_of_deliveries_notes_each_copy_and_keeps_the_rest(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    bench.push(bench.failure("a")).await;
    bench.push(bench.failure("b")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    let copy = |claimed: &Claimed, offset| {
        let settlement = delivered(claimed);
        Settlement { delivery: settlement.delivery.map(|copy| Delivery { offset, ..copy }), ..settlement }
    };
    let settlements: Vec<_> = claimed.iter().zip([7, 8]).map(|(claimed, offset)| copy(claimed, offset)).collect();
    let marked = bench.store.settle_leased(claim.token, &settlements).await.expect("it is settled");
    assert_eq!(marked, [Marked::Done, Marked::Done]);
    for (before, offset) in claimed.iter().zip([7, 8]) {
        let after = bench.one(&before.entry.identity.data_id).await.expect("the entry exists").entry;
        assert_eq!(after.delivered.map(|copy| copy.offset), Some(offset));
        let kept = |entry: &Entry| (entry.retry_count, entry.generation, entry.failed_generation, entry.is_alone, entry.life);
        assert_eq!(kept(&after), kept(&before.entry));
    }
}
