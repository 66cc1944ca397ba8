//! What a sweep does with a batch of claimed entries: each ends as one settlement, whatever happens to the others.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::route::{Route, Router, Seen};
use crate::domain::copy::{Copy, Mark, copy_of};
use crate::domain::decide::{self, Passed, Sent, Trouble, Turn};
use crate::domain::entry::{Entry, Reason, State};
use crate::domain::event::{Event, Subject};
use crate::domain::time::Timestamp;
use crate::domain::verbs::{Claimed, Marked, Settlement};
use crate::fault;
use crate::ports::{Broker, Chance, Journal};

/// How long an entry of a paused topic waits until it is looked at again; resuming makes it due at once.
const PAUSED: Duration = Duration::from_secs(30);

/// Delivers batches.
pub struct Deliverer {
    /// Publishes.
    pub broker: Arc<dyn Broker>,
    /// For jitter and partitions.
    pub chance: Arc<dyn Chance>,
    /// For events.
    pub journal: Arc<dyn Journal>,
    /// Where copies go.
    pub router: Router,
    /// How copies are marked.
    pub mark: Mark,
    /// How long an outcome may be missing.
    pub outcome_timeout: Duration,
}

/// How a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepReport {
    /// Entries taken.
    pub claimed: u64,
    /// Copies acknowledged.
    pub delivered: u64,
    /// Attempts counted: no outcome, crash, unknown delivery.
    pub failed: u64,
    /// Given back without an attempt.
    pub given_back: u64,
    /// Given up.
    pub dead: u64,
    /// Set aside.
    pub held: u64,
    /// Gone, because a 2.x process had reported their success.
    pub resolved: u64,
}

impl std::ops::AddAssign for SweepReport {
    fn add_assign(&mut self, other: Self) {
        self.claimed += other.claimed;
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.given_back += other.given_back;
        self.dead += other.dead;
        self.held += other.held;
        self.resolved += other.resolved;
    }
}

/// An entry with what is to be written of it, and what is to be told once that is written.
pub struct Settled {
    /// The entry as it was claimed.
    pub entry: Entry,
    /// What is to be written.
    pub settlement: Settlement,
    sent: Option<Sent>,
}

impl Settled {
    /// A copy of it is in the log.
    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.sent, Some(Sent::Acked { .. }))
    }

    /// Nothing was sent.
    pub(super) const fn unsent(settlement: Settlement, entry: Entry) -> Self {
        Self { entry, settlement, sent: None }
    }
}

impl Deliverer {
    /// Turns a batch into settlements. Everything is sent before it returns.
    pub async fn deliver(&self, claimed: Vec<Claimed>, paused: &HashSet<String>) -> Vec<Settled> {
        let (mut settled, mut to_look, mut to_send) = (Vec::new(), Vec::new(), Vec::new());
        for claimed in claimed {
            let chance = self.chance.fraction();
            match decide::turn(&claimed) {
                Turn::Fail(reason) => {
                    settled.push(Settled::unsent(decide::failed(&claimed.entry, reason, chance), claimed.entry));
                }
                Turn::Suspect => settled.push(Settled::unsent(decide::suspected(&claimed.entry, chance), claimed.entry)),
                Turn::SetAside => {
                    self.tell_unreadable(&claimed);
                    settled.push(Settled::unsent(decide::held(&claimed.entry, Reason::Unreadable), claimed.entry));
                }
                Turn::Look => to_look.push(claimed),
                Turn::Deliver if paused.contains(&claimed.entry.identity.topic) => {
                    settled.push(Settled::unsent(decide::given_back(&claimed.entry, Reason::Paused, PAUSED), claimed.entry));
                }
                Turn::Deliver => to_send.push(claimed),
            }
        }
        self.look(to_look, &mut settled).await;
        self.send(to_send, &mut settled).await;
        settled
    }

    /// Asks, once per group, whether it has passed its copies.
    async fn look(&self, claimed: Vec<Claimed>, settled: &mut Vec<Settled>) {
        let mut groups: BTreeMap<String, Vec<Claimed>> = BTreeMap::new();
        for claimed in claimed {
            groups.entry(claimed.entry.identity.group.clone()).or_default().push(claimed);
        }
        for (group, members) in groups {
            let copies: Vec<_> = members.iter().filter_map(|claimed| self.position(&claimed.entry)).collect();
            let passed = self.broker.passed(&group, &copies).await;
            if passed.contains(&Passed::Untold) {
                self.router.warn_about_group(&group, &*self.journal);
            }
            let mut passed = passed.into_iter();
            for claimed in members {
                let passed = passed.next().unwrap_or(Passed::NotYet);
                let chance = self.chance.fraction();
                let settlement = decide::after_look(&claimed.entry, passed, claimed.now, self.outcome_timeout, chance);
                settled.push(Settled::unsent(settlement, claimed.entry));
            }
        }
    }

    fn position(&self, entry: &Entry) -> Option<(String, i32, i64)> {
        entry.delivered.map(|copy| (self.router.topic(entry), copy.partition, copy.offset))
    }

