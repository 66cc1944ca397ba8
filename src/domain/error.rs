//! The one error of this crate: a stable code, a message for people, and whether something may have happened.

use serde_json::Value;

/// Foreign causes are kept whole, never repeated in the message.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares the codes once: the enum, its text, and the list that a test compares with the TypeScript table.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $retriable:literal;)*) => {
        /// What callers may rely on. Each becomes a JavaScript error class by the table in `ts/errors.ts`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// All codes, also those that only TypeScript raises.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as users see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The same call, unchanged, may succeed later.
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self { $(Self::$variant => $retriable,)* }
            }
        }
    };
}

codes! {
    /// An options object cannot work; every problem is in `details.problems`. JS `ConfigError`.
    Config = "KER_CONFIG", false;
    /// An argument of one call is wrong. JS `ArgumentError`.
    Argument = "KER_ARGUMENT", false;
    /// A message is over `maxPayloadBytes`. JS `ArgumentError`.
    TooLarge = "KER_TOO_LARGE", false;
    /// Not allowed now. JS `StateError`.
    State = "KER_STATE", false;
    /// Called during or after `close()`. JS `StateError`.
    Closed = "KER_CLOSED", false;
    /// This consumer does not own the partition. JS `StateError`.
    NotAssigned = "KER_NOT_ASSIGNED", false;
    /// The database does not answer, went away, is full or read-only. JS `StoreError`.
    Store = "KER_STORE", true;
    /// The database refused the login. JS `StoreError`.
    StoreAuth = "KER_STORE_AUTH", false;
    /// A right is missing in the database. JS `StoreError`.
    StorePrivilege = "KER_STORE_PRIVILEGE", false;
    /// The database server is too old. JS `StoreError`.
    StoreVersion = "KER_STORE_VERSION", false;
    /// The tables were made by a newer version of this library. JS `StoreError`.
    SchemaNewer = "KER_SCHEMA_NEWER", false;
    /// The database may lose acknowledged commits. JS `StoreError`.
    NotDurable = "KER_NOT_DURABLE", false;
    /// No broker reachable, or a broker error. JS `KafkaError`.
    Kafka = "KER_KAFKA", true;
    /// SASL, TLS or an authorization refused. JS `KafkaError`.
    KafkaAuth = "KER_KAFKA_AUTH", false;
    /// At least one message of a send was not acknowledged. JS `KafkaError`.
    Send = "KER_SEND", false;
    /// An entry is held because its topic is compacted; only ever in an event. JS `KafkaError`.
    Compacted = "KER_COMPACTED", false;
    /// Our own deadline passed. JS `TimeoutError`.
    Timeout = "KER_TIMEOUT", true;
    /// Too many calls pending. JS `BusyError`.
    Busy = "KER_BUSY", true;
    /// Wraps what user code threw. JS `HandlerError`.
    Handler = "KER_HANDLER", false;
    /// A bug of this library, such as a caught panic. JS `InternalError`.
    Internal = "KER_INTERNAL", false;
    /// No native binary for this platform. JS `LoadError`.
    Binary = "KER_BINARY", false;
}

/// What became of an operation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Certainly nothing happened.
    NotDone,
    /// It may have happened: the answer was lost.
    Unknown,
}

impl Outcome {
    /// The word that users see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDone => "not_done",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a store refused, where the caller inside this crate acts differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Nothing special.
    None,
    /// Lost against another transaction (deadlock, serialization, duplicate key of a racing insert): run it again.
    Again,
    /// A row is locked by a stranger for longer than the lock time-out.
    Locked,
    /// The database that the options name does not exist.
    NoDatabase,
}

/// An error with a stable code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What callers may rely on.
    pub code: ErrorCode,
    /// What happened, where, and what to do; without secrets and payload.
    pub message: String,
    /// Set where something may have happened.
    pub outcome: Option<Outcome>,
    /// Facts for programs; `Null` when there are none.
    pub details: Value,
    /// How the store's caller goes on.
    pub conflict: Conflict,
    /// The foreign error.
    pub source: Option<BoxError>,
}

impl Error {
    /// An error without details, outcome and cause.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), outcome: None, details: Value::Null, conflict: Conflict::None, source: None }
    }

    /// Adds facts for programs.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Says what may have happened.
    #[must_use]
    pub const fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Says how the store's caller goes on.
    #[must_use]
    pub const fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }

    /// Keeps the foreign error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error for another caller of the same failed operation; the cause is kept as text.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            outcome: self.outcome,
            details: self.details.clone(),
            conflict: self.conflict,
            source: self.source.as_ref().map(|cause| cause.to_string().into()),
        }
    }

    /// A bug of this library.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }
}
