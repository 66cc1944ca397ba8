//! How far a group has read: whether its committed offset, or the start of the log, is beyond a copy.
//!
//! Asked through a consumer with the group's name that subscribes to nothing, so never joins. librdkafka's admin
//! request (`ListConsumerGroupOffsets`) would need one client for all groups, but it follows a null pointer when the
//! coordinator answers `NOT_COORDINATOR` (librdkafka 2.12.1, issue 5040): on a fresh cluster, or whenever a coordinator
//! moves, the whole process would end. A client for each group is the price; it goes when nobody asks any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::code_of;
use crate::domain::decide::Passed;

/// A copy: topic, partition, offset.
pub type Asked = (String, i32, i64);
type Place = (String, i32);
/// What was found out about each partition.
type Offsets = BTreeMap<Place, Result<Option<i64>, Code>>;

/// The most groups that have a client at a time.
const MOST: usize = 16;

/// A client that nobody has asked for so long goes.
const IDLE: Duration = Duration::from_mins(1);

/// How often an idle client empties its queue of events.
const TICK: Duration = Duration::from_secs(1);

/// A group that may not be read is told by an event, while the question itself stays without answer. So it is put in
/// slices, and between two of them there is a look at the events.
const SLICE: Duration = Duration::from_millis(500);

/// Asks about groups.
pub struct GroupOffsets {
    settings: ClientConfig,
    within: Duration,
    /// The one that was asked last stands last; `None` once closed.
    readers: Mutex<Option<Vec<Reader>>>,
}

struct Reader {
    group: String,
    questions: mpsc::Sender<Question>,
    /// Closed when the thread and its client are gone.
    ended: oneshot::Receiver<()>,
}

struct Question {
    copies: Vec<Asked>,
    answer: oneshot::Sender<Vec<Passed>>,
}

impl GroupOffsets {
    /// With the settings of a consumer, and how long an answer may take.
    #[must_use]
    pub const fn new(settings: ClientConfig, within: Duration) -> Self {
        Self { settings, within, readers: Mutex::new(Some(Vec::new())) }
    }

    /// For each copy whether the group has passed it.
    pub async fn passed(&self, group: &str, copies: &[Asked]) -> Vec<Passed> {
        let (answer, answered) = oneshot::channel();
        self.ask(group, Question { copies: copies.to_vec(), answer });
        let answer = timeout(self.within + 2 * TICK, answered).await;
        answer.ok().and_then(Result::ok).unwrap_or_else(|| vec![Passed::NotYet; copies.len()])
    }

    /// Lets all clients go, and waits until they are gone.
    pub async fn close(&self) {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let ended: Vec<_> = readers.into_iter().map(|reader| reader.ended).collect();
        for ended in ended {
            let _ = ended.await;
        }
    }

    fn ask(&self, group: &str, question: Question) {
        let mut guard = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(readers) = guard.as_mut() else { return };
        let known = readers.iter().position(|reader| reader.group == group).map(|index| readers.remove(index));
        let reader = known.unwrap_or_else(|| self.reader(group));
        let reader = match reader.questions.send(question) {
            Ok(()) => reader,
            // That one has gone to rest and gives the question back. A new one cannot have done so yet.
            Err(mpsc::SendError(question)) => {
                let reader = self.reader(group);
                let _ = reader.questions.send(question);
                reader
            }
        };
        readers.push(reader);
        if readers.len() > MOST {
            readers.remove(0);
        }
        drop(guard);
    }

    fn reader(&self, group: &str) -> Reader {
        let (questions, asked) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let mut settings = self.settings.clone();
        settings.set("group.id", group);
        let within = self.within;
        // Without a thread, or without a client, the question is dropped, and whoever asked is told "not yet".
        let _ = thread::Builder::new().name("ker-group".to_owned()).spawn(move || {
            if let Ok(consumer) = settings.create::<BaseConsumer>() {
                serve(&consumer, &asked, within);
            }
            drop(end);
        });
        Reader { group: group.to_owned(), questions, ended }
    }
}

fn serve(consumer: &BaseConsumer, questions: &mpsc::Receiver<Question>, within: Duration) {
    let mut is_denied = false;
    let mut last = Instant::now();
    loop {
        match questions.recv_timeout(TICK) {
            Ok(Question { copies, answer }) => {
                let answers = passed(consumer, &copies, Instant::now() + within, &mut is_denied);
                let _ = answer.send(answers);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) if last.elapsed() < IDLE => is_denied |= hears_denial(consumer),
            Err(_) => return,
        }
    }
}

fn passed(consumer: &BaseConsumer, copies: &[Asked], deadline: Instant, is_denied: &mut bool) -> Vec<Passed> {
    let places: BTreeSet<Place> = copies.iter().map(place).collect();
    if places.is_empty() {
        return Vec::new();
    }
    let committed = match committed(consumer, &places, deadline, is_denied) {
        Ok(committed) => committed,
        Err(code) => return vec![verdict(Err(code), None, 0); copies.len()],
    };
    // The start of the log matters only where it could change the answer.
    let open = copies.iter().filter(|copy| verdict(at(&committed, copy), None, copy.2) == Passed::NotYet);
    let open: BTreeSet<Place> = open.map(place).collect();
    let starts = log_starts(consumer, &open, deadline).unwrap_or_default();
    let start = |copy| at(&starts, copy).ok().flatten();
    copies.iter().map(|copy| verdict(at(&committed, copy), start(copy), copy.2)).collect()
}