    async fn send(&self, claimed: Vec<Claimed>, settled: &mut Vec<Settled>) {
        let (mut seen, mut entries, mut copies) = (Seen::default(), Vec::new(), Vec::new());
        for Claimed { entry, message, now, .. } in claimed {
            let route = self.router.route(&entry, &message, &mut seen, &*self.broker, &*self.chance, &*self.journal).await;
            match route {
                Route::Open { topic, partition } => {
                    if let Err(error) = fault::point("publish.before", &entry.identity.data_id).await {
                        let trouble = Trouble { code: "ASKED".into(), message: error.message };
                        settled.push(self.after_send(entry, now, Sent::Refused(trouble)));
                        continue;
                    }
                    copies.push((copy_of(&entry, message, topic, self.mark), Some(partition)));
                    entries.push((entry, now));
                }
                Route::Compacted => settled.push(Settled::unsent(decide::held(&entry, Reason::Compacted), entry)),
                Route::Closed(trouble) => settled.push(self.after_send(entry, now, Sent::Refused(trouble))),
            }
        }
        if copies.is_empty() {
            return;
        }
        let count = copies.len();
        let answers = self.broker.send(copies as Vec<(Copy, Option<i32>)>).await;
        let lost = || Sent::Unknown(Trouble { code: "NO_REPORT".into(), message: "the broker client gave no answer".into() });
        let answers = answers.into_iter().chain(std::iter::repeat_with(lost)).take(count);
        settled.extend(entries.into_iter().zip(answers).map(|((entry, now), sent)| self.after_send(entry, now, sent)));
    }

    fn after_send(&self, entry: Entry, now: Timestamp, sent: Sent) -> Settled {
        // Planted: as if a time-out said that nothing was sent.
        let sent = match sent {
            Sent::Unknown(trouble) if fault::is_planted("P11") => Sent::Refused(trouble),
            sent => sent,
        };
        let pause = decide::refusal_pause(now.since(entry.last_failed_at));
        let settlement = decide::after_send(&entry, &sent, self.outcome_timeout, pause, self.chance.fraction());
        Settled { entry, settlement, sent: Some(sent) }
    }

    /// Tells what was written, and counts it. What was fenced is not ours to tell; the copy is in the log all the same.
    pub fn tell(&self, settled: Vec<Settled>, marked: &[Marked]) -> SweepReport {
        let mut report = SweepReport { claimed: settled.len() as u64, ..SweepReport::default() };
        for (Settled { entry, settlement, sent }, marked) in settled.into_iter().zip(marked) {
            self.tell_sent(&entry, sent.as_ref(), &mut report);
            if *marked == Marked::Fenced {
                continue;
            }
            let is_counted = settlement.retry_count > entry.retry_count;
            report.failed += u64::from(is_counted);
            match settlement.state {
                State::Dead => {
                    report.dead += 1;
                    let (retry_count, reason) = (settlement.retry_count, settlement.reason.as_str());
                    self.journal.note(Event::Dead { subject: Subject::from(&entry), retry_count, reason });
                }
                State::Held => {
                    report.held += 1;
                    if settlement.reason == Reason::Compacted {
                        self.tell_compacted(&entry);
                    }
                }
                State::Scheduled => report.given_back += u64::from(!is_counted),
                State::Leased | State::Awaiting => {}
            }
        }
        report
    }

    fn tell_sent(&self, entry: &Entry, sent: Option<&Sent>, report: &mut SweepReport) {
        let subject = Subject::from(entry);
        let (outcome, trouble) = match sent {
            None => return,
            Some(Sent::Acked { partition, offset }) => {
                report.delivered += 1;
                let (attempt, generation) = (entry.retry_count.saturating_add(1), entry.generation);
                self.journal.note(Event::Redelivered {
                    subject,
                    attempt,
                    generation,
                    partition: *partition,
                    offset: offset.to_string(),
                });
                return;
            }
            Some(Sent::Unknown(trouble)) => ("unknown", trouble),
            Some(Sent::Refused(trouble) | Sent::TooLarge(trouble)) => ("not_done", trouble),
        };
        let Trouble { code, message } = trouble.clone();
        self.journal.note(Event::DeliveryFailed { subject, outcome, code, message });
    }

    fn tell_unreadable(&self, claimed: &Claimed) {
        let (id, column) = (claimed.entry.id.to_string(), claimed.unreadable.unwrap_or_default());
        let text = format!(
            "the {column} of entry {id} cannot be read, so it is held: after a further failure, which writes it anew, it can be requeued; discard forgets it"
        );
        self.journal.note(Event::warning("unreadable", text, json!({ "id": id, "column": column })));
    }

    fn tell_compacted(&self, entry: &Entry) {
        let topic = &entry.identity.topic;
        let text = format!(
            "topic {topic} is compacted: a copy could replace a newer value, so the entry is held (compacted: 'force' sends it)"
        );
        let details =
            json!({ "code": "KER_COMPACTED", "id": entry.id.to_string(), "topic": topic, "dataId": entry.identity.data_id });
        self.journal.note(Event::warning("compacted", text, details));
    }
}
