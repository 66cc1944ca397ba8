//! Rows of 2.x: made entries once, and read again before such an entry goes out or its deadline counts.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::deliver::Settled;
use crate::domain::adoption::{Adoption, OLD_DATABASE, OldRows, OldTopic, Since, failed_there};
use crate::domain::decide;
use crate::domain::entry::Reason;
use crate::domain::event::{Event, Level};
use crate::domain::options::Options;
use crate::domain::verbs::{Claimed, CopyMark, Resolved, Success};
use crate::domain::zone::Zone;
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Chance, Journal, Store};

/// Rows of one transaction.
const PAGE: u32 = 500;
/// How long an entry waits whose rows could not be read.
const AGAIN: Duration = Duration::from_secs(1);

/// What an adoption came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptionReport {
    /// Rows that became entries, or joined one.
    pub adopted: u64,
    /// Rows that cannot: `pushError` would refuse their topic or id.
    pub refused: u64,
    /// What the tables of 2.x held before.
    pub topics: Vec<OldTopic>,
}

/// The databases in which 2.x may have left a table: its own, which it always used, and the configured one.
fn sources(options: &Options) -> Vec<&str> {
    let mut sources = vec![options.db.database(), OLD_DATABASE];
    sources.dedup();
    sources
}

/// What the tables of 2.x hold.
///
/// # Errors
/// What the store says.
pub async fn survey(store: &dyn Store, options: &Options) -> Result<AdoptionReport> {
    let mut report = AdoptionReport::default();
    for source in sources(options) {
        report.topics.extend(store.survey(source).await?);
    }
    Ok(report)
}

/// Adopts what there is, page by page, and says how many. Begins no page after `patience`.
///
/// # Errors
/// What the store says; `KER_STORE_PRIVILEGE` names the right that is missing.
pub async fn adopt(
    store: &dyn Store,
    options: &Options,
    rows: OldRows,
    chance: &dyn Chance,
    journal: &dyn Journal,
    patience: Duration,
) -> Result<AdoptionReport> {
    let (began, mut report) = (Instant::now(), AdoptionReport::default());
    for source in sources(options) {
        let mut adoption = Adoption {
            source: source.to_owned(),
            after: 0,
            limit: PAGE,
            rows,
            namespace: options.namespace.clone(),
            group: options.group_id.clone(),
            policy: options.policy.clone(),
            redelivery: options.redelivery,
            zone: options.db.timezone.as_deref().and_then(Zone::parse).unwrap_or(Zone::UTC),
            seed: chance.bits(),
        };
        let (before, refused) = (report.adopted, report.refused);
        loop {
            let page = store.adopt(&adoption).await.map_err(|error| privilege_hint(error, source))?;
            report.adopted += page.adopted;
            report.refused += page.refused;
            match page.last {
                Some(last) if began.elapsed() < patience => adoption.after = last,
                // What is left comes with the next look.
                _ => break,
            }
        }
        tell(journal, source, report.adopted - before, report.refused - refused);
    }
    Ok(report)
}

fn tell(journal: &dyn Journal, source: &str, adopted: u64, refused: u64) {
    if adopted > 0 {
        let message = format!("adopted {adopted} rows of 2.x from {source}.business_errors");
        journal.note(Event::Log { level: Level::Info, message, fields: json!({ "source": source, "adopted": adopted }) });
    }
    if refused > 0 {
        let text = format!(
            "{refused} rows of 2.x in {source}.business_errors stay where they are: their topic or dataId is not one that pushError takes"
        );
        journal.note(Event::warning("adoptionRefused", text, json!({ "source": source, "refused": refused })));
    }
}

/// Names the statement that an administrator has to run.
fn privilege_hint(error: Error, source: &str) -> Error {
    if error.code != ErrorCode::StorePrivilege {
        return error;
    }
    let message = format!(
        "the database user may not adopt the rows of 2.x; run: GRANT SELECT, UPDATE, DELETE ON `{source}`.`business_errors` TO the user"
    );
    Error { message, ..error }
}

/// Claimed entries after a look at their rows of 2.x.
#[derive(Default)]
pub struct Looked {
    /// To go on with.
    pub rest: Vec<Claimed>,
    /// Failed there, or not to be read now.
    pub settled: Vec<Settled>,
    /// Succeeded there, and gone.
    pub resolved: u64,
}

/// Reads the rows behind adopted entries, before anything is done with these.
pub async fn look(store: &dyn Store, claimed: Vec<Claimed>, chance: &dyn Chance, journal: &dyn Journal) -> Looked {
    if claimed.iter().all(|claimed| claimed.entry.adopted.is_none()) {
        return Looked { rest: claimed, ..Looked::default() };
    }
    let adopted: Vec<_> = claimed.iter().filter_map(|claimed| claimed.entry.adopted.clone()).collect();
    let mut rows = match store.old_rows(&adopted).await {
        Ok(rows) => Some(rows.into_iter()),
        Err(error) => {
            journal.note(Event::error(&error));
            None
        }
    };
    let (mut looked, mut gone) = (Looked::default(), Vec::new());
    for claimed in claimed {
        let Some(adopted) = &claimed.entry.adopted else {
            looked.rest.push(claimed);
            continue;
        };
        // Without a look nothing may go out: it might have succeeded.
        let Some(now) = rows.as_mut().map(|rows| rows.next().unwrap_or_default()) else {
            let settlement = decide::given_back(&claimed.entry, Reason::NotDelivered, AGAIN);
            looked.settled.push(Settled::unsent(settlement, claimed.entry));
            continue;
        };
        match adopted.since(&now) {
            Since::Unchanged => looked.rest.push(claimed),
            Since::Succeeded => gone.push(success(&claimed)),
            Since::Failed { times, adopted } => {
                let settlement = failed_there(&claimed.entry, times, adopted, chance.fraction());
                looked.settled.push(Settled::unsent(settlement, claimed.entry));
            }
        }
    }
    looked.resolved = resolve(store, &gone, journal).await;
    looked
}

/// Only as long as nothing newer failed on this side.
fn success(claimed: &Claimed) -> Success {
    let copy = CopyMark { life: claimed.entry.life, generation: claimed.entry.generation };
    Success { identity: claimed.entry.identity.clone(), copy: Some(copy) }
}

/// Where this fails the lease runs out, and the next look finds the rows gone again.
async fn resolve(store: &dyn Store, gone: &[Success], journal: &dyn Journal) -> u64 {
    if gone.is_empty() {
        return 0;
    }
    let answers = match store.resolve(gone).await {
        Ok(answers) => answers,
        Err(error) => {
            journal.note(Event::error(&error));
            return 0;
        }
    };
    let mut resolved = 0;
    for (Success { identity, .. }, answer) in gone.iter().zip(answers) {
        if answer == Resolved::Deleted {
            resolved += 1;
            journal.note(Event::resolved(identity));
        }
    }
    resolved
}
