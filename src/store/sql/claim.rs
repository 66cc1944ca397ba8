//! What claimants do: take leases, prolong them, end them.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::dialect::{ClaimTexts, Texts};
use super::engine::Session;
use super::rows::{self, Doubt, ENTRY, ENTRY_KINDS, MESSAGE, MESSAGE_KINDS};
use super::transaction::end;
use super::value::{Cells, Kind, Value};
use crate::domain::entry::{Entry, Scope, State, Token};
use crate::domain::error::Conflict;
use crate::domain::message::Message;
use crate::domain::time::{Timestamp, millis};
use crate::domain::verbs::{Acked, Claim, Claimed, Company, Expired, Marked, Renewal, Settlement};
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;

/// Values above this size are not read by the claim itself but one by one behind it, so that a claim of many entries
/// has a bounded size.
const LARGE: usize = 64 * 1024;

pub async fn claim_due(session: &mut dyn Session, texts: &Texts, claim: &Claim) -> Result<Vec<Claimed>> {
    match texts.dialect.claim {
        ClaimTexts::One(text) => claim_at_once(session, texts, text, claim).await,
        ClaimTexts::Two { select, update } => {
            session.plain(texts.dialect.begin).await?;
            let result = claim_in(session, texts, select, update, claim).await;
            let mut claimed = end(session, result).await?;
            fetch_large(session, texts, &mut claimed).await?;
            Ok(claimed.into_iter().map(|(claimed, _)| claimed).collect())
        }
    }
}

/// The values that every claim begins with: which entries.
fn which(claim: &Claim) -> Vec<Value> {
    vec![
        claim.namespace.as_str().into(),
        claim.scope.as_bytes().into(),
        claim.due_by.map_or(i64::MAX, |by| by.0).into(),
        (claim.expired == Expired::Taken).into(),
        i64::from(claim.limit).into(),
    ]
}

fn budget(claim: &Claim) -> i64 {
    i64::try_from(claim.max_bytes).unwrap_or(i64::MAX)
}

/// Values: which, lease in ms, token, company, budget, budget. Columns: clock, state, `due_at` and company before the
/// claim; entry; message.
async fn claim_at_once(session: &mut dyn Session, texts: &Texts, text: &str, claim: &Claim) -> Result<Vec<Claimed>> {
    let prefixed = |columns: &str| columns.split(", ").map(|column| format!("e.{column}")).collect::<Vec<_>>().join(", ");
    let template = text.replace("{columns}", &format!("{}, {}", prefixed(ENTRY), prefixed(MESSAGE)));
    let mut values = which(claim);
    values.extend([
        millis(claim.lease).into(),
        claim.token.0.as_slice().into(),
        (claim.company == Company::Others).into(),
        budget(claim).into(),
        budget(claim).into(),
    ]);
    let kinds: Vec<Kind> =
        [Kind::Int, Kind::Text, Kind::Int, Kind::Int].into_iter().chain(ENTRY_KINDS).chain(MESSAGE_KINDS).collect();
    let mut claimed = Vec::new();
    for mut cells in session.rows(&texts.of(&template), values, &kinds).await? {
        let mut doubt = Doubt::default();
        let (now, state) = (Timestamp(cells.int()?), doubt.state(&cells.text()?));
        let (due_at, had_company) = (Timestamp(cells.int()?), cells.int()? != 0);
        let entry = Entry { state, due_at, ..rows::entry(&mut cells, &mut doubt)? };
        let message = rows::message(&mut cells, &mut doubt)?;
        claimed.push(read(entry, message, now, had_company, &doubt));
    }
    claimed.sort_by_key(|claimed| (claimed.entry.due_at, claimed.entry.id));
    Ok(claimed)
}

