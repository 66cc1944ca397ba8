//! What Node sees: convert, call, wrap. Nothing here decides anything, and nothing here calls user code.
#![expect(
    unsafe_code,
    reason = "the napi macros make the functions of the C interface, and `outcome.rs` makes JavaScript errors by hand"
)]

mod dto;
mod handler;
mod mock;
mod operate;
mod options;
mod outcome;
mod reports;
#[cfg(feature = "testing")]
mod testing;
#[cfg(not(feature = "testing"))]
mod testing {
    //! In builds for users nothing panics on request.
    pub const fn in_call() {}
    pub const fn in_work() {}
}

pub use handler::Handler;
pub use mock::MockCluster;
pub use options::check_options;
pub use outcome::Outcome;
#[cfg(feature = "testing")]
pub use testing::panic_next;

use napi_derive::napi;

use crate::domain::ErrorCode;

/// All codes, for a test that compares them with the table of classes in TypeScript.
#[napi(catch_unwind)]
#[must_use]
pub fn error_codes() -> Vec<&'static str> {
    testing::in_call();
    ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
}

/// `"[kafka-error-retry 3.0.0]"`. The gate before a release looks for it in the bytes of binaries that it cannot load.
#[napi(catch_unwind)]
#[must_use]
pub fn build_stamp() -> &'static str {
    testing::in_call();
    concat!("[", env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "]")
}
