use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const FIRST: Epoch = Epoch(1);

fn after(offsets: &[i64]) -> Watermark {
    let mut watermark = Watermark::new(FIRST, 10);
    for offset in offsets {
        assert!(watermark.read(*offset));
    }
    watermark
}

#[test]
fn it_is_the_first_unfinished_message_whatever_is_finished_above() {
    let mut watermark = after(&[10, 11, 12]);
    assert_eq!(watermark.offset(), 10);
    assert_eq!(watermark.finish(FIRST, 12), Finish::Finished);
    assert_eq!(watermark.finish(FIRST, 11), Finish::Finished);
    assert_eq!((watermark.offset(), watermark.unfinished(), watermark.ahead()), (10, 1, 3));
    assert_eq!(watermark.finish(FIRST, 10), Finish::Finished);
    assert_eq!((watermark.offset(), watermark.unfinished(), watermark.ahead()), (13, 0, 0));
    assert_eq!(watermark.finish(FIRST, 11), Finish::Again);
}

#[test]
fn gaps_hold_nothing_up() {
    let mut watermark = after(&[15, 40]);
    watermark.finish(FIRST, 15);
    assert_eq!(watermark.offset(), 40, "what compaction removed between them is passed");
    watermark.finish(FIRST, 40);
    assert_eq!(watermark.offset(), 41);
    // Markers of transactions stand at the end of the log.
    watermark.pass(44);
    assert_eq!(watermark.offset(), 44);
    watermark.pass(43);
    assert_eq!(watermark.offset(), 44, "and it does not go back");
}

#[test]
fn what_is_read_twice_counts_once() {
    let mut watermark = after(&[10, 11]);
    assert!(!watermark.read(11));
    assert_eq!(watermark.ahead(), 2);
}

#[test]
fn results_of_an_older_epoch_or_of_nothing_that_was_read_change_nothing() {
    let mut watermark = after(&[10, 20]);
    for (epoch, offset) in [(Epoch(0), 10), (Epoch(2), 10), (FIRST, 15), (FIRST, 21)] {
        assert_eq!(watermark.finish(epoch, offset), Finish::Stale, "{epoch:?} {offset}");
    }
    assert_eq!((watermark.offset(), watermark.unfinished()), (10, 2));
}

#[test]
fn a_commit_that_would_skip_something_can_be_told() {
    let mut watermark = after(&[10, 11, 12]);
    watermark.finish(FIRST, 10);
    assert_eq!(watermark.unfinished_below(12), Some(11));
    assert_eq!(watermark.unfinished_below(11), None);
}

#[test]
fn of_two_requests_the_newer_epoch_counts_and_then_the_further_offset() {
    let request = |epoch, offset| CommitRequest { epoch: Epoch(epoch), offset };
    assert_eq!(request(1, 5).merge(request(1, 7)), request(1, 7));
    assert_eq!(request(1, 7).merge(request(1, 5)), request(1, 7));
    // After a seek back the smaller offset is the truth.
    assert_eq!(request(1, 7).merge(request(2, 3)), request(2, 3));
}

#[test]
fn a_commit_is_due_after_so_many_messages_or_so_much_time_and_only_with_news() {
    let policy = |threshold, seconds: Option<u64>| CommitPolicy { threshold, interval: seconds.map(Duration::from_secs) };
    let second = Duration::from_secs(1);
    let cases = [
        // 250 handled with 100 as the threshold: at 100 and at 200.
        (policy(Some(100), None), Some(0), 99, 99, second, false),
        (policy(Some(100), None), Some(0), 100, 100, second, true),
        (policy(None, Some(5)), Some(0), 1, 1, second * 4, false),
        (policy(None, Some(5)), Some(0), 1, 1, second * 5, true),
        // Finished above a message that is not: there is nothing to say.
        (policy(Some(100), Some(5)), Some(7), 7, 1_000, second * 60, false),
        // Nothing was ever committed: the beginning is news.
        (policy(Some(1), None), None, 0, 1, second, true),
        (policy(None, None), Some(0), 1_000, 1_000, second * 60, false),
    ];
    for (policy, committed, watermark, finished, waited, expected) in cases {
        assert_eq!(
            policy.is_due(committed, watermark, finished, waited),
            expected,
            "{policy:?} {watermark} {finished} {waited:?}"
        );
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A message so many offsets beyond the last one.
    Read(i64),
    /// Of the n-th message that was ever read, in any epoch.
    Finish(prop::sample::Index),
    Pass(i64),
    /// A new epoch so far from the position.
    Seek(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..4_i64).prop_map(Step::Read),
        5 => any::<prop::sample::Index>().prop_map(Step::Finish),
        1 => (0..3_i64).prop_map(Step::Pass),
        1 => (-5..5_i64).prop_map(Step::Seek),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    /// The model remembers every message of the epoch for ever, and looks through all of them.
    #[test]
    fn it_equals_a_model_that_forgets_nothing(steps in steps()) {
        let mut watermark = Watermark::new(Epoch(0), 0);
        let mut model: BTreeMap<i64, bool> = BTreeMap::new();
        let (mut position, mut epoch, mut highest) = (0_i64, 0_u64, 0_i64);
        let mut ever: Vec<(Epoch, i64)> = Vec::new();
        for step in steps {
            match step {
                Step::Read(gap) => {
                    let offset = position + gap;
                    prop_assert!(watermark.read(offset));
                    model.insert(offset, false);
                    position = offset + 1;
                    ever.push((Epoch(epoch), offset));
                }
                Step::Finish(which) if !ever.is_empty() => {
                    let (of, offset) = ever[which.index(ever.len())];
                    let before = (of == Epoch(epoch)).then(|| model.insert(offset, true)).flatten();
                    let expected = match before {
                        None => Finish::Stale,
                        Some(true) => Finish::Again,
                        Some(false) => Finish::Finished,
                    };
                    prop_assert_eq!(watermark.finish(of, offset), expected);
                }
                Step::Finish(_) => {}
                Step::Pass(by) => {
                    position += by;
                    watermark.pass(position);
                }
                Step::Seek(by) => {
                    epoch += 1;
                    position = (position + by).max(0);
                    model.clear();
                    watermark = Watermark::new(Epoch(epoch), position);
                    highest = position;
                }
            }
            let open: Vec<i64> = model.iter().filter(|(_, is_finished)| !**is_finished).map(|(offset, _)| *offset).collect();
            let expected = open.first().copied().unwrap_or(position);
            prop_assert_eq!(watermark.offset(), expected);
            prop_assert_eq!(watermark.unfinished(), open.len());
            prop_assert!(watermark.ahead() <= model.range(expected..).count());
            prop_assert!(watermark.offset() >= highest, "within an epoch it never goes back");
            highest = watermark.offset();
        }
    }
}
