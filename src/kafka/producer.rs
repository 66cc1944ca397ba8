//! Many copies out, one answer each, in order.
//!
//! A broker answers for a batch as a whole: one record that it finds too large fails all that travelled with it, and
//! librdkafka does not split. So those are sent again in halves, smallest first, until the guilty one stands alone.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaRespErr;
use tokio::time::{Instant, timeout_at};

use super::batch::{Answer, Batch, Ticket};
use super::error::{code_of, is_contagious};
use super::listener::{Heard, Listener};
use super::native;
use crate::domain::copy::Copy;
use crate::fault;

/// A copy, and the partition it must go to.
pub type Addressed = (Copy, Option<i32>);

/// Where a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// How many partitions it has.
    pub partitions: u32,
    /// A broker that leads one of them, so one that is alive.
    pub broker: Option<i32>,
}

/// How long a batch waits for room in librdkafka's queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after the message time-out librdkafka may take to report it: it looks once a second.
const REPORT_MARGIN: Duration = Duration::from_secs(5);

/// The producer of copies.
pub struct Producer {
    inner: ThreadedProducer<Listener>,
    heard: Arc<Heard>,
    message_timeout: Duration,
}

impl Producer {
    /// Connects in the background.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(config: &ClientConfig, listener: Listener, message_timeout: Duration) -> KafkaResult<Self> {
        let heard = Arc::clone(&listener.heard);
        Ok(Self { inner: config.create_with_context(listener)?, heard, message_timeout })
    }

    /// Whether librdkafka gave this producer up, so that it never sends anything again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.inner.client().fatal_error().is_some()
    }

    /// Where a topic is; `None` when the broker says that it does not exist. Waits, so not on a thread of the async
    /// runtime. Asked here and not by the admin client, because this producer then knows the partitions as well: it
    /// refuses those that it has not heard of, and asks by itself only every five minutes.
    ///
    /// # Errors
    /// With the broker's code, or that none answered.
    pub fn locate(&self, topic: &str, within: Duration) -> Result<Option<Located>, Code> {
        let metadata = self.inner.client().fetch_metadata(Some(topic), within).map_err(|error| code_of(&error))?;
        let Some(topic) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        let partitions = u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX);
        let broker = topic.partitions().iter().map(MetadataPartition::leader).find(|leader| *leader >= 0);
        match topic.error().map_or(Code::NoError, RDKafkaRespErr::into) {
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::InvalidTopic => Ok(None),
            // A topic without a leader for the moment is there all the same.
            Code::NoError | Code::LeaderNotAvailable | Code::ReplicaNotAvailable if partitions > 0 => {
                Ok(Some(Located { partitions, broker }))
            }
            Code::NoError => Err(Code::LeaderNotAvailable),
            code => Err(code),
        }
    }

    /// Waits for an answer of any broker, at most so long.
    ///
    /// # Errors
    /// When none comes.
    pub fn ping(&self, within: Duration) -> Result<(), Code> {
        native::ping(self.inner.client(), within)
    }

    /// Publishes copies and waits for what becomes of each.
    pub async fn publish(&self, copies: &[Addressed]) -> Vec<Answer> {
        let all: Vec<usize> = (0..copies.len()).collect();
        let deadline = Instant::now() + self.message_timeout;
        let mut answers = self.pass(copies, &all).await;
        let mut groups = Vec::new();
        halve(&mut groups, copies, contaminated(&all, &answers));
        // What is left when the time is over keeps the answer that it has: not written.
        while let Some(group) = groups.pop().filter(|_| Instant::now() < deadline) {
            let again = self.pass(copies, &group).await;
            for (index, answer) in group.iter().zip(&again) {
                answers[*index] = *answer;
            }
            halve(&mut groups, copies, contaminated(&group, &again));
        }
        answers
    }

    /// Gives up all that is under way; each copy gets its answer.
    pub fn purge(&self) {
        self.inner.purge(PurgeConfig::default().queue().inflight().non_blocking());
    }

    async fn pass(&self, copies: &[Addressed], chosen: &[usize]) -> Vec<Answer> {
        let batch = Batch::new(chosen.len());
        let patience = Instant::now() + PATIENCE;
        let mut taken = 0;
        loop {
            taken += self.enqueue(copies, chosen, taken, &batch);
            if taken == chosen.len() {
                break;
            }
            if timeout_at(patience, self.heard.room()).await.is_err() {
                for slot in taken..chosen.len() {
                    batch.ticket(slot).answer(Answer::NotTaken(Code::QueueFull));
                }
                break;
            }
        }
        let _only_to_pass = fault::point("publish.after_enqueue", "").await;
        batch.answers(self.message_timeout + REPORT_MARGIN).await
    }

    /// Enqueues the copies from slot `first` on, and says how many until the queue was full.
    fn enqueue(&self, copies: &[Addressed], chosen: &[usize], first: usize, batch: &Arc<Batch>) -> usize {
        let rest = chosen.iter().enumerate().skip(first);
        rest.take_while(|(slot, index)| self.enqueue_one(&copies[**index], batch.ticket(*slot))).count()
    }

    /// `false` when the queue is full.
    fn enqueue_one(&self, (copy, partition): &Addressed, ticket: Box<Ticket>) -> bool {
        let mut record = BaseRecord::with_opaque_to(&copy.topic, ticket).headers(headers(copy));
        // `None` becomes null, an empty slice stays empty.
        record.key = copy.key.as_deref();
        record.payload = copy.value.as_deref();
        record.partition = *partition;
        match self.inner.send(record) {
            Ok(()) => true,
            Err((KafkaError::MessageProduction(Code::QueueFull), _)) => false,
            Err((error, record)) => {
                record.delivery_opaque.answer(Answer::NotTaken(code_of(&error)));
                true
            }
        }
    }
}

