//! Schedule rules: the grammar of 2.x (5 or 6 fields) in a time zone, and ticks by it.
//!
//! The rule decides when to look; the database's clock decides what is due. Every tick is a one-shot job of
//! tokio-cron-scheduler at the instant that the rule names next, because its recurring jobs keep the offset from UTC
//! that was in force when they were added, and so are an hour off after a change to or from daylight saving time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use tokio::sync::{Notify, OnceCell};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::ports::Clock;

/// Longer rules are nobody's intention.
const LONGEST: usize = 256;
/// The largest value of each field, from seconds to the day of the week.
const MAXIMA: [u8; 6] = [59, 59, 23, 31, 12, 7];

/// A rule with its time zone.
#[derive(Debug, Clone)]
pub struct Rule {
    cron: Cron,
    timezone: Tz,
}

impl Rule {
    /// Reads a rule; `timezone` is an IANA name, UTC when absent.
    ///
    /// # Errors
    /// What is wrong, as the end of `options.scheduleRule: …`.
    pub fn parse(rule: &str, timezone: Option<&str>) -> Result<Self, String> {
        let timezone: Tz =
            timezone.unwrap_or("UTC").parse().map_err(|_| "needs a scheduleTimezone that is an IANA name".to_owned())?;
        let cron = parse(&normal(rule)?)?;
        let rule = Self { cron, timezone };
        // 2.x never fired for such a rule and never said so.
        rule.next(DateTime::UNIX_EPOCH).map(|_| ()).ok_or("never fires")?;
        Ok(rule)
    }

    /// The first tick after an instant.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_next_occurrence(&after.with_timezone(&self.timezone), false).ok().map(|next| next.with_timezone(&Utc))
    }
}

fn parse(pattern: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Required).build();
    parser.parse(pattern).map_err(|_| {
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        // The field that is wrong by itself; with all others open only it can be.
        let is_wrong = |index: &usize| {
            let mut open = ["*"; 6];
            open[*index] = fields.get(*index).copied().unwrap_or("");
            parser.parse(&open.join(" ")).is_err()
        };
        format!("invalid cron expression at field {}", (0..6).find(is_wrong).unwrap_or(0) + 1)
    })
}

/// Six fields, in the words of the parser: nicknames spelled out, seconds added, `30/10` as `30-59/10`.
fn normal(rule: &str) -> Result<String, String> {
    let rule = rule.trim();
    let rule = match rule.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" | "@midnight" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        _ => rule,
    };
    let fields: Vec<&str> = rule.split_whitespace().collect();
    if rule.len() > LONGEST || !(5..=6).contains(&fields.len()) {
        return Err(format!("invalid cron expression at field 1: 5 or 6 fields are needed, {} were given", fields.len()));
    }
    let seconds = (fields.len() == 5).then_some("0");
    let all = seconds.into_iter().chain(fields).zip(MAXIMA);
    Ok(all
        .map(|(field, maximum)| field.split(',').map(|part| stepped(part, maximum)).collect::<Vec<_>>().join(","))
        .collect::<Vec<_>>()
        .join(" "))
}

fn stepped(part: &str, maximum: u8) -> String {
    match part.split_once('/') {
        Some((start, step)) if start.parse::<u8>().is_ok() => format!("{start}-{maximum}/{step}"),
        _ => part.to_owned(),
    }
}

/// One scheduler for the whole process: its loop runs for ever once started, so it is started once, and only when a rule
/// is used at all.
static SCHEDULER: OnceCell<JobScheduler> = OnceCell::const_new();

async fn scheduler() -> Result<&'static JobScheduler, JobSchedulerError> {
    let start = || async {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(scheduler)
    };
    SCHEDULER.get_or_try_init(start).await
}

/// Calls `tick` at every tick of a rule, until its task is aborted.
///
/// # Errors
/// When the scheduler cannot run.
pub async fn tick_by(rule: Rule, clock: Arc<dyn Clock>, tick: impl Fn() + Send) -> Result<(), JobSchedulerError> {
    let scheduler = scheduler().await?;
    let fired = Arc::new(Notify::new());
    let mut last = DateTime::<Utc>::UNIX_EPOCH;
    loop {
        let now = DateTime::from_timestamp_millis(clock.now().0).unwrap_or_default();
        // A job may be run some milliseconds before its second: the next tick is after the last one all the same.
        let Some(next) = rule.next(now.max(last)) else { return Ok(()) };
        last = next;
        let wait = (next - now).to_std().unwrap_or(Duration::ZERO);
        let at = Arc::clone(&fired);
        let job = Job::new_one_shot_at_instant_async(Instant::now() + wait, move |_, _| {
            let at = Arc::clone(&at);
            Box::pin(async move { at.notify_one() })
        })?;
        scheduler.add(job).await?;
        fired.notified().await;
        tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(rule: &str, timezone: &str, after: &str) -> String {
        let rule = Rule::parse(rule, Some(timezone)).unwrap_or_else(|text| panic!("{rule}: {text}"));
        let after = DateTime::parse_from_rfc3339(after).map(|at| at.with_timezone(&Utc)).unwrap_or_default();
        rule.next(after).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default()
    }

    #[test]
    fn five_fields_fire_at_second_zero_and_six_at_theirs() {
        assert_eq!(next("*/5 * * * *", "UTC", "2026-01-01T00:00:00Z"), "2026-01-01T00:05:00Z");
        assert_eq!(next("1 * * * * *", "UTC", "2026-01-01T00:00:01Z"), "2026-01-01T00:01:01Z");
    }

    #[test]
    fn the_grammar_of_two_point_x_is_read() {
        let from = "2026-01-01T00:00:00Z";
        assert_eq!(next("30/10 * * * * *", "UTC", from), "2026-01-01T00:00:30Z");
        assert_eq!(next("0 0 12 ? JAN MON", "UTC", from), "2026-01-05T12:00:00Z");
        assert_eq!(next("0 0 0 * * 7", "UTC", from), next("0 0 0 * * 0", "UTC", from));
        assert_eq!(next("0 0 0 L * *", "UTC", from), "2026-01-31T00:00:00Z");
        assert_eq!(next("@daily", "UTC", from), "2026-01-02T00:00:00Z");
        // Both days restricted: either will do.
        assert_eq!(next("0 0 0 13 * FRI", "UTC", from), "2026-01-02T00:00:00Z");
    }

    #[test]
    fn a_rule_is_read_in_its_time_zone_on_both_sides_of_a_change() {
        assert_eq!(next("0 0 9 * * *", "Asia/Shanghai", "2026-01-01T00:00:00Z"), "2026-01-01T01:00:00Z");
        assert_eq!(next("0 0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), "2026-03-29T07:00:00Z");
        assert_eq!(next("0 0 9 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"), "2026-10-25T08:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |rule: &str| Rule::parse(rule, None).err().unwrap_or_default();
        for (rule, field) in [
            ("61 * * * * *", 1),
            ("* 60 * * * *", 2),
            ("* * x * * *", 3),
            ("* * * 32 * *", 4),
            ("* * * * 13 *", 5),
            ("* * * * * 8", 6),
        ] {
            assert_eq!(problem(rule), format!("invalid cron expression at field {field}"), "{rule}");
        }
        for rule in ["", "* * *", "* * * * * * *", &"* ".repeat(5000)] {
            assert!(problem(rule).starts_with("invalid cron expression at field 1"), "{rule}");
        }
        assert_eq!(problem("0 0 0 30 2 *"), "never fires");
        assert!(Rule::parse("* * * * *", Some("Mars/Base")).is_err());
    }
}
