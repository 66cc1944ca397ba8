//! What users report: failures and successes, by identity.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::adoption;
use super::dialect::{Texts, placeholders};
use super::engine::Session;
use super::error::is_answer;
use super::rows::{self, ENTRY, ENTRY_KINDS, NEWBORN, WRITTEN, WRITTEN_COUNT, digest};
use super::transaction::end;
use super::value::{Cells, Kind, Value};
use crate::domain::entry::{Entry, Identity, Life, State};
use crate::domain::error::Outcome;
use crate::domain::fold::{Written, born, fold, newborn};
use crate::domain::time::Timestamp;
use crate::domain::verbs::{NewFailure, Pushed, Resolved, Success};
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;

/// The most rows of one statement: bounds both the number of values (databases have a limit) and how many different
/// texts there are to prepare.
const ROWS: usize = 128;

pub async fn push(session: &mut dyn Session, texts: &Texts, returning: &str, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
    session.plain(texts.dialect.begin).await?;
    let result = push_in(session, texts, returning, failures).await;
    let pushed = end(session, result).await?;
    fault::point("push.after_commit", "").await?;
    Ok(pushed)
}

pub async fn push_in(session: &mut dyn Session, texts: &Texts, returning: &str, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
    fault::point("push.before_insert", "").await?;
    let (existing, now) = lock(session, texts, failures.iter().map(|failure| &failure.identity)).await?;
    let folded = planted::counted_in_memory(fold(planted::counts(existing), now, failures));
    let mut ids = HashMap::new();
    for chunk in folded.inserts.chunks(ROWS) {
        insert(session, texts, returning, chunk, &mut ids).await?;
    }
    for chunk in folded.updates.chunks(ROWS) {
        overwrite(session, texts, chunk).await?;
    }
    fault::point("push.after_insert_before_commit", "").await?;
    Ok(folded.answers(&ids))
}

/// Inserts what is new in one statement that commits by itself: one way there and back instead of four.
pub async fn push_new(
    session: &mut dyn Session,
    texts: &Texts,
    insert_new: &str,
    failures: &[NewFailure],
) -> Result<Vec<Option<Pushed>>> {
    fault::point("push.before_insert", "").await?;
    let newborn: Vec<Written> = failures.iter().map(newborn).collect();
    // One that is dead at once goes the way of all. The same order in every process, so that two of them never wait for
    // each other in a circle.
    let mut order: Vec<usize> = (0..newborn.len()).filter(|index| newborn[*index].entry.state == State::Scheduled).collect();
    order.sort_by(|a, b| newborn[*a].entry.identity.cmp(&newborn[*b].entry.identity));
    let mut pushed = vec![None; failures.len()];
    for chunk in order.chunks(ROWS) {
        let rows: Vec<&Written> = chunk.iter().map(|index| &newborn[*index]).collect();
        let mut found = match insert_newborn(session, texts, insert_new, &rows).await {
            Ok(found) => found,
            // What came before this chunk is committed.
            Err(error) if pushed.iter().any(Option::is_some) => return Err(error.with_outcome(Outcome::Unknown)),
            Err(error) => return Err(maybe_done(error)),
        };
        for index in chunk {
            let (entry, failure) = (&newborn[*index].entry, &failures[*index]);
            let born_now = found.remove(&digest(&entry.identity)).filter(|(_, life, _)| *life == entry.life);
            pushed[*index] = born_now.map(|(id, _, due_at)| born(entry, failure, id, due_at));
        }
    }
    fault::point("push.after_commit", "").await?;
    Ok(pushed)
}

/// Nothing comes after this statement that could be left out: where it was not answered, it may be done.
fn maybe_done(error: Error) -> Error {
    let is_definite = error.code != ErrorCode::Store || is_answer(&error);
    if is_definite { error } else { error.with_outcome(Outcome::Unknown) }
}

type Born = (i64, Life, Timestamp);

