//! What a redelivery looks like: the body, marked or not, and the `x-ker-*` headers, replaced and never appended.

use super::entry::{Entry, Life, Redelivery};
use super::headers::Headers;
use super::mark::mark;
use super::message::{Message, Origin};
use super::verbs::CopyMark;

const ENTRY: &str = "x-ker-entry";
const GROUP: &str = "x-ker-group";
const ATTEMPT: &str = "x-ker-attempt";
const GENERATION: &str = "x-ker-generation";
const TOPIC: &str = "x-ker-topic";
const PARTITION: &str = "x-ker-partition";
const OFFSET: &str = "x-ker-offset";
const TIMESTAMP: &str = "x-ker-timestamp";
const SUM: &str = "x-ker-sum";

/// The names that a copy carries; whatever stood under them before is taken away.
const NAMES: [&str; 9] = [ENTRY, GROUP, ATTEMPT, GENERATION, TOPIC, PARTITION, OFFSET, TIMESTAMP, SUM];

/// How a redelivery is told from the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// JSON objects get `"fromRetry":true`, as in 2.x; the headers are there too.
    #[default]
    Body,
    /// Only the headers.
    Header,
}

/// A record to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where to.
    pub topic: String,
    /// `None` is a null key.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Foreign headers in their order, then ours.
    pub headers: Headers,
}

/// The topic that copies of an entry go to. The retry topic of a group is the option, or `<group>.ker-retry` with `-`
/// for what Kafka does not allow in names.
#[must_use]
pub fn target_topic(entry: &Entry, retry_topic: Option<&str>) -> String {
    match (entry.redelivery, retry_topic) {
        (Redelivery::Original, _) => entry.identity.topic.clone(),
        (Redelivery::RetryTopic, Some(topic)) => topic.to_owned(),
        (Redelivery::RetryTopic, None) => default_retry_topic(&entry.identity.group),
    }
}

/// `<group>.ker-retry`, within Kafka's 249 characters.
#[must_use]
pub fn default_retry_topic(group: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = group.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(239).collect();
    format!("{name}.ker-retry")
}

/// The record that redelivers an entry; `entry.generation` is the one it carries.
#[must_use]
pub fn copy_of(entry: &Entry, message: Message, topic: String, how: Mark) -> Copy {
    let Message { key, value, mut headers, origin } = message;
    let value = match how {
        Mark::Body => value.map(mark),
        Mark::Header => value,
    };
    let sum = sum(&topic, key.as_deref(), value.as_deref());
    headers.0.retain(|(name, _)| !NAMES.contains(&name.as_str()));
    let mut put = |name: &str, text: String| headers.0.push((name.to_owned(), Some(text.into_bytes())));
    put(ENTRY, entry.life.to_string());
    if !entry.identity.group.is_empty() {
        put(GROUP, entry.identity.group.clone());
    }
    put(ATTEMPT, entry.retry_count.saturating_add(1).to_string());
    put(GENERATION, entry.generation.to_string());
    if topic != entry.identity.topic {
        put(TOPIC, entry.identity.topic.clone());
    }
    if let Some(partition) = origin.partition {
        put(PARTITION, partition.to_string());
    }
    if let Some(offset) = origin.offset {
        put(OFFSET, offset.to_string());
    }
    if let Some(timestamp) = origin.timestamp {
        put(TIMESTAMP, timestamp.to_string());
    }
    put(SUM, sum.to_string());
    Copy { topic, key, value, headers }
}

/// What the headers of a record say about the redelivery it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyHeaders {
    /// Life and generation.
    pub mark: CopyMark,
    /// The group that failed; empty when unknown.
    pub group: String,
    /// The attempt that the copy is for.
    pub attempt: u32,
    /// The original topic, when it is not the record's own.
    pub topic: Option<String>,
    /// The original coordinates and time.
    pub origin: Origin,
    sum: u64,
}

/// What there is to find in the headers of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// None of ours.
    Plain,
    /// Ours, whole.
    Copy(CopyHeaders),
    /// Ours in part, or with values that we never write; they mean nothing.
    Broken,
}

/// Reads our headers.
#[must_use]
pub fn read(headers: &Headers) -> Reading {
    if headers.last(ENTRY).is_none() && headers.last(GENERATION).is_none() {
        return Reading::Plain;
    }
    read_whole(headers).map_or(Reading::Broken, Reading::Copy)
}

fn read_whole(headers: &Headers) -> Option<CopyHeaders> {
    let text = |name| headers.last(name).map(|value| std::str::from_utf8(value).ok());
    let number = |name| text(name).map(|value| value.and_then(decimal));
    let generation = number(GENERATION)??;
    let attempt = u32::try_from(number(ATTEMPT)??).ok()?;
    let sum = text(SUM)??.parse().ok()?;
    // Absent is fine for these; present but unreadable is not.
    let optional = |name| number(name).map_or(Some(None), |value| value.map(Some));
    let partition = optional(PARTITION)?.map(i32::try_from).transpose().ok()?;
    Some(CopyHeaders {
        mark: CopyMark { life: Life::parse(text(ENTRY)??)?, generation },
        group: text(GROUP).map_or(Some(""), |value| value)?.to_owned(),
        attempt,
        topic: text(TOPIC).map_or(Some(None), |value| value.map(|topic| Some(topic.to_owned())))?,
        origin: Origin { partition, offset: optional(OFFSET)?, timestamp: optional(TIMESTAMP)? },
        sum,
    })
}

/// Digits only: no sign, no space.
fn decimal(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl CopyHeaders {
    /// Whether the headers belong to this record, and were not merely copied onto another one.
    #[must_use]
    pub fn belong_to(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> bool {
        self.sum == sum(topic, key, value)
    }
}

/// 64 bits over topic, key and value as sent: FNV-1a with every part preceded by its length, null apart from empty.
/// It tells a copied header from our own; it is no protection against forgery, the random life is.
fn sum(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let parts = [Some(topic.as_bytes()), key, value];
    parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        let bytes = length.to_be_bytes().into_iter().chain(part.unwrap_or_default().iter().copied());
        bytes.fold(hash, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    })
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
