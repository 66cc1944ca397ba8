//! A message as bytes, exactly as read; null, empty and absent are kept apart.

use super::headers::Headers;

/// What a failure brings and a redelivery sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// `None` is a null key, which an empty one is not.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Foreign headers and ours, in order.
    pub headers: Headers,
    /// Coordinates and time of the original record, where the caller knew them.
    pub origin: Origin,
}

impl Message {
    /// Bytes of key, value and headers: what payload limits count.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + self.headers.size()
    }
}

/// Where the original record stood. The topic is part of the entry's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Partition of the original record.
    pub partition: Option<i32>,
    /// Offset of the original record.
    pub offset: Option<i64>,
    /// Timestamp of the original record, epoch milliseconds.
    pub timestamp: Option<i64>,
}

/// The error that a handling ended with, as JavaScript described it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// Name of the error's class.
    pub class: String,
    /// Its message.
    pub message: String,
    /// Its `code`, if it had one.
    pub code: Option<String>,
    /// Its stack, if it had one.
    pub stack: Option<String>,
}
