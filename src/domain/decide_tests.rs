use super::*;
use crate::domain::entry::{Delivered, Identity, Life, RecentFailures, Redelivery};
use crate::domain::message::Message;
use crate::domain::policy::RetryPolicy;

const HOUR: Duration = Duration::from_hours(1);

fn entry(group: &str, retry_count: u32) -> Entry {
    Entry {
        id: 1,
        identity: Identity { namespace: String::new(), group: group.into(), topic: "t".into(), data_id: "a".into() },
        life: Life([0; 16]),
        state: State::Scheduled,
        reason: Reason::Failed,
        due_at: Timestamp(0),
        is_alone: false,
        generation: 4,
        failed_generation: 3,
        retry_count,
        policy: RetryPolicy { retry_count: 3, ..RetryPolicy::default() },
        redelivery: Redelivery::Original,
        recent: RecentFailures::default(),
        delivered: None,
        first_failed_at: Timestamp(0),
        last_failed_at: Timestamp(0),
        adopted: None,
    }
}

fn delivered(is_counting: bool) -> Entry {
    let delivered = Some(Delivered { partition: 0, offset: 9, acked_at: Timestamp(0), is_counting });
    Entry { state: State::Awaiting, delivered, ..entry("g", 1) }
}

fn claimed(entry: Entry, expired_in_company: bool) -> Claimed {
    Claimed { entry, message: Message::default(), expired_in_company, now: Timestamp(0), unreadable: None }
}

fn trouble() -> Trouble {
    Trouble { code: "X".into(), message: "x".into() }
}

fn after(entry: &Entry, sent: &Sent) -> Settlement {
    after_send(entry, sent, HOUR, Duration::from_secs(1), 0.5)
}

#[test]
fn a_turn_follows_from_the_state_that_was_found() {
    let leased = Entry { state: State::Leased, ..entry("", 1) };
    assert_eq!(turn(&claimed(entry("", 1), false)), Turn::Deliver);
    assert_eq!(turn(&claimed(leased.clone(), false)), Turn::Fail(Reason::Crash));
    assert_eq!(turn(&claimed(leased, true)), Turn::Suspect);
    assert_eq!(turn(&claimed(delivered(true), false)), Turn::Fail(Reason::NoOutcome));
    assert_eq!(turn(&claimed(delivered(false), false)), Turn::Look);
    let unreadable = Claimed { unreadable: Some("policy"), ..claimed(delivered(false), false) };
    assert_eq!(turn(&unreadable), Turn::SetAside);
}

#[test]
fn who_died_over_a_look_had_delivered_nothing() {
    let looked_at = |is_counting| Entry { state: State::Leased, ..delivered(is_counting) };
    assert_eq!(turn(&claimed(looked_at(false), true)), Turn::Look);
    assert_eq!(turn(&claimed(looked_at(true), false)), Turn::Fail(Reason::NoOutcome));
}

#[test]
fn an_acknowledged_copy_awaits_its_outcome_and_counts_nothing() {
    let done = after(&entry("", 1), &Sent::Acked { partition: 2, offset: 7 });
    assert_eq!((done.state, done.retry_count, done.due_in), (State::Awaiting, 1, HOUR));
    assert!(done.delivery.is_some_and(|delivery| delivery.is_counting && delivery.offset == 7));
    let known = after(&entry("g", 1), &Sent::Acked { partition: 2, offset: 7 });
    assert!(known.delivery.is_some_and(|delivery| !delivery.is_counting));
}

#[test]
fn a_definite_refusal_gives_the_attempt_back() {
    let done = after(&entry("", 2), &Sent::Refused(trouble()));
    assert_eq!((done.state, done.retry_count, done.failed_generation), (State::Scheduled, 2, 3));
    assert_eq!(done.due_in, Duration::from_secs(1));
}

#[test]
fn a_refusal_that_lasts_is_repeated_ever_more_rarely() {
    let pause = |seconds| refusal_pause(Duration::from_secs(seconds)).as_secs();
    assert_eq!([0, 2, 8, 80, 240, 86_400].map(pause), [1, 1, 1, 10, 30, 30]);
}

#[test]
fn an_unknown_delivery_is_a_failed_attempt_that_waits_the_delay() {
    let done = after(&entry("", 2), &Sent::Unknown(trouble()));
    assert_eq!((done.state, done.reason, done.retry_count), (State::Scheduled, Reason::UnknownDelivery, 3));
    assert_eq!((done.due_in, done.failed_generation), (Duration::from_secs(8), 4));
}

#[test]
fn what_can_never_be_delivered_is_dead_at_once() {
    let done = after(&entry("", 1), &Sent::TooLarge(trouble()));
    assert_eq!((done.state, done.reason), (State::Dead, Reason::TooLarge));
}

#[test]
fn the_attempt_after_the_last_redelivery_ends_the_entry() {
    assert_eq!(failed(&entry("", 3), Reason::NoOutcome, 0.5).state, State::Dead);
    assert_eq!(failed(&entry("", 2), Reason::NoOutcome, 0.5).state, State::Scheduled);
}

#[test]
fn an_expiry_in_company_counts_nothing_and_is_alone_next_time() {
    let done = suspected(&entry("", 2), 0.5);
    assert_eq!((done.retry_count, done.is_alone, done.due_in), (2, true, Duration::from_secs(4)));
}

#[test]
fn a_group_that_has_not_read_the_copy_costs_no_attempt_for_a_day() {
    let look = |passed, seconds: i64| after_look(&delivered(false), passed, Timestamp(seconds * 1000), HOUR, 0.5);
    let counts = |settlement: &Settlement| settlement.delivery.is_some_and(|delivery| delivery.is_counting);
    let waits = look(Passed::NotYet, 86_399);
    assert!(waits.state == State::Awaiting && !counts(&waits) && waits.retry_count == 1);
    assert!(counts(&look(Passed::NotYet, 86_400)));
    let passed = look(Passed::Yes, 10_000);
    assert!(counts(&passed) && passed.due_in == HOUR);
}

#[test]
fn a_group_whose_offsets_are_secret_counts_from_the_acknowledgement() {
    let look = |seconds: i64| after_look(&delivered(false), Passed::Untold, Timestamp(seconds * 1000), HOUR, 0.5);
    assert_eq!((look(600).state, look(600).due_in), (State::Awaiting, Duration::from_mins(50)));
    assert_eq!((look(3600).state, look(3600).reason), (State::Scheduled, Reason::NoOutcome));
}
