//! Creates and upgrades the tables. A library's migrator would be less code here, but none of them takes a table prefix,
//! and sqlx's takes no lock at all on MariaDB (`GET_LOCK(name, -1)` is NULL there, and it ignores the result).

use std::sync::Arc;

use serde_json::json;

use super::dialect::Texts;
use super::engine::Session;
use super::transaction::end;
use super::value::Kind;
use crate::domain::options::Schema;
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;
use crate::ports::Plan;

/// Brings the schema to the newest version that this library knows.
pub async fn migrate(session: &mut dyn Session, texts: &Texts, schema: Schema) -> Result<()> {
    if schema == Schema::None {
        return Ok(());
    }
    let supported = supported(texts);
    // First without any lock or right to create: most starts find everything in place.
    let found = found(session, texts).await?;
    check(found, supported)?;
    if found == supported {
        return Ok(());
    }
    if schema == Schema::Verify {
        return Err(behind(found, supported));
    }
    under_lock(session, texts, supported).await
}

/// What [`migrate`] would do.
pub async fn plan(session: &mut dyn Session, texts: &Texts, server: String) -> Result<Plan> {
    let (found, needed) = (found(session, texts).await?, supported(texts));
    check(found, needed)?;
    let statements = steps(texts, found).iter().map(ToString::to_string).collect();
    Ok(Plan { server: Some(server), found, needed, statements })
}

/// What it takes where there is not even a database; `creation` makes it.
pub fn plan_from_nothing(texts: &Texts, creation: String) -> Plan {
    let statements = std::iter::once(creation).chain(steps(texts, 0).iter().map(ToString::to_string)).collect();
    Plan { server: None, found: 0, needed: supported(texts), statements }
}

/// The tables are older than this library, or missing, and are not to be made.
pub fn behind(found: i64, needed: i64) -> Error {
    let message = format!("the tables have version {found}, this library needs {needed}; let it make them with schema: 'auto'");
    Error::new(ErrorCode::Store, message).with_details(json!({ "found": found, "needed": needed }))
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
    session.plain(&texts.of(VERSIONS)).await?;
    let found = version(session, texts).await?;
    check(found, supported)?;
    for statement in steps(texts, found) {
        session.plain(&statement).await?;
        fault::point("init.mid_migration", "").await?;
    }
    Ok(())
}

/// What an administrator can do for a user that may not make tables.
fn with_recipe(error: Error, texts: &Texts) -> Error {
    if error.code != ErrorCode::StorePrivilege {
        return error;
    }
    let sql = format!("{};\n", steps(texts, 0).join(";\n"));
    let message = format!(
        "{}; the tables are not there yet: grant it for the first start, or let an administrator run the statements in details.sql",
        error.message
    );
    let statement = error.details["statement"].clone();
    Error { message, details: json!({ "statement": statement, "sql": sql }), ..error }
}

/// Where the version is kept.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS {migration} (version BIGINT NOT NULL PRIMARY KEY)";

/// The statements from a version to the newest; those that are planned are those that run.
fn steps(texts: &Texts, found: i64) -> Vec<Arc<str>> {
    let mut steps = Vec::new();
    for migration in texts.dialect.migrations.iter().filter(|migration| migration.version > found) {
        if migration.version == 1 {
            steps.push(texts.of(VERSIONS));
        }
        let statements = migration.sql.split(";\n").map(|statement| statement.trim().trim_end_matches(';'));
        steps.extend(statements.filter(|statement| !statement.is_empty()).map(|statement| texts.of(statement)));
        steps.push(texts.of(&format!("INSERT INTO {{migration}} (version) VALUES ({})", migration.version)));
    }
    steps
}

/// The newest version that this library knows.
pub fn supported(texts: &Texts) -> i64 {
    texts.dialect.migrations.last().map_or(0, |migration| migration.version)
}

/// The version of the tables; 0 where there are none.
async fn found(session: &mut dyn Session, texts: &Texts) -> Result<i64> {
    match version(session, texts).await {
        // Refused, and not for a right or a connection that is missing: so it is the table.
        Err(error) if error.code == ErrorCode::Internal => Ok(0),
        answer => answer,
    }
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
