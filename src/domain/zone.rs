//! How 2.x wrote times: as a wall clock without a word about where.

use std::str::FromStr;

use chrono::{Duration, FixedOffset, MappedLocalTime, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::time::Timestamp;

/// Where a wall clock hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// A fixed distance from UTC.
    Offset(FixedOffset),
    /// A named zone, with its changes.
    Named(Tz),
}

impl Zone {
    /// Where nothing else is known.
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// Reads `Z`, `+08:00` or an IANA name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "z") {
            return Some(Self::Named(Tz::UTC));
        }
        if text.starts_with(['+', '-']) {
            return FixedOffset::from_str(text).ok().map(Self::Offset);
        }
        text.parse().ok().map(Self::Named)
    }

    /// The moment of a wall clock time such as `2024-03-31 02:30:00`; `None` for anything else. Never too early: a time
    /// of a repeated hour is read as the later one, a skipped one as the end of the gap.
    #[must_use]
    pub fn moment(self, wall_clock: &str) -> Option<Timestamp> {
        let time = NaiveDateTime::parse_from_str(wall_clock, "%Y-%m-%d %H:%M:%S%.f").ok()?;
        match self {
            Self::Offset(zone) => later(zone, time),
            Self::Named(zone) => later(zone, time),
        }
    }
}

/// No gap of any zone is longer than a day; they begin and end at whole minutes since a century.
const LONGEST_GAP: i64 = 24 * 60;

fn later<Z: TimeZone>(zone: Z, time: NaiveDateTime) -> Option<Timestamp> {
    let at = |time: NaiveDateTime| match zone.from_local_datetime(&time) {
        MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(_, moment) => Some(moment.timestamp_millis()),
        MappedLocalTime::None => None,
    };
    if let Some(moment) = at(time) {
        return Some(Timestamp(moment));
    }
    let midnight = time.date().and_time(chrono::NaiveTime::MIN);
    let begun = time.signed_duration_since(midnight).num_minutes();
    (1..=LONGEST_GAP).find_map(|further| at(midnight + Duration::minutes(begun + further))).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(zone: &str, wall_clock: &str) -> Option<i64> {
        Zone::parse(zone)?.moment(wall_clock).map(|at| at.0)
    }

    fn utc(text: &str) -> Option<i64> {
        moment("Z", text)
    }

    #[test]
    fn a_wall_clock_is_read_where_it_hangs() {
        assert_eq!(utc("1970-01-01 00:00:01"), Some(1000));
        assert_eq!(moment("+08:00", "2026-11-21 15:47:31"), utc("2026-11-21 07:47:31"));
        assert_eq!(moment("Asia/Shanghai", "2026-11-21 15:47:31"), utc("2026-11-21 07:47:31"));
        assert_eq!(moment("-03:30", "2026-01-01 00:00:00.500"), utc("2026-01-01 03:30:00.500"));
    }

    #[test]
    fn a_time_that_was_skipped_or_came_twice_is_never_read_too_early() {
        // Berlin 2024: 2:00 became 3:00 on March 31, 3:00 became 2:00 on October 27.
        assert_eq!(moment("Europe/Berlin", "2024-03-31 02:30:00"), utc("2024-03-31 01:00:00"));
        assert_eq!(moment("Europe/Berlin", "2024-03-31 02:59:59"), utc("2024-03-31 01:00:00"));
        assert_eq!(moment("Europe/Berlin", "2024-10-27 02:30:00"), utc("2024-10-27 01:30:00"));
        assert_eq!(moment("Europe/Berlin", "2024-10-27 01:59:59"), utc("2024-10-26 23:59:59"));
        // Samoa had no December 30, 2011.
        assert_eq!(moment("Pacific/Apia", "2011-12-30 12:00:00"), utc("2011-12-30 10:00:00"));
    }

    #[test]
    fn what_is_no_zone_and_what_is_no_time_is_nothing() {
        for zone in ["", "local", "Mars/Olympus", "+25:00", "8"] {
            assert_eq!(Zone::parse(zone), None, "{zone}");
        }
        assert_eq!(utc("soon"), None);
        assert_eq!(utc("0000-00-00 00:00:00"), None);
    }
}