fn headers(copy: &Copy) -> OwnedHeaders {
    let headers = &copy.headers.0;
    // Planted: ours are there twice.
    let twice = headers.iter().filter(|(name, _)| fault::is_planted("P10") && name.starts_with("x-ker-"));
    headers.iter().chain(twice).fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, (key, value)| {
        owned.insert(Header { key, value: value.as_deref() })
    })
}

/// The copies whose answer may be the fault of a neighbour. One that has no fellow sufferer had no neighbour either.
fn contaminated(chosen: &[usize], answers: &[Answer]) -> Vec<usize> {
    let is_suspect = |answer: &Answer| matches!(answer, Answer::Failed(code, _) if is_contagious(*code));
    let suspects: Vec<usize> =
        chosen.iter().zip(answers).filter(|(_, answer)| is_suspect(answer)).map(|(index, _)| *index).collect();
    if suspects.len() > 1 { suspects } else { Vec::new() }
}

/// Puts the two halves on the stack, the one with the smaller copies on top.
fn halve(groups: &mut Vec<Vec<usize>>, copies: &[Addressed], mut suspects: Vec<usize>) {
    if suspects.is_empty() {
        return;
    }
    suspects.sort_by_key(|index| size(&copies[*index].0));
    let larger = suspects.split_off(suspects.len().div_ceil(2));
    groups.extend([larger, suspects]);
}

fn size(copy: &Copy) -> usize {
    copy.key.as_ref().map_or(0, Vec::len) + copy.value.as_ref().map_or(0, Vec::len) + copy.headers.size()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::headers::Headers;
    use crate::kafka::error::Stored;

    fn copies(sizes: &[usize]) -> Vec<Addressed> {
        let copy = |size: &usize| Copy { topic: "t".into(), key: None, value: Some(vec![0; *size]), headers: Headers::default() };
        sizes.iter().map(|size| (copy(size), None)).collect()
    }

    #[test]
    fn halves_hold_the_smaller_copies_first() {
        let mut groups = Vec::new();
        halve(&mut groups, &copies(&[9, 1, 5, 3, 7]), vec![0, 1, 2, 3, 4]);
        assert_eq!(groups, [vec![4, 0], vec![1, 3, 2]]);
    }

    #[test]
    fn only_those_that_suffered_together_are_sent_again() {
        let large = Answer::Failed(Code::MessageSizeTooLarge, Stored::No);
        let acked = Answer::Acked { partition: 0, offset: 0 };
        assert_eq!(contaminated(&[4, 5, 6], &[large, acked, large]), [4, 6]);
        assert_eq!(contaminated(&[4, 5], &[large, acked]), Vec::<usize>::new());
        let local = Answer::NotTaken(Code::MessageSizeTooLarge);
        assert_eq!(contaminated(&[4, 5], &[local, local]), Vec::<usize>::new());
    }
}
