//! Creates and upgrades the tables. A library's migrator would be less code here, but none of them takes a table prefix,
//! and sqlx's takes no lock at all on MariaDB (`GET_LOCK(name, -1)` is NULL there, and it ignores the result).

use serde_json::json;

use super::dialect::Texts;
use super::engine::Session;
use super::transaction::end;
use super::value::Kind;
use crate::domain::options::Schema;
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;

const MIGRATION: &str = "CREATE TABLE IF NOT EXISTS {migration} (version BIGINT NOT NULL PRIMARY KEY)";

/// Brings the schema to the newest version that this library knows.
pub async fn migrate(session: &mut dyn Session, texts: &Texts, schema: Schema) -> Result<()> {
    if schema == Schema::None {
        return Ok(());
    }
    let supported = texts.dialect.migrations.last().map_or(0, |migration| migration.version);
    // First without any lock or right to create: most starts find everything in place.
    let found = match version(session, texts).await {
        // Who may not read the tables cannot be told whether they are there.
        Err(error) if error.code == ErrorCode::StorePrivilege => return Err(error),
        found => found.unwrap_or(0),
    };
    check(found, supported)?;
    if found == supported {
        return Ok(());
    }
    if schema == Schema::Verify {
        let message =
            format!("the tables have version {found}, this library needs {supported}; let it make them with schema: 'auto'");
        return Err(Error::new(ErrorCode::Store, message).with_details(json!({ "found": found, "needed": supported })));
    }
    under_lock(session, texts, supported).await
}

async fn under_lock(session: &mut dyn Session, texts: &Texts, supported: i64) -> Result<()> {
    session.plain(texts.dialect.begin).await?;
    let result = upgrade(session, texts, supported).await.map_err(|error| with_recipe(error, texts));
    let result = end(session, result).await;
    if !texts.dialect.migration_unlock.is_empty() {
        let _lock_ends_with_the_connection_otherwise = session.plain(&texts.of(texts.dialect.migration_unlock)).await;
    }
    result
}

async fn upgrade(session: &mut dyn Session, texts: &Texts, supported: i64) -> Result<()> {
    if !texts.dialect.migration_lock.is_empty() {
        let rows = session.rows(&texts.of(texts.dialect.migration_lock), vec![], &[Kind::Int]).await?;
        let got = rows.into_iter().next().map(|mut cells| cells.maybe_int()).transpose()?.flatten();
        if got != Some(1) {
            return Err(Error::new(ErrorCode::Store, "another process has been changing the tables for a minute; try again"));
        }
    }
    session.plain(&texts.of(MIGRATION)).await?;
    let found = version(session, texts).await?;
    check(found, supported)?;
    for migration in texts.dialect.migrations.iter().filter(|migration| migration.version > found) {
        for statement in statements(migration.sql) {
            session.plain(&texts.of(statement)).await?;
            fault::point("init.mid_migration", "").await?;
        }
        session.run(&texts.of("INSERT INTO {migration} (version) VALUES (?)"), vec![migration.version.into()]).await?;
    }
    Ok(())
}

/// All statements of a file.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

/// What an administrator can do for a user that may not make tables.
fn with_recipe(error: Error, texts: &Texts) -> Error {
    if error.code != ErrorCode::StorePrivilege {
        return error;
    }
    let mut all = vec![MIGRATION.to_owned()];
    for migration in texts.dialect.migrations {
        all.extend(statements(migration.sql).map(ToOwned::to_owned));
        all.push(format!("INSERT INTO {{migration}} (version) VALUES ({})", migration.version));
    }
    let statements: Vec<String> = all.iter().map(|statement| texts.of(statement).to_string()).collect();
    let sql = format!("{};\n", statements.join(";\n"));
    let message = format!(
        "{}; the tables are not there yet: grant it for the first start, or let an administrator run the statements in details.sql",
        error.message
    );
    let statement = error.details["statement"].clone();
    Error { message, details: json!({ "statement": statement, "sql": sql }), ..error }
}

async fn version(session: &mut dyn Session, texts: &Texts) -> Result<i64> {
    let rows = session.rows(&texts.of("SELECT MAX(version) FROM {migration}"), vec![], &[Kind::Int]).await?;
    Ok(rows.into_iter().next().map(|mut cells| cells.maybe_int()).transpose()?.flatten().unwrap_or(0))
}

fn check(found: i64, supported: i64) -> Result<()> {
    if found <= supported {
        return Ok(());
    }
    let message = format!("the tables have version {found}, made by a newer kafka-error-retry; this one knows up to {supported}");
    Err(Error::new(ErrorCode::SchemaNewer, message).with_details(json!({ "found": found, "supported": supported })))
}
