//! How a database says it: the texts that differ, with `{entry}` and the like for the quoted table names and `?` for
//! values.

use std::sync::Arc;

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, from 1.
    pub version: i64,
    /// Its statements, separated by `;` at the end of a line.
    pub sql: &'static str,
}

/// Texts of one database.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Quotes an identifier that has passed its check.
    pub quote: char,
    /// Whether values are `$1` instead of `?`.
    pub numbered: bool,
    /// Begins a transaction that will write.
    pub begin: &'static str,
    /// The clock in epoch milliseconds, at this moment rather than at the beginning of the transaction.
    pub now: &'static str,
    /// Locks the rows with `{identities}`: one row at least, which begins with the clock.
    pub lock: &'static str,
    /// At the end of a SELECT: locks its rows and skips those that others hold. Empty where there is one writer.
    pub skip_locked: &'static str,
    /// Between `VALUES …` and the assignments, when a row with this id is to be overwritten.
    pub on_same_id: &'static str,
    /// The new value of a column in such an assignment.
    pub new_value: fn(&str) -> String,
    /// Claims: either one statement that does all, or a SELECT and an UPDATE.
    pub claim: ClaimTexts,
    /// Ends leases. Values: JSON rows as `claim.rs` makes them, token.
    pub settle: &'static str,
    /// Ends the leases of copies that were taken just now, where nothing else changed. Values: JSON rows of id, partition
    /// and offset; due in ms, whether the deadline counts, token.
    pub delivered: &'static str,
    /// Prolongs leases. Values: JSON rows with ids, lease in ms, token.
    pub renew: &'static str,
    /// Whether 2.x ran on such a database.
    pub has_old_rows: bool,
    /// Steps of the schema, in order.
    pub migrations: &'static [Migration],
    /// Takes the lock under which the schema is changed; returns 1. Empty where the transaction itself is the lock.
    pub migration_lock: &'static str,
    /// Gives it back; empty when the transaction's end does.
    pub migration_unlock: &'static str,
}

/// How due entries are claimed.
#[derive(Debug, Clone, Copy)]
pub enum ClaimTexts {
    /// One statement; values and columns as `claim.rs` says.
    One(&'static str),
    /// A locking SELECT, then the UPDATE that takes the lease.
    Two {
        /// Lists due rows, oldest first, locked.
        select: &'static str,
        /// Takes the lease of listed rows that are still due.
        update: &'static str,
    },
}

/// Table names, quoted.
#[derive(Debug, Clone)]
pub struct Names {
    /// Entries.
    pub entry: String,
    /// Paused topics.
    pub paused: String,
    /// Schema versions.
    pub migration: String,
}

impl Dialect {
    /// Table names under a prefix that has passed [`crate::domain::validate::is_prefix`].
    #[must_use]
    pub fn names(&self, prefix: &str) -> Names {
        let quoted = |name: &str| format!("{0}{prefix}{name}{0}", self.quote);
        Names { entry: quoted("entry"), paused: quoted("paused"), migration: quoted("migration") }
    }

    /// A text with the table names in place, and values numbered where this database wants that.
    #[must_use]
    pub fn text(&self, names: &Names, template: &str) -> Arc<str> {
        let bare = names.entry.trim_matches(self.quote).trim_end_matches("entry").to_owned();
        let text = template
            .replace("{entry}", &names.entry)
            .replace("{paused}", &names.paused)
            .replace("{migration}", &names.migration)
            .replace("{prefix}", &bare);
        let text = planted::clock(text, self.now).replace("{now}", self.now);
        if !self.numbered {
            return text.into();
        }
        let mut number = 0;
        let mut numbered = String::with_capacity(text.len() + 64);
        for part in text.split_inclusive('?') {
            if let Some(before) = part.strip_suffix('?') {
                number += 1;
                numbered.push_str(before);
                numbered.push('$');
                numbered.push_str(&number.to_string());
            } else {
                numbered.push_str(part);
            }
        }
        numbered.into()
    }
}

/// Planted: the process's clock where the database's belongs.
mod planted {
    use crate::fault;

    pub fn clock(text: String, now: &str) -> String {
        if !fault::is_planted("P3") {
            return text;
        }
        let mine = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis()).to_string();
        let mine = format!("CAST({mine} AS {})", if now.contains("SIGNED") { "SIGNED" } else { "BIGINT" });
        let statement = now.replace("SYSDATE(3)", "NOW(3)").replace("clock_timestamp()", "statement_timestamp()");
        text.replace("{now}", &mine).replace(&statement, &mine)
    }
}

/// A dialect with the table names of this store.
pub struct Texts {
    pub dialect: Dialect,
    pub names: Names,
}

impl Texts {
    /// A statement with table names, and values as this database wants them.
    pub fn of(&self, template: &str) -> Arc<str> {
        self.dialect.text(&self.names, template)
    }
}

/// `?, ?, ?`
#[must_use]
pub fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}
