//! The stores. All pass one conformance suite (`tests/store_suite`), and `memory` is what the others must agree with.

pub mod memory;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "sql")]
mod open;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod steady;

#[cfg(feature = "sql")]
pub use open::open;
