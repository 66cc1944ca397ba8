//! One file per user story, over the traits of [`crate::ports`].

pub mod adopt;
pub mod deliver;
pub mod leases;
pub mod line;
pub mod operate;
pub mod report;
pub mod route;
pub mod setup;
pub mod sweep;
pub mod writer;