/// The offsets that the group has committed, by one request.
fn committed(
    consumer: &BaseConsumer,
    places: &BTreeSet<Place>,
    deadline: Instant,
    is_denied: &mut bool,
) -> Result<Offsets, Code> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = list(places, Offset::Invalid).and_then(|list| consumer.committed_offsets(list, left.min(SLICE)));
        match found.as_ref().map_err(code_of) {
            Ok(found) => {
                *is_denied = false;
                return Ok(offsets(found));
            }
            Err(Code::OperationTimedOut) => {
                // Said once, and then only again when it has changed.
                *is_denied |= hears_denial(consumer);
                if *is_denied {
                    return Err(Code::GroupAuthorizationFailed);
                }
                if left <= SLICE {
                    return Err(Code::OperationTimedOut);
                }
            }
            Err(code) => return Err(code),
        }
    }
}

/// Where the logs of these partitions start now, by one request to each leader.
fn log_starts(consumer: &BaseConsumer, places: &BTreeSet<Place>, deadline: Instant) -> KafkaResult<Offsets> {
    let left = deadline.saturating_duration_since(Instant::now());
    if places.is_empty() || left.is_zero() {
        return Ok(Offsets::new());
    }
    // "The beginning" in place of a time is what Kafka's protocol has for it.
    consumer.offsets_for_times(list(places, Offset::Beginning)?, left).map(|found| offsets(&found))
}

/// Empties the queue of events, and says whether one of them was that the group may not be read.
fn hears_denial(consumer: &BaseConsumer) -> bool {
    let mut is_denied = false;
    // Some events are handled inside and look like none, so a fixed number of looks.
    for _ in 0..32 {
        let event = consumer.poll(Duration::ZERO);
        is_denied |= event.is_some_and(|event| event.is_err_and(|error| code_of(&error) == Code::GroupAuthorizationFailed));
    }
    is_denied
}

fn place((topic, partition, _): &Asked) -> Place {
    (topic.clone(), *partition)
}

fn list(places: &BTreeSet<Place>, offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    places.iter().try_for_each(|(topic, partition)| list.add_partition_offset(topic, *partition, offset))?;
    Ok(list)
}

fn offsets(list: &TopicPartitionList) -> Offsets {
    let found = list.elements().into_iter().map(|element| {
        let offset = match (element.error(), element.offset()) {
            (Err(error), _) => Err(code_of(&error)),
            (Ok(()), Offset::Offset(offset)) => Ok(Some(offset)),
            (Ok(()), _) => Ok(None),
        };
        ((element.topic().to_owned(), element.partition()), offset)
    });
    found.collect()
}

fn at(offsets: &Offsets, copy: &Asked) -> Result<Option<i64>, Code> {
    offsets.get(&place(copy)).copied().unwrap_or(Ok(None))
}

fn verdict(committed: Result<Option<i64>, Code>, start: Option<i64>, copy: i64) -> Passed {
    match committed {
        Ok(committed) if committed.max(start).is_some_and(|reached| reached > copy) => Passed::Yes,
        Err(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed) => Passed::Untold,
        // Nothing committed, a silent broker, a coordinator on the move: asked again later.
        Ok(_) | Err(_) => Passed::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_passed_when_the_group_or_the_start_of_the_log_is_beyond_it() {
        for (committed, start, expected) in [
            (Ok(Some(11)), None, Passed::Yes),
            (Ok(Some(10)), None, Passed::NotYet),
            (Ok(None), None, Passed::NotYet),
            (Ok(None), Some(11), Passed::Yes),
            (Ok(Some(3)), Some(11), Passed::Yes),
            (Ok(Some(3)), Some(10), Passed::NotYet),
        ] {
            assert_eq!(verdict(committed, start, 10), expected, "{committed:?} {start:?}");
        }
    }

    #[test]
    fn what_may_not_be_read_is_untold_and_every_other_error_is_not_yet() {
        assert_eq!(verdict(Err(Code::GroupAuthorizationFailed), None, 0), Passed::Untold);
        assert_eq!(verdict(Err(Code::TopicAuthorizationFailed), None, 0), Passed::Untold);
        for code in [Code::OperationTimedOut, Code::CoordinatorLoadInProgress, Code::UnsupportedFeature, Code::NotCoordinator] {
            assert_eq!(verdict(Err(code), Some(9), 0), Passed::NotYet, "{code:?}");
        }
    }

    #[test]
    fn negative_offsets_are_none() {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in [(0, Offset::Invalid), (1, Offset::End), (2, Offset::Offset(0))] {
            assert!(list.add_partition_offset("t", partition, offset).is_ok());
        }
        let found: Vec<_> = offsets(&list).into_values().collect();
        assert_eq!(found, [Ok(None), Ok(None), Ok(Some(0))]);
    }

    #[tokio::test]
    async fn the_number_of_clients_is_bounded_and_closing_ends_them_all() {
        let offsets = GroupOffsets::new(ClientConfig::new(), Duration::from_secs(1));
        for group in 0..MOST + 4 {
            let asked = offsets.passed(&group.to_string(), &[]).await;
            assert_eq!(asked, []);
        }
        assert_eq!(offsets.readers.lock().map(|readers| readers.as_ref().map(Vec::len)).ok(), Some(Some(MOST)));
        assert!(timeout(Duration::from_mins(1), offsets.close()).await.is_ok());
        assert_eq!(offsets.passed("late", &[("t".to_owned(), 0, 0)]).await, [Passed::NotYet]);
    }
}
