//! From options to a store: the table of databases.

use std::sync::Arc;
use std::time::Duration;

use super::memory::MemoryStore;
use super::sql::{SqlSettings, SqlStore};
use crate::domain::options::{Options, ms};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Clock, Store};

/// A migration may wait a minute for another process, and then create an index on a large table.
const MIGRATION: Duration = Duration::from_secs(120);

/// Opens the store that the options name. Connects lazily: the first call does I/O.
///
/// # Errors
/// `KER_CONFIG` for settings that cannot work, such as an unreadable certificate.
pub fn open(options: &Options, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>> {
    let settings = SqlSettings {
        prefix: options.db.table_prefix.clone(),
        schema: options.schema,
        limit: ms(options.push_timeout),
        migration_limit: MIGRATION,
    };
    let acquire = ms(options.connect_timeout.min(options.push_timeout));
    let (engine, dialect) = match options.db.kind.as_str() {
        "memory" => return Ok(Arc::new(MemoryStore::new(clock))),
        #[cfg(feature = "sqlite")]
        "sqlite" => (super::sqlite::engine(&options.db, options.schema, acquire), super::sqlite::DIALECT),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => super::mysql::engine(&options.db, acquire)?,
        #[cfg(feature = "postgres")]
        "postgres" => (super::postgres::engine(&options.db, acquire)?, super::postgres::DIALECT),
        other => return Err(Error::new(ErrorCode::Config, format!("there is no store of type {other:?} in this build"))),
    };
    Ok(Arc::new(SqlStore::new(engine, dialect, settings)))
}
