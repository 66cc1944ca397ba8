//! What users report: failures and successes.

use std::sync::Arc;
use std::time::Duration;

use kafka_error_retry::domain::entry::{Entry, FailureId, Life, Redelivery, State};
use kafka_error_retry::domain::headers::Headers;
use kafka_error_retry::domain::message::{Failure, Message, Origin};
use kafka_error_retry::domain::policy::RetryPolicy;
use kafka_error_retry::domain::verbs::{CopyMark, Effect, Marked, NewFailure, Resolved};

use super::fixture::{Bench, bits, delivered};

pub async fn a_first_failure_becomes_an_entry(bench: &Bench) {
    let pushed = bench.push(bench.later("a")).await;
    let stored = bench.one("a").await.expect("the entry exists");
    assert!(pushed.id > 0);
    assert_eq!((stored.entry.id, stored.entry.retry_count, stored.entry.state), (pushed.id, 1, State::Scheduled));
    assert_eq!(stored.entry.due_at, pushed.due_at);
    assert_eq!(pushed.due_at.0 - stored.entry.first_failed_at.0, 2000, "two seconds after the first failure");
    assert_eq!(bench.store.get(&bench.namespace, pushed.id).await.expect("it is read"), Some(stored));
    assert_eq!(bench.store.get("elsewhere", pushed.id).await.expect("it is read"), None);
}

pub async fn each_further_failure_counts_and_replaces(bench: &Bench) {
    let first = bench.push(bench.later("a")).await;
    let mut again = bench.later("a");
    again.message.value = None;
    again.message.key = Some(vec![]);
    again.policy = RetryPolicy { backoff: false, ..RetryPolicy::default() };
    again.redelivery = Redelivery::RetryTopic;
    let second = bench.push(again).await;
    let stored = bench.one("a").await.expect("the entry exists");
    assert_eq!((second.id, second.retry_count, second.effect), (first.id, 2, Effect::Counted));
    assert_eq!((stored.message.value, stored.message.key), (None, Some(vec![])));
    assert_eq!((stored.entry.policy.backoff, stored.entry.redelivery), (false, Redelivery::RetryTopic));
    assert_eq!(second.due_at.0 - stored.entry.last_failed_at.0, 2000, "the second delay of the new policy");
}

pub async fn the_same_failure_id_counts_once(bench: &Bench) {
    let failure = NewFailure { failure_id: FailureId(bits()), ..bench.later("a") };
    for expected in [Effect::Counted, Effect::Nothing, Effect::Nothing] {
        let pushed = bench.push(failure.clone()).await;
        assert_eq!((pushed.retry_count, pushed.effect, pushed.failure_id), (1, expected, failure.failure_id));
    }
}

pub async fn a_batch_of_failures_of_one_identity_counts_each(bench: &Bench) {
    let failures: Vec<_> = (0..8).map(|_| bench.later("a")).chain([bench.later("b")]).collect();
    let pushed = bench.store.push(&failures).await.expect("the push succeeds");
    let counts: Vec<_> = pushed.iter().map(|pushed| pushed.retry_count).collect();
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8, 1]);
    assert!(pushed.iter().all(|pushed| pushed.id > 0));
    assert_eq!(bench.one("a").await.map(|stored| stored.entry.retry_count), Some(8));
}

pub async fn fifty_pushes_at_once_are_one_entry_with_fifty_attempts(bench: &Bench) {
    let pushes = (0..50).map(|_| {
        let store = Arc::clone(&bench.store);
        let failure = NewFailure { policy: RetryPolicy { retry_count: 100, ..RetryPolicy::default() }, ..bench.later("a") };
        // A transaction may lose against another one; running it again is what every caller does.
        tokio::spawn(async move { while store.push(std::slice::from_ref(&failure)).await.is_err() {} })
    });
    for push in pushes {
        push.await.expect("the push ends");
    }
    assert_eq!(bench.one("a").await.map(|stored| stored.entry.retry_count), Some(50));
}

pub async fn ids_that_differ_only_in_case_or_space_are_two_entries(bench: &Bench) {
    let ids = ["a", "A", "a ", " a", "é", "e\u{301}", "ß", "ss", "😀", "7", "07", "7abc", "0"];
    bench.push_all(ids.iter().map(ToString::to_string)).await;
    for id in ids {
        assert_eq!(bench.one(id).await.map(|stored| stored.entry.identity.data_id).as_deref(), Some(id));
    }
    let resolved = bench.store.resolve(&[bench.success("7", None), bench.success("0", None), bench.success("a", None)]).await;
    assert_eq!(resolved.expect("it resolves"), [Resolved::Deleted; 3]);
    for id in ["A", "a ", " a", "07", "7abc"] {
        assert!(bench.one(id).await.is_some(), "{id:?} stays");
    }
}

