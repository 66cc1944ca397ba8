//! The line in which pushes and successes wait for the next transaction: in call order per identity, bounded, each with
//! a deadline after which it is never run.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::domain::entry::{Identity, RecentFailures};
use crate::domain::error::{Conflict, Outcome};
use crate::domain::verbs::{Effect, NewFailure, Pushed, Resolved, Success};
use crate::domain::{Error, ErrorCode, Result};

/// What is asked of the store.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are failures under load; a box each would cost more")]
#[derive(Debug, Clone)]
pub enum Work {
    /// Record a failure.
    Push(NewFailure),
    /// Record a success.
    Resolve(Success),
}

impl Work {
    /// What it is about.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        match self {
            Self::Push(failure) => &failure.identity,
            Self::Resolve(success) => &success.identity,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Push(failure) => failure.message.size() + 512,
            Self::Resolve(_) => 64,
        }
    }
}

/// The store's answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To a push.
    Pushed(Pushed),
    /// To a success.
    Resolved(Resolved),
}

/// How much longer a caller waits whose call is under way at its deadline.
const GRACE: Duration = Duration::from_secs(1);

const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;

/// What the caller and the writer both know of an item.
struct Progress {
    state: AtomicU8,
    /// A COMMIT of it was sent and never answered.
    is_doubtful: AtomicBool,
    last_error: Mutex<Option<Error>>,
}

/// One call in the line.
pub struct Item {
    /// What it asks.
    pub work: Work,
    /// After this it is answered, whatever has become of it.
    pub deadline: Instant,
    answer: oneshot::Sender<Result<Answer>>,
    progress: Arc<Progress>,
}

impl Progress {
    /// The caller gives it up; `false` when it is under way.
    fn abandon(&self) -> bool {
        let before = self.state.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
        matches!(before, Ok(_) | Err(ABANDONED))
    }

    /// What a caller gets whose time is over.
    fn overdue(&self) -> Error {
        // It may have gone back into the line meanwhile: whoever hears `not_done` must have taken it out.
        let is_running = !self.abandon();
        let is_unknown = is_running || self.is_doubtful.load(Ordering::Acquire);
        let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let overdue = || Error::new(ErrorCode::Timeout, "the store did not record it within pushTimeout");
        let error = last.map_or_else(overdue, locked_for_too_long);
        error.with_outcome(if is_unknown { Outcome::Unknown } else { Outcome::NotDone })
    }
}

impl Item {
    /// Gives the answer; nobody may be waiting any more.
    pub fn answer(self, answer: Result<Answer>) {
        let _nobody_waits = self.answer.send(answer);
    }

    /// Answers with the error of a transaction, and with what is known of earlier ones.
    pub fn fail(self, error: &Error) {
        let is_doubtful = self.progress.is_doubtful.load(Ordering::Acquire);
        let outcome = if is_doubtful { Outcome::Unknown } else { error.outcome.unwrap_or(Outcome::NotDone) };
        self.answer(Err(error.copied().with_outcome(outcome)));
    }

    /// Notes why a transaction with it failed, before it goes back into the line.
    pub fn failed_once(&self, error: &Error) {
        if error.outcome == Some(Outcome::Unknown) {
            self.progress.is_doubtful.store(true, Ordering::Release);
        }
        *self.progress.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.copied());
    }

    /// What listeners hear of an answer. Where a COMMIT was never answered, what the repetition finds recorded was
    /// recorded by this call, and nobody has been told of it.
    #[must_use]
    pub fn told(&self, answer: &Answer) -> Answer {
        match answer {
            Answer::Pushed(pushed) if pushed.effect == Effect::Nothing && self.progress.is_doubtful.load(Ordering::Acquire) => {
                Answer::Pushed(Pushed { effect: Effect::counted(pushed.state), ..pushed.clone() })
            }
            Answer::Pushed(_) | Answer::Resolved(_) => answer.clone(),
        }
    }

    /// Takes it out of the caller's hands; `false` when the caller has given it up.
    fn start(&self) -> bool {
        self.progress.state.compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn back(&self) {
        self.progress.state.store(WAITING, Ordering::Release);
    }
}

/// The caller's end of an item.
pub struct Ticket {
    answer: oneshot::Receiver<Result<Answer>>,
    deadline: Instant,
    progress: Arc<Progress>,
}

impl Ticket {
    /// The answer, at the deadline at the latest.
    ///
    /// # Errors
    /// What the store said, or `KER_TIMEOUT`; `outcome` says whether it may have been recorded.
    pub async fn wait(self) -> Result<Answer> {
        let Self { mut answer, deadline, progress } = self;
        let heard = match timeout_at(deadline, &mut answer).await {
            // Nothing was sent, and now nothing will be.
            Err(_) if progress.abandon() => None,
            // Under way: a definite word is worth a moment more.
            Err(_) => timeout_at(deadline + GRACE, &mut answer).await.ok(),
            Ok(heard) => Some(heard),
        };
        match heard {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Err(Error::internal("the writer ended without an answer").with_outcome(Outcome::Unknown)),
            None => Err(progress.overdue()),
        }
    }
}

