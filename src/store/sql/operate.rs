//! What operators do: look, and change what a filter matches.

use super::adoption;
use super::dialect::{Texts, placeholders};
use super::engine::Session;
use super::rows::{self, ENTRY, ENTRY_KINDS, MESSAGE, MESSAGE_KINDS};
use super::transaction::end;
use super::value::{Kind, Value};
use crate::domain::entry::{Scope, State};
use crate::domain::filter::{Filter, Page};
use crate::domain::verbs::Operation;
use crate::domain::{Error, Result};
use crate::ports::{Stored, Tally, TallyLine};

/// `namespace = ? AND …`, with its values.
fn condition(namespace: &str, filter: &Filter) -> (String, Vec<Value>) {
    let mut text = String::from("namespace = ?");
    let mut values = vec![Value::from(namespace)];
    let mut and = |condition: &str, value: Value| {
        text.push_str(" AND ");
        text.push_str(condition);
        values.push(value);
    };
    if let Some(topic) = &filter.topic {
        and("topic = ?", topic.as_str().into());
    }
    if let Some(group) = &filter.group_id {
        and("grp = ?", group.as_str().into());
    }
    if let Some(data_id) = &filter.data_id {
        and("data_id = ?", data_id.as_str().into());
    }
    if let Some(state) = filter.state {
        and("state = ?", state.as_str().into());
    }
    if let Some(reason) = filter.reason {
        and("reason = ?", reason.as_str().into());
    }
    if let Some(before) = filter.failed_before {
        and("last_failed_at < ?", before.into());
    }
    if let Some(settled) = filter.settled_for {
        and("scope IS NULL AND due_at <= {now} - ?", i64::try_from(settled).unwrap_or(i64::MAX).into());
    }
    if let Some(ids) = filter.numbers() {
        // An empty list matches nothing, and `IN ()` is no SQL.
        text.push_str(if ids.is_empty() { " AND 1 = 0" } else { "" });
        if !ids.is_empty() {
            text = format!("{text} AND id IN ({})", placeholders(ids.len()));
            values.extend(ids.into_iter().map(Value::from));
        }
    }
    (text, values)
}

pub async fn get(session: &mut dyn Session, texts: &Texts, namespace: &str, id: i64) -> Result<Option<Stored>> {
    let filter = Filter { ids: Some(vec![id.to_string()]), ..Filter::default() };
    Ok(list(session, texts, namespace, &filter, Page { limit: 1, after: 0 }).await?.pop())
}

