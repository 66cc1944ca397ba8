//! Values and decisions: no I/O, no clock, no randomness. `now` and jitter are arguments.
//!
//! The words, the same in Rust, SQL, TypeScript, logs and docs:
//!
//! - **entry**: one stored failure; identity (namespace, group, topic, data id), compared byte by byte.
//! - **life**: random id of an entry from capture until it is gone; a new failure after that is a new life.
//! - **attempt**: one try that was counted; `retry_count` counts them.
//! - **generation**: number of the redelivery within a life; a copy carries it.
//! - **due**: `due_at <= now` by the clock of the database.
//! - **sweep**: one pass over what was due when it began.
//! - **lease**: a claim on an entry under a random token, renewed while its owner delivers.
//! - **awaiting**: delivered, outcome not yet reported.
//! - **dead**: the policy is spent, or the error can never heal; kept until an operator acts.
//! - **held**: set aside by an operator or a guard.
//! - **copy**: what a redelivery publishes.
//! - **watermark**: the highest offset below which every message of a partition is finished; the only thing ever committed.
//! - **adopted**: an entry that stands for rows of 2.x, which 2.x processes may still answer.

pub mod adoption;
pub mod copy;
pub mod decide;
pub mod entry;
pub mod error;
pub mod event;
pub mod filter;
pub mod fold;
pub mod headers;
pub mod mark;
pub mod message;
pub mod options;
pub mod partitioner;
pub mod policy;
pub mod time;
pub mod validate;
pub mod verbs;
pub mod watermark;
pub mod zone;

pub use error::{Error, ErrorCode, Result};
