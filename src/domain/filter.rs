//! Which entries an operator means, and how a long list is read in pages.

use std::time::Duration;

use serde::Deserialize;

use super::entry::{Entry, State};
use super::time::Timestamp;
use super::{Error, ErrorCode, Result};

/// Matches an entry when every field that is set does; an empty filter matches all of the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// One of these numbers, decimal.
    pub ids: Option<Vec<String>>,
    /// Of this topic.
    pub topic: Option<String>,
    /// Of this group; `""` means those without.
    pub group_id: Option<String>,
    /// With this data id.
    pub data_id: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// For this reason.
    pub reason: Option<super::entry::Reason>,
    /// Whose newest failure is older than this, epoch milliseconds.
    pub failed_before: Option<i64>,
    /// Dead or held for at least so many milliseconds, by the database's clock.
    pub settled_for: Option<u64>,
}

impl Filter {
    /// The numbers; text that is no number matches nothing.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<i64>> {
        self.ids.as_ref().map(|ids| ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Whether an entry matches at this moment.
    #[must_use]
    pub fn matches(&self, entry: &Entry, now: Timestamp) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        self.numbers().is_none_or(|ids| ids.contains(&entry.id))
            && is(self.topic.as_ref(), &entry.identity.topic)
            && is(self.group_id.as_ref(), &entry.identity.group)
            && is(self.data_id.as_ref(), &entry.identity.data_id)
            && is(self.state.as_ref(), &entry.state)
            && is(self.reason.as_ref(), &entry.reason)
            && self.failed_before.is_none_or(|before| entry.last_failed_at.0 < before)
            && self
                .settled_for
                .is_none_or(|settled| entry.scope().is_none() && now.since(entry.due_at) >= Duration::from_millis(settled))
    }
}

/// One page: at most `limit` entries with a number above `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The most entries.
    pub limit: u32,
    /// The number that the page before ended with; 0 at the beginning.
    pub after: i64,
}

impl Page {
    /// From what a user handed in.
    ///
    /// # Errors
    /// `KER_ARGUMENT` for a limit outside 1–1000, or a cursor that we did not make.
    pub fn new(limit: u32, cursor: Option<&str>) -> Result<Self> {
        let argument = |message: &str| Error::new(ErrorCode::Argument, message);
        if !(1..=1000).contains(&limit) {
            return Err(argument("entries.list: limit must be an integer 1–1000"));
        }
        let after = match cursor {
            None => 0,
            Some(text) => {
                read_cursor(text).ok_or_else(|| argument("entries.list: cursor must be one that entries.list returned"))?
            }
        };
        Ok(Self { limit, after })
    }
}

/// The cursor behind an entry: its number and a check of it, so that a tampered one is told from a real one.
#[must_use]
pub fn cursor(id: i64) -> String {
    format!("{id}.{:04x}", check(id))
}

fn read_cursor(text: &str) -> Option<i64> {
    let id = text.split_once('.')?.0.parse().ok()?;
    (id > 0 && cursor(id) == text).then_some(id)
}

fn check(id: i64) -> u16 {
    id.to_be_bytes().iter().fold(0x4b65, |check: u16, byte| check.rotate_left(3) ^ u16::from(*byte).wrapping_mul(0x9e37))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_ours_is_read_and_any_other_is_refused() {
        assert_eq!(Page::new(10, Some(&cursor(42))).map(|page| page.after).ok(), Some(42));
        for bad in ["", "42", "42.", "42.zzzz", "-1.0000", &cursor(42).replace("42", "43"), " 42.0000"] {
            assert!(Page::new(10, Some(bad)).is_err(), "{bad}");
        }
        assert!(Page::new(0, None).is_err() && Page::new(1001, None).is_err());
    }
}
