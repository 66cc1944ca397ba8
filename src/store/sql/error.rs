//! The one map from database errors to ours.

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
            sqlx::Error::Tls(_) => (ErrorCode::Store, "no TLS connection to the database; see db.tls", Conflict::None),
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
