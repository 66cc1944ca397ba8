//! Entries as rows: the columns in their one order, and the way there and back.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::value::{Cells, Kind, Value};
use crate::domain::adoption::Adopted;
use crate::domain::entry::{Delivered, Entry, Identity, Life, Reason, RecentFailures, Redelivery, State};
use crate::domain::fold::Written;
use crate::domain::headers::Headers;
use crate::domain::message::{Failure, Message, Origin};
use crate::domain::policy::RetryPolicy;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::ports::Stored;

/// Columns of an entry without its payload.
pub const ENTRY: &str = "id, namespace, grp, topic, data_id, life, state, reason, due_at, is_alone, generation, \
     failed_generation, retry_count, policy, redelivery, recent, copy_partition, copy_offset, acked_at, is_counting, \
     first_failed_at, last_failed_at, adopted";

/// The kinds of [`ENTRY`].
pub const ENTRY_KINDS: [Kind; 23] = {
    use Kind::{Bytes, Int, Text};
    [
        Int, Text, Text, Text, Text, Bytes, Text, Text, Int, Int, Int, Int, Int, Text, Text, Bytes, Int, Int, Int, Int, Int, Int,
        Bytes,
    ]
};

/// Columns of the payload, but for the error, which only operators read.
pub const MESSAGE: &str = "msg_key, msg_value, headers, origin_partition, origin_offset, origin_timestamp";

/// The kinds of [`MESSAGE`].
pub const MESSAGE_KINDS: [Kind; 6] = [Kind::Bytes, Kind::Bytes, Kind::Bytes, Kind::Int, Kind::Int, Kind::Int];

/// Columns that are written with a failure, in the order of [`values`]. A write always ends the lease.
pub const WRITTEN: &str = "namespace, grp, topic, data_id, life, state, reason, due_at, is_alone, generation, failed_generation, \
     retry_count, policy, redelivery, recent, copy_partition, copy_offset, acked_at, is_counting, first_failed_at, \
     last_failed_at, msg_key, msg_value, headers, origin_partition, origin_offset, origin_timestamp, error, adopted, size, identity, \
     scope, lease_token, lease_company";

/// How many columns [`WRITTEN`] names.
pub const WRITTEN_COUNT: usize = 34;

/// Columns that a first failure leaves to the table, whose defaults are what such an entry has. Fewer values are less work
/// for both sides.
const LEFT_TO_TABLE: [&str; 14] = [
    "state",
    "reason",
    "is_alone",
    "generation",
    "failed_generation",
    "retry_count",
    "copy_partition",
    "copy_offset",
    "acked_at",
    "is_counting",
    "adopted",
    "scope",
    "lease_token",
    "lease_company",
];

/// A column of a first failure.
pub struct Newborn {
    /// Its name.
    pub column: &'static str,
    /// What stands for it in a tuple.
    pub placeholder: &'static str,
    index: usize,
}

/// The columns of a first failure: due so long after the clock, dated by it.
pub static NEWBORN: LazyLock<Vec<Newborn>> = LazyLock::new(|| {
    let placeholder = |column| match column {
        "due_at" => "{now} + ?",
        "first_failed_at" | "last_failed_at" => "{now}",
        _ => "?",
    };
    let columns = WRITTEN.split(", ").enumerate().filter(|(_, column)| !LEFT_TO_TABLE.contains(column));
    columns.map(|(index, column)| Newborn { column, placeholder: placeholder(column), index }).collect()
});

/// The values of [`NEWBORN`].
pub fn newborn_values(written: &Written) -> Result<impl Iterator<Item = Value>> {
    let mut values = values(written)?;
    let with_value = NEWBORN.iter().filter(|newborn| newborn.placeholder.contains('?'));
    Ok(with_value.map(move |newborn| std::mem::replace(&mut values[newborn.index], Value::Int(None))))
}

/// The unique key of an entry: its identity, every part preceded by its length, so that no two identities make the same
/// bytes; hashed, so that the index stays small however long the names are.
#[must_use]
pub fn digest(identity: &Identity) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [&identity.namespace, &identity.group, &identity.topic, &identity.data_id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}

/// The values of [`WRITTEN`].
pub fn values(written: &Written) -> Result<Vec<Value>> {
    let Written { entry, message, error } = written;
    let policy =
        serde_json::to_string(&entry.policy).map_err(|error| Error::internal("a policy has no JSON text").caused_by(error))?;
    let error = error.as_ref().map(serde_json::to_vec).transpose();
    let error = error.map_err(|error| Error::internal("an error has no JSON text").caused_by(error))?;
    let delivered = entry.delivered;
    Ok(vec![
        entry.identity.namespace.as_str().into(),
        entry.identity.group.as_str().into(),
        entry.identity.topic.as_str().into(),
        entry.identity.data_id.as_str().into(),
        entry.life.0.as_slice().into(),
        entry.state.as_str().into(),
        entry.reason.as_str().into(),
        entry.due_at.0.into(),
        entry.is_alone.into(),
        entry.generation.into(),
        entry.failed_generation.into(),
        i64::from(entry.retry_count).into(),
        policy.as_str().into(),
        entry.redelivery.as_str().into(),
        entry.recent.encode().as_slice().into(),
        // Zeros rather than nulls, here and for the token: a row that does not grow when it is claimed and delivered stays
        // where it is.
        delivered.map_or(0, |copy| i64::from(copy.partition)).into(),
        delivered.map_or(0, |copy| copy.offset).into(),
        delivered.map_or(0, |copy| copy.acked_at.0).into(),
        delivered.is_some_and(|copy| copy.is_counting).into(),
        entry.first_failed_at.0.into(),
        entry.last_failed_at.0.into(),
        Value::Bytes(message.key.clone()),
        Value::Bytes(message.value.clone()),
        message.headers.encode().as_slice().into(),
        Value::Int(message.origin.partition.map(i64::from)),
        Value::Int(message.origin.offset),
        Value::Int(message.origin.timestamp),
        Value::Bytes(error),
        Value::Bytes(adopted(entry.adopted.as_ref())?),
        i64::try_from(message.size()).unwrap_or(i64::MAX).into(),
        digest(&entry.identity).as_slice().into(),
        Value::Bytes(entry.scope().map(|scope| scope.as_bytes().to_vec())),
        Value::Bytes(Some(vec![0; 16])),
        false.into(),
    ])
}

