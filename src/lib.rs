//! Failed Kafka messages are stored in SQL, delivered again by policy, and forgotten on success.
//!
//! # Layout
//!
//! | module | what lives there | may import |
//! | --- | --- | --- |
//! | [`domain`] | values and decisions, no I/O, no clock, no randomness | nothing of this crate |
//! | [`ports`] | the traits of the outside world: store, broker, clock, chance, journal | `domain` |
//! | [`flows`] | one file per user story | `domain`, `ports`, `fault` |
//! | [`store`] | the stores; adding a database is one folder and one line | `domain`, `ports`, `fault` |
//! | `kafka` | the broker over librdkafka | `domain`, `ports`, `fault` |
//! | [`clock`], [`journal`] | the process's time and randomness; the queue of events for JavaScript | `domain`, `ports` |
//! | [`fault`] | failpoints and planted bugs, only in builds for tests | `domain` |
//! | `cron` | schedule rules | `domain`, `ports` |
//! | `runtime` | the only wiring: builds the parts, runs the loops | all of the above |
//! | `binding` | what Node sees: convert, call, wrap | `domain`, `flows`, `runtime` |
//!
//! `tests/tidy.rs` holds these arrows, and `cargo check --no-default-features` compiles the core alone.

pub mod clock;
pub mod domain;
pub mod fault;
pub mod flows;
pub mod journal;
pub mod ports;
pub mod store;

#[cfg(feature = "binding")]
pub mod binding;
#[cfg(feature = "runtime")]
pub mod cron;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "binding")]
pub mod runtime;
