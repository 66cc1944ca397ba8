//! What operators do: look, and change what a filter matches.

use std::time::Duration;

use kafka_error_retry::domain::entry::{Reason, Redelivery, State};
use kafka_error_retry::domain::filter::{Filter, Page};
use kafka_error_retry::domain::verbs::{Operation, Settlement};

use super::fixture::{Bench, back};

impl Bench {
    async fn operate(&self, operation: Operation, filter: Filter) -> u64 {
        self.store.operate(&self.namespace, operation, &filter, 1000).await.expect("the operation succeeds")
    }

    async fn dead(&self, id: &str) {
        self.push(self.failure(id)).await;
        let claim = self.claim();
        let claimed = self.take(&claim).await;
        let dead = Settlement { state: State::Dead, reason: Reason::TooLarge, ..back(&claimed[0]) };
        self.store.settle_leased(claim.token, &[dead]).await.expect("it is settled");
    }

    async fn matching(&self, filter: Filter) -> u64 {
        self.store.count(&self.namespace, &filter).await.expect("it is counted")
    }
}

fn by_id(id: &str) -> Filter {
    Filter { data_id: Some(id.into()), ..Filter::default() }
}

pub async fn entries_are_listed_in_pages(bench: &Bench) {
    bench.push_all((0..25).map(|n| n.to_string())).await;
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = bench.store.list(&bench.namespace, &Filter::default(), Page { limit: 10, after }).await.expect("it is read");
        let Some(last) = page.last() else { break };
        after = last.entry.id;
        seen.extend(page.into_iter().map(|stored| stored.entry.identity.data_id));
    }
    seen.sort_by_key(|id| id.parse::<u32>().unwrap_or(0));
    assert_eq!(seen, (0..25).map(|n| n.to_string()).collect::<Vec<_>>());
}

