//! `initialize()`: tables, durability, topics.

use std::time::Duration;

use serde_json::json;

use crate::domain::event::Event;
use crate::domain::options::{Durability, Options, ms};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Broker, Journal, Store, StoreFacts};

/// Makes the store ready.
///
/// # Errors
/// What the store says, at the latest after `connectTimeout`; `KER_NOT_DURABLE` with `durability: 'strict'`.
pub async fn prepare_store(store: &dyn Store, options: &Options, journal: &dyn Journal) -> Result<StoreFacts> {
    let facts = store.migrate().await?;
    for (variable, value) in &facts.risks {
        let text = format!("the database may lose acknowledged commits: {variable} is {value}");
        let details = json!({ "variable": variable, "value": value });
        match options.durability {
            Durability::Warn => journal.note(Event::warning("notDurable", text, details)),
            Durability::Strict => return Err(Error::new(ErrorCode::NotDurable, text).with_details(details)),
        }
    }
    Ok(facts)
}

/// Looks for a broker and creates the configured topics. `false`: no broker answers yet, so this is to be repeated.
///
/// # Errors
/// With `requireKafka: true` when no broker answers, or a topic cannot be created.
pub async fn prepare_topics(broker: &dyn Broker, options: &Options, journal: &dyn Journal) -> Result<bool> {
    // Who does not insist on a broker does not wait long for one: it is looked for again in the background.
    let within = ms(options.connect_timeout);
    let within = if options.require_kafka { within } else { within.min(LOOK) };
    if let Err(error) = broker.probe(within).await {
        if options.require_kafka {
            return Err(error);
        }
        let text = format!("no broker answers yet; failures are stored, and redelivery begins when one does: {error}");
        journal.note(Event::warning("brokerUnavailable", text, error.details));
        return Ok(false);
    }
    ensure_topics(broker, options, journal).await
}

/// Creates the configured topics; says whether all are there.
///
/// # Errors
/// With `requireKafka: true` when one cannot be created.
pub async fn ensure_topics(broker: &dyn Broker, options: &Options, journal: &dyn Journal) -> Result<bool> {
    let mut are_there = true;
    for topic in &options.kafka.topics {
        match broker.ensure_topic(topic).await {
            Ok(()) => warn_about_partitions(broker, topic, options, journal).await,
            Err(error) if options.require_kafka => return Err(error),
            Err(error) => {
                are_there = are_there && !error.code.is_retriable();
                let text = format!("topic {topic} could not be created: {error}");
                journal.note(Event::warning("topicNotCreated", text, json!({ "topic": topic })));
            }
        }
    }
    Ok(are_there)
}

/// An existing topic is never altered; that it differs is worth one line.
async fn warn_about_partitions(broker: &dyn Broker, topic: &str, options: &Options, journal: &dyn Journal) {
    let (Some(wanted), Ok(Some(facts))) = (options.kafka.partitions, broker.topic(topic).await) else { return };
    if wanted != i64::from(facts.partitions) {
        let text = format!(
            "topic {topic} exists with {} partitions, kafka.partitions says {wanted}; it is left as it is",
            facts.partitions
        );
        journal.note(Event::warning("partitionCount", text, json!({ "topic": topic, "partitions": facts.partitions })));
    }
}

/// How long `initialize()` waits for a broker that it does not insist on.
const LOOK: Duration = Duration::from_secs(2);
/// How long to wait before looking for a broker again.
pub const LOOK_AGAIN: Duration = Duration::from_secs(2);
