//! Rows of 2.x (`business_errors`) that became entries. They are marked, not moved: a 2.x process that still runs may
//! report their success, by deleting the row, or their failure, by counting it up.

use serde::{Deserialize, Serialize};

use super::decide;
use super::entry::{Entry, Reason, Redelivery};
use super::policy::RetryPolicy;
use super::verbs::Settlement;
use super::zone::Zone;

/// The database in which 2.x kept its table, whatever its options said.
pub const OLD_DATABASE: &str = "kafka-error-retry";

/// The rows that an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// The database of their table.
    pub source: String,
    /// What was last seen of each; several where 2.x stored one failure more than once.
    pub rows: Vec<OldRow>,
}

/// What counts of a row of 2.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldRow {
    /// Its number.
    pub id: i64,
    /// Its `retryCount`; an absent one counts as 1.
    #[serde(rename = "count")]
    pub retry_count: u32,
}

/// Which rows are adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRows {
    /// Those that 2.x would send again.
    Open,
    /// Those that 2.x gave up; they become dead entries.
    Spent,
}

/// How to adopt.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// The database to look in.
    pub source: String,
    /// Rows above this number.
    pub after: i64,
    /// The most rows at once.
    pub limit: u32,
    /// Which.
    pub rows: OldRows,
    /// The namespace of the entries.
    pub namespace: String,
    /// Their group.
    pub group: String,
    /// Their policy: 2.x wrote one into each row and never read it.
    pub policy: RetryPolicy,
    /// Where their copies go.
    pub redelivery: Redelivery,
    /// How 2.x wrote times.
    pub zone: Zone,
    /// Random bits from which lives are made.
    pub seed: [u8; 16],
}

/// What became of a page of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdoptedPage {
    /// Rows that became entries, or joined one.
    pub adopted: u64,
    /// Rows that cannot become entries: their topic or id would be refused by `pushError`.
    pub refused: u64,
    /// The last number looked at; `None` when there are no further ones.
    pub last: Option<i64>,
}

/// Rows of one topic, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OldTopic {
    /// The database of the table.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// Rows that 2.x would send again.
    pub open: u64,
    /// Rows that 2.x gave up.
    pub spent: u64,
    /// Rows that are entries already.
    pub adopted: u64,
}

/// What 2.x processes made of an adopted entry since it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Unchanged,
    /// Its rows are gone: a success.
    Succeeded,
    /// So many failures were counted.
    Failed {
        /// How many.
        times: u32,
        /// The rows as they are now.
        adopted: Adopted,
    },
}

impl Adopted {
    /// Compares with the rows as they are now.
    #[must_use]
    pub fn since(&self, now: &[OldRow]) -> Since {
        let left: Vec<(OldRow, OldRow)> =
            self.rows.iter().filter_map(|was| now.iter().find(|row| row.id == was.id).map(|row| (*was, *row))).collect();
        if left.is_empty() {
            return Since::Succeeded;
        }
        let times = left.iter().fold(0_u32, |sum, (was, is)| sum.saturating_add(is.retry_count.saturating_sub(was.retry_count)));
        if times == 0 {
            return Since::Unchanged;
        }
        let rows = left.into_iter().map(|(_, is)| is).collect();
        Since::Failed { times, adopted: Self { source: self.source.clone(), rows } }
    }
}

/// What failures that a 2.x process counted make of the entry.
#[must_use]
pub fn failed_there(entry: &Entry, times: u32, adopted: Adopted, chance: f64) -> Settlement {
    Settlement { is_alone: entry.is_alone, adopted: Some(adopted), ..decide::failed_times(entry, times, Reason::Failed, chance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopted(rows: &[(i64, u32)]) -> Adopted {
        Adopted { source: OLD_DATABASE.into(), rows: old(rows) }
    }

    fn old(rows: &[(i64, u32)]) -> Vec<OldRow> {
        rows.iter().map(|(id, retry_count)| OldRow { id: *id, retry_count: *retry_count }).collect()
    }

    #[test]
    fn a_row_that_is_gone_is_a_success_and_a_higher_count_that_many_failures() {
        let failed = |times, rows: &[(i64, u32)]| Since::Failed { times, adopted: adopted(rows) };
        let cases = [
            (vec![(1, 2)], vec![(1, 2)], Since::Unchanged),
            (vec![(1, 2)], vec![], Since::Succeeded),
            (vec![(1, 2)], vec![(1, 4)], failed(2, &[(1, 4)])),
            (vec![(1, 2), (2, 1)], vec![(2, 1)], Since::Unchanged),
            (vec![(1, 2), (2, 1)], vec![(2, 2)], failed(1, &[(2, 2)])),
            // Somebody set the count back: no failure.
            (vec![(1, 5)], vec![(1, 1)], Since::Unchanged),
        ];
        for (was, is, expected) in cases {
            assert_eq!(adopted(&was).since(&old(&is)), expected, "{was:?} → {is:?}");
        }
    }

    #[test]
    fn the_rows_are_kept_as_small_json() {
        let text = serde_json::to_string(&adopted(&[(7, 3)])).unwrap();
        assert_eq!(text, r#"{"source":"kafka-error-retry","rows":[{"id":7,"count":3}]}"#);
        assert_eq!(serde_json::from_str::<Adopted>(&text).unwrap(), adopted(&[(7, 3)]));
    }
}
