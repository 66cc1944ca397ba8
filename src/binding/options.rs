//! Options: one JSON value in, all problems out.

use napi_derive::napi;
use serde_json::json;

use crate::cron::Rule;
use crate::domain::options::Options;
use crate::domain::validate::{Problem, validate};
use crate::domain::{Error, ErrorCode, Result};
use crate::kafka::check_librdkafka;

/// The problems of options, as a JSON array of `{ path, expected, received }`. No I/O.
#[napi(catch_unwind)]
#[must_use]
pub fn check_options(options: String) -> String {
    super::testing::in_call();
    let problems = match read(&options) {
        Ok(options) => problems(&options).0,
        Err(error) => vec![Problem { path: String::new(), expected: error.to_string() }],
    };
    json!(
        problems
            .iter()
            .map(|problem| json!({ "path": problem.path, "expected": problem.expected, "received": "" }))
            .collect::<Vec<_>>()
    )
    .to_string()
}

/// Options and schedule rule, if nothing is wrong with them.
pub fn checked(options: String) -> Result<(Options, Option<Rule>)> {
    let options = read(&options)?;
    let (problems, rule) = problems(&options);
    if problems.is_empty() {
        return Ok((options, rule));
    }
    let text: Vec<String> = problems.iter().map(|problem| format!("options.{} {}", problem.path, problem.expected)).collect();
    Err(Error::new(ErrorCode::Config, text.join("; ")).with_details(json!({ "problems": problems })))
}

fn read(options: &str) -> Result<Options> {
    serde_json::from_str(options).map_err(|error| Error::new(ErrorCode::Config, "the options cannot be read").caused_by(error))
}

fn problems(options: &Options) -> (Vec<Problem>, Option<Rule>) {
    let mut problems = validate(options);
    problems.extend(check_librdkafka(&options.kafka.librdkafka));
    let rule = options.schedule_rule.as_deref().map(|rule| Rule::parse(rule, options.schedule_timezone.as_deref()));
    match rule.transpose() {
        Ok(rule) => (problems, rule),
        Err(expected) => {
            problems.push(Problem { path: "scheduleRule".to_owned(), expected });
            (problems, None)
        }
    }
}