pub async fn a_filter_matches_what_it_names(bench: &Bench) {
    let mut failure = bench.later("a");
    failure.identity.group = "g".into();
    failure.identity.topic = "t".into();
    let pushed = bench.push(failure).await;
    bench.push(bench.later("b")).await;
    bench.dead("c").await;
    let id = pushed.id.to_string();
    let filters = [
        (Filter::default(), 3),
        (Filter { topic: Some("t".into()), ..Filter::default() }, 1),
        (Filter { group_id: Some("g".into()), ..Filter::default() }, 1),
        (Filter { group_id: Some(String::new()), ..Filter::default() }, 2),
        (Filter { state: Some(State::Dead), ..Filter::default() }, 1),
        (Filter { reason: Some(Reason::TooLarge), ..Filter::default() }, 1),
        (Filter { ids: Some(vec![id.clone(), "x".into()]), ..Filter::default() }, 1),
        (Filter { ids: Some(vec![]), ..Filter::default() }, 0),
        (Filter { ids: Some(vec![id]), topic: Some("orders".into()), ..Filter::default() }, 0),
        (Filter { failed_before: Some(0), ..Filter::default() }, 0),
        (Filter { failed_before: Some(i64::MAX), ..Filter::default() }, 3),
        (Filter { settled_for: Some(0), ..Filter::default() }, 1),
        (Filter { settled_for: Some(3_600_000), ..Filter::default() }, 0),
    ];
    for (filter, expected) in filters {
        assert_eq!(bench.matching(filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn a_requeue_gives_all_attempts_back(bench: &Bench) {
    bench.dead("a").await;
    bench.push(bench.later("b")).await;
    let before = bench.one("a").await.expect("the entry exists").entry;
    let requeued = bench.operate(Operation::Requeue(Some(Redelivery::RetryTopic)), Filter::default()).await;
    let after = bench.one("a").await.expect("the entry exists").entry;
    assert_eq!((requeued, after.state, after.retry_count), (1, State::Scheduled, 0));
    assert_eq!((after.life, after.generation, after.redelivery), (before.life, before.generation, Redelivery::RetryTopic));
    let claimed = bench.take(&bench.claim()).await;
    assert_eq!((claimed.len(), claimed[0].entry.generation), (1, before.generation + 1));
}

pub async fn a_hold_is_undone_by_a_requeue(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    assert_eq!(bench.operate(Operation::Hold, by_id("a")).await, 1);
    assert!(bench.take(&bench.claim()).await.is_empty());
    bench.push(bench.failure("a")).await;
    assert_eq!(bench.state("a").await, Some(State::Held), "a further failure does not undo it");
    assert_eq!(bench.operate(Operation::Requeue(None), by_id("a")).await, 1);
    assert_eq!(bench.take(&bench.claim()).await.len(), 1);
}

pub async fn retry_now_makes_due(bench: &Bench) {
    bench.push(bench.later("a")).await;
    assert_eq!(bench.operate(Operation::RetryNow, by_id("a")).await, 1);
    bench.pass(Duration::from_millis(2)).await;
    assert_eq!(bench.operate(Operation::RetryNow, by_id("a")).await, 0, "what is due already is not counted again");
    let claimed = bench.take(&bench.claim()).await;
    assert_eq!((claimed.len(), claimed[0].entry.retry_count), (1, 1));
}

pub async fn a_purge_deletes_only_dead_entries(bench: &Bench) {
    bench.dead("a").await;
    bench.push(bench.later("b")).await;
    assert_eq!(bench.operate(Operation::Purge, Filter::default()).await, 1);
    assert!(bench.one("a").await.is_none() && bench.one("b").await.is_some());
}

pub async fn a_discard_deletes_in_any_state(bench: &Bench) {
    bench.push(bench.failure("a")).await;
    bench.take(&bench.claim()).await;
    bench.push(bench.later("b")).await;
    assert_eq!(bench.operate(Operation::Discard, by_id("a")).await, 1);
    assert!(bench.one("a").await.is_none() && bench.one("b").await.is_some());
}

pub async fn operations_go_in_bounded_steps(bench: &Bench) {
    bench.push_all((0..7).map(|n| n.to_string())).await;
    let mut steps = Vec::new();
    while let Ok(done @ 1..) = bench.store.operate(&bench.namespace, Operation::Discard, &Filter::default(), 3).await {
        steps.push(done);
    }
    assert_eq!(steps, [3, 3, 1]);
}

pub async fn the_tally_counts_by_topic_group_and_state(bench: &Bench) {
    bench.dead("a").await;
    bench.push_all(["b".into(), "c".into()]).await;
    bench.pass(Duration::from_millis(20)).await;
    let tally = bench.store.tally(&bench.namespace).await.expect("it is read");
    let lines: Vec<_> =
        tally.entries.iter().map(|line| (line.topic.as_str(), line.group_id.as_str(), line.state, line.count)).collect();
    assert_eq!(lines, [("orders", "", State::Dead, 1), ("orders", "", State::Scheduled, 2)]);
    assert!(tally.oldest_due_ms.is_some_and(|age| (10..60_000).contains(&age)), "{:?}", tally.oldest_due_ms);
}

pub async fn a_paused_topic_is_remembered(bench: &Bench) {
    for paused in [true, true] {
        bench.store.set_paused(&bench.namespace, "orders", paused).await.expect("it is noted");
    }
    assert_eq!(bench.store.paused(&bench.namespace).await.expect("it is read"), ["orders"]);
    bench.push(bench.failure("a")).await;
    let claim = bench.claim();
    let claimed = bench.take(&claim).await;
    let put_off = Settlement { reason: Reason::Paused, due_in: Duration::from_secs(30), ..back(&claimed[0]) };
    bench.store.settle_leased(claim.token, &[put_off]).await.expect("it is settled");
    assert!(bench.take(&bench.claim()).await.is_empty());
    bench.store.set_paused(&bench.namespace, "orders", false).await.expect("it is noted");
    assert!(bench.store.paused(&bench.namespace).await.expect("it is read").is_empty());
    assert_eq!(bench.take(&bench.claim()).await.len(), 1, "what the pause put off is due at once");
}

pub async fn a_migration_twice_changes_nothing(bench: &Bench) {
    bench.push(bench.later("a")).await;
    let facts = bench.store.migrate().await.expect("it is made again");
    assert!(!facts.version.is_empty());
    assert!(bench.one("a").await.is_some());
    let plan = bench.store.plan().await.expect("it is told");
    assert_eq!((plan.found, plan.statements), (plan.needed, vec![]), "nothing is left to do");
}

pub async fn unlocked_rows_are_told(bench: &Bench) {
    bench.push(bench.later("a")).await;
    let free = bench.store.unlocked(&[bench.identity("a"), bench.identity("nobody")]).await;
    assert_eq!(free.expect("it is told"), [true, true]);
}
