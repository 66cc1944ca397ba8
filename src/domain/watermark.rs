//! How far a group has come in one partition: the only thing that is ever committed.
//!
//! A consumer reads messages in the order of their offsets and finishes them in any order. The **watermark** is the highest
//! offset below which everything that was read is finished. A commit of it loses nothing: after a crash the group begins
//! there again, and only what was finished above it is repeated. A commit of the highest finished offset would skip what
//! failed below.
//!
//! Offsets have gaps: compaction removes messages, transactions write markers. What was never read holds nothing up.
//!
//! An **epoch** is the time from one assignment, seek or reset of the position to the next. Results of an older one change
//! nothing: the partition may belong to somebody else, or the message may have been read again since.

use std::collections::VecDeque;
use std::time::Duration;

/// Which assignment or position something belongs to. Each of a consumer's has a higher one than those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// What was read of a partition in one epoch, and what of that is finished.
#[derive(Debug, Clone)]
pub struct Watermark {
    epoch: Epoch,
    /// The offset that is read next.
    position: i64,
    /// What was read from the first unfinished message on, by offset.
    read: VecDeque<Read>,
    unfinished: usize,
}

#[derive(Debug, Clone, Copy)]
struct Read {
    offset: i64,
    is_finished: bool,
}

/// What became of a report that a message is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is finished now; the watermark may have moved.
    Finished,
    /// It was finished before.
    Again,
    /// It is of an older epoch, or was never read in this one. Nothing changed.
    Stale,
}

impl Watermark {
    /// At the position of an assignment, a seek or a reset.
    #[must_use]
    pub const fn new(epoch: Epoch, position: i64) -> Self {
        Self { epoch, position, read: VecDeque::new(), unfinished: 0 }
    }

    /// A message was read. `false`, and nothing changes, when it lies before the position: it was read already.
    pub fn read(&mut self, offset: i64) -> bool {
        if offset < self.position {
            return false;
        }
        self.position = offset.saturating_add(1);
        self.unfinished += 1;
        self.read.push_back(Read { offset, is_finished: false });
        true
    }

    /// The consumer has come so far although there was no message: a gap at the end of what is there.
    pub const fn pass(&mut self, position: i64) {
        if position > self.position {
            self.position = position;
        }
    }

    /// A message is done, stored, skipped or given up: whatever it was, nothing is left to do for it here.
    pub fn finish(&mut self, epoch: Epoch, offset: i64) -> Finish {
        if epoch != self.epoch {
            return Finish::Stale;
        }
        let Ok(index) = self.read.binary_search_by_key(&offset, |read| read.offset) else {
            return if offset < self.offset() { Finish::Again } else { Finish::Stale };
        };
        let read = &mut self.read[index];
        if std::mem::replace(&mut read.is_finished, true) {
            return Finish::Again;
        }
        self.unfinished -= 1;
        while self.read.front().is_some_and(|first| first.is_finished) {
            self.read.pop_front();
        }
        Finish::Finished
    }

    /// The watermark: the offset of the first unfinished message, or else of the next one to be read.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.read.front().map_or(self.position, |first| first.offset)
    }

    /// The first unfinished message below an offset. A commit of that offset would skip it.
    #[must_use]
    pub fn unfinished_below(&self, offset: i64) -> Option<i64> {
        self.read.front().map(|first| first.offset).filter(|first| *first < offset)
    }

    /// How many messages were read and are not finished.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// How many messages are kept in mind: from the first unfinished one on, finished ones too. Whoever bounds it bounds
    /// what a crash repeats, and the memory.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.read.len()
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What a commit would say now.
    #[must_use]
    pub fn request(&self) -> CommitRequest {
        CommitRequest { epoch: self.epoch, offset: self.offset() }
    }
}

/// A watermark on its way to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRequest {
    /// Whoever has lost this epoch must not send it.
    pub epoch: Epoch,
    /// The offset at which the group would begin again.
    pub offset: i64,
}

impl CommitRequest {
    /// Of two requests for one partition the newer epoch counts; within one, the further offset.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if (self.epoch, self.offset) < (other.epoch, other.offset) { other } else { self }
    }
}

/// When a watermark is committed while a consumer runs. At its end and at a revocation it is committed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPolicy {
    /// Each time so many further messages are finished.
    pub threshold: Option<u32>,
    /// So long after the last commit.
    pub interval: Option<Duration>,
}

impl CommitPolicy {
    /// Whether to commit now: something is new, and enough has been finished or enough time has gone by. `finished` and
    /// `waited` count since the last commit.
    #[must_use]
    pub fn is_due(&self, committed: Option<i64>, watermark: i64, finished: u32, waited: Duration) -> bool {
        let is_new = committed.is_none_or(|committed| watermark > committed);
        let is_enough = self.threshold.is_some_and(|threshold| finished >= threshold);
        is_new && (is_enough || self.interval.is_some_and(|interval| waited >= interval))
    }
}

#[cfg(test)]
#[path = "watermark_tests.rs"]
mod tests;