/// A store that answers but whose row a stranger holds: not the store's failure, but our deadline.
#[must_use]
pub fn locked_for_too_long(error: Error) -> Error {
    if error.conflict == Conflict::Locked { Error { code: ErrorCode::Timeout, ..error } } else { error }
}

/// The items that wait.
#[derive(Default)]
pub struct Line {
    items: VecDeque<Item>,
    /// Identities with items under way, and how many; later items of theirs wait behind these.
    under_way: HashMap<Identity, usize>,
    /// So many of the next items run one by one, because a transaction with all of them failed for an unknown one.
    singly: usize,
    running: usize,
    is_closed: bool,
}

/// Fewer items than these are not shared out: each transaction has its own costs.
const WORTH_SHARING: usize = 32;

/// How much goes into one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls in the line and under way.
    pub pending: usize,
    /// Rows of a transaction.
    pub rows: usize,
    /// Their bytes; a single larger one still goes.
    pub bytes: usize,
    /// Transactions at a time.
    pub lanes: usize,
}

impl Line {
    /// Appends an item.
    ///
    /// # Errors
    /// `KER_BUSY` beyond the limit, `KER_CLOSED` after the end; nothing is done then.
    pub fn enter(&mut self, work: Work, deadline: Instant, limits: Limits) -> Result<Ticket> {
        let refused = |code, message| Err(Error::new(code, message).with_outcome(Outcome::NotDone));
        if self.is_closed {
            return refused(ErrorCode::Closed, "the handler is closed");
        }
        if self.pending() >= limits.pending {
            return refused(ErrorCode::Busy, "too many calls wait for the store (maxPending)");
        }
        let (sender, answer) = oneshot::channel();
        let progress = Arc::new(Progress {
            state: AtomicU8::new(WAITING),
            is_doubtful: AtomicBool::new(false),
            last_error: Mutex::new(None),
        });
        self.items.push_back(Item { work, deadline, answer: sender, progress: Arc::clone(&progress) });
        Ok(Ticket { answer, deadline, progress })
    }

    /// How many calls are not answered yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.items.len() + self.running
    }

    /// The rows of the next transaction. Callers that got their answers together call again together: they would be one
    /// convoy for ever, with nobody preparing calls while the database works, and nobody writing while they prepare. So a
    /// convoy that finds all lanes free is shared out.
    fn rows(&self, limits: Limits) -> usize {
        if self.singly > 0 {
            return 1;
        }
        let is_convoy = self.running == 0 && self.items.len() >= WORTH_SHARING;
        if is_convoy { self.items.len().div_ceil(limits.lanes).min(limits.rows) } else { limits.rows }
    }

    /// The next transaction: as many items as go together. An identity is in it with one verb only, with no more failures
    /// than an entry remembers, and not while another transaction has it; what is left behind keeps its place, and so does
    /// all that follows it.
    pub fn take(&mut self, limits: Limits) -> Vec<Item> {
        let rows = self.rows(limits);
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        let mut with: HashMap<Identity, (bool, usize)> = HashMap::new();
        let mut behind: HashSet<Identity> = HashSet::new();
        let mut bytes = 0;
        while taken.len() < rows {
            let Some(item) = self.items.pop_front() else { break };
            let is_push = matches!(item.work, Work::Push(_));
            let identity = item.work.identity();
            let (verb, count) = with.get(identity).copied().unwrap_or((is_push, 0));
            let is_behind = behind.contains(identity) || self.under_way.contains_key(identity);
            let is_left = is_behind || verb != is_push || count >= RecentFailures::LIMIT;
            let is_full = !taken.is_empty() && bytes + item.work.size() > limits.bytes;
            if is_left || is_full {
                behind.insert(identity.clone());
                left.push_back(item);
                if is_full {
                    break;
                }
                continue;
            }
            if !item.start() {
                continue;
            }
            with.insert(identity.clone(), (is_push, count + 1));
            bytes += item.work.size();
            taken.push(item);
        }
        left.append(&mut self.items);
        self.items = left;
        self.singly = self.singly.saturating_sub(taken.len().min(self.singly));
        self.running += taken.len();
        for (identity, (_, count)) in with {
            *self.under_way.entry(identity).or_default() += count;
        }
        taken
    }

    /// Whether items wait that nobody has taken.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.items.is_empty()
    }

    /// Puts items back to the front, in their order.
    pub fn put_back(&mut self, items: Vec<Item>) {
        self.done(&items);
        for item in items.into_iter().rev() {
            item.back();
            self.items.push_front(item);
        }
    }

    /// The next `count` items run one by one.
    pub fn run_singly(&mut self, count: usize) {
        self.singly = self.singly.max(count);
    }

    /// These items are not under way any more.
    pub fn done(&mut self, items: &[Item]) {
        self.running -= items.len();
        for item in items {
            if let Some(count) = self.under_way.get_mut(item.work.identity()) {
                *count -= 1;
                if *count == 0 {
                    self.under_way.remove(item.work.identity());
                }
            }
        }
    }

    /// Refuses further items.
    pub const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Closed, and nothing is left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_closed && self.pending() == 0
    }
}
