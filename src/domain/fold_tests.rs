use super::*;
use crate::domain::entry::{FailureId, Life, Redelivery};
use crate::domain::policy::RetryPolicy;
use crate::domain::verbs::{CopyMark, Success};

const NOW: Timestamp = Timestamp(1_000_000);
const LIFE: Life = Life([7; 16]);

fn identity(data_id: &str) -> Identity {
    Identity { namespace: String::new(), group: String::new(), topic: "t".into(), data_id: data_id.into() }
}

fn failure(id: u8) -> NewFailure {
    NewFailure {
        identity: identity("a"),
        message: Message::default(),
        policy: RetryPolicy { retry_count: 3, ..RetryPolicy::default() },
        redelivery: Redelivery::Original,
        failure_id: FailureId([id; 16]),
        copy: None,
        error: None,
        new_life: LIFE,
        chance: 0.5,
    }
}

fn of_copy(id: u8, life: Life, generation: i64) -> NewFailure {
    NewFailure { copy: Some(CopyMark { life, generation }), ..failure(id) }
}

/// An entry after its first failure, delivered as generation 1.
fn awaiting() -> Entry {
    let entry = fold(vec![], NOW, &[failure(1)]).inserts.remove(0).entry;
    Entry { id: 5, state: State::Awaiting, generation: 1, ..entry }
}

#[test]
fn a_first_failure_is_one_attempt_and_waits_two_seconds() {
    let folded = fold(vec![], NOW, &[failure(1)]);
    let entry = &folded.inserts[0].entry;
    assert_eq!((entry.retry_count, entry.state, entry.due_at), (1, State::Scheduled, Timestamp(1_002_000)));
    assert_eq!(folded.answers(&HashMap::from([(identity("a"), 9)]))[0].id, 9);
}

#[test]
fn no_redeliveries_allowed_is_dead_at_once() {
    let mut once = failure(1);
    once.policy.retry_count = 0;
    let folded = fold(vec![], NOW, &[once]);
    assert_eq!(folded.inserts[0].entry.state, State::Dead);
    assert_eq!(folded.answers(&HashMap::new())[0].effect, Effect::Died);
}

#[test]
fn failures_of_one_identity_in_one_fold_each_count() {
    let folded = fold(vec![], NOW, &[failure(1), failure(2), failure(2), failure(3)]);
    assert_eq!(folded.inserts.len(), 1);
    let counts: Vec<_> = folded.answers(&HashMap::new()).iter().map(|pushed| pushed.retry_count).collect();
    assert_eq!(counts, [1, 2, 2, 3]);
}

#[test]
fn one_failure_per_generation_counts() {
    let folded = fold(vec![awaiting()], NOW, &[of_copy(2, LIFE, 1), of_copy(3, LIFE, 1)]);
    let effects: Vec<_> = folded.answers(&HashMap::new()).iter().map(|pushed| pushed.effect).collect();
    assert_eq!(effects, [Effect::Counted, Effect::Nothing]);
}

#[test]
fn a_failure_of_an_older_generation_changes_nothing() {
    let entry = Entry { generation: 2, failed_generation: 1, ..awaiting() };
    let folded = fold(vec![entry.clone()], NOW, &[of_copy(2, LIFE, 1)]);
    assert!(folded.updates.is_empty());
    let pushed = &folded.answers(&HashMap::new())[0];
    assert_eq!((pushed.id, pushed.state, pushed.retry_count), (5, State::Awaiting, entry.retry_count));
}

#[test]
fn a_failure_of_a_former_life_counts_as_a_new_one() {
    let folded = fold(vec![awaiting()], NOW, &[of_copy(2, Life([9; 16]), 1)]);
    assert_eq!(folded.updates[0].entry.retry_count, 2);
}

#[test]
fn a_live_failure_is_newer_than_a_copy_under_way() {
    let entry = fold(vec![awaiting()], NOW, &[failure(2)]).updates.remove(0).entry;
    let late = Success { identity: identity("a"), copy: Some(CopyMark { life: LIFE, generation: 1 }) };
    assert!(!late.deletes(&entry));
}

#[test]
fn a_success_of_the_generation_that_failed_still_counts() {
    let entry = fold(vec![awaiting()], NOW, &[of_copy(2, LIFE, 1)]).updates.remove(0).entry;
    let success = |life, generation| Success { identity: identity("a"), copy: Some(CopyMark { life, generation }) };
    assert!(success(LIFE, 1).deletes(&entry));
    assert!(!success(LIFE, 0).deletes(&entry));
    assert!(!success(Life([9; 16]), 1).deletes(&entry));
}

#[test]
fn a_dead_entry_counts_and_stays_dead() {
    let dead = Entry { state: State::Dead, retry_count: 4, ..awaiting() };
    let folded = fold(vec![dead], NOW, &[failure(2)]);
    let entry = &folded.updates[0].entry;
    assert_eq!((entry.state, entry.retry_count), (State::Dead, 5));
    assert_eq!(folded.answers(&HashMap::new())[0].effect, Effect::Counted);
}

#[test]
fn the_failure_after_the_last_redelivery_ends_the_entry() {
    let last = Entry { retry_count: 3, ..awaiting() };
    let folded = fold(vec![last], NOW, &[of_copy(2, LIFE, 1)]);
    assert_eq!(folded.updates[0].entry.state, State::Dead);
    assert_eq!(folded.answers(&HashMap::new())[0].effect, Effect::Died);
}

#[test]
fn the_newest_failure_replaces_message_policy_and_error() {
    let mut newer = failure(2);
    newer.message.value = Some(b"newer".to_vec());
    newer.policy.backoff = false;
    let folded = fold(vec![awaiting()], NOW, &[newer]);
    assert_eq!(folded.updates[0].message.value.as_deref(), Some(&b"newer"[..]));
    assert_eq!(folded.updates[0].entry.due_at, Timestamp(1_002_000));
    assert!(!folded.updates[0].entry.policy.backoff);
}
