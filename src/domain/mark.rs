//! `"fromRetry":true` in a JSON object, as 2.x marks a redelivery, but by inserting bytes: numbers, order and white
//! space stay as they are.

use serde::de::IgnoredAny;

const NAME: &str = "fromRetry";
const MEMBER: &[u8] = b"\"fromRetry\":true";

/// The value with the mark; everything that is not a JSON object comes back as it is.
///
/// ```
/// # use kafka_error_retry::domain::mark::mark;
/// assert_eq!(mark(b"{\"a\":1.0}".to_vec()), b"{\"a\":1.0,\"fromRetry\":true}");
/// assert_eq!(mark(b"[1]".to_vec()), b"[1]");
/// ```
#[must_use]
pub fn mark(mut value: Vec<u8>) -> Vec<u8> {
    let Some(object) = scan(&value) else { return value };
    if object.marks.is_empty() {
        let member: &[u8] = if object.is_empty { MEMBER } else { b",\"fromRetry\":true" };
        value.splice(object.end..object.end, member.iter().copied());
    }
    // From the back, so that earlier ranges stay where they are. Of repeated members every one is set.
    for (start, end) in object.marks.into_iter().rev() {
        value.splice(start..end, b"true".iter().copied());
    }
    value
}

struct Object {
    /// Where the closing brace stands.
    end: usize,
    is_empty: bool,
    /// The values of top-level members of our name.
    marks: Vec<(usize, usize)>,
}

/// Walks a value that is known to be valid JSON; `None` unless it is an object.
fn scan(value: &[u8]) -> Option<Object> {
    let end = value.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    let start = value.iter().position(|byte| !byte.is_ascii_whitespace())?;
    if value[start] != b'{' || value[end] != b'}' {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut object = Object { end, is_empty: true, marks: Vec::new() };
    let mut at = skip_space(value, start + 1);
    while at < end {
        object.is_empty = false;
        let name_end = string_end(value, at);
        let is_ours = serde_json::from_str::<String>(&text[at..name_end]).is_ok_and(|name| name == NAME);
        let colon = skip_space(value, name_end);
        let value_start = skip_space(value, colon + 1);
        let value_end = value_end(value, value_start);
        if is_ours {
            object.marks.push((value_start, value_end));
        }
        at = skip_space(value, skip_space(value, value_end) + 1);
    }
    Some(object)
}

fn skip_space(value: &[u8], mut at: usize) -> usize {
    while value.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(value: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while value[at] != b'"' {
        at += if value[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Behind the value that begins at `at`.
fn value_end(value: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match value[at] {
            b'"' => at = string_end(value, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b'}' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(value: &str) -> String {
        String::from_utf8(mark(value.as_bytes().to_vec())).unwrap_or_default()
    }

    #[test]
    fn numbers_order_and_white_space_stay() {
        let value = r#"{"ok":1,"big":12345678901234567890,"f":1.0,"2":"b","1":"a"}"#;
        assert_eq!(marked(value), format!("{},\"fromRetry\":true}}", &value[..value.len() - 1]));
        assert_eq!(marked(" { \"a\" : [ 1 ] } \n"), " { \"a\" : [ 1 ] ,\"fromRetry\":true} \n");
    }

    #[test]
    fn an_empty_object_gets_the_one_member() {
        assert_eq!(marked("{}"), r#"{"fromRetry":true}"#);
        assert_eq!(marked("{ }"), r#"{ "fromRetry":true}"#);
    }

    #[test]
    fn an_existing_mark_is_set_and_not_repeated() {
        assert_eq!(marked(r#"{"fromRetry":false,"a":1}"#), r#"{"fromRetry":true,"a":1}"#);
        assert_eq!(marked(r#"{"fromRetry": {"x":[1,"}"]} ,"a":1}"#), r#"{"fromRetry": true ,"a":1}"#);
        assert_eq!(marked(r#"{"\u0066romRetry":1,"fromRetry":null}"#), r#"{"\u0066romRetry":true,"fromRetry":true}"#);
        assert_eq!(marked(&marked(r#"{"a":1}"#)), r#"{"a":1,"fromRetry":true}"#);
    }

    #[test]
    fn a_member_of_that_name_further_down_is_none_of_ours() {
        assert_eq!(marked(r#"{"a":{"fromRetry":1}}"#), r#"{"a":{"fromRetry":1},"fromRetry":true}"#);
    }

    #[test]
    fn what_is_not_an_object_stays_as_it_is() {
        for value in ["", "test data", "null", "[1]", "1", "\"{}\"", "{", "{'a':1}", "{\"a\":1,}", "\u{feff}{}", "{}{}"] {
            assert_eq!(marked(value), value);
        }
        assert_eq!(mark(b"{\"a\":\"\xff\"}".to_vec()), b"{\"a\":\"\xff\"}");
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(marked(&deep).len(), deep.len() + ",\"fromRetry\":true".len());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_the_mark_is_added(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap_or_default();
            let mut expected = value;
            if let Some(object) = expected.as_object_mut() {
                object.insert(NAME.into(), true.into());
            }
            let parsed: serde_json::Value = serde_json::from_str(&marked(&text)).unwrap_or_default();
            prop_assert_eq!(parsed, expected);
        }
    }
}
