//! Topics: make them, and remember for a short while what they are like.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode as Code};

use super::error::code_of;
use super::listener::Listener;
use crate::domain::options::KafkaOptions;
use crate::ports::TopicFacts;

/// How long facts of a topic are believed.
const FRESH: Duration = Duration::from_secs(30);

/// The most topics that are remembered: hostile records may name any number of them.
const CAPACITY: usize = 10_000;

/// How topics are made.
#[derive(Debug, Clone)]
pub struct Recipe {
    partitions: i32,
    replicas: i32,
    settings: Vec<(String, String)>,
}

impl Recipe {
    /// From the options; what they do not say, the broker decides.
    #[must_use]
    pub fn new(kafka: &KafkaOptions) -> Self {
        let number = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok()).unwrap_or(-1);
        let settings = kafka.topic_config.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { partitions: number(kafka.partitions), replicas: number(kafka.replicas), settings }
    }
}

/// Makes a topic; one that is there already is fine and stays as it is.
///
/// # Errors
/// With the broker's code, or that none answered.
pub async fn create(client: &AdminClient<Listener>, name: &str, recipe: &Recipe, within: Duration) -> Result<(), Code> {
    let topic = NewTopic::new(name, recipe.partitions, TopicReplication::Fixed(recipe.replicas));
    let topic = recipe.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
    let options = AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within));
    match first(client.create_topics([&topic], &options).await)? {
        Ok(_) | Err((_, Code::TopicAlreadyExists)) => Ok(()),
        Err((_, code)) => Err(code),
    }
}

/// Whether `cleanup.policy` names `compact`; `None` when the settings may not be read.
///
/// Asks the given broker: every one knows, and the controller, which librdkafka would ask by itself, may be away while
/// topics are in use.
///
/// # Errors
/// With the broker's code, or that none answered: that is no reason to take a compacted topic for another one.
pub async fn is_compacted(
    client: &AdminClient<Listener>,
    name: &str,
    broker: Option<i32>,
    within: Duration,
) -> Result<Option<bool>, Code> {
    let options = AdminOptions::new().request_timeout(Some(within)).broker_id(broker);
    let found = first(client.describe_configs([&ResourceSpecifier::Topic(name)], &options).await).and_then(|found| found);
    match found {
        Ok(topic) => Ok(topic.get("cleanup.policy").map(names_compact)),
        Err(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SecurityDisabled
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion,
        ) => Ok(None),
        Err(code) => Err(code),
    }
}

fn names_compact(policy: &ConfigEntry) -> bool {
    policy.value.as_deref().unwrap_or_default().split(',').any(|word| word.trim() == "compact")
}

/// The answer for the one thing that was asked about.
fn first<T>(results: KafkaResult<Vec<T>>) -> Result<T, Code> {
    results.map_err(|error| code_of(&error))?.into_iter().next().ok_or(Code::NoEnt)
}

/// Facts by topic. Topics that do not exist are not remembered: they may be made at any moment.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<String, (Instant, TopicFacts)>>);

impl Known {
    /// What is known and still believed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<TopicFacts> {
        self.lock().get(name).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, facts)| *facts)
    }

    /// Remembers.
    pub fn put(&self, name: &str, facts: TopicFacts) {
        let mut known = self.lock();
        if known.len() >= CAPACITY {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(name.to_owned(), (Instant::now(), facts));
    }

    /// Forgets what turned out to be wrong.
    pub fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, TopicFacts)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::admin::ConfigSource;

    use super::*;

    const FACTS: TopicFacts = TopicFacts { partitions: 3, is_compacted: Some(false) };

    fn policy(value: &str) -> ConfigEntry {
        let (name, value, source) = ("cleanup.policy".to_owned(), Some(value.to_owned()), ConfigSource::Default);
        ConfigEntry { name, value, source, is_read_only: false, is_default: true, is_sensitive: false }
    }

    #[test]
    fn a_policy_that_names_compact_is_compacted() {
        for (value, expected) in
            [("compact", true), ("compact,delete", true), ("delete, compact", true), ("delete", false), ("", false)]
        {
            assert_eq!(names_compact(&policy(value)), expected, "{value}");
        }
    }

    #[test]
    fn facts_are_remembered_until_they_are_forgotten() {
        let known = Known::default();
        known.put("t", FACTS);
        assert_eq!((known.get("t"), known.get("u")), (Some(FACTS), None));
        known.forget("t");
        assert_eq!(known.get("t"), None);
    }

    #[test]
    fn memory_is_bounded_whatever_names_come() {
        let known = Known::default();
        (0..=CAPACITY).for_each(|number| known.put(&number.to_string(), FACTS));
        assert!(known.lock().len() <= CAPACITY);
        assert_eq!(known.get(&CAPACITY.to_string()), Some(FACTS));
    }

    #[test]
    fn what_the_options_do_not_say_the_broker_decides() {
        let recipe = Recipe::new(&KafkaOptions::default());
        assert_eq!((recipe.partitions, recipe.replicas), (-1, -1));
        let kafka = KafkaOptions { partitions: Some(6), replicas: Some(2), ..KafkaOptions::default() };
        let recipe = Recipe::new(&kafka);
        assert_eq!((recipe.partitions, recipe.replicas), (6, 2));
    }
}