pub async fn identities_never_run_into_each_other(bench: &Bench) {
    let with = |group: &str, topic: &str, data_id: &str| {
        let mut failure = bench.failure(data_id);
        failure.identity.group = group.into();
        failure.identity.topic = topic.into();
        failure
    };
    let failures = [with("ab", "c", "d"), with("a", "bc", "d"), with("", "abc", "d"), with("a", "b", "cd")];
    let pushed = bench.store.push(&failures).await.expect("the push succeeds");
    assert!(pushed.iter().all(|pushed| pushed.retry_count == 1));
}

pub async fn bytes_come_back_exactly(bench: &Bench) {
    let all: Vec<u8> = (0..=255).collect();
    let headers = Headers(vec![("a".into(), Some(all.clone())), ("a".into(), None), ("中文".into(), Some(vec![]))]);
    let origin = Origin { partition: Some(i32::MAX), offset: Some(i64::MAX), timestamp: Some(0) };
    let messages = [
        Message { key: None, value: None, headers: Headers::default(), origin: Origin::default() },
        Message { key: Some(vec![]), value: Some(vec![]), headers: headers.clone(), origin },
        Message { key: Some(all.clone()), value: Some(all.repeat(4096)), headers, origin },
        Message { key: Some("😀中文".into()), value: Some("😀中文".into()), ..Message::default() },
    ];
    for (index, message) in messages.into_iter().enumerate() {
        let id = format!("😀{index}");
        bench.push(NewFailure { message: message.clone(), ..bench.failure(&id) }).await;
        assert_eq!(bench.one(&id).await.map(|stored| stored.message), Some(message));
    }
    let claimed = bench.take(&bench.claim()).await;
    assert_eq!(claimed.len(), 4);
    for claimed in claimed {
        let stored = bench.one(&claimed.entry.identity.data_id).await.expect("the entry exists");
        assert_eq!(claimed.message, stored.message);
    }
}

pub async fn an_error_is_kept(bench: &Bench) {
    let error = Failure {
        class: "TypeError".into(),
        message: "x is not a function \0 😀".into(),
        code: Some("E_X".into()),
        stack: Some("at a\nat b".repeat(2000)),
    };
    bench.push(NewFailure { error: Some(error.clone()), ..bench.later("a") }).await;
    assert_eq!(bench.one("a").await.and_then(|stored| stored.error), Some(error));
    bench.push(bench.later("a")).await;
    assert_eq!(bench.one("a").await.map(|stored| stored.error), Some(None));
}

pub async fn a_success_deletes_exactly_its_entry(bench: &Bench) {
    bench.push_all(["a".into(), "b".into()]).await;
    let successes = [bench.success("a", None), bench.success("a", None), bench.success("nobody", None)];
    let resolved = bench.store.resolve(&successes).await.expect("it resolves");
    assert_eq!(resolved, [Resolved::Deleted, Resolved::Unknown, Resolved::Unknown]);
    assert!(bench.one("a").await.is_none() && bench.one("b").await.is_some());
}

pub async fn an_older_success_never_deletes_a_newer_failure(bench: &Bench) {
    let life = Life(bits());
    bench.push(NewFailure { new_life: life, ..bench.failure("a") }).await;
    let claimed = bench.take(&bench.claim()).await.remove(0);
    assert_eq!((claimed.entry.life, claimed.entry.generation), (life, 1));
    bench.push(NewFailure { copy: Some(CopyMark { life, generation: 1 }), ..bench.failure("a") }).await;
    let again = bench.take(&bench.claim()).await.remove(0);
    assert_eq!(again.entry.generation, 2);
    bench.push(NewFailure { copy: Some(CopyMark { life, generation: 2 }), ..bench.failure("a") }).await;
    let resolved = bench.store.resolve(&[bench.success("a", Some((life, 1)))]).await.expect("it resolves");
    assert_eq!(resolved, [Resolved::NewerFailure]);
    let resolved = bench.store.resolve(&[bench.success("a", Some((life, 2)))]).await.expect("it resolves");
    assert_eq!(resolved, [Resolved::Deleted], "a success of the same generation counts however late it comes");
}

pub async fn a_success_of_a_former_life_deletes_nothing(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let resolved = bench.store.resolve(&[bench.success("a", Some((Life(bits()), 9)))]).await.expect("it resolves");
    assert_eq!(resolved, [Resolved::NewerFailure]);
    assert!(bench.one("a").await.is_some());
}

