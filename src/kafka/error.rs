//! The one map from librdkafka's errors to ours.
//!
//! What became of a copy is decided by two facts: the code, and whether librdkafka holds it possible that the record
//! is in the log ([`Stored`]). The code alone does not tell: `_MSG_TIMED_OUT` is what a copy gets that never left an
//! unreachable client as well as one whose answer was lost.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use serde_json::json;

use super::native;
use crate::domain::decide::{Sent, Trouble};
use crate::domain::{Error, ErrorCode};

/// What librdkafka knows of a record that it could not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was never transmitted, or every answer said that it was not written.
    No,
    /// It may be in the log.
    Maybe,
}

/// What librdkafka reported in the background, such as a connection or a login that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// librdkafka's code.
    pub code: Code,
    /// librdkafka's text, which names broker and reason.
    pub reason: String,
}

/// What became of a copy that was not acknowledged.
#[must_use]
pub fn sent(code: Code, stored: Stored) -> Sent {
    let trouble = trouble(code);
    match (code, stored) {
        // However often it was tried, a record of that size was not written.
        (Code::MessageSizeTooLarge | Code::MessageBatchTooLarge, _) => Sent::TooLarge(trouble),
        (code, Stored::No) if is_local(code) || is_refusal(code) => Sent::Refused(trouble),
        _ => Sent::Unknown(trouble),
    }
}

/// What became of a copy that librdkafka did not even take.
#[must_use]
pub fn not_taken(code: Code) -> Sent {
    match code {
        Code::MessageSizeTooLarge => Sent::TooLarge(trouble(code)),
        _ => Sent::Refused(trouble(code)),
    }
}

/// Name and text, as librdkafka has them.
#[must_use]
pub fn trouble(code: Code) -> Trouble {
    Trouble { code: native::name(code), message: native::text(code) }
}

/// Whether the code is librdkafka's own: no broker said anything.
const fn is_local(code: Code) -> bool {
    (code as i32) < -1
}

/// Answers of a broker that mean: not written, and may be later. Everything else that a broker says counts as unknown.
/// So do answers that will be the same for ever, such as a record without key on a compacted topic: given back, they
/// would go round without end; as unknown, they use up the policy.
const fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopicId
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::NotEnoughReplicas
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::ThrottlingQuotaExceeded
    )
}

/// Whether one record can earn this answer for all that travelled with it: the innocent are sent again without it.
#[must_use]
pub const fn is_contagious(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
    )
}

/// `auth` or `tls`, for codes that mean that somebody was turned away.
#[must_use]
pub const fn refusal_kind(code: Code) -> Option<&'static str> {
    match code {
        Code::SSL => Some("tls"),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed
        | Code::DelegationTokenExpired => Some("auth"),
        _ => None,
    }
}

/// Which of our options to look at: librdkafka names its own.
fn advice(code: Code, reason: &str) -> &'static str {
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism | Code::IllegalSASLState => {
            "; see kafka.sasl"
        }
        // TLS on one side only is a lost connection whose text asks whether it might be that.
        code if is_local(code) && reason.contains("SSL") => "; see kafka.ssl",
        _ => "",
    }
}

/// The error of a question that a broker did not answer, or answered by a refusal.
///
/// `what` is what was asked, as the beginning of a sentence. In the foreground a failed connection or login shows only
/// as silence, so `complaint` has the word then.
#[must_use]
pub fn unanswered(what: &str, code: Code, complaint: Option<&Complaint>) -> Error {
    let complaint = complaint.filter(|_| is_local(code));
    let refused = complaint.filter(|complaint| refusal_kind(complaint.code).is_some());
    let code = refused.map_or(code, |complaint| complaint.code);
    let name = native::name(code);
    let reason = complaint.map_or_else(|| native::text(code), |complaint| complaint.reason.clone());
    let message = format!("{what}: {reason} ({name}){}", advice(code, &reason));
    match refusal_kind(code) {
        Some(kind) => Error::new(ErrorCode::KafkaAuth, message).with_details(json!({ "code": name, "kind": kind })),
        None => Error::new(ErrorCode::Kafka, message).with_details(json!({ "code": name })),
    }
}

/// The code of an error of rdkafka; those without one are local failures.
#[must_use]
pub fn code_of(error: &KafkaError) -> Code {
    match error {
        KafkaError::AdminOp(code)
        | KafkaError::Global(code)
        | KafkaError::MetadataFetch(code)
        | KafkaError::MessageProduction(code)
        | KafkaError::MockCluster(code) => *code,
        other => other.rdkafka_error_code().unwrap_or(Code::Fail),
    }
}

