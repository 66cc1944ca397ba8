//! The broker over librdkafka: sends copies and answers questions about topics and groups.
//!
//! | file | what lives there |
//! | --- | --- |
//! | [`broker`] | [`KafkaBroker`], the port: puts the parts together, keeps them and lets go of them |
//! | [`config`], [`pass_through`] | options → librdkafka's settings; what a user may add to them |
//! | [`producer`], [`batch`] | many copies out, one answer each, in order |
//! | [`admin`] | topics: make, look up, remember for a short while |
//! | [`group_offsets`] | how far a group has read, asked on threads of its own |
//! | [`listener`] | what librdkafka says by itself: log lines, refusals, delivery reports |
//! | [`error`] | the one map from librdkafka's errors to ours |
//! | [`reaper`] | lets go of librdkafka's objects without waiting for them |
//! | [`native`] | the only unsafe code: calls that rdkafka does not wrap |
//! | [`mock`] | librdkafka's mock cluster |
//!
//! **Architecture Invariant:** no call into librdkafka that waits runs on a thread of the async runtime: waiting calls
//! go through `spawn_blocking`, destruction through [`reaper`].
#![deny(unsafe_code, reason = "what rdkafka does not wrap is in `native`, and nowhere else")]

pub mod admin;
pub mod batch;
pub mod broker;
pub mod config;
pub mod error;
pub mod group_offsets;
pub mod listener;
pub mod mock;
pub mod native;
pub mod pass_through;
pub mod producer;
pub mod reaper;

pub use broker::KafkaBroker;
pub use pass_through::check_librdkafka;