async fn insert_newborn(
    session: &mut dyn Session,
    texts: &Texts,
    insert_new: &str,
    rows: &[&Written],
) -> Result<HashMap<Vec<u8>, Born>> {
    let columns = NEWBORN.iter().map(|newborn| newborn.column).collect::<Vec<_>>().join(", ");
    let tuple = NEWBORN.iter().map(|newborn| newborn.placeholder).collect::<Vec<_>>().join(", ");
    let count = padded(rows.len());
    let tuples = vec![format!("({tuple})"); count].join(", ");
    let template = format!("INSERT INTO {{entry}} ({columns}) VALUES {tuples}{insert_new}");
    let mut values = Vec::with_capacity(count * NEWBORN.len());
    // The last one again: it conflicts with itself, and nothing comes of it.
    for written in rows.iter().chain(std::iter::repeat_n(&rows[rows.len() - 1], count - rows.len())) {
        values.extend(rows::newborn_values(written)?);
    }
    let kinds = [Kind::Int, Kind::Bytes, Kind::Bytes, Kind::Int];
    let mut born = HashMap::with_capacity(count);
    for mut cells in session.rows(&texts.of(&template), values, &kinds).await? {
        let (id, identity) = (cells.int()?, cells.bytes()?);
        let life = cells.bytes()?.try_into().map(Life).map_err(|_| Error::internal("a life has sixteen bytes"))?;
        born.insert(identity, (id, life, Timestamp(cells.int()?)));
    }
    Ok(born)
}

/// Every number of rows is a text of its own that has to be prepared, so only a few numbers are used.
fn padded(rows: usize) -> usize {
    const SIZES: [usize; 15] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128];
    SIZES.into_iter().find(|size| *size >= rows).unwrap_or(rows)
}

/// Locks the entries of these identities, in one order for everybody, and reads the clock.
pub async fn lock<'a>(
    session: &mut dyn Session,
    texts: &Texts,
    identities: impl Iterator<Item = &'a Identity>,
) -> Result<(Vec<Entry>, Timestamp)> {
    let digests: BTreeSet<Vec<u8>> = identities.map(digest).collect();
    let digests: Vec<Vec<u8>> = digests.into_iter().collect();
    let kinds: Vec<Kind> = [Kind::Int, Kind::Int].into_iter().chain(ENTRY_KINDS).collect();
    let (mut entries, mut now) = (Vec::new(), Timestamp::default());
    for chunk in digests.chunks(ROWS) {
        let count = padded(chunk.len());
        let template = texts.dialect.lock.replace("{columns}", ENTRY).replace("{identities}", &placeholders(count));
        let again = std::iter::repeat_n(&chunk[chunk.len() - 1], count - chunk.len());
        let values = chunk.iter().chain(again).map(|digest| digest.as_slice().into()).collect();
        for mut cells in session.rows(&texts.of(&template), values, &kinds).await? {
            now = now.max(Timestamp(cells.int()?));
            if cells.maybe_int()?.is_some() {
                // What cannot be read is about to be written anew.
                entries.push(rows::entry(&mut cells, &mut rows::Doubt::default())?);
            }
        }
    }
    Ok((entries, now))
}

pub async fn insert(
    session: &mut dyn Session,
    texts: &Texts,
    returning: &str,
    new: &[Written],
    ids: &mut HashMap<Identity, i64>,
) -> Result<()> {
    let tuple = format!("({})", placeholders(WRITTEN_COUNT));
    let template = format!("INSERT INTO {{entry}} ({WRITTEN}) VALUES {}{returning}", vec![tuple; new.len()].join(", "));
    let mut values = Vec::with_capacity(new.len() * WRITTEN_COUNT);
    for written in new {
        values.extend(rows::values(written)?);
    }
    let kinds = [Kind::Int, Kind::Bytes];
    let numbers: Vec<Cells> = if returning.is_empty() {
        session.run(&texts.of(&template), values).await?;
        let template = format!("SELECT id, identity FROM {{entry}} WHERE identity IN ({})", placeholders(new.len()));
        let digests = new.iter().map(|written| digest(&written.entry.identity).as_slice().into()).collect();
        session.rows(&texts.of(&template), digests, &kinds).await?
    } else {
        session.rows(&texts.of(&template), values, &kinds).await?
    };
    let mut by_digest = HashMap::with_capacity(numbers.len());
    for mut cells in numbers {
        let id = cells.int()?;
        by_digest.insert(cells.bytes()?, id);
    }
    for Written { entry, .. } in new {
        if let Some(id) = by_digest.get(&digest(&entry.identity)) {
            ids.insert(entry.identity.clone(), *id);
        }
    }
    Ok(())
}

/// Planted: how many attempts an entry has had is known to this process only.
mod planted {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use crate::domain::entry::{Entry, Life};
    use crate::domain::fold::Folded;
    use crate::fault;

    static COUNTS: LazyLock<Mutex<HashMap<Life, u32>>> = LazyLock::new(Mutex::default);

