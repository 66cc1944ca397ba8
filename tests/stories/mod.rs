//! One file per part of the life of an entry.

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
