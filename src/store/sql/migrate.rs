//! Creates and upgrades the tables. A library's migrator would be less code here, but none of them takes a table prefix,
//! and sqlx's takes no lock at all on MariaDB (`GET_LOCK(name, -1)` is NULL there, and it ignores the result).

use super::dialect::Texts;
use super::engine::Session;
use super::transaction::end;
use super::value::Kind;
use crate::domain::options::Schema;
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;

/// Brings the schema to the newest version that this library knows.
pub async fn migrate(session: &mut dyn Session, texts: &Texts, schema: Schema) -> Result<()> {
    if schema == Schema::None {
        return Ok(());
    }
    let supported = texts.dialect.migrations.last().map_or(0, |migration| migration.version);
    // First without any lock or right to create: most starts find everything in place.
    let found = version(session, texts).await.unwrap_or(0);
    check(found, supported)?;
    if found == supported {
        return Ok(());
    }
    if schema == Schema::Verify {
        let message =
            format!("the tables have version {found}, this library needs {supported}; let it make them with schema: 'auto'");
        return Err(
            Error::new(ErrorCode::Store, message).with_details(serde_json::json!({ "found": found, "needed": supported }))
        );
    }
    under_lock(session, texts, supported).await
}

async fn under_lock(session: &mut dyn Session, texts: &Texts, supported: i64) -> Result<()> {
    session.plain(texts.dialect.begin).await?;
    let result = upgrade(session, texts, supported).await;
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
    session.plain(&texts.of("CREATE TABLE IF NOT EXISTS {migration} (version BIGINT NOT NULL PRIMARY KEY)")).await?;
    let found = version(session, texts).await?;
    check(found, supported)?;
    for migration in texts.dialect.migrations.iter().filter(|migration| migration.version > found) {
        for statement in migration.sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            session.plain(&texts.of(statement)).await?;
            fault::point("init.mid_migration", "").await?;
        }
        session.run(&texts.of("INSERT INTO {migration} (version) VALUES (?)"), vec![migration.version.into()]).await?;
    }
    Ok(())
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
    Err(Error::new(ErrorCode::SchemaNewer, message).with_details(serde_json::json!({ "found": found, "supported": supported })))
}
