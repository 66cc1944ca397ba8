//! The one map from database errors to ours.

use std::io::ErrorKind;

use serde_json::json;

use crate::domain::error::{Conflict, Outcome};
use crate::domain::{Error, ErrorCode};

/// What a database's own error code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Deadlock, serialization failure, lost race for a key: run the transaction again.
    Again,
    /// A row stayed locked for longer than the lock time-out.
    Locked,
    /// The login was refused.
    Auth,
    /// The database does not exist.
    NoDatabase,
    /// A right is missing.
    Privilege,
    /// The server is going down, full, read-only, or out of connections.
    Unavailable,
    /// The server takes no statement of this size.
    TooLarge,
    /// Something else: most likely a bug of ours.
    Other,
}

/// `known` reads the database's code; everything that is not a database error is about the connection.
pub fn from_sqlx(error: sqlx::Error, known: impl FnOnce(&dyn sqlx::error::DatabaseError) -> Known) -> Error {
    if let Some(reason) = untrusted(&error) {
        let message = format!(
            "no TLS connection to the database that can be trusted: {reason}; see db.tls (db.tls.ca names the authority of a private \
             certificate)"
        );
        let error = Error::new(ErrorCode::Store, message).caused_by(error);
        return error.with_details(json!({ "kind": "tls" })).with_outcome(Outcome::NotDone);
    }
    let known = error.as_database_error().map(known);
    let (code, message, conflict) = match known {
        Some(Known::Again) => (ErrorCode::Store, "the transaction lost against another one", Conflict::Again),
        Some(Known::Locked) => (ErrorCode::Store, "a row is locked by another transaction", Conflict::Locked),
        Some(Known::Auth) => {
            (ErrorCode::StoreAuth, "the database refused the login; check db.username and db.password", Conflict::None)
        }
        Some(Known::NoDatabase) => {
            (ErrorCode::Store, "the database does not exist; create it, or let schema: 'auto' do so", Conflict::NoDatabase)
        }
        Some(Known::Privilege) => (ErrorCode::StorePrivilege, "the database user lacks a right", Conflict::None),
        Some(Known::TooLarge) => (ErrorCode::TooLarge, "the database takes no message of this size", Conflict::None),
        Some(Known::Unavailable) => (ErrorCode::Store, "the database is not able to work now", Conflict::None),
        Some(Known::Other) => (ErrorCode::Internal, "the database refused a statement", Conflict::None),
        None => match &error {
            sqlx::Error::PoolTimedOut => (
                ErrorCode::Store,
                "no database connection in time: the server does not answer, or all connections are busy",
                Conflict::None,
            ),
            sqlx::Error::PoolClosed => (ErrorCode::Closed, "the store is closed", Conflict::None),
            sqlx::Error::Configuration(_) => (ErrorCode::Config, "the database settings cannot work", Conflict::None),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::ColumnNotFound(_) => {
                (ErrorCode::Internal, "a value does not have the type of its column", Conflict::None)
            }
            _ => (ErrorCode::Store, "the database did not answer", Conflict::None),
        },
    };
    // Until COMMIT is sent nothing has happened; whoever sends it says otherwise.
    Error::new(code, message).with_outcome(Outcome::NotDone).with_conflict(conflict).caused_by(error)
}

/// Whether the server itself said so, and the statement is therefore undone.
#[must_use]
pub fn is_answer(error: &Error) -> bool {
    let cause = error.source.as_ref().and_then(|cause| cause.downcast_ref::<sqlx::Error>());
    cause.is_some_and(|cause| cause.as_database_error().is_some())
}

/// Names the kind of statement that the user has no right to; any other error stays as it is.
#[must_use]
pub fn lacking(error: Error, statement: &str) -> Error {
    if error.code != ErrorCode::StorePrivilege {
        return error;
    }
    let kind = match statement.split_whitespace().next().unwrap_or_default() {
        // What is read first in such a statement is also changed or locked by it.
        "WITH" => "SELECT or UPDATE",
        word => word,
    };
    Error { message: format!("the database user lacks a right: {kind}"), details: json!({ "statement": kind }), ..error }
}

/// Why no TLS connection came about. What rustls has against a certificate arrives as an error of the socket.
fn untrusted(error: &sqlx::Error) -> Option<String> {
    match error {
        // The driver's text repeats what it was given.
        sqlx::Error::Tls(reason) if reason.to_string().starts_with("Invalid certificate") => {
            Some("db.tls.ca is not a certificate in PEM".to_owned())
        }
        sqlx::Error::Tls(reason) => Some(reason.to_string()),
        sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => Some(error.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_by_its_kind_of_statement() {
        let message = |statement| lacking(Error::new(ErrorCode::StorePrivilege, "no"), statement).message;
        assert_eq!(message("CREATE TABLE x (id BIGINT)"), "the database user lacks a right: CREATE");
        assert_eq!(message("WITH due AS (SELECT 1) UPDATE x"), "the database user lacks a right: SELECT or UPDATE");
        assert_eq!(lacking(Error::new(ErrorCode::Store, "down"), "SELECT 1").message, "down");
    }
}
