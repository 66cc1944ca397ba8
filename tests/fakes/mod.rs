//! The outside world in one process: a broker, a store that fails on request, a journal that remembers. Everything is
//! waited for by events; nothing sleeps.
#![allow(dead_code, reason = "every test file is a crate of its own and uses what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::clone_on_ref_ptr,
    reason = "a test fails by panicking, and clones to coerce"
)]

pub mod broker;
pub mod gate;
pub mod notes;
pub mod store;
pub mod world;