/// The error of settings that librdkafka did not take when a client was made. Its text names settings, never values of
/// secrets.
#[must_use]
pub fn not_configured(error: &KafkaError) -> Error {
    let text = match error {
        KafkaError::ClientConfig(_, text, _, _) | KafkaError::ClientCreation(text) => text.clone(),
        other => native::text(code_of(other)),
    };
    Error::new(ErrorCode::Config, format!("options.kafka is refused by librdkafka: {text}"))
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaRespErr;

    use super::*;

    fn every_code() -> Vec<Code> {
        (-200..=200).filter_map(|number| RDKafkaRespErr::try_from(number).ok()).map(Code::from).collect()
    }

    #[test]
    fn librdkafka_has_well_over_a_hundred_codes() {
        assert!(every_code().len() > 150, "{}", every_code().len());
    }

    #[test]
    fn no_code_is_refused_once_the_record_may_be_in_the_log() {
        for code in every_code() {
            assert!(!matches!(sent(code, Stored::Maybe), Sent::Refused(_) | Sent::Acked { .. }), "{code:?}");
        }
    }

    #[test]
    fn what_was_never_transmitted_is_refused_with_every_local_code() {
        for code in every_code().into_iter().filter(|code| (*code as i32) < -1) {
            assert!(matches!(sent(code, Stored::No), Sent::Refused(_)), "{code:?}");
        }
    }

    #[test]
    fn broker_answers_outside_the_list_are_unknown() {
        let refused: Vec<Code> = every_code()
            .into_iter()
            .filter(|code| *code as i32 >= -1 && matches!(sent(*code, Stored::No), Sent::Refused(_)))
            .collect();
        assert_eq!(
            refused,
            [
                Code::UnknownTopicOrPartition,
                Code::LeaderNotAvailable,
                Code::NotLeaderForPartition,
                Code::BrokerNotAvailable,
                Code::ReplicaNotAvailable,
                Code::InvalidTopic,
                Code::NotEnoughReplicas,
                Code::TopicAuthorizationFailed,
                Code::ClusterAuthorizationFailed,
                Code::SaslAuthenticationFailed,
                Code::ThrottlingQuotaExceeded,
                Code::UnknownTopicId,
            ]
        );
        for code in [Code::NotEnoughReplicasAfterAppend, Code::RequestTimedOut, Code::InvalidRecord, Code::Unknown] {
            assert!(matches!(sent(code, Stored::No), Sent::Unknown(_)), "{code:?}");
        }
    }

    #[test]
    fn only_sizes_are_too_large() {
        let large: Vec<Code> =
            every_code().into_iter().filter(|code| matches!(sent(*code, Stored::No), Sent::TooLarge(_))).collect();
        assert_eq!(large, [Code::MessageSizeTooLarge, Code::MessageBatchTooLarge]);
    }

    #[test]
    fn what_librdkafka_does_not_take_is_refused_or_too_large() {
        for code in every_code() {
            assert!(matches!(not_taken(code), Sent::Refused(_) | Sent::TooLarge(_)), "{code:?}");
        }
    }

    #[test]
    fn silence_is_explained_by_what_was_heard_in_the_background() {
        let explained = |heard: Option<(Code, &str)>| {
            let complaint = heard.map(|(code, reason)| Complaint { code, reason: reason.to_owned() });
            let error = unanswered("kafka: no answer", Code::OperationTimedOut, complaint.as_ref());
            (error.code, error.message, error.details)
        };
        assert_eq!(
            explained(Some((Code::Authentication, "wrong password"))),
            (
                ErrorCode::KafkaAuth,
                "kafka: no answer: wrong password (_AUTHENTICATION); see kafka.sasl".to_owned(),
                json!({ "code": "_AUTHENTICATION", "kind": "auth" })
            )
        );
        assert_eq!(
            explained(Some((Code::BrokerTransportFailure, "connection refused"))),
            (ErrorCode::Kafka, "kafka: no answer: connection refused (_TIMED_OUT)".to_owned(), json!({ "code": "_TIMED_OUT" }))
        );
        let one_sided = "Disconnected: connecting to a SSL listener?";
        assert_eq!(
            explained(Some((Code::BrokerTransportFailure, one_sided))).1,
            "kafka: no answer: Disconnected: connecting to a SSL listener? (_TIMED_OUT); see kafka.ssl"
        );
        assert_eq!(explained(None).1, "kafka: no answer: Local: Timed out (_TIMED_OUT)");
    }

    #[test]
    fn what_a_broker_says_needs_no_explanation() {
        let complaint = Complaint { code: Code::Authentication, reason: "old".to_owned() };
        let error = unanswered("kafka: topic", Code::InvalidConfig, Some(&complaint));
        assert_eq!((error.code, error.details["code"].as_str()), (ErrorCode::Kafka, Some("INVALID_CONFIG")));
        let error = unanswered("kafka: topic", Code::TopicAuthorizationFailed, None);
        assert_eq!((error.code, error.details["kind"].as_str()), (ErrorCode::KafkaAuth, Some("auth")));
    }

    #[test]
    fn tls_and_login_are_told_apart() {
        assert_eq!(refusal_kind(Code::SSL), Some("tls"));
        assert_eq!(refusal_kind(Code::SaslAuthenticationFailed), Some("auth"));
        assert_eq!(refusal_kind(Code::BrokerTransportFailure), None);
    }
}