pub async fn list(session: &mut dyn Session, texts: &Texts, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>> {
    let (condition, mut values) = condition(namespace, filter);
    let template = format!("SELECT {ENTRY}, {MESSAGE}, error FROM {{entry}} WHERE {condition} AND id > ? ORDER BY id LIMIT ?");
    values.extend([page.after.into(), i64::from(page.limit).into()]);
    let kinds: Vec<Kind> = ENTRY_KINDS.into_iter().chain(MESSAGE_KINDS).chain([Kind::Bytes]).collect();
    let rows = session.rows(&texts.of(&template), values, &kinds).await?;
    rows.into_iter().map(|mut cells| rows::stored(&mut cells)).collect()
}

pub async fn count(session: &mut dyn Session, texts: &Texts, namespace: &str, filter: &Filter) -> Result<u64> {
    let (condition, values) = condition(namespace, filter);
    let rows =
        session.rows(&texts.of(&format!("SELECT COUNT(*) FROM {{entry}} WHERE {condition}")), values, &[Kind::Int]).await?;
    let count = rows.into_iter().next().map(|mut cells| cells.int()).transpose()?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

pub async fn operate(
    session: &mut dyn Session,
    texts: &Texts,
    namespace: &str,
    operation: Operation,
    filter: &Filter,
    limit: u32,
) -> Result<u64> {
    session.plain(texts.dialect.begin).await?;
    let result = operate_in(session, texts, namespace, operation, filter, limit).await;
    end(session, result).await
}

async fn operate_in(
    session: &mut dyn Session,
    texts: &Texts,
    namespace: &str,
    operation: Operation,
    filter: &Filter,
    limit: u32,
) -> Result<u64> {
    let (mut condition, mut values) = condition(namespace, filter);
    condition = format!("{condition} AND state IN ({})", placeholders(operation.states().len()));
    values.extend(operation.states().iter().map(|state| Value::from(state.as_str())));
    if operation == Operation::RetryNow {
        // What is due already would be changed for ever by whoever repeats this until nothing is left.
        condition.push_str(" AND due_at > {now}");
    }
    values.push(i64::from(limit).into());
    // Read without locks: a locking scan would hold rows of others for a moment, and their claims would skip them.
    let template = format!("SELECT id FROM {{entry}} WHERE {condition} ORDER BY id LIMIT ?");
    let rows = session.rows(&texts.of(&template), values, &[Kind::Int]).await?;
    let ids: Vec<i64> = rows.into_iter().map(|mut cells| cells.int()).collect::<Result<_>>()?;
    if ids.is_empty() {
        return Ok(0);
    }
    if texts.dialect.has_old_rows && matches!(operation, Operation::Discard | Operation::Purge) {
        adoption::forget_of(session, texts, &ids, operation.states()).await?;
    }
    let (change, mut values) = change(operation);
    let states = operation.states();
    let template = format!("{change} WHERE id IN ({}) AND state IN ({})", placeholders(ids.len()), placeholders(states.len()));
    values.extend(ids.iter().map(|id| Value::from(*id)));
    values.extend(states.iter().map(|state| Value::from(state.as_str())));
    session.run(&texts.of(&template), values).await
}

/// The statement up to its `WHERE`, with its values.
fn change(operation: Operation) -> (&'static str, Vec<Value>) {
    let published = || Value::from(Scope::Published.as_bytes());
    match operation {
        Operation::Requeue(None) => (
            "UPDATE {entry} SET scope = ?, state = 'scheduled', reason = 'operator', retry_count = 0, is_alone = 0, due_at = {now}",
            vec![published()],
        ),
        Operation::Requeue(Some(redelivery)) => (
            "UPDATE {entry} SET redelivery = ?, scope = ?, state = 'scheduled', reason = 'operator', retry_count = 0, is_alone = 0, \
             due_at = {now}",
            vec![redelivery.as_str().into(), published()],
        ),
        Operation::RetryNow => ("UPDATE {entry} SET due_at = {now}", vec![]),
        Operation::Hold => ("UPDATE {entry} SET state = 'held', reason = 'operator', scope = NULL, due_at = {now}", vec![]),
        Operation::Discard | Operation::Purge => ("DELETE FROM {entry}", vec![]),
    }
}

pub async fn tally(session: &mut dyn Session, texts: &Texts, namespace: &str) -> Result<Tally> {
    let template = "SELECT topic, grp, state, COUNT(*), {now} - MIN(CASE WHEN state = 'scheduled' THEN due_at END) \
                    FROM {entry} WHERE namespace = ? GROUP BY topic, grp, state ORDER BY topic, grp, state";
    let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int];
    let mut tally = Tally::default();
    for mut cells in session.rows(&texts.of(template), vec![namespace.into()], &kinds).await? {
        let (topic, group_id) = (cells.text()?, cells.text()?);
        let state =
            State::parse(&cells.text()?).ok_or_else(|| Error::internal("the store holds a state this version cannot read"))?;
        let count = u64::try_from(cells.int()?).unwrap_or(0);
        let overdue = cells.maybe_int()?.filter(|overdue| *overdue >= 0);
        tally.oldest_due_ms = tally.oldest_due_ms.max(overdue);
        tally.entries.push(TallyLine { topic, group_id, state, count });
    }
    Ok(tally)
}

pub async fn set_paused(session: &mut dyn Session, texts: &Texts, namespace: &str, topic: &str, paused: bool) -> Result<()> {
    session.plain(texts.dialect.begin).await?;
    let result = set_paused_in(session, texts, namespace, topic, paused).await;
    end(session, result).await
}

async fn set_paused_in(session: &mut dyn Session, texts: &Texts, namespace: &str, topic: &str, paused: bool) -> Result<()> {
    let key = || vec![Value::from(namespace), Value::from(topic)];
    session.run(&texts.of("DELETE FROM {paused} WHERE namespace = ? AND topic = ?"), key()).await?;
    if paused {
        session.run(&texts.of("INSERT INTO {paused} (namespace, topic) VALUES (?, ?)"), key()).await?;
    } else {
        // What was put off only because of the pause need not wait any longer.
        let text =
            "UPDATE {entry} SET due_at = {now} WHERE namespace = ? AND topic = ? AND state = 'scheduled' AND reason = 'paused'";
        session.run(&texts.of(text), key()).await?;
    }
    Ok(())
}

pub async fn paused(session: &mut dyn Session, texts: &Texts, namespace: &str) -> Result<Vec<String>> {
    let text = texts.of("SELECT topic FROM {paused} WHERE namespace = ? ORDER BY topic");
    let rows = session.rows(&text, vec![namespace.into()], &[Kind::Text]).await?;
    rows.into_iter().map(|mut cells| cells.text()).collect()
}