/// Columns of the SELECT: clock, company, size; entry; message, the value null when it is large. Values of the UPDATE:
/// JSON rows of id and generation step, end of the lease, token, company, scope, the latest due time.
async fn claim_in(
    session: &mut dyn Session,
    texts: &Texts,
    select: &str,
    update: &str,
    claim: &Claim,
) -> Result<Vec<(Claimed, usize)>> {
    let message = MESSAGE.replace("msg_value", &format!("CASE WHEN size <= {LARGE} THEN msg_value END"));
    let template = select.replace("{columns}", &format!("{ENTRY}, {message}"));
    let kinds: Vec<Kind> = [Kind::Int; 3].into_iter().chain(ENTRY_KINDS).chain(MESSAGE_KINDS).collect();
    let mut room = budget(claim);
    let mut claimed = Vec::new();
    for mut cells in session.rows(&texts.of(&template), which(claim), &kinds).await? {
        if room <= 0 {
            break;
        }
        let (now, had_company, size) = (Timestamp(cells.int()?), cells.int()? != 0, cells.int()?);
        room = room.saturating_sub(size);
        let mut doubt = Doubt::default();
        let entry = rows::entry(&mut cells, &mut doubt)?;
        let message = rows::message(&mut cells, &mut doubt)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        claimed.push((read(entry, message, now, had_company, &doubt), size));
    }
    let Some(now) = claimed.first().map(|(first, _)| first.now) else { return Ok(claimed) };
    let steps: Vec<_> = claimed
        .iter_mut()
        .map(|(claimed, _)| {
            let step = i64::from(claimed.entry.state == State::Scheduled);
            claimed.entry.generation += step;
            json!({ "id": claimed.entry.id, "step": step })
        })
        .collect();
    let has_company = claim.company == Company::Others || claimed.len() > 1;
    let values = vec![
        Value::Json(json!(steps).to_string()),
        now.after(claim.lease).0.into(),
        claim.token.0.as_slice().into(),
        has_company.into(),
        claim.scope.as_bytes().into(),
        claim.due_by.map_or(now, |by| by.min(now)).0.into(),
    ];
    let taken = session.run(&texts.of(update), values).await?;
    if taken != claimed.len() as u64 {
        // Only a database without row locks comes here: somebody else took some of them in between.
        return Err(Error::new(ErrorCode::Store, "entries were claimed by two processes at once").with_conflict(Conflict::Again));
    }
    Ok(claimed)
}

fn read(entry: Entry, message: Message, now: Timestamp, had_company: bool, doubt: &Doubt) -> Claimed {
    let expired_in_company = entry.state == State::Leased && had_company;
    Claimed { entry, message, expired_in_company, now, unreadable: doubt.0 }
}

async fn fetch_large(session: &mut dyn Session, texts: &Texts, claimed: &mut [(Claimed, usize)]) -> Result<()> {
    let text = texts.of("SELECT msg_value FROM {entry} WHERE id = ?");
    for (claimed, _) in claimed.iter_mut().filter(|(_, size)| *size > LARGE) {
        let rows = session.rows(&text, vec![claimed.entry.id.into()], &[Kind::Bytes]).await?;
        // Gone in the meantime: the settlement will find that out.
        if let Some(mut cells) = rows.into_iter().next() {
            claimed.message.value = cells.maybe_bytes()?;
        }
    }
    Ok(())
}

pub async fn renew(session: &mut dyn Session, texts: &Texts, renewal: &Renewal) -> Result<Vec<i64>> {
    let ids = json!(renewal.ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>()).to_string();
    let token: Value = renewal.token.0.as_slice().into();
    let values = vec![Value::Json(ids), millis(renewal.lease).into(), token.clone()];
    let renewed = session.run(&texts.of(texts.dialect.renew), values).await?;
    if renewed == renewal.ids.len() as u64 {
        return Ok(renewal.ids.clone());
    }
    let held = under(
        session,
        texts,
        "SELECT id FROM {entry} WHERE lease_token = ? AND state = 'leased' AND id >= ? AND id <= ?",
        &token,
        &renewal.ids,
    )
    .await?;
    Ok(renewal.ids.iter().copied().filter(|id| held.contains(id)).collect())
}

pub async fn settle_leased(
    session: &mut dyn Session,
    texts: &Texts,
    token: Token,
    settlements: &[Settlement],
) -> Result<Vec<Marked>> {
    let token: Value = token.0.as_slice().into();
    let (template, values) = if let Some((due_in, is_counting)) = delivered_alike(settlements) {
        let rows: Vec<_> = settlements.iter().filter_map(delivered_row).collect();
        let values = vec![Value::Json(json!(rows).to_string()), due_in.into(), is_counting.into(), token.clone()];
        (texts.dialect.delivered, values)
    } else {
        let rows: Vec<_> = settlements.iter().map(settlement_row).collect();
        (texts.dialect.settle, vec![Value::Json(json!(rows).to_string()), token.clone()])
    };
    let settled = session.run(&texts.of(&planted::fence(template)), values).await?;
    if settled == settlements.len() as u64 {
        return Ok(vec![Marked::Done; settlements.len()]);
    }
    // A settled row keeps its token until the next write, which tells whose it was.
    let ids: Vec<i64> = settlements.iter().map(|settlement| settlement.id).collect();
    let done = under(
        session,
        texts,
        "SELECT id FROM {entry} WHERE lease_token = ? AND state <> 'leased' AND id >= ? AND id <= ?",
        &token,
        &ids,
    )
    .await?;
    Ok(ids.iter().map(|id| if done.contains(id) { Marked::Done } else { Marked::Fenced }).collect())
}

