//! MySQL 8 and MariaDB: READ COMMITTED and the claim index forced, without which claims lock what they only look at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, MySql, MySqlPool, Row};

use crate::domain::options::{DbOptions, Tls};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::StoreFacts;

use super::sql::{Cells, ClaimTexts, Dialect, Engine, Kind, Known, Migration, Session, Value, acquire, from_sqlx, session};

/// How MySQL and MariaDB say it. Times of claims use `NOW`, which is a constant of the statement and so leaves the index
/// range usable; all else uses `SYSDATE`, which is not stale after a wait for a lock.
pub const DIALECT: Dialect = Dialect {
    quote: '`',
    numbered: false,
    begin: "BEGIN",
    now: "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    lock: "SELECT {now}, id, {columns} FROM (SELECT 1) AS one LEFT JOIN {entry} ON identity IN ({identities}) FOR UPDATE",
    skip_locked: " FOR UPDATE SKIP LOCKED",
    on_same_id: "ON DUPLICATE KEY UPDATE",
    new_value: |column| format!("VALUES({column})"),
    claim: ClaimTexts::Two {
        select: "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED), lease_company, size, {columns} FROM {entry} FORCE INDEX (claim) \
                 WHERE namespace = ? AND scope = ? AND due_at <= LEAST(CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED), ?) \
                 AND (state = 'scheduled' OR ?) ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED",
        update: "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$.id', step BIGINT PATH '$.step')) AS v \
                 STRAIGHT_JOIN {entry} AS e ON e.id = v.id \
                 SET e.generation = e.generation + v.step, e.state = 'leased', e.due_at = ?, e.lease_token = ?, e.lease_company = ? \
                 WHERE e.scope = ? AND e.due_at <= ?",
    },
    settle: "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$.id', st VARCHAR(16) PATH '$.st', re VARCHAR(32) PATH '$.re', \
             du BIGINT PATH '$.du', rc BIGINT PATH '$.rc', fg BIGINT PATH '$.fg', al BIGINT PATH '$.al', sc VARCHAR(32) PATH '$.sc', \
             cp BIGINT PATH '$.cp', co BIGINT PATH '$.co', ak BIGINT PATH '$.ak', ct BIGINT PATH '$.ct', \
             ad VARCHAR(4096) PATH '$.ad')) AS v \
             STRAIGHT_JOIN {entry} AS e ON e.id = v.id \
             SET e.state = v.st, e.reason = v.re, e.due_at = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) + v.du, e.retry_count = v.rc, \
             e.failed_generation = v.fg, e.is_alone = v.al, e.scope = v.sc, e.copy_partition = v.cp, e.copy_offset = v.co, \
             e.acked_at = IF(v.co IS NULL, NULL, COALESCE(v.ak, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED))), e.is_counting = v.ct, \
             e.adopted = COALESCE(v.ad, e.adopted) \
             WHERE e.lease_token = ? AND e.state = 'leased'",
    delivered: "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', cp BIGINT PATH '$[1]', co BIGINT PATH '$[2]')) AS v \
                STRAIGHT_JOIN {entry} AS e ON e.id = v.id \
                SET e.state = 'awaiting', e.due_at = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) + ?, e.is_alone = 0, e.scope = '', \
                e.copy_partition = v.cp, e.copy_offset = v.co, e.acked_at = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED), \
                e.is_counting = ? WHERE e.lease_token = ? AND e.state = 'leased'",
    renew: "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$.id')) AS v STRAIGHT_JOIN {entry} AS e ON e.id = v.id \
            SET e.due_at = CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) + ? WHERE e.lease_token = ? AND e.state = 'leased'",
    has_old_rows: true,
    migrations: &[Migration { version: 1, sql: include_str!("../../migrations/mysql/0001_create_entry.sql") }],
    // MySQL takes no name of more than 64 characters.
    migration_lock: "SELECT GET_LOCK(SHA2(CONCAT(DATABASE(), '.{prefix}migration'), 256), 60)",
    migration_unlock: "DO RELEASE_LOCK(SHA2(CONCAT(DATABASE(), '.{prefix}migration'), 256))",
};

struct MySqlEngine {
    pool: MySqlPool,
    limit: Duration,
    connect: MySqlConnectOptions,
    database: String,
    returns: AtomicBool,
}

/// Opens a pool; connects lazily.
///
/// # Errors
/// `KER_CONFIG` is left to validation; what is wrong with certificates shows at the first connection.
pub fn engine(options: &DbOptions, limit: Duration) -> Result<(Box<dyn Engine>, Dialect)> {
    let mut connect = MySqlConnectOptions::new()
        .host(options.host.as_deref().unwrap_or("localhost"))
        .port(options.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(3306))
        .username(options.username.as_deref().unwrap_or("root"))
        .ssl_mode(ssl_mode(options))
        .charset("utf8mb4")
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
            connect = connect.ssl_ca_from_pem(ca.clone().into_bytes());
        }
        if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
            connect = connect.ssl_client_cert_from_pem(cert.as_bytes()).ssl_client_key_from_pem(key.as_bytes());
        }
    }
    let pool = MySqlPoolOptions::new()
        .max_connections(options.pool_size)
        .acquire_timeout(limit)
        .test_before_acquire(false)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(1800))
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                connection.execute("SET SESSION innodb_lock_wait_timeout = 1").await?;
                Ok(())
            })
        })
        .connect_lazy_with(connect.clone().database(options.database()));
    let engine = MySqlEngine { pool, limit, connect, database: options.database().to_owned(), returns: AtomicBool::new(false) };
    Ok((Box::new(engine), DIALECT))
}

