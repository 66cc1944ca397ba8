//! Schedule rules mean what they meant in 2.x: two hundred random ones, and the five ticks that cron-parser 2.18 finds for
//! each. `node benchmark/cron-rules.mjs` makes them.
#![cfg(feature = "runtime")]

use chrono::{DateTime, Utc};
use kafka_error_retry::cron::Rule;

type Case = (String, String, DateTime<Utc>, Vec<String>);

#[test]
fn two_hundred_rules_tick_as_in_two_point_x() {
    let cases: Vec<(String, String, String, Vec<String>)> =
        serde_json::from_str(include_str!("fixtures/cron-parser.json")).expect("the fixture is read");
    let cases: Vec<Case> = cases
        .into_iter()
        .map(|(rule, timezone, from, ticks)| {
            let from = DateTime::parse_from_rfc3339(&from).expect("an instant").with_timezone(&Utc);
            (rule, timezone, from, ticks)
        })
        .collect();
    assert_eq!(cases.len(), 200);
    let mut wrong = Vec::new();
    for (text, timezone, from, expected) in cases {
        let rule = Rule::parse(&text, Some(&timezone)).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        let mut at = from;
        let ticks: Vec<String> = (0..expected.len())
            .map(|_| {
                at = rule.next(at).expect("it ticks again");
                at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            })
            .collect();
        if ticks != expected {
            wrong.push(format!("{text} in {timezone} after {from}: {ticks:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} rules:\n{}", wrong.len(), wrong.join("\n"));
}
