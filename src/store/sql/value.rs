//! The few kinds of values that cross between us and a database.

use crate::domain::{Error, Result};

/// A value to bind, or a cell that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any integer column.
    Int(Option<i64>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// Text that is compared byte by byte: bytes in MySQL, text elsewhere.
    Text(String),
    /// A JSON document, read by the database.
    Json(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

/// What a cell is to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As [`Value::Int`].
    Int,
    /// As [`Value::Bytes`].
    Bytes,
    /// As [`Value::Text`]; null is the empty text.
    Text,
}

/// The cells of a row, taken from the front in the order of the statement.
#[derive(Debug)]
pub struct Cells(std::vec::IntoIter<Value>);

impl Cells {
    /// A row.
    #[must_use]
    pub fn new(cells: Vec<Value>) -> Self {
        Self(cells.into_iter())
    }

    /// The next cell, an integer or null.
    ///
    /// # Errors
    /// `KER_INTERNAL` when the statement and its reader disagree.
    pub fn maybe_int(&mut self) -> Result<Option<i64>> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(value),
            other => Err(misread("an integer", other.as_ref())),
        }
    }

    /// The next cell, an integer.
    ///
    /// # Errors
    /// As [`Cells::maybe_int`], and for null.
    pub fn int(&mut self) -> Result<i64> {
        self.maybe_int()?.ok_or_else(|| misread("an integer that is not null", None))
    }

    /// The next cell, bytes or null.
    ///
    /// # Errors
    /// As [`Cells::maybe_int`].
    pub fn maybe_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        match self.0.next() {
            Some(Value::Bytes(value)) => Ok(value),
            other => Err(misread("bytes", other.as_ref())),
        }
    }

    /// The next cell, bytes; null is empty.
    ///
    /// # Errors
    /// As [`Cells::maybe_int`].
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        Ok(self.maybe_bytes()?.unwrap_or_default())
    }

    /// The next cell, text.
    ///
    /// # Errors
    /// As [`Cells::maybe_int`].
    pub fn text(&mut self) -> Result<String> {
        match self.0.next() {
            Some(Value::Text(value)) => Ok(value),
            other => Err(misread("text", other.as_ref())),
        }
    }
}

fn misread(expected: &str, found: Option<&Value>) -> Error {
    let found = match found {
        Some(Value::Int(_)) => "an integer",
        Some(Value::Bytes(_)) => "bytes",
        Some(Value::Text(_) | Value::Json(_)) => "text",
        None => "nothing",
    };
    Error::internal(format!("the store read {found} where {expected} should be"))
}
