//! Where a copy goes: topic and partition, and the guards before it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::domain::copy::target_topic;
use crate::domain::decide::Trouble;
use crate::domain::entry::{Entry, Redelivery};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::options::{Compacted, Options};
use crate::domain::partitioner::Partitioner;
use crate::ports::{Broker, Chance, Journal, TopicFacts};

/// What stands in the way of a delivery, if anything does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To this topic and partition.
    Open {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The topic is compacted, and a copy could replace a newer value.
    Compacted,
    /// The topic does not exist, or nothing could be learned of it.
    Closed(Trouble),
}

/// What decides about routes.
pub struct Router {
    retry_topic: Option<String>,
    compacted: Compacted,
    partitioner: Partitioner,
    ensures: bool,
    configured_partitions: Option<i64>,
    warned: Mutex<HashSet<String>>,
}

/// What one batch has learned of its topics.
#[derive(Default)]
pub struct Seen(HashMap<String, Result<TopicFacts, Trouble>>);

impl Router {
    /// By the options.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            retry_topic: options.retry_topic.clone(),
            compacted: options.compacted,
            partitioner: options.partitioner,
            ensures: options.ensure_topics,
            configured_partitions: options.kafka.partitions,
            warned: Mutex::default(),
        }
    }

    /// The topic that copies of an entry go to.
    #[must_use]
    pub fn topic(&self, entry: &Entry) -> String {
        target_topic(entry, self.retry_topic.as_deref())
    }

    /// Where the copy of an entry goes.
    pub async fn route(
        &self,
        entry: &Entry,
        message: &Message,
        seen: &mut Seen,
        broker: &dyn Broker,
        chance: &dyn Chance,
        journal: &dyn Journal,
    ) -> Route {
        let topic = self.topic(entry);
        let facts = if let Some(known) = seen.0.get(&topic) {
            known.clone()
        } else {
            let learned = self.learn(&topic, broker).await;
            seen.0.insert(topic.clone(), learned.clone());
            learned
        };
        let facts = match facts {
            Ok(facts) => facts,
            Err(trouble) => return Route::Closed(trouble),
        };
        if entry.redelivery == Redelivery::Original && self.compacted == Compacted::Hold {
            match facts.is_compacted {
                Some(true) => return Route::Compacted,
                Some(false) => {}
                None => self.warn_once(&format!("compacted {topic}"), || {
                    let text = format!("the settings of topic {topic} cannot be read; it is taken as not compacted");
                    journal.note(Event::warning("compactionUnknown", text, json!({ "topic": topic })));
                }),
            }
        }
        let original = message.origin.partition.filter(|partition| u32::try_from(*partition).is_ok_and(|p| p < facts.partitions));
        let partition = original.unwrap_or_else(|| {
            self.warn_about_partitions(&topic, facts, journal);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number will do")]
            let any = (chance.fraction() * f64::from(u32::MAX)) as u32;
            self.partitioner.choose(message.key.as_deref(), facts.partitions, any)
        });
        Route::Open { topic, partition }
    }

    async fn learn(&self, topic: &str, broker: &dyn Broker) -> Result<TopicFacts, Trouble> {
        let trouble = |error: crate::domain::Error| {
            let code = error.details.get("code").and_then(|name| name.as_str()).unwrap_or(error.code.as_str()).to_owned();
            Trouble { code, message: error.to_string() }
        };
        if let Some(facts) = broker.topic(topic).await.map_err(trouble)? {
            return Ok(facts);
        }
        if self.ensures {
            broker.ensure_topic(topic).await.map_err(trouble)?;
            if let Some(facts) = broker.topic(topic).await.map_err(trouble)? {
                return Ok(facts);
            }
        }
        Err(Trouble { code: "UNKNOWN_TOPIC_OR_PART".into(), message: format!("topic {topic} does not exist") })
    }

    /// 2.x computed with the configured number; ours with the real one, which may be another partition.
    fn warn_about_partitions(&self, topic: &str, facts: TopicFacts, journal: &dyn Journal) {
        let differs = self.configured_partitions.is_some_and(|configured| configured != i64::from(facts.partitions));
        if self.partitioner == Partitioner::Legacy && differs {
            self.warn_once(&format!("partitions {topic}"), || {
                let text = format!(
                    "topic {topic} has {} partitions, kafka.partitions says {}; copies are spread over the real ones",
                    facts.partitions,
                    self.configured_partitions.unwrap_or_default()
                );
                journal.note(Event::warning("partitionCount", text, json!({ "topic": topic, "partitions": facts.partitions })));
            });
        }
    }

    /// The broker never says how far this group has read.
    pub fn warn_about_group(&self, group: &str, journal: &dyn Journal) {
        self.warn_once(&format!("offsets {group}"), || {
            let text = format!(
                "the offsets of group {group} may not be read (Describe on the group); outcomes are due from the delivery on, also while the group is behind"
            );
            journal.note(Event::warning("offsetsUnreadable", text, json!({ "groupId": group })));
        });
    }

    fn warn_once(&self, what: &str, warn: impl FnOnce()) {
        if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
            warn();
        }
    }
}
