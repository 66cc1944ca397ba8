//! The SQL stores. What they do is here once; how they say it is one file per database.
//!
//! Failures are recorded by reading the entries under lock, folding in Rust ([`crate::domain::fold`]) and writing the
//! result, and leases end by writing what [`crate::domain::decide`] made of them. So SQL holds no rule of counting, and
//! a database is a [`Dialect`] (texts) and an [`Engine`] (connections), nothing more.

mod adoption;
mod claim;
mod connection;
mod dialect;
mod engine;
mod error;
mod migrate;
mod operate;
mod push;
mod rows;
mod session;
mod store;
mod transaction;
mod value;
mod warm;

pub(super) use connection::{acquire, give_back};
pub use dialect::{ClaimTexts, Dialect, Migration};
pub use engine::{Engine, Session};
pub use error::{Known, from_sqlx, lacking};
pub(super) use session::session;
pub use store::{SqlSettings, SqlStore};
pub(super) use transaction::end;
pub use value::{Cells, Kind, Value};