    pub fn counts(mut existing: Vec<Entry>) -> Vec<Entry> {
        if fault::is_planted("P7") {
            let counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in &mut existing {
                entry.retry_count = counts.get(&entry.life).copied().unwrap_or(entry.retry_count);
            }
        }
        existing
    }

    pub fn counted_in_memory(mut folded: Folded) -> Folded {
        if fault::is_planted("P7") {
            let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
            for written in folded.inserts.iter_mut().chain(&mut folded.updates) {
                counts.insert(written.entry.life, written.entry.retry_count);
                written.entry.retry_count = 1;
            }
        }
        folded
    }
}

/// Columns that no failure changes.
const FIXED: [&str; 7] = ["namespace", "grp", "topic", "data_id", "life", "identity", "adopted"];

async fn overwrite(session: &mut dyn Session, texts: &Texts, changed: &[Written]) -> Result<()> {
    let tuple = format!("({})", placeholders(WRITTEN_COUNT + 1));
    let assignments: Vec<String> = WRITTEN
        .split(", ")
        .filter(|column| !FIXED.contains(column))
        .map(|column| format!("{column} = {}", (texts.dialect.new_value)(column)))
        .collect();
    let template = format!(
        "INSERT INTO {{entry}} (id, {WRITTEN}) VALUES {} {} {}",
        vec![tuple; changed.len()].join(", "),
        texts.dialect.on_same_id,
        assignments.join(", ")
    );
    let mut values = Vec::with_capacity(changed.len() * (WRITTEN_COUNT + 1));
    for written in changed {
        values.push(written.entry.id.into());
        values.extend(rows::values(written)?);
    }
    session.run(&texts.of(&template), values).await?;
    Ok(())
}

pub async fn resolve(session: &mut dyn Session, texts: &Texts, successes: &[Success]) -> Result<Vec<Resolved>> {
    session.plain(texts.dialect.begin).await?;
    let result = resolve_in(session, texts, successes).await;
    end(session, result).await
}

async fn resolve_in(session: &mut dyn Session, texts: &Texts, successes: &[Success]) -> Result<Vec<Resolved>> {
    let (existing, _) = lock(session, texts, successes.iter().map(|success| &success.identity)).await?;
    let mut entries: HashMap<Identity, Entry> = existing.into_iter().map(|entry| (entry.identity.clone(), entry)).collect();
    let (mut gone, mut adopted) = (Vec::new(), Vec::new());
    let mut answers = Vec::with_capacity(successes.len());
    for success in successes {
        answers.push(match entries.get(&success.identity) {
            None => Resolved::Unknown,
            Some(entry) if !success.deletes(entry) => Resolved::NewerFailure,
            Some(entry) => {
                gone.push(entry.id);
                adopted.extend(entry.adopted.clone());
                entries.remove(&success.identity);
                Resolved::Deleted
            }
        });
    }
    gone.sort_unstable();
    fault::point("success.before_delete", "").await?;
    for chunk in gone.chunks(ROWS) {
        let template = format!("DELETE FROM {{entry}} WHERE id IN ({})", placeholders(chunk.len()));
        session.run(&texts.of(&template), chunk.iter().map(|id| (*id).into()).collect()).await?;
    }
    adoption::forget(session, &adopted).await?;
    fault::point("success.after_delete_before_commit", "").await?;
    Ok(answers)
}

pub async fn unlocked(session: &mut dyn Session, texts: &Texts, identities: &[Identity]) -> Result<Vec<bool>> {
    let digests: Vec<Vec<u8>> = identities.iter().map(digest).collect();
    if texts.dialect.skip_locked.is_empty() {
        return Ok(vec![true; identities.len()]);
    }
    let mut locked: HashSet<Vec<u8>> = HashSet::new();
    for chunk in digests.chunks(ROWS) {
        let template = format!("SELECT identity FROM {{entry}} WHERE identity IN ({})", placeholders(chunk.len()));
        let values: Vec<Value> = chunk.iter().map(|digest| digest.as_slice().into()).collect();
        for mut cells in session.rows(&texts.of(&template), values.clone(), &[Kind::Bytes]).await? {
            locked.insert(cells.bytes()?);
        }
        // Outside a transaction the locks of this statement end with it.
        let free = session.rows(&texts.of(&format!("{template}{}", texts.dialect.skip_locked)), values, &[Kind::Bytes]).await?;
        for mut cells in free {
            locked.remove(&cells.bytes()?);
        }
    }
    Ok(digests.iter().map(|digest| !locked.contains(digest)).collect())
}
