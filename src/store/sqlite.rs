//! SQLite: the embedded default. One writer, WAL, and `synchronous = FULL`, without which a power cut loses commits that
//! were acknowledged.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, Row, Sqlite, SqlitePool};

use crate::domain::error::{Conflict, Outcome};
use crate::domain::options::{DbOptions, Schema};
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;
use crate::ports::StoreFacts;

use super::sql::{Cells, ClaimTexts, Dialect, Engine, Kind, Known, Migration, Session, Value, from_sqlx, session};

/// How SQLite says it.
pub const DIALECT: Dialect = Dialect {
    quote: '"',
    numbered: false,
    begin: "BEGIN IMMEDIATE",
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    lock: "SELECT {now}, id, {columns} FROM (SELECT 1) AS one LEFT JOIN {entry} ON identity IN ({identities})",
    skip_locked: "",
    on_same_id: "ON CONFLICT (id) DO UPDATE SET",
    new_value: |column| format!("excluded.{column}"),
    claim: ClaimTexts::Two {
        select: "SELECT {now}, lease_company, size, {columns} FROM {entry} INDEXED BY {prefix}entry_claim \
                 WHERE namespace = ? AND scope = ? AND due_at <= MIN({now}, ?) AND (state = 'scheduled' OR ?) \
                 ORDER BY due_at, id LIMIT ?",
        update: "UPDATE {entry} SET generation = generation + v.step, state = 'leased', due_at = ?2, lease_token = ?3, lease_company = ?4 \
                 FROM (SELECT value ->> 'id' AS id, value ->> 'step' AS step FROM json_each(?1)) AS v \
                 WHERE {entry}.id = v.id AND scope = ?5 AND due_at <= ?6",
    },
    settle: "UPDATE {entry} SET state = v.st, reason = v.re, due_at = {now} + v.du, retry_count = v.rc, failed_generation = v.fg, \
             is_alone = v.al, scope = CAST(v.sc AS BLOB), copy_partition = v.cp, copy_offset = v.co, \
             acked_at = CASE WHEN v.co IS NOT NULL THEN COALESCE(v.ak, {now}) END, is_counting = v.ct, adopted = COALESCE(CAST(v.ad AS BLOB), adopted) \
             FROM (SELECT value ->> 'id' AS id, value ->> 'st' AS st, value ->> 're' AS re, value ->> 'du' AS du, value ->> 'rc' AS rc, \
             value ->> 'fg' AS fg, value ->> 'al' AS al, value ->> 'sc' AS sc, value ->> 'cp' AS cp, value ->> 'co' AS co, \
             value ->> 'ak' AS ak, value ->> 'ct' AS ct, value ->> 'ad' AS ad FROM json_each(?)) AS v \
             WHERE {entry}.id = v.id AND lease_token = ? AND state = 'leased'",
    delivered: "UPDATE {entry} SET state = 'awaiting', due_at = {now} + ?2, is_alone = 0, scope = X'', copy_partition = v.cp, \
                copy_offset = v.co, acked_at = {now}, is_counting = ?3 \
                FROM (SELECT value ->> 0 AS id, value ->> 1 AS cp, value ->> 2 AS co FROM json_each(?1)) AS v \
                WHERE {entry}.id = v.id AND lease_token = ?4 AND state = 'leased'",
    renew: "UPDATE {entry} SET due_at = {now} + ?2 FROM (SELECT value ->> 'id' AS id FROM json_each(?1)) AS v \
            WHERE {entry}.id = v.id AND lease_token = ?3 AND state = 'leased'",
    has_old_rows: false,
    migrations: &[Migration { version: 1, sql: include_str!("../../migrations/sqlite/0001_create_entry.sql") }],
    migration_lock: "",
    migration_unlock: "",
};

/// How long a statement waits for another process's write. Readers never wait.
const BUSY: Duration = Duration::from_secs(5);

struct SqliteEngine {
    connect: SqliteConnectOptions,
    writer: SqlitePool,
    readers: SqlitePool,
}

/// Opens a file. Who is to make no tables makes no file either, and leaves the journal of one as it is.
#[must_use]
pub fn engine(options: &DbOptions, schema: Schema, acquire: Duration) -> Box<dyn Engine> {
    let connect = SqliteConnectOptions::new()
        .filename(options.database())
        .synchronous(if fault::is_planted("P12") { SqliteSynchronous::Normal } else { SqliteSynchronous::Full })
        .busy_timeout(BUSY)
        .statement_cache_capacity(200);
    let connect = if schema == Schema::Auto { connect.journal_mode(SqliteJournalMode::Wal) } else { connect };
    let pool = |connections: u32| {
        SqlitePoolOptions::new().max_connections(connections).acquire_timeout(acquire).test_before_acquire(false)
    };
    Box::new(SqliteEngine {
        writer: pool(1).connect_lazy_with(connect.clone()),
        readers: pool(options.pool_size.clamp(1, 4)).connect_lazy_with(connect.clone()),
        connect,
    })
}

#[async_trait]
impl Engine for SqliteEngine {
    async fn session(&self) -> Result<Box<dyn Session>> {
        // Asked before the file is opened, not after that failed: when somebody else makes the file in between, SQLite has
        // failed to open it for writing, opens it for reading only, and says nothing of it.
        if self.writer.size() == 0 && matches!(self.connect.get_filename().try_exists(), Ok(false)) {
            let error = Error::new(ErrorCode::Store, "the database file does not exist").with_outcome(Outcome::NotDone);
            return Err(error.with_conflict(Conflict::NoDatabase));
        }
        let connection = self.writer.acquire().await.map_err(refused)?;
        Ok(Box::new(SqliteSession::new(connection)))
    }

    async fn reader(&self) -> Result<Option<Box<dyn Session>>> {
        Ok(Some(Box::new(SqliteSession::new(self.readers.acquire().await.map_err(refused)?))))
    }

    async fn create_database(&self) -> Result<()> {
        let file = self.connect.clone().create_if_missing(true).connect().await.map_err(refused)?;
        file.close().await.map_err(refused)
    }

    fn creation(&self) -> String {
        // What sqlite3 is told when it is started on a file that does not exist.
        "PRAGMA journal_mode = WAL".to_owned()
    }

    async fn facts(&self, session: &mut dyn Session) -> Result<StoreFacts> {
        let rows = session.rows("SELECT sqlite_version()", vec![], &[Kind::Text]).await?;
        let version = rows.into_iter().next().map(|mut cells| cells.text()).transpose()?.unwrap_or_default();
        // SQLite's own limit of a value is 1 000 000 000 bytes; ours is below it.
        Ok(StoreFacts { max_payload: None, risks: vec![], version: format!("SQLite {version}") })
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

session!(
    SqliteSession,
    Sqlite,
    SqliteRow,
    sqlx::sqlite::SqliteArguments,
    refused,
    bind: std::convert::identity::<String>,
    read: text,
    remembered: every_statement
);

const fn every_statement(_: &str) -> bool {
    true
}

fn text(row: &SqliteRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(index)?.unwrap_or_default())
}

fn refused(error: sqlx::Error) -> crate::domain::Error {
    from_sqlx(error, |error| {
        // The primary code is in the low byte: 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full, 14 cannot open.
        let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
        match code & 0xff {
            5 | 6 => Known::Again,
            8 | 10 | 11 | 13 | 14 | 26 => Known::Unavailable,
            18 => Known::TooLarge,
            _ => Known::Other,
        }
    })
}
