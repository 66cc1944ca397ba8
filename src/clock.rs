//! The one place that reads the process's time and draws random bits; and a clock to move by hand.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use crate::domain::time::{Timestamp, millis};
use crate::ports::{Chance, Clock};

/// The process's own time.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis))
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The system's randomness for ids and tokens, a fast generator for jitter.
#[derive(Debug, Default)]
pub struct SystemChance;

#[expect(clippy::disallowed_methods, reason = "the one place that draws")]
impl Chance for SystemChance {
    fn bits(&self) -> [u8; 16] {
        let mut bits = [0; 16];
        // The fallback is only reached where the system has no random source at all.
        if getrandom::fill(&mut bits).is_err() {
            fastrand::fill(&mut bits);
        }
        bits
    }

    fn fraction(&self) -> f64 {
        fastrand::f64()
    }
}

/// Stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Duration>);

impl ManualClock {
    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).after(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
