//! Only in builds for tests: functions that panic, to show that a panic is a rejection and the process lives on.

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use super::outcome::{Outcome, promise};

/// Panics while JavaScript waits.
///
/// # Panics
/// Always.
#[napi(catch_unwind)]
pub fn panic_now() {
    panic!("asked to");
}

/// Panics on a thread of ours.
///
/// # Panics
/// On that thread, always.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<void>>")]
pub fn panic_later(env: &Env) -> napi::Result<PromiseRaw<'_, Outcome<()>>> {
    promise(env, async { panic!("asked to") })
}
