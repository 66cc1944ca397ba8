//! Faults on request, only in builds for tests (feature `testing`).
//!
//! There are points at which the process dies, sleeps, fails or panics, and planted bugs that the suites must find. In
//! every other build all of this is nothing.
//!
//! - `KER_FP="publish.before[order-7]=kill@2;claim.before=sleep:500"`: what happens at which passing of a point. `[detail]`
//!   narrows it to one entry, `@2` to the second passing.
//! - `KER_BUG=P4` plants one bug; the list is in `docs/RELIABILITY.md`.

#[cfg(feature = "testing")]
pub use asked::{is_planted, point};
#[cfg(not(feature = "testing"))]
pub use never::{is_planted, point};

#[cfg(not(feature = "testing"))]
mod never {
    use crate::domain::Result;

    /// Nothing happens here.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "the same shape as in builds for tests")]
    #[inline]
    pub async fn point(_name: &str, _detail: &str) -> Result<()> {
        Ok(())
    }

    /// There are no planted bugs.
    #[inline]
    #[must_use]
    pub const fn is_planted(_bug: &str) -> bool {
        false
    }
}

#[cfg(feature = "testing")]
mod asked {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use crate::domain::error::Outcome;
    use crate::domain::{Error, ErrorCode, Result};

    static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| parse(&std::env::var("KER_FP").unwrap_or_default()));
    static BUG: LazyLock<String> = LazyLock::new(|| std::env::var("KER_BUG").unwrap_or_default());

    struct Fault {
        name: String,
        detail: Option<String>,
        action: Action,
        at: Option<u64>,
        passed: AtomicU64,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Action {
        Kill,
        Fail,
        Panic,
        Sleep(Duration),
    }

    /// What cannot be read is a mistake of the test, which must not pass for that reason.
    #[expect(clippy::panic, reason = "only in builds for tests")]
    fn parse(text: &str) -> Vec<Fault> {
        let read = |part: &str| one(part).unwrap_or_else(|| panic!("KER_FP: {part:?} is not NAME[DETAIL]=ACTION@N"));
        text.split(';').filter(|part| !part.is_empty()).map(read).collect()
    }

    fn one(part: &str) -> Option<Fault> {
        let (name, detail, what) = match part.split_once('[') {
            Some((name, rest)) => {
                let (detail, what) = rest.rsplit_once("]=")?;
                (name, Some(detail.to_owned()), what)
            }
            None => part.split_once('=').map(|(name, what)| (name, None, what))?,
        };
        let (what, at) = match what.split_once('@') {
            Some((what, at)) => (what, Some(at.parse().ok()?)),
            None => (what, None),
        };
        let action = match what.split_once(':') {
            None if what == "kill" => Action::Kill,
            None if what == "err" => Action::Fail,
            None if what == "panic" => Action::Panic,
            Some(("sleep", ms)) => Action::Sleep(Duration::from_millis(ms.parse().ok()?)),
            _ => return None,
        };
        Some(Fault { name: name.to_owned(), detail, action, at, passed: AtomicU64::new(0) })
    }

    impl Fault {
        fn is_now(&self, name: &str, detail: &str) -> bool {
            if self.name != name || self.detail.as_ref().is_some_and(|wanted| wanted != detail) {
                return false;
            }
            let passing = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
            self.at.is_none_or(|at| at == passing)
        }
    }

    /// Passes a point, where what was asked for happens.
    ///
    /// # Errors
    /// When asked to fail.
    pub async fn point(name: &str, detail: &str) -> Result<()> {
        let asked = FAULTS.iter().find(|fault| fault.is_now(name, detail)).map(|fault| fault.action);
        match asked {
            None => Ok(()),
            Some(Action::Kill) => kill(),
            Some(Action::Sleep(time)) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            // Unwinds as a panic does, without its report on standard error.
            Some(Action::Panic) => std::panic::resume_unwind(Box::new(format!("asked to at {name}"))),
            Some(Action::Fail) => {
                let error = Error::new(ErrorCode::Store, format!("asked to fail at {name}"));
                Err(if name.ends_with("after_commit") { error.with_outcome(Outcome::Unknown) } else { error })
            }
        }
    }

    /// As `kill -9` does: nothing is flushed, nobody is told.
    #[cfg(unix)]
    fn kill() -> ! {
        let _it_cannot_fail = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "only in builds for tests")]
    fn kill() -> ! {
        std::process::abort()
    }

    /// Whether this bug was planted.
    #[must_use]
    pub fn is_planted(bug: &str) -> bool {
        *BUG == bug
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_fault_is_a_place_an_action_and_a_passing() {
            let faults = parse("publish.before[order=7]=kill;claim.before=sleep:500@2;x=err");
            assert_eq!(faults.len(), 3);
        }

        #[test]
        fn a_fault_happens_at_its_passing_and_for_its_entry_only() {
            let fault = one("publish.before[7]=kill@2").unwrap();
            let passings = [("claim.before", "7"), ("publish.before", "8"), ("publish.before", "7"), ("publish.before", "7")];
            assert_eq!(passings.map(|(name, detail)| fault.is_now(name, detail)), [false, false, false, true]);
            assert_eq!(fault.action, Action::Kill);
        }

        #[test]
        #[should_panic(expected = "is not NAME")]
        fn what_cannot_be_read_is_no_silence() {
            parse("publish.before=die");
        }
    }
}
