//! The table of 2.x, which only ever was one of MySQL or MariaDB.
//!
//! A row that became an entry is set to `reachMaxRetryCount = 2`, which 2.x neither selects nor writes. Marking the row
//! and writing the entry are one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::dialect::{Texts, placeholders};
use super::engine::Session;
use super::push::{insert, lock};
use super::rows;
use super::transaction::end;
use super::value::{Cells, Kind, Value};
use crate::domain::adoption::{Adopted, AdoptedPage, Adoption, OldRow, OldRows, OldTopic};
use crate::domain::entry::{Entry, Identity, Life, Reason, RecentFailures, State};
use crate::domain::fold::Written;
use crate::domain::headers::Headers;
use crate::domain::message::{Message, Origin};
use crate::domain::time::Timestamp;
use crate::domain::validate::{is_data_id, is_database, is_topic};
use crate::domain::{Error, Result};

/// Rows of one statement.
const ROWS: usize = 128;
/// The most rows of 2.x that one entry stands for; more duplicates than these stay where they are.
const DUPLICATES: usize = 100;

const OPEN: &str = "(reachMaxRetryCount = 0 OR reachMaxRetryCount IS NULL)";
const SPENT: &str = "reachMaxRetryCount = 1";

/// The quoted name of the table.
fn table(source: &str) -> Result<String> {
    if is_database(source) {
        Ok(format!("`{source}`.`business_errors`"))
    } else {
        Err(Error::internal("a database of 2.x has no fit name"))
    }
}

/// Whether there is such a table that this user may read. Asked without an error, because most installations have none.
async fn is_there(session: &mut dyn Session, source: &str) -> Result<bool> {
    let text = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'business_errors' \
                AND COLUMN_NAME IN ('id', 'dataId', 'topic', 'key', 'value', 'retryCount', 'nextTime', 'reachMaxRetryCount', 'createdAt', 'updatedAt')";
    let found = session.rows(text, vec![source.into()], &[Kind::Int]).await?;
    Ok(found.into_iter().next().map(|mut cells| cells.int()).transpose()? == Some(10))
}

/// What is in the table, by topic.
pub async fn survey(session: &mut dyn Session, source: &str) -> Result<Vec<OldTopic>> {
    if !is_there(session, source).await? {
        return Ok(vec![]);
    }
    let count = |condition: &str| format!("CAST(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS SIGNED)");
    let (open, spent, adopted) = (count(OPEN), count(SPENT), count("reachMaxRetryCount = 2"));
    let text = format!("SELECT topic, {open}, {spent}, {adopted} FROM {} GROUP BY topic ORDER BY topic", table(source)?);
    let rows = session.rows(&text, vec![], &[Kind::Text, Kind::Int, Kind::Int, Kind::Int]).await?;
    let number = |cells: &mut Cells| Ok(u64::try_from(cells.int()?).unwrap_or(0));
    let read = |mut cells: Cells| {
        let topic = cells.text()?;
        let (open, spent, adopted) = (number(&mut cells)?, number(&mut cells)?, number(&mut cells)?);
        Ok(OldTopic { source: source.to_owned(), topic, open, spent, adopted })
    };
    rows.into_iter().map(read).collect()
}

/// Adopts one page of rows.
pub async fn adopt(session: &mut dyn Session, texts: &Texts, returning: &str, adoption: &Adoption) -> Result<AdoptedPage> {
    if !is_there(session, &adoption.source).await? {
        return Ok(AdoptedPage::default());
    }
    let condition = if adoption.rows == OldRows::Open { OPEN } else { SPENT };
    // Without locks: a locking scan of a table without an index would hold every row of a 2.x that still runs.
    let text = format!("SELECT id FROM {} WHERE id > ? AND {condition} ORDER BY id LIMIT ?", table(&adoption.source)?);
    let found = session.rows(&text, vec![adoption.after.into(), i64::from(adoption.limit).into()], &[Kind::Int]).await?;
    let ids: Vec<i64> = found.into_iter().map(|mut cells| cells.int()).collect::<Result<_>>()?;
    let last = ids.last().copied().filter(|_| u32::try_from(ids.len()).is_ok_and(|count| count == adoption.limit));
    if ids.is_empty() {
        return Ok(AdoptedPage::default());
    }
    session.plain(texts.dialect.begin).await?;
    let result = adopt_in(session, texts, returning, adoption, condition, &ids).await;
    let (adopted, refused) = end(session, result).await?;
    Ok(AdoptedPage { adopted, refused, last })
}

