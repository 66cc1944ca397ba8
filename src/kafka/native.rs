//! The only unsafe code of this folder: four calls of librdkafka that rdkafka does not wrap.
//!
//! Small on purpose. librdkafka's admin request for the offsets of a group would belong here as well; it is not used,
//! because it ends the process when the group's coordinator is on the move (see [`super::group_offsets`]).
#![expect(unsafe_code, reason = "rdkafka 0.39 shows neither the status of a record nor librdkafka's names of codes")]

use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;

use super::error::Stored;

/// librdkafka's name of a code, such as `_MSG_TIMED_OUT`.
#[must_use]
pub fn name(code: Code) -> String {
    // SAFETY: takes a plain number; returns a static string.
    described(code, |code| unsafe { sys::rd_kafka_err2name(code) })
}

/// librdkafka's text of a code, such as `Local: Message timed out`.
#[must_use]
pub fn text(code: Code) -> String {
    // SAFETY: as in `name`.
    described(code, |code| unsafe { sys::rd_kafka_err2str(code) })
}

fn described(code: Code, describe: impl FnOnce(RDKafkaRespErr) -> *const c_char) -> String {
    let text = RDKafkaRespErr::try_from(code as i32).map_or(null(), describe);
    if text.is_null() {
        return format!("{code:?}");
    }
    // SAFETY: not null, ends with NUL and is static, see `name` and `text`.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Whether an undelivered record may be in the log.
#[must_use]
pub fn stored(message: &BorrowedMessage<'_>) -> Stored {
    // SAFETY: a borrowed message holds the event that owns the record, so the pointer is valid here; in a delivery
    // report it is one of a producer, which is the kind that has a status. The call only reads a field.
    match unsafe { sys::rd_kafka_message_status(message.ptr()) } {
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Stored::No,
        _ => Stored::Maybe,
    }
}

/// Asks any broker for the metadata of the topics that this client uses, if any: rdkafka can only ask for all topics of
/// the cluster. Waits, at most so long.
///
/// # Errors
/// When no broker answers in time.
pub fn ping<C: ClientContext>(client: &Client<C>, within: Duration) -> Result<(), Code> {
    // Zero would mean "do not wait", less "wait for ever".
    let milliseconds = i32::try_from(within.as_millis()).unwrap_or(i32::MAX).max(1);
    let mut metadata = null();
    // SAFETY: the client is borrowed, so alive; 0 and null mean "the topics in use"; on success the metadata is ours.
    let code = unsafe { sys::rd_kafka_metadata(client.native_ptr(), 0, null_mut(), &raw mut metadata, milliseconds) };
    match Code::from(code) {
        Code::NoError => {
            // SAFETY: comes from the call above, which succeeded; destroyed once, and not used any more.
            unsafe { sys::rd_kafka_metadata_destroy(metadata) };
            Ok(())
        }
        code => Err(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_and_texts_of_librdkafka() {
        assert_eq!(name(Code::MessageTimedOut), "_MSG_TIMED_OUT");
        assert_eq!(text(Code::MessageTimedOut), "Local: Message timed out");
        assert_eq!(name(Code::TopicAuthorizationFailed), "TOPIC_AUTHORIZATION_FAILED");
    }
}
