//! Only in builds for tests: every exported function panics on request, to show that a panic is an error and the process
//! lives on.

use std::sync::atomic::{AtomicU8, Ordering};

use napi_derive::napi;

const NOWHERE: u8 = 0;
const CALL: u8 = 1;
const WORK: u8 = 2;

static NEXT: AtomicU8 = AtomicU8::new(NOWHERE);

/// The next exported function panics: `call` while JavaScript waits, anything else on a thread of ours.
#[napi(catch_unwind)]
pub fn panic_next(place: String) {
    NEXT.store(if place == "call" { CALL } else { WORK }, Ordering::SeqCst);
}

/// At the beginning of every exported function.
pub fn in_call() {
    panic_if(CALL);
}

/// At the beginning of all asynchronous work.
pub fn in_work() {
    panic_if(WORK);
}

fn panic_if(place: u8) {
    let is_asked = NEXT.compare_exchange(place, NOWHERE, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    if is_asked {
        // Unwinds as a panic does, without the report on standard error that would bury the words of real ones.
        std::panic::resume_unwind(Box::new("asked to"));
    }
}
