//! PostgreSQL 13 and newer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgPool, Postgres, Row};

use crate::domain::options::{DbOptions, Tls};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::StoreFacts;

use super::sql::{Cells, ClaimTexts, Dialect, Engine, Kind, Known, Migration, Session, Value, acquire, end, from_sqlx, session};

/// How PostgreSQL says it. The condition of a claim uses `statement_timestamp()`, which the index range can use.
pub const DIALECT: Dialect = Dialect {
    quote: '"',
    numbered: true,
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    now: "FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint",
    lock: "WITH locked AS (SELECT {columns} FROM {entry} WHERE identity IN ({identities}) ORDER BY identity FOR UPDATE) \
           SELECT {now}, id, {columns} FROM (SELECT 1) AS one LEFT JOIN locked ON TRUE",
    skip_locked: " FOR UPDATE SKIP LOCKED",
    on_same_id: "ON CONFLICT (id) DO UPDATE SET",
    new_value: |column| format!("EXCLUDED.{column}"),
    claim: ClaimTexts::One(
        "WITH due AS (SELECT id, state, due_at, lease_company, size FROM {entry} WHERE namespace = ? AND scope = ? \
         AND due_at <= LEAST(FLOOR(EXTRACT(EPOCH FROM statement_timestamp()) * 1000)::bigint, ?::bigint) \
         AND (state = 'scheduled' OR ?::bigint = 1) ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED), \
         fit AS (SELECT due.*, SUM(size) OVER (ORDER BY due_at, id) - size AS before FROM due) \
         UPDATE {entry} AS e SET generation = e.generation + CASE WHEN e.state = 'scheduled' THEN 1 ELSE 0 END, state = 'leased', \
         due_at = {now} + ?::bigint, lease_token = ?, \
         lease_company = CASE WHEN ?::bigint = 1 OR (SELECT COUNT(*) FROM fit WHERE before < ?::bigint) > 1 THEN 1 ELSE 0 END \
         FROM fit WHERE e.id = fit.id AND fit.before < ?::bigint AND e.due_at = fit.due_at AND e.scope IS NOT NULL \
         RETURNING {now}, fit.state, fit.due_at, fit.lease_company, {columns}",
    ),
    settle: "UPDATE {entry} AS e SET state = v.st, reason = v.re, due_at = t.now + v.du, retry_count = v.rc, failed_generation = v.fg, \
             is_alone = v.al, scope = convert_to(v.sc, 'UTF8'), copy_partition = v.cp, copy_offset = v.co, \
             acked_at = CASE WHEN v.co IS NOT NULL THEN COALESCE(v.ak, t.now) END, is_counting = v.ct, \
             adopted = COALESCE(convert_to(v.ad, 'UTF8'), adopted) \
             FROM json_to_recordset(?::json) AS v (id bigint, st text, re text, du bigint, rc bigint, fg bigint, al bigint, sc text, \
             cp bigint, co bigint, ak bigint, ct bigint, ad text), (SELECT {now} AS now) AS t WHERE e.id = v.id AND e.lease_token = ? AND e.state = 'leased'",
    delivered: "UPDATE {entry} AS e SET state = 'awaiting', due_at = r.now + r.due, is_alone = 0, scope = '', copy_partition = v.cp, \
                copy_offset = v.co, acked_at = r.now, is_counting = r.counts \
                FROM (SELECT (j ->> 0)::bigint AS id, (j ->> 1)::bigint AS cp, (j ->> 2)::bigint AS co \
                FROM json_array_elements(?::json) AS j) AS v, (SELECT {now} AS now, ?::bigint AS due, ?::bigint AS counts) AS r \
                WHERE e.id = v.id AND e.lease_token = ? AND e.state = 'leased'",
    renew: "UPDATE {entry} AS e SET due_at = {now} + v.lease FROM (SELECT id, r.lease FROM json_to_recordset(?::json) AS j (id bigint), \
            (SELECT ?::bigint AS lease) AS r) AS v WHERE e.id = v.id AND e.lease_token = ? AND e.state = 'leased'",
    has_old_rows: false,
    migrations: &[Migration { version: 1, sql: include_str!("../../migrations/postgres/0001_create_entry.sql") }],
    // Ends with the transaction, so it also works behind a pooler that shares connections.
    // The lock time-out of a row, a second, would hold for this lock as well.
    migration_lock: "SELECT CASE WHEN set_config('lock_timeout', '60s', true) IS NOT NULL THEN (SELECT 1::bigint FROM \
                     (SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.{prefix}migration'))) AS held) END",
    migration_unlock: "",
};

