//! Recording failures is reading the entries under lock, folding the failures into them here, and writing the result.
//! So the rules of counting live once, whatever the database.

use std::collections::HashMap;

use super::entry::{Entry, Identity, Reason, RecentFailures, State};
use super::message::{Failure, Message};
use super::time::Timestamp;
use super::verbs::{Effect, NewFailure, Pushed};

/// An entry that failures made or changed, with what the newest of them brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The entry.
    pub entry: Entry,
    /// Its new bytes.
    pub message: Message,
    /// Its new error.
    pub error: Option<Failure>,
}

/// What to write, and what to answer once the ids of new entries are known.
#[derive(Debug)]
pub struct Folded {
    /// Entries that did not exist, by identity.
    pub inserts: Vec<Written>,
    /// Entries that did, by identity.
    pub updates: Vec<Written>,
    answers: Vec<(Identity, Pushed)>,
}

impl Folded {
    /// The answers in the order of the failures; `ids` has the number of every new entry.
    #[must_use]
    pub fn answers(self, ids: &HashMap<Identity, i64>) -> Vec<Pushed> {
        self.answers
            .into_iter()
            .map(|(identity, pushed)| match ids.get(&identity) {
                Some(id) if pushed.id == 0 => Pushed { id: *id, ..pushed },
                _ => pushed,
            })
            .collect()
    }
}

/// Folds failures, in order, into the entries that exist.
#[must_use]
pub fn fold(existing: Vec<Entry>, now: Timestamp, failures: &[NewFailure]) -> Folded {
    let mut entries: HashMap<Identity, Entry> = existing.into_iter().map(|entry| (entry.identity.clone(), entry)).collect();
    let mut newest: HashMap<&Identity, &NewFailure> = HashMap::new();
    let mut answers = Vec::with_capacity(failures.len());
    for failure in failures {
        let effect = if let Some(entry) = entries.get_mut(&failure.identity) {
            count(entry, failure, now)
        } else {
            let entry = first(failure, now);
            let effect = Effect::counted(entry.state);
            entries.insert(failure.identity.clone(), entry);
            effect
        };
        if effect != Effect::Nothing {
            newest.insert(&failure.identity, failure);
        }
        if let Some(entry) = entries.get(&failure.identity) {
            answers.push((failure.identity.clone(), answer(entry, failure, effect)));
        }
    }
    let (mut inserts, mut updates) = (Vec::new(), Vec::new());
    for (identity, failure) in newest {
        if let Some(entry) = entries.remove(identity) {
            let target = if entry.id == 0 { &mut inserts } else { &mut updates };
            target.push(Written { entry, message: failure.message.clone(), error: failure.error.clone() });
        }
    }
    for list in [&mut inserts, &mut updates] {
        // The same order in every process, so that two flushes never wait for each other in a circle.
        list.sort_by(|a, b| a.entry.identity.cmp(&b.entry.identity));
    }
    Folded { inserts, updates, answers }
}

const fn answer(entry: &Entry, failure: &NewFailure, effect: Effect) -> Pushed {
    Pushed {
        id: entry.id,
        retry_count: entry.retry_count,
        due_at: entry.due_at,
        state: entry.state,
        failure_id: failure.failure_id,
        effect,
    }
}

/// What a first failure brings into the store, due and dated by a clock that stands at zero: whoever writes it adds the
/// store's time.
#[must_use]
pub fn newborn(failure: &NewFailure) -> Written {
    let entry = first(failure, Timestamp(0));
    Written { entry, message: failure.message.clone(), error: failure.error.clone() }
}

/// The answer to a first failure that was recorded.
#[must_use]
pub const fn born(newborn: &Entry, failure: &NewFailure, id: i64, due_at: Timestamp) -> Pushed {
    Pushed { id, due_at, ..answer(newborn, failure, Effect::counted(newborn.state)) }
}

/// A new life.
fn first(failure: &NewFailure, now: Timestamp) -> Entry {
    let mut recent = RecentFailures::default();
    recent.remember(failure.failure_id);
    let mut entry = Entry {
        id: 0,
        identity: failure.identity.clone(),
        life: failure.new_life,
        state: State::Scheduled,
        reason: Reason::Failed,
        due_at: now,
        is_alone: false,
        generation: 0,
        failed_generation: 0,
        retry_count: 1,
        policy: failure.policy.clone(),
        redelivery: failure.redelivery,
        recent,
        delivered: None,
        first_failed_at: now,
        last_failed_at: now,
        adopted: None,
    };
    schedule(&mut entry, now, failure.chance);
    entry
}

/// One more failure of a known entry, unless it was counted before.
fn count(entry: &mut Entry, failure: &NewFailure, now: Timestamp) -> Effect {
    if entry.recent.contains(failure.failure_id) {
        return Effect::Nothing;
    }
    match failure.copy {
        Some(copy) if copy.life == entry.life => {
            if copy.generation < entry.generation || entry.failed_generation >= entry.generation {
                return Effect::Nothing;
            }
        }
        // A live failure, or one of a former life, is newer than any copy under way: it begins a generation of its
        // own, so that a late success of such a copy deletes nothing.
        _ => entry.generation = entry.generation.saturating_add(1),
    }
    entry.failed_generation = entry.generation;
    entry.recent.remember(failure.failure_id);
    entry.retry_count = entry.retry_count.saturating_add(1);
    entry.policy = failure.policy.clone();
    entry.redelivery = failure.redelivery;
    entry.delivered = None;
    entry.last_failed_at = now;
    match entry.state {
        State::Dead | State::Held => Effect::Counted,
        State::Scheduled | State::Leased | State::Awaiting => {
            entry.reason = Reason::Failed;
            entry.is_alone = false;
            schedule(entry, now, failure.chance);
            Effect::counted(entry.state)
        }
    }
}

fn schedule(entry: &mut Entry, now: Timestamp, chance: f64) {
    if entry.policy.is_spent(entry.retry_count) {
        entry.state = State::Dead;
        entry.due_at = now;
    } else {
        entry.state = State::Scheduled;
        entry.due_at = now.after(entry.policy.delay(entry.retry_count, chance));
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
