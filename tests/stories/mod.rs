//! One file per part of the life of an entry.

mod capture;
mod delivery;
mod leases;
mod locks;
mod operations;
mod outcomes;
mod outages;
mod reports;
mod routes;
mod setting_up;
mod steadiness;