/// The rows of 2.x, as a column keeps them.
pub fn adopted(adopted: Option<&Adopted>) -> Result<Option<Vec<u8>>> {
    let json = adopted.map(serde_json::to_vec).transpose();
    json.map_err(|error| Error::internal("adopted rows have no JSON text").caused_by(error))
}

/// The opposite of [`adopted`].
pub fn read_adopted(json: &[u8]) -> Option<Adopted> {
    serde_json::from_slice(json).ok()
}

/// What could not be read of a row: by another hand, or of a broken disk. Something stands in its place, so that whoever
/// looks at the row sees the rest of it, and one such row never fails what is asked about many.
#[derive(Debug, Default)]
pub struct Doubt(pub Option<&'static str>);

impl Doubt {
    fn or<T>(&mut self, column: &'static str, read: Option<T>, stand_in: T) -> T {
        read.unwrap_or_else(|| {
            self.0 = Some(column);
            stand_in
        })
    }

    /// A state that was read.
    pub fn state(&mut self, text: &str) -> State {
        self.or("state", State::parse(text), State::Held)
    }
}

/// Reads [`ENTRY`].
pub fn entry(cells: &mut Cells, doubt: &mut Doubt) -> Result<Entry> {
    let id = cells.int()?;
    let identity = Identity { namespace: cells.text()?, group: cells.text()?, topic: cells.text()?, data_id: cells.text()? };
    let life = Life(doubt.or("life", cells.bytes()?.try_into().ok(), [0; 16]));
    let state = doubt.state(&cells.text()?);
    let reason = doubt.or("reason", Reason::parse(&cells.text()?), Reason::Unreadable);
    let due_at = Timestamp(cells.int()?);
    let is_alone = cells.int()? != 0;
    let (generation, failed_generation) = (cells.int()?, cells.int()?);
    let retry_count = doubt.or("retry_count", u32::try_from(cells.int()?).ok(), 0);
    let policy = doubt.or("policy", serde_json::from_str(&cells.text()?).ok(), RetryPolicy::default());
    let redelivery = doubt.or("redelivery", Redelivery::parse(&cells.text()?), Redelivery::Original);
    let recent = RecentFailures::decode(&cells.bytes()?);
    let (partition, offset, acked_at) = (cells.maybe_int()?, cells.maybe_int()?, cells.maybe_int()?);
    let is_counting = cells.int()? != 0;
    let delivered = match (partition.and_then(|partition| i32::try_from(partition).ok()), offset, acked_at.filter(|at| *at > 0)) {
        (Some(partition), Some(offset), Some(at)) => Some(Delivered { partition, offset, acked_at: Timestamp(at), is_counting }),
        _ => None,
    };
    let (first_failed_at, last_failed_at) = (Timestamp(cells.int()?), Timestamp(cells.int()?));
    let adopted = cells.maybe_bytes()?.and_then(|json| doubt.or("adopted", read_adopted(&json).map(Some), None));
    Ok(Entry {
        id,
        identity,
        life,
        state,
        reason,
        due_at,
        is_alone,
        generation,
        failed_generation,
        retry_count,
        policy,
        redelivery,
        recent,
        delivered,
        first_failed_at,
        last_failed_at,
        adopted,
    })
}

/// Reads [`MESSAGE`].
pub fn message(cells: &mut Cells, doubt: &mut Doubt) -> Result<Message> {
    let (key, value) = (cells.maybe_bytes()?, cells.maybe_bytes()?);
    let headers = doubt.or("headers", Headers::decode(&cells.bytes()?), Headers::default());
    let partition = cells.maybe_int()?.and_then(|partition| i32::try_from(partition).ok());
    let origin = Origin { partition, offset: cells.maybe_int()?, timestamp: cells.maybe_int()? };
    Ok(Message { key, value, headers, origin })
}

/// Reads [`ENTRY`], [`MESSAGE`] and the error, for people: what cannot be read looks empty.
pub fn stored(cells: &mut Cells) -> Result<Stored> {
    let mut doubt = Doubt::default();
    let (entry, message) = (entry(cells, &mut doubt)?, message(cells, &mut doubt)?);
    let error = cells.maybe_bytes()?.and_then(|json| serde_json::from_slice::<Failure>(&json).ok());
    Ok(Stored { entry, message, error })
}
