//! The headers of a message: an ordered list in which names may repeat and values may be absent.

/// One header; a value of `None` is Kafka's null.
pub type Header = (String, Option<Vec<u8>>);

/// Headers in their order, duplicates kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    /// The last value under a name; the last one wins, as for a map.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rev().find(|(other, _)| other == name).and_then(|(_, value)| value.as_deref())
    }

    /// The bytes that a store keeps: per header the length and bytes of its name, and of its value (−1 for null).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.0 {
            put(&mut bytes, Some(name.as_bytes()));
            put(&mut bytes, value.as_deref());
        }
        bytes
    }

    /// The opposite of [`Headers::encode`]; `None` when the bytes are not of that form.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut headers = Vec::new();
        while !bytes.is_empty() {
            let name = String::from_utf8(take(&mut bytes)??).ok()?;
            let value = take(&mut bytes)?;
            headers.push((name, value));
        }
        Some(Self(headers))
    }

    /// Bytes of all names and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }
}

fn put(bytes: &mut Vec<u8>, part: Option<&[u8]>) {
    let length = part.map_or(-1, |part| i32::try_from(part.len()).unwrap_or(i32::MAX));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part.unwrap_or_default());
}

#[expect(clippy::option_option, reason = "outer: malformed bytes; inner: a null value")]
fn take(bytes: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { return Some(None) };
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Some(part.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decode_undoes_encode(headers in prop::collection::vec((".*", prop::option::of(prop::collection::vec(any::<u8>(), 0..64))), 0..8)) {
            let headers = Headers(headers);
            prop_assert_eq!(Headers::decode(&headers.encode()), Some(headers));
        }

        #[test]
        fn malformed_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Headers::decode(&bytes);
        }
    }

    #[test]
    fn a_null_value_and_an_empty_one_differ() {
        let headers = Headers(vec![("a".into(), None), ("a".into(), Some(vec![]))]);
        assert_eq!(Headers::decode(&headers.encode()), Some(headers));
    }

    #[test]
    fn the_last_of_repeated_headers_counts() {
        let headers = Headers(vec![("a".into(), Some(b"1".to_vec())), ("a".into(), Some(b"2".to_vec()))]);
        assert_eq!(headers.last("a"), Some(&b"2"[..]));
    }
}
