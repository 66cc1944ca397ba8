//! Connections: what a database file has to provide.

use async_trait::async_trait;

use super::value::{Cells, Kind, Value};
use crate::domain::Result;
use crate::ports::StoreFacts;

/// A pool of connections.
#[async_trait]
pub trait Engine: Send + Sync {
    /// A connection for reading and writing.
    async fn session(&self) -> Result<Box<dyn Session>>;
    /// A connection that only reads, where those that write are too few for it; `None` elsewhere.
    async fn reader(&self) -> Result<Option<Box<dyn Session>>> {
        Ok(None)
    }
    /// What the server says of itself: version, limits, risks. Refuses a server that is too old.
    async fn facts(&self, session: &mut dyn Session) -> Result<StoreFacts>;
    /// At the end of an INSERT: returns id and identity. Empty where the server cannot.
    fn returning(&self) -> &'static str {
        " RETURNING id, identity"
    }
    /// Between `VALUES …` and the end of an INSERT: leaves rows alone whose identity exists, and returns id, identity,
    /// life and `due_at` of what is there. `None` where the server cannot.
    fn insert_new(&self) -> Option<&'static str> {
        Some(" ON CONFLICT (identity) DO NOTHING RETURNING id, identity, life, due_at")
    }
    /// Creates the database that the options name; called when the server says that it does not exist.
    async fn create_database(&self) -> Result<()>;
    /// The statement that does so, for administrators.
    fn creation(&self) -> String;
    /// Closes all connections.
    async fn close(&self);
}

/// One connection.
#[async_trait]
pub trait Session: Send {
    /// Runs a statement that returns rows.
    async fn rows(&mut self, sql: &str, values: Vec<Value>, kinds: &[Kind]) -> Result<Vec<Cells>>;
    /// Runs a statement; says how many rows it matched.
    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64>;
    /// Runs a statement without values as plain text, outside the statement cache.
    async fn plain(&mut self, sql: &str) -> Result<()>;
    /// Asks whether it is whole.
    async fn ping(&mut self) -> Result<()>;
    /// Gives the connection up instead of back: what it is in the middle of is unknown.
    fn discard(&mut self);
}