async fn adopt_in(
    session: &mut dyn Session,
    texts: &Texts,
    returning: &str,
    adoption: &Adoption,
    condition: &str,
    ids: &[i64],
) -> Result<(u64, u64)> {
    let (rows, refused) = read(session, adoption, condition, ids).await?;
    let (existing, now) = lock(session, texts, rows.keys()).await?;
    let mut known: HashMap<Identity, Entry> = existing.into_iter().map(|entry| (entry.identity.clone(), entry)).collect();
    let (mut inserts, mut taken, mut refused) = (Vec::new(), Vec::new(), refused);
    for (identity, rows) in rows {
        let before = known.remove(&identity);
        let room =
            DUPLICATES - before.as_ref().and_then(|entry| entry.adopted.as_ref()).map_or(0, |old| old.rows.len()).min(DUPLICATES);
        refused += rows.len().saturating_sub(room) as u64;
        let rows: Vec<Row> = rows.into_iter().take(room).collect();
        taken.extend(rows.iter().map(|row| row.old.id));
        match before {
            Some(entry) => join(session, texts, adoption, entry, &rows).await?,
            None => inserts.extend(written(adoption, identity, rows, now)),
        }
    }
    let mut numbers = HashMap::new();
    for chunk in inserts.chunks(ROWS) {
        insert(session, texts, returning, chunk, &mut numbers).await?;
    }
    for chunk in taken.chunks(ROWS) {
        let text =
            format!("UPDATE {} SET reachMaxRetryCount = 2 WHERE id IN ({})", table(&adoption.source)?, placeholders(chunk.len()));
        session.run(&text, chunk.iter().map(|id| (*id).into()).collect()).await?;
    }
    Ok((taken.len() as u64, refused))
}

/// A row of 2.x.
struct Row {
    old: OldRow,
    key: String,
    value: String,
    next_time: Option<Timestamp>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
}

/// Locks rows that are still to be adopted, and reads them by identity, the one that counts first. Rows that others hold
/// come with a later page.
async fn read(
    session: &mut dyn Session,
    adoption: &Adoption,
    condition: &str,
    ids: &[i64],
) -> Result<(BTreeMap<Identity, Vec<Row>>, u64)> {
    let kinds = [Kind::Int, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Int];
    let columns = "id, topic, dataId, `key`, `value`, CAST(COALESCE(retryCount, 1) AS SIGNED), CAST(nextTime AS CHAR), \
                   CAST(UNIX_TIMESTAMP(createdAt) * 1000 AS SIGNED), CAST(UNIX_TIMESTAMP(updatedAt) * 1000 AS SIGNED)";
    let (mut found, mut refused) = (BTreeMap::<Identity, Vec<Row>>::new(), 0);
    for chunk in ids.chunks(ROWS) {
        let text = format!(
            "SELECT {columns} FROM {} WHERE id IN ({}) AND {condition} ORDER BY id FOR UPDATE SKIP LOCKED",
            table(&adoption.source)?,
            placeholders(chunk.len())
        );
        for mut cells in session.rows(&text, chunk.iter().map(|id| (*id).into()).collect(), &kinds).await? {
            let (id, topic, data_id) = (cells.int()?, cells.text()?, cells.text()?);
            let (key, value) = (cells.text()?, cells.text()?);
            let retry_count = u32::try_from(cells.int()?.max(1)).unwrap_or(u32::MAX);
            let next_time = adoption.zone.moment(&cells.text()?);
            let row = Row {
                old: OldRow { id, retry_count },
                key,
                value,
                next_time,
                created_at: cells.maybe_int()?,
                updated_at: cells.maybe_int()?,
            };
            if !is_topic(&topic) || !is_data_id(&data_id) {
                refused += 1;
                continue;
            }
            let (namespace, group) = (adoption.namespace.clone(), adoption.group.clone());
            found.entry(Identity { namespace, group, topic, data_id }).or_default().push(row);
        }
    }
    for rows in found.values_mut() {
        rows.sort_by_key(|row| std::cmp::Reverse((row.old.retry_count, row.updated_at, row.old.id)));
    }
    Ok((found, refused))
}

/// The entry of rows with one identity.
fn written(adoption: &Adoption, identity: Identity, rows: Vec<Row>, now: Timestamp) -> Option<Written> {
    let old: Vec<OldRow> = rows.iter().map(|row| row.old).collect();
    let first = rows.into_iter().next()?;
    let is_spent = adoption.rows == OldRows::Spent;
    let since = first.created_at.map_or(now, Timestamp);
    let entry = Entry {
        id: 0,
        identity,
        life: life(&adoption.seed, &adoption.source, first.old.id),
        state: if is_spent { State::Dead } else { State::Scheduled },
        reason: Reason::Failed,
        due_at: if is_spent { now } else { first.next_time.unwrap_or(now) },
        is_alone: false,
        generation: 0,
        failed_generation: 0,
        retry_count: first.old.retry_count,
        policy: adoption.policy.clone(),
        redelivery: adoption.redelivery,
        recent: RecentFailures::default(),
        delivered: None,
        first_failed_at: since,
        last_failed_at: first.updated_at.map_or(since, Timestamp),
        adopted: Some(Adopted { source: adoption.source.clone(), rows: old }),
    };
    let (key, value) = (Some(first.key.into_bytes()), Some(first.value.into_bytes()));
    Some(Written { entry, message: Message { key, value, headers: Headers::default(), origin: Origin::default() }, error: None })
}