pub async fn one_failure_per_generation_counts(bench: &Bench) {
    let life = Life(bits());
    bench.push(NewFailure { new_life: life, ..bench.failure("a") }).await;
    let _ = bench.take(&bench.claim()).await;
    let of_copy = |generation| NewFailure { copy: Some(CopyMark { life, generation }), ..bench.failure("a") };
    assert_eq!(bench.push(of_copy(1)).await.effect, Effect::Counted);
    assert_eq!(bench.push(of_copy(1)).await.effect, Effect::Nothing);
    let older = bench.push(of_copy(0)).await;
    assert_eq!((older.effect, older.retry_count, older.state), (Effect::Nothing, 2, State::Scheduled));
}

pub async fn no_redeliveries_left_is_dead(bench: &Bench) {
    let mut failure = bench.failure("a");
    failure.policy.retry_count = 1;
    bench.push(failure.clone()).await;
    let pushed = bench.push(NewFailure { failure_id: FailureId(bits()), ..failure }).await;
    assert_eq!((pushed.state, pushed.effect, pushed.retry_count), (State::Dead, Effect::Died, 2));
    assert!(bench.take(&bench.claim()).await.is_empty());
}

pub async fn a_large_batch_is_recorded_whole(bench: &Bench) {
    let failures: Vec<_> = (0..500).map(|n| bench.failure(&format!("id-{n}"))).collect();
    let pushed = bench.store.push(&failures).await.expect("the push succeeds");
    let mut ids: Vec<_> = pushed.iter().map(|pushed| pushed.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500, "every failure has an entry of its own");
    for index in [0, 127, 128, 499] {
        let stored = bench.store.get(&bench.namespace, pushed[index].id).await.expect("it is read").expect("it exists");
        assert_eq!(stored.entry.identity.data_id, format!("id-{index}"));
    }
    let again = bench.store.push(&(0..500).map(|n| bench.failure(&format!("id-{n}"))).collect::<Vec<_>>()).await;
    assert!(again.expect("the push succeeds").iter().all(|pushed| pushed.retry_count == 2));
}

pub async fn a_push_ends_the_lease(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    bench.push(bench.later("a")).await;
    assert_eq!(bench.state("a").await, Some(State::Scheduled));
    let marked = bench.store.settle_leased(claim.token, &[delivered(&claimed[0])]).await.expect("it is answered");
    assert_eq!(marked, [Marked::Fenced]);
}

pub async fn what_is_new_is_recorded_in_one_step(bench: &Bench) {
    bench.push(bench.failure("known")).await;
    let spent = NewFailure { policy: RetryPolicy { retry_count: 0, ..RetryPolicy::default() }, ..bench.failure("spent") };
    let failures = [bench.later("new"), bench.failure("known"), spent];
    let pushed = bench.store.push_new(&failures).await.expect("the step succeeds");
    let [Some(new), None, spent] = &pushed[..] else { panic!("one is known: {pushed:?}") };
    assert_eq!((new.retry_count, new.state, new.effect), (1, State::Scheduled, Effect::Counted));
    // One that is dead at once may be left for the long way.
    let spent = match spent {
        Some(spent) => spent.clone(),
        None => bench.push(failures[2].clone()).await,
    };
    assert_eq!((spent.state, spent.effect), (State::Dead, Effect::Died));
    let stored = bench.one("new").await.expect("it is stored");
    assert_eq!((stored.entry.id, stored.entry.due_at, stored.entry.life), (new.id, new.due_at, failures[0].new_life));
    assert_eq!(stored.message, failures[0].message);
    // The same as one that went the long way, but for its name and its time.
    bench.push(NewFailure { new_life: failures[0].new_life, failure_id: failures[0].failure_id, ..bench.later("long") }).await;
    let long = bench.one("long").await.expect("it is stored").entry;
    let Entry { id, ref identity, due_at, first_failed_at, last_failed_at, .. } = stored.entry;
    assert_eq!(stored.entry, Entry { id, identity: identity.clone(), due_at, first_failed_at, last_failed_at, ..long });
    let waits = stored.entry.due_at.since(stored.entry.last_failed_at);
    assert_eq!((waits, stored.entry.first_failed_at), (Duration::from_secs(2), stored.entry.last_failed_at));
    assert_eq!(bench.one("known").await.expect("it is there").entry.retry_count, 1);
    // Repeated, it is known, or recognised as what this very call recorded; the failure counts no second time.
    let again = bench.store.push_new(&failures[..1]).await.expect("the step succeeds");
    assert!(again[0].is_none() || again[0] == pushed[0], "{again:?}");
    assert_eq!(bench.push(failures[0].clone()).await.effect, Effect::Nothing);
    let many: Vec<_> = (0..300).map(|n| bench.failure(&format!("many-{n}"))).collect();
    let pushed = bench.store.push_new(&many).await.expect("the step succeeds");
    let ids: std::collections::BTreeSet<_> = pushed.iter().flatten().map(|pushed| pushed.id).collect();
    assert_eq!(ids.len(), 300);
}
