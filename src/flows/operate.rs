//! What operators ask for, in steps that never hold many rows.

use crate::domain::entry::State;
use crate::domain::filter::{Filter, Page, cursor};
use crate::domain::verbs::Operation;
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Store, Stored};

/// Rows of one transaction.
const STEP: u32 = 500;

/// Applies an operation to everything that matches; says to how many.
///
/// # Errors
/// What the store says; `KER_STATE` where one entry is named that exists but is in no state for it.
pub async fn operate(store: &dyn Store, namespace: &str, operation: Operation, filter: &Filter) -> Result<u64> {
    let mut total = 0;
    loop {
        let done = store.operate(namespace, operation, filter, STEP).await?;
        total += done;
        // Not "fewer than a step": some may have changed under another hand between being found and being changed.
        if done == 0 {
            break;
        }
    }
    if let (0, Some([id])) = (total, filter.ids.as_deref()) {
        refuse_wrong_state(store, namespace, operation, id).await?;
    }
    Ok(total)
}

async fn refuse_wrong_state(store: &dyn Store, namespace: &str, operation: Operation, id: &str) -> Result<()> {
    let Some(stored) = find(store, namespace, id).await? else { return Ok(()) };
    let state = stored.entry.state;
    if operation.states().contains(&state) {
        return Ok(());
    }
    let wanted: Vec<&str> = operation.states().iter().copied().map(State::as_str).collect();
    let text = format!("entry {id} is {}, which this cannot change; it is for {} entries", state.as_str(), wanted.join(" and "));
    Err(Error::new(ErrorCode::State, text))
}

/// One entry by its decimal number; anything else is nobody's number.
///
/// # Errors
/// What the store says.
pub async fn find(store: &dyn Store, namespace: &str, id: &str) -> Result<Option<Stored>> {
    match id.parse() {
        Ok(id) => store.get(namespace, id).await,
        Err(_) => Ok(None),
    }
}

/// A page of entries, and the cursor behind it unless it is the last.
///
/// # Errors
/// `KER_ARGUMENT` for a bad limit or cursor; what the store says.
pub async fn list(
    store: &dyn Store,
    namespace: &str,
    filter: &Filter,
    limit: u32,
    after: Option<&str>,
) -> Result<(Vec<Stored>, Option<String>)> {
    let page = Page::new(limit, after)?;
    let entries = store.list(namespace, filter, page).await?;
    let is_full = u32::try_from(entries.len()).is_ok_and(|count| count == limit);
    let next = entries.last().filter(|_| is_full).map(|last| cursor(last.entry.id));
    Ok((entries, next))
}