/// Random bits that differ from row to row.
fn life(seed: &[u8; 16], source: &str, id: i64) -> Life {
    let hash = Sha256::new().chain_update(seed).chain_update(source).chain_update(id.to_be_bytes()).finalize();
    let mut life = [0; 16];
    life.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    Life(life)
}

/// Rows of an identity that already has an entry: from now on it stands for them as well, and has had as many attempts as
/// the one of them that had most.
async fn join(session: &mut dyn Session, texts: &Texts, adoption: &Adoption, entry: Entry, rows: &[Row]) -> Result<()> {
    let mut adopted = entry.adopted.unwrap_or_else(|| Adopted { source: adoption.source.clone(), rows: vec![] });
    if adopted.source != adoption.source {
        // Two tables with the same id: the entry stands for the one that it has, and the other's rows are only marked.
        return Ok(());
    }
    adopted.rows.extend(rows.iter().map(|row| row.old));
    let most = rows.iter().map(|row| row.old.retry_count).max().unwrap_or(0).max(entry.retry_count);
    let values = vec![Value::Bytes(rows::adopted(Some(&adopted))?), i64::from(most).into(), entry.id.into()];
    session.run(&texts.of("UPDATE {entry} SET adopted = ?, retry_count = ? WHERE id = ?"), values).await?;
    Ok(())
}

/// The rows as they are now.
pub async fn old_rows(session: &mut dyn Session, adopted: &[Adopted]) -> Result<Vec<Vec<OldRow>>> {
    let mut counts: HashMap<(&str, i64), u32> = HashMap::new();
    let sources: HashSet<&str> = adopted.iter().map(|adopted| adopted.source.as_str()).collect();
    for source in sources {
        let ids: Vec<i64> = adopted.iter().filter(|adopted| adopted.source == source).flat_map(ids).collect();
        for chunk in ids.chunks(ROWS) {
            let (table, places) = (table(source)?, placeholders(chunk.len()));
            let text = format!("SELECT id, CAST(COALESCE(retryCount, 1) AS SIGNED) FROM {table} WHERE id IN ({places})");
            for mut cells in session.rows(&text, chunk.iter().map(|id| (*id).into()).collect(), &[Kind::Int, Kind::Int]).await? {
                let id = cells.int()?;
                counts.insert((source, id), u32::try_from(cells.int()?.max(1)).unwrap_or(u32::MAX));
            }
        }
    }
    let now = |adopted: &Adopted| {
        let found = |id: i64| counts.get(&(adopted.source.as_str(), id)).map(|count| OldRow { id, retry_count: *count });
        ids(adopted).filter_map(found).collect()
    };
    Ok(adopted.iter().map(now).collect())
}

fn ids(adopted: &Adopted) -> impl Iterator<Item = i64> {
    adopted.rows.iter().map(|row| row.id)
}

/// Deletes the rows of entries that are going, in their transaction.
pub async fn forget(session: &mut dyn Session, adopted: &[Adopted]) -> Result<()> {
    for adopted in adopted {
        let (table, places) = (table(&adopted.source)?, placeholders(adopted.rows.len()));
        let text = format!("DELETE FROM {table} WHERE id IN ({places})");
        session.run(&text, ids(adopted).map(Value::from).collect()).await?;
    }
    Ok(())
}

/// What operators delete by number takes the rows along.
pub async fn forget_of(session: &mut dyn Session, texts: &Texts, entries: &[i64], states: &[State]) -> Result<()> {
    let (ids, words) = (placeholders(entries.len()), placeholders(states.len()));
    // Locked, so that none of them changes its state before it is deleted.
    let template =
        format!("SELECT adopted FROM {{entry}} WHERE id IN ({ids}) AND state IN ({words}) AND adopted IS NOT NULL FOR UPDATE");
    let values = entries.iter().map(|id| Value::from(*id)).chain(states.iter().map(|state| state.as_str().into()));
    let found = session.rows(&texts.of(&template), values.collect(), &[Kind::Bytes]).await?;
    let mut adopted = Vec::new();
    for mut cells in found {
        adopted.extend(rows::read_adopted(&cells.bytes()?));
    }
    forget(session, &adopted).await
}
