//! How a transaction ends.

use super::engine::Session;
use crate::domain::Result;
use crate::domain::error::{Conflict, Outcome};

/// Ends a transaction by what its work came to: COMMIT, whose own failure leaves the outcome unknown, or ROLLBACK.
pub async fn end<T>(session: &mut dyn Session, result: Result<T>) -> Result<T> {
    match result {
        Ok(value) => match session.plain("COMMIT").await {
            Ok(()) => Ok(value),
            Err(error) => {
                session.discard();
                // A conflict at COMMIT is a definite answer: nothing was committed.
                let is_definite = error.conflict != Conflict::None;
                Err(if is_definite { error } else { error.with_outcome(Outcome::Unknown) })
            }
        },
        Err(error) => {
            if session.plain("ROLLBACK").await.is_err() {
                session.discard();
            }
            Err(error)
        }
    }
}
