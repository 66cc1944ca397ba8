//! One file per part of the life of an entry.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::clone_on_ref_ptr,
    reason = "a test fails by panicking, and clones to coerce"
)]

mod capture;
mod delivery;
mod leases;
mod locks;
mod operations;
mod outages;
mod outcomes;
mod reports;
mod routes;
mod setting_up;
mod steadiness;