async fn under(session: &mut dyn Session, texts: &Texts, template: &str, token: &Value, ids: &[i64]) -> Result<HashSet<i64>> {
    let first = ids.iter().copied().min().unwrap_or(0);
    let last = ids.iter().copied().max().unwrap_or(0);
    let rows = session.rows(&texts.of(template), vec![token.clone(), first.into(), last.into()], &[Kind::Int]).await?;
    rows.into_iter().map(|mut cells| cells.int()).collect()
}

/// The due time in milliseconds and whether it counts, where every settlement is a copy that was taken just now and these
/// are the same for all: nearly every batch. The rest of such a settlement is what the entry had already.
fn delivered_alike(settlements: &[Settlement]) -> Option<(i64, bool)> {
    let first = settlements.first()?;
    let is_counting = first.delivery?.is_counting;
    let is_alike = |settlement: &Settlement| {
        let is_fresh = settlement.delivery.is_some_and(|copy| copy.acked == Acked::Now && copy.is_counting == is_counting);
        is_fresh && settlement.state == State::Awaiting && settlement.due_in == first.due_in && settlement.adopted.is_none()
    };
    settlements.iter().all(is_alike).then(|| (millis(first.due_in), is_counting))
}

fn delivered_row(settlement: &Settlement) -> Option<(i64, i32, i64)> {
    settlement.delivery.map(|copy| (settlement.id, copy.partition, copy.offset))
}

/// Planted: whoever held a lease once may still end it.
mod planted {
    use std::borrow::Cow;

    use crate::fault;

    pub fn fence(text: &str) -> Cow<'_, str> {
        if !fault::is_planted("P2") {
            return text.into();
        }
        let token = ["e.lease_token = ?", "lease_token = ?4", "lease_token = ?"].into_iter().find(|token| text.contains(token));
        let token = token.unwrap_or_default();
        let text = text.replace(token, &format!("({token} OR TRUE)"));
        text.replace("AND e.state = 'leased'", "").replace("AND state = 'leased'", "").into()
    }
}

/// Short names: a batch has a thousand of these. Scope is `null` where no claim may see the entry.
fn settlement_row(settlement: &Settlement) -> serde_json::Value {
    let delivery = settlement.delivery;
    let scope = match settlement.state {
        State::Dead | State::Held => None,
        State::Scheduled | State::Leased | State::Awaiting => {
            Some(if settlement.is_alone { Scope::PublishedAlone } else { Scope::Published })
        }
    };
    let acked = delivery.and_then(|delivery| match delivery.acked {
        Acked::Now => None,
        Acked::At(at) => Some(at.0),
    });
    json!({
        "id": settlement.id,
        "st": settlement.state.as_str(),
        "re": settlement.reason.as_str(),
        "du": millis(settlement.due_in),
        // Planted: the count lives only in the process.
        "rc": if fault::is_planted("P7") { 1 } else { settlement.retry_count },
        "fg": settlement.failed_generation,
        "al": i64::from(settlement.is_alone),
        "sc": scope.map(|scope| String::from_utf8_lossy(scope.as_bytes()).into_owned()),
        "cp": delivery.map(|delivery| delivery.partition),
        "co": delivery.map(|delivery| delivery.offset),
        "ak": acked,
        "ct": i64::from(delivery.is_some_and(|delivery| delivery.is_counting)),
        "ad": settlement.adopted.as_ref().map(|adopted| json!(adopted).to_string()),
    })
}

pub async fn next_due(session: &mut dyn Session, texts: &Texts, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>> {
    let first = "SELECT MIN(due_at) AS due_at FROM {entry} WHERE namespace = ? AND scope = ?";
    let template = format!("SELECT MIN(due_at) - {{now}} FROM ({}) AS firsts", vec![first; scopes.len()].join(" UNION ALL "));
    let values = scopes.iter().flat_map(|scope| [namespace.into(), scope.as_bytes().into()]).collect();
    let mut rows = session.rows(&texts.of(&template), values, &[Kind::Int]).await?;
    let wait = rows.first_mut().map(Cells::maybe_int).transpose()?.flatten();
    Ok(wait.map(|wait| Duration::from_millis(u64::try_from(wait).unwrap_or(0))))
}
