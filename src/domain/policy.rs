//! When a failed message comes again, and when it is given up. The only home of this arithmetic and its defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How `retry_count` in a policy is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Counting {
    /// `retryCount: N` allows N redeliveries.
    #[default]
    #[serde(rename = "redeliveries")]
    Redeliveries,
    /// The arithmetic of kafka-error-retry 2.x: spent once N failures were counted, but never by the first one.
    #[serde(rename = "2.x")]
    Legacy,
}

/// The retry policy of one entry, stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryPolicy {
    /// The most redeliveries.
    pub retry_count: u32,
    /// Doubling delays (2ⁿ seconds) instead of growing ones (n seconds).
    pub backoff: bool,
    /// The longest delay, in milliseconds.
    pub max_delay: u64,
    /// Spread delays by ±20 %, so that entries that failed together do not come back together.
    pub jitter: bool,
    /// How `retry_count` is read.
    pub counting: Counting,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retry_count: 10, backoff: true, max_delay: 86_400_000, jitter: false, counting: Counting::Redeliveries }
    }
}

/// The spread of a jittered delay.
const JITTER: f64 = 0.2;

impl RetryPolicy {
    /// The delay after the n-th failure: 2ⁿ or n seconds, at most `max_delay`. A count of 0 is taken as 1, as 2.x did.
    /// `chance` in 0..1 decides the jitter; without jitter it means nothing.
    ///
    /// ```
    /// # use kafka_error_retry::domain::policy::RetryPolicy;
    /// # use std::time::Duration;
    /// assert_eq!(RetryPolicy::default().delay(3, 0.5), Duration::from_secs(8));
    /// ```
    #[must_use]
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let failures = failures.max(1);
        let seconds = if self.backoff { 1_u64.checked_shl(failures).unwrap_or(u64::MAX) } else { u64::from(failures) };
        let plain = Duration::from_millis(seconds.saturating_mul(1000).min(self.max_delay));
        if !self.jitter {
            return plain;
        }
        let spread = 1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
        plain.mul_f64(spread).min(Duration::from_millis(self.max_delay))
    }

    /// Whether so many failures end the entry.
    #[must_use]
    pub const fn is_spent(&self, failures: u32) -> bool {
        match self.counting {
            Counting::Redeliveries => failures > self.retry_count,
            Counting::Legacy => failures >= 2 && failures >= self.retry_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redeliveries(retry_count: u32, counting: Counting) -> u32 {
        let policy = RetryPolicy { retry_count, counting, ..RetryPolicy::default() };
        (1..100).find(|failures| policy.is_spent(*failures)).map_or(0, |failures| failures - 1)
    }

    #[test]
    fn n_redeliveries_are_n() {
        assert_eq!([0, 1, 2, 3, 10].map(|n| redeliveries(n, Counting::Redeliveries)), [0, 1, 2, 3, 10]);
    }

    #[test]
    fn the_old_counting_gives_the_old_table() {
        assert_eq!([1, 2, 3, 10].map(|n| redeliveries(n, Counting::Legacy)), [1, 1, 2, 9]);
    }

    #[test]
    fn delays_are_those_of_two_point_x_up_to_the_cap() {
        let backoff = RetryPolicy::default();
        let linear = RetryPolicy { backoff: false, ..RetryPolicy::default() };
        let seconds = |policy: &RetryPolicy, n| policy.delay(n, 0.5).as_secs();
        assert_eq!([0, 1, 2, 3, 10, 16].map(|n| seconds(&backoff, n)), [2, 2, 4, 8, 1024, 65_536]);
        assert_eq!([0, 1, 2, 30].map(|n| seconds(&linear, n)), [1, 1, 2, 30]);
        assert_eq!([17, 38, 60, 63, 64, 1000, u32::MAX].map(|n| seconds(&backoff, n)), [86_400; 7]);
    }

    proptest! {
        #[test]
        fn a_delay_never_falls_and_never_passes_the_cap(n in 0_u32..=1 << 31, backoff: bool, max_delay in 1_u64..1 << 40) {
            let policy = RetryPolicy { backoff, max_delay, ..RetryPolicy::default() };
            prop_assert!(policy.delay(n, 0.0) <= policy.delay(n + 1, 0.0));
            prop_assert!(policy.delay(n, 0.0) <= Duration::from_millis(max_delay));
        }

        #[test]
        fn jitter_stays_within_a_fifth(n in 0_u32..16, chance in 0.0..1.0) {
            let policy = RetryPolicy { jitter: true, ..RetryPolicy::default() };
            let plain = RetryPolicy::default().delay(n, 0.5).as_secs_f64();
            let spread = policy.delay(n, chance).as_secs_f64();
            prop_assert!(spread >= plain * 0.8 - 1e-6 && spread <= plain * 1.2 + 1e-6);
        }
    }
}
