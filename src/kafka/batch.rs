//! Who waits for the delivery reports of a batch: one slot for each copy, filled in any order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::error::{self, Stored};
use crate::domain::decide::Sent;

/// What became of one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is in the log.
    Acked {
        /// Of this partition.
        partition: i32,
        /// At this offset.
        offset: i64,
    },
    /// librdkafka did not take it.
    NotTaken(Code),
    /// librdkafka gave it up.
    Failed(Code, Stored),
}

impl From<Answer> for Sent {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Acked { partition, offset } => Self::Acked { partition, offset },
            Answer::NotTaken(code) => error::not_taken(code),
            Answer::Failed(code, stored) => error::sent(code, stored),
        }
    }
}

/// A batch under way.
#[derive(Debug)]
pub struct Batch {
    answers: Mutex<Vec<Option<Answer>>>,
    missing: AtomicUsize,
    complete: Notify,
}

/// What travels with a copy through librdkafka and comes back with its report.
#[derive(Debug)]
pub struct Ticket {
    batch: Arc<Batch>,
    slot: usize,
}

impl Ticket {
    /// Hands in the answer.
    pub fn answer(&self, answer: Answer) {
        self.batch.answer(self.slot, answer);
    }
}

impl Batch {
    /// So many slots.
    #[must_use]
    pub fn new(size: usize) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(vec![None; size]), missing: AtomicUsize::new(size), complete: Notify::new() })
    }

    /// The ticket of one slot.
    #[must_use]
    pub fn ticket(self: &Arc<Self>, slot: usize) -> Box<Ticket> {
        Box::new(Ticket { batch: Arc::clone(self), slot })
    }

    fn answer(&self, slot: usize, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place @ None) = answers.get_mut(slot) else { return };
        *place = Some(answer);
        drop(answers);
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }

    /// All answers, in order of the slots. librdkafka promises a report for every record; should it break that promise,
    /// what is missing after `within` counts as unknown, because a sweep that waits for ever would be worse.
    pub async fn answers(&self, within: Duration) -> Vec<Answer> {
        if self.missing.load(Ordering::Acquire) > 0 {
            let _ = timeout(within, self.complete.notified()).await;
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().map(|answer| answer.unwrap_or(Answer::Failed(Code::MessageTimedOut, Stored::Maybe))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_slots() {
        let batch = Batch::new(3);
        for slot in [2, 0, 1] {
            let ticket = batch.ticket(slot);
            tokio::spawn(async move { ticket.answer(Answer::Acked { partition: 0, offset: i64::try_from(slot).unwrap_or(-1) }) });
        }
        let offsets: Vec<Answer> = (0..3).map(|offset| Answer::Acked { partition: 0, offset }).collect();
        assert_eq!(batch.answers(Duration::from_mins(1)).await, offsets);
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_that_never_comes_is_an_unknown_outcome() {
        let batch = Batch::new(2);
        batch.ticket(1).answer(Answer::NotTaken(Code::QueueFull));
        let answers = batch.answers(Duration::from_mins(1)).await;
        assert!(matches!(Sent::from(answers[0]), Sent::Unknown(_)), "{answers:?}");
        assert!(matches!(Sent::from(answers[1]), Sent::Refused(_)), "{answers:?}");
    }

    #[tokio::test]
    async fn the_first_answer_of_a_slot_stands() {
        let batch = Batch::new(1);
        batch.ticket(0).answer(Answer::Acked { partition: 1, offset: 2 });
        batch.ticket(0).answer(Answer::NotTaken(Code::QueueFull));
        assert_eq!(batch.answers(Duration::ZERO).await, [Answer::Acked { partition: 1, offset: 2 }]);
    }

    #[tokio::test]
    async fn an_empty_batch_is_complete() {
        assert_eq!(Batch::new(0).answers(Duration::from_hours(1)).await, []);
    }
}
