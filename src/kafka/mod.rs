//! The broker over librdkafka: sends copies and answers questions about topics and groups.
//!
//! | file | what lives there |
//! | --- | --- |
//! | [`config`], [`pass_through`] | options → librdkafka's settings; what a user may add to them |
//!
//! **Architecture Invariant:** no call into librdkafka that waits runs on a thread of the async runtime: waiting calls
//! go through `spawn_blocking`, destruction through `reaper`.
#![deny(unsafe_code, reason = "what rdkafka does not wrap is in `native`, and nowhere else")]

pub mod config;
pub mod pass_through;

pub use pass_through::check_librdkafka;