/// A setting that only connections of ours begin with. A pooler that shares its connections between clients does not
/// hand it on, which is how we know of it: nothing else tells a client in time, before a statement went astray.
const DIGITS: i8 = 3;

/// Promises of ours, whatever the server's defaults; and a stranger's lock must not hold up the others.
const SETTINGS: &str = "SET default_transaction_isolation = 'read committed'; SET synchronous_commit = on; SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '60s'";

/// The same for one transaction, where the connection is not ours alone.
const POOLED_BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
                            SET LOCAL lock_timeout = '1s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

struct PgEngine {
    pool: PgPool,
    limit: Duration,
    is_shared: Arc<AtomicBool>,
    connect: PgConnectOptions,
    database: String,
}

/// Opens a pool; connects lazily.
///
/// # Errors
/// None today; what is wrong with certificates shows at the first connection.
pub fn engine(options: &DbOptions, limit: Duration) -> Result<Box<dyn Engine>> {
    let mut connect = PgConnectOptions::new_without_pgpass()
        .host(options.host.as_deref().unwrap_or("localhost"))
        .port(options.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(5432))
        .username(options.username.as_deref().unwrap_or("postgres"))
        .ssl_mode(ssl_mode(options))
        .application_name("kafka-error-retry")
        .extra_float_digits(DIGITS)
        .statement_cache_capacity(200)
        .disable_statement_logging();
    if let Some(password) = &options.password {
        connect = connect.password(password);
    }
    if let Some(socket) = &options.socket_path {
        connect = connect.socket(socket);
    }
    if let Some(Tls::Settings(tls)) = &options.tls {
        if let Some(ca) = &tls.ca {
            connect = connect.ssl_root_cert_from_pem(ca.clone().into_bytes());
        }
        if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
            connect = connect.ssl_client_cert_from_pem(cert.as_bytes()).ssl_client_key_from_pem(key.as_bytes());
        }
    }
    let is_shared = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&is_shared);
    let pool = PgPoolOptions::new()
        .max_connections(options.pool_size)
        .acquire_timeout(limit)
        .test_before_acquire(false)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(1800))
        .after_connect(move |connection, _| {
            let is_shared = Arc::clone(&shared);
            Box::pin(async move {
                let digits: String = connection.fetch_one("SHOW extra_float_digits").await?.try_get(0)?;
                if digits == DIGITS.to_string() {
                    return connection.execute(SETTINGS).await.map(drop);
                }
                is_shared.store(true, Ordering::Relaxed);
                Ok(())
            })
        })
        .connect_lazy_with(connect.clone().database(options.database()));
    Ok(Box::new(PgEngine { pool, limit, is_shared, connect, database: options.database().to_owned() }))
}

/// Verified unless the host is this machine or TLS was turned off in so many words: the driver's own default falls back
/// to plain text in silence.
fn ssl_mode(options: &DbOptions) -> PgSslMode {
    match &options.tls {
        None if options.is_loopback() => PgSslMode::Prefer,
        Some(Tls::Switch(false)) => PgSslMode::Disable,
        Some(Tls::Settings(tls)) if tls.reject_unauthorized == Some(false) => PgSslMode::Require,
        None | Some(Tls::Switch(true) | Tls::Settings(_)) => PgSslMode::VerifyFull,
    }
}