/// Verified unless the host is this machine or TLS was turned off in so many words: the driver's own default falls back
/// to plain text in silence.
fn ssl_mode(options: &DbOptions) -> MySqlSslMode {
    match &options.tls {
        None if options.is_loopback() => MySqlSslMode::Preferred,
        Some(Tls::Switch(false)) => MySqlSslMode::Disabled,
        Some(Tls::Settings(tls)) if tls.reject_unauthorized == Some(false) => MySqlSslMode::Required,
        None | Some(Tls::Switch(true) | Tls::Settings(_)) => MySqlSslMode::VerifyIdentity,
    }
}

#[async_trait]
impl Engine for MySqlEngine {
    async fn session(&self) -> Result<Box<dyn Session>> {
        let connection = acquire(&self.pool, self.limit, |error| matches!(number(error), 1040 | 1203 | 1226)).await;
        Ok(Box::new(MySqlSession::new(connection.map_err(|error| self.out_of_bounds(refused(error)))?)))
    }

    async fn facts(&self, session: &mut dyn Session) -> Result<StoreFacts> {
        let sql = "SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@max_allowed_packet";
        let mut row = session.rows(sql, vec![], &[Kind::Text, Kind::Int, Kind::Int]).await?;
        let row = row.first_mut().ok_or_else(|| Error::internal("the server told no version"))?;
        let (version, flush, packet) = (row.text()?, row.int()?, row.int()?);
        let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
        let (found, needed, name) =
            if is_mariadb { (numbers(&version), [10, 6, 0], "MariaDB") } else { (numbers(&version), [8, 0, 1], "MySQL") };
        if found < needed {
            let needed = format!("{}.{}.{}", needed[0], needed[1], needed[2]);
            let message = format!("{name} {version} is too old: {needed} or newer is needed (SKIP LOCKED)");
            return Err(Error::new(ErrorCode::StoreVersion, message).with_details(json!({ "found": version, "needed": needed })));
        }
        self.returns.store(is_mariadb, Ordering::Relaxed);
        let risk = (flush != 1).then(|| ("innodb_flush_log_at_trx_commit".to_owned(), flush.to_string()));
        // Room for the other columns of the row, the error with its stack among them.
        let max_payload = u64::try_from(packet).unwrap_or(0).saturating_sub(128 * 1024);
        Ok(StoreFacts { max_payload: Some(max_payload), risks: risk.into_iter().collect(), version: format!("{name} {version}") })
    }

    fn returning(&self) -> &'static str {
        if self.returns.load(Ordering::Relaxed) { " RETURNING id, identity" } else { "" }
    }

    fn insert_new(&self) -> Option<&'static str> {
        let text = " ON DUPLICATE KEY UPDATE id = id RETURNING id, identity, life, due_at";
        self.returns.load(Ordering::Relaxed).then_some(text)
    }

    async fn create_database(&self) -> Result<()> {
        let mut connection = self.connect.connect().await.map_err(refused)?;
        let created = connection.execute(sqlx::raw_sql(AssertSqlSafe(self.creation()))).await;
        let closed = connection.close().await;
        created.map_err(|error| self.out_of_bounds(refused(error)))?;
        closed.map_err(refused)
    }

    fn creation(&self) -> String {
        // The name has passed its check: letters, digits, `_` and `-`.
        format!("CREATE DATABASE IF NOT EXISTS `{}` CHARACTER SET utf8mb4", self.database)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

impl MySqlEngine {
    /// Names the statements that an administrator has to run. The server tells nobody without rights whether the
    /// database exists.
    fn out_of_bounds(&self, error: Error) -> Error {
        if error.code != ErrorCode::StorePrivilege {
            return error;
        }
        let sql = format!("{}; GRANT ALL ON `{}`.* TO …", self.creation(), self.database);
        let error = lacking(error, "USE");
        let message = format!("{}; the database does not exist, or the user may not use it; run: {sql}", error.message);
        Error { message, details: json!({ "statement": "USE", "sql": sql }), ..error }
    }
}

/// The first three numbers of a version.
fn numbers(version: &str) -> [u32; 3] {
    // MariaDB behind a proxy or replica says 5.5.5-10.11.6-MariaDB.
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

session!(
    MySqlSession,
    MySql,
    MySqlRow,
    sqlx::mysql::MySqlArguments,
    refused,
    // Bytes, so that no character set and no collation takes part in a comparison.
    bind: String::into_bytes,
    read: text,
    remembered: every_statement
);

const fn every_statement(_: &str) -> bool {
    true
}

fn text(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(index)?;
    String::from_utf8(bytes.unwrap_or_default()).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn number(error: &sqlx::Error) -> u16 {
    error.as_database_error().map_or(0, number_of)
}

fn number_of(error: &dyn sqlx::error::DatabaseError) -> u16 {
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map_or(0, sqlx::mysql::MySqlDatabaseError::number)
}

fn refused(error: sqlx::Error) -> Error {
    from_sqlx(error, |error| {
        match number_of(error) {
            // Deadlock, changed record (innodb_snapshot_isolation), duplicate key of a racing insert, Galera's own.
            1213 | 1020 | 1062 | 1047 => Known::Again,
            1205 | 3572 => Known::Locked,
            // Refused, unknown plugin, unknown host, expired or locked, TLS demanded.
            1045 | 1698 | 1251 | 1524 | 2059 | 1130 | 1820 | 1862 | 3118 | 3159 | 4151 => Known::Auth,
            1049 => Known::NoDatabase,
            1044 | 1142 | 1143 | 1227 | 1370 => Known::Privilege,
            // Too many connections, shutdown, read-only, full, killed.
            1040 | 1129 | 1203 | 1226 | 1053 | 1290 | 1792 | 1836 | 1114 | 1021 | 1317 | 1927 | 1969 | 3024 => Known::Unavailable,
            1153 | 1301 => Known::TooLarge,
            _ => Known::Other,
        }
    })
}
