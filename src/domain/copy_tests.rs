use proptest::prelude::*;

use super::*;
use crate::domain::entry::{FailureId, Identity};
use crate::domain::fold::fold;
use crate::domain::policy::RetryPolicy;
use crate::domain::time::Timestamp;
use crate::domain::verbs::NewFailure;

fn entry(group: &str) -> Entry {
    let failure = NewFailure {
        identity: Identity { namespace: String::new(), group: group.into(), topic: "orders".into(), data_id: "7".into() },
        message: Message::default(),
        policy: RetryPolicy::default(),
        redelivery: Redelivery::Original,
        failure_id: FailureId([1; 16]),
        copy: None,
        error: None,
        new_life: Life([0xab; 16]),
        chance: 0.5,
    };
    let mut entry = fold(vec![], Timestamp(0), &[failure]).inserts.remove(0).entry;
    entry.generation = 3;
    entry
}

fn message(value: &[u8]) -> Message {
    Message {
        key: Some(b"k".to_vec()),
        value: Some(value.to_vec()),
        headers: Headers(vec![("trace".into(), Some(b"1".to_vec())), ("trace".into(), None)]),
        origin: Origin { partition: Some(2), offset: Some(41), timestamp: Some(1_700_000_000_000) },
    }
}

fn headers_of(copy: &Copy) -> CopyHeaders {
    match read(&copy.headers) {
        Reading::Copy(headers) => headers,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_says_which_redelivery_it_is_and_where_it_came_from() {
    let copy = copy_of(&entry("billing"), message(b"{\"a\":1}"), "orders".into(), Mark::Body);
    assert_eq!(copy.value.as_deref(), Some(&b"{\"a\":1,\"fromRetry\":true}"[..]));
    let headers = headers_of(&copy);
    assert_eq!(headers.mark, CopyMark { life: Life([0xab; 16]), generation: 3 });
    assert_eq!((headers.group.as_str(), headers.attempt, headers.topic.as_deref()), ("billing", 2, None));
    assert_eq!(headers.origin, message(b"").origin);
    assert!(headers.belong_to("orders", copy.key.as_deref(), copy.value.as_deref()));
}

#[test]
fn headers_copied_onto_another_record_mean_nothing() {
    let copy = copy_of(&entry(""), message(b"x"), "orders".into(), Mark::Body);
    let headers = headers_of(&copy);
    assert!(!headers.belong_to("invoices", copy.key.as_deref(), copy.value.as_deref()));
    assert!(!headers.belong_to("orders", copy.key.as_deref(), Some(b"y")));
    assert!(!headers.belong_to("orders", Some(b""), copy.value.as_deref()));
    assert!(!headers.belong_to("orders", None, copy.value.as_deref()));
}

#[test]
fn ten_redeliveries_have_as_many_headers_as_one() {
    let mut copy = copy_of(&entry("g"), message(b"x"), "orders".into(), Mark::Body);
    let count = copy.headers.0.len();
    for _ in 0..9 {
        let again = Message { headers: copy.headers, ..message(b"x") };
        copy = copy_of(&entry("g"), again, "orders".into(), Mark::Body);
    }
    assert_eq!(copy.headers.0.len(), count);
    assert_eq!(copy.headers.0[..2], message(b"").headers.0[..]);
}

#[test]
fn our_headers_take_at_most_320_bytes_beside_group_and_topic() {
    let mut entry = entry("g");
    entry.generation = i64::MAX;
    entry.retry_count = u32::MAX;
    entry.identity.topic = "t".repeat(249);
    let origin = Origin { partition: Some(i32::MAX), offset: Some(i64::MAX), timestamp: Some(i64::MAX) };
    let copy = copy_of(&entry, Message { origin, ..Message::default() }, "g.ker-retry".into(), Mark::Body);
    assert!(copy.headers.size() <= 320 + 1 + 249, "{}", copy.headers.size());
}

#[test]
fn a_retry_topic_copy_names_the_original_topic() {
    let mut entry = entry("a/b 中");
    entry.redelivery = Redelivery::RetryTopic;
    let topic = target_topic(&entry, None);
    assert_eq!(topic, "a-b--.ker-retry");
    let copy = copy_of(&entry, message(b"x"), topic, Mark::Header);
    assert_eq!(headers_of(&copy).topic.as_deref(), Some("orders"));
    assert_eq!(target_topic(&entry, Some("mine")), "mine");
}

#[test]
fn values_that_we_never_write_make_the_headers_mean_nothing() {
    let copy = copy_of(&entry("g"), message(b"x"), "orders".into(), Mark::Body);
    for (name, value) in [
        ("x-ker-generation", "x"),
        ("x-ker-generation", "-1"),
        ("x-ker-generation", "18446744073709551616"),
        ("x-ker-attempt", "+1"),
        ("x-ker-entry", "short"),
        ("x-ker-partition", "2147483648"),
        ("x-ker-sum", ""),
    ] {
        let mut headers = copy.headers.clone();
        headers.0.push((name.into(), Some(value.into())));
        assert_eq!(read(&headers), Reading::Broken, "{name}: {value}");
    }
    assert_eq!(read(&Headers::default()), Reading::Plain);
}

proptest! {
    #[test]
    fn foreign_headers_stay_in_order(headers in prop::collection::vec(("[a-z]{1,4}", prop::option::of(prop::collection::vec(any::<u8>(), 0..8))), 0..6)) {
        let message = Message { headers: Headers(headers.clone()), ..message(b"x") };
        let copy = copy_of(&entry("g"), message, "orders".into(), Mark::Body);
        prop_assert_eq!(&copy.headers.0[..headers.len()], &headers[..]);
    }

    #[test]
    fn hostile_headers_never_panic(headers in prop::collection::vec(("x-ker-(entry|group|attempt|generation|topic|partition|offset|timestamp|sum)", prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..12)) {
        let _ = read(&Headers(headers));
    }
}