#[async_trait]
impl Engine for PgEngine {
    async fn session(&self) -> Result<Box<dyn Session>> {
        let full = |error: &sqlx::Error| error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("53300"));
        let connection = acquire(&self.pool, self.limit, full).await.map_err(|error| lacking(refused(error), "CONNECT"))?;
        let mut session = PgSession::new(connection);
        session.is_shared = self.is_shared.load(Ordering::Relaxed);
        Ok(if session.is_shared { Box::new(PooledSession { session, is_open: false }) } else { Box::new(session) })
    }

    async fn facts(&self, session: &mut dyn Session) -> Result<StoreFacts> {
        let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::bigint, current_setting('fsync'), \
                   current_setting('full_page_writes')";
        let mut rows = session.rows(sql, vec![], &[Kind::Text, Kind::Int, Kind::Text, Kind::Text]).await?;
        let row = rows.first_mut().ok_or_else(|| Error::internal("the server told no version"))?;
        let (version, number, fsync, pages) = (row.text()?, row.int()?, row.text()?, row.text()?);
        if number < 130_000 {
            let message = format!("PostgreSQL {version} is too old: 13 or newer is needed");
            return Err(Error::new(ErrorCode::StoreVersion, message).with_details(json!({ "found": version, "needed": "13" })));
        }
        let settings = [("fsync", fsync), ("full_page_writes", pages)];
        let risks =
            settings.into_iter().filter(|(_, value)| value != "on").map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(StoreFacts { max_payload: None, risks, version: format!("PostgreSQL {version}") })
    }

    async fn create_database(&self) -> Result<()> {
        let mut connection = self.connect.clone().database("postgres").connect().await.map_err(refused)?;
        let sql = self.creation();
        let created = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.clone()))).await;
        let closed = connection.close().await;
        match created {
            Ok(_) => closed.map_err(refused),
            Err(error) => match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
                // Another process was faster.
                Some("42P04" | "23505") => Ok(()),
                Some("42501") => {
                    let message = format!("the database does not exist, and the user may not create it; run: {sql}");
                    Err(Error { message, details: json!({ "statement": "CREATE", "sql": sql }), ..refused(error) })
                }
                _ => Err(refused(error)),
            },
        }
    }

    fn creation(&self) -> String {
        // The name has passed its check: letters, digits, `_` and `-`.
        format!("CREATE DATABASE \"{}\"", self.database)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

session!(
    PgSession,
    Postgres,
    PgRow,
    sqlx::postgres::PgArguments,
    refused,
    bind: std::convert::identity::<String>,
    read: text,
    remembered: remembered
);

/// The plan of a remembered statement is remembered as well. One that was made while the table was empty reads the whole
/// table for ever after, when failures have begun to pour in. An INSERT has no such choice, and is long to read.
fn remembered(sql: &str) -> bool {
    sql.starts_with("INSERT")
}

/// Behind a pooler that shares its connections: every statement is in a transaction, without which its parts (parse,
/// bind, execute) could reach different servers.
struct PooledSession {
    session: PgSession,
    is_open: bool,
}

impl PooledSession {
    /// One text in one message, so that a server has all of it or nothing.
    async fn begin(&mut self) -> Result<()> {
        let begun = self.session.plain(POOLED_BEGIN).await;
        if begun.is_err() {
            self.session.discard();
        }
        begun
    }
}

#[async_trait]
impl Session for PooledSession {
    async fn rows(&mut self, sql: &str, values: Vec<Value>, kinds: &[Kind]) -> Result<Vec<Cells>> {
        if self.is_open {
            return self.session.rows(sql, values, kinds).await;
        }
        self.begin().await?;
        let result = self.session.rows(sql, values, kinds).await;
        end(&mut self.session, result).await
    }

    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        if self.is_open {
            return self.session.run(sql, values).await;
        }
        self.begin().await?;
        let result = self.session.run(sql, values).await;
        end(&mut self.session, result).await
    }

    async fn plain(&mut self, sql: &str) -> Result<()> {
        if sql == DIALECT.begin {
            self.is_open = true;
            return self.begin().await;
        }
        self.is_open &= !matches!(sql, "COMMIT" | "ROLLBACK");
        self.session.plain(sql).await
    }

    async fn ping(&mut self) -> Result<()> {
        self.session.ping().await
    }

    fn discard(&mut self) {
        self.session.discard();
    }
}

fn text(row: &PgRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(index)?.unwrap_or_default())
}

fn refused(error: sqlx::Error) -> Error {
    from_sqlx(error, |error| {
        let code = error.code().unwrap_or_default();
        match code.as_ref() {
            // Serialization failure, deadlock, duplicate key of a racing insert or of a racing CREATE.
            "40001" | "40P01" | "23505" | "42P07" => Known::Again,
            "55P03" => Known::Locked,
            "3D000" => Known::NoDatabase,
            "42501" => Known::Privilege,
            // Read-only, statement time-out.
            "25006" | "57014" => Known::Unavailable,
            "54000" => Known::TooLarge,
            code if code.starts_with("28") => Known::Auth,
            // Out of resources, operator intervention, connection, system error.
            code if ["53", "57", "08", "58"].iter().any(|class| code.starts_with(class)) => Known::Unavailable,
            _ => Known::Other,
        }
    })
}
