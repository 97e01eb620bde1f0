//! Key ids taken from tokens: text of a stranger, bounded and of known shape before anything is done with it.

use std::fmt;

/// The id of an ALB key: a lower-case UUID, and so safe as a path segment.
///
/// The id goes into a URL before any signature is checked. Dot segments, percent-encoding, slashes and everything else
/// that could address another object have no place in this alphabet (in GovCloud the host is S3 in path style, where
/// `../` leads into other people's buckets). Upper case is refused: one key must have one spelling, or each of the
/// spellings costs a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Parses 32 lower-case hexadecimal digits in groups of 8-4-4-4-12; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let in_place = |(index, byte): (usize, u8)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        };
        (text.len() == 36 && text.bytes().enumerate().all(in_place)).then(|| Self(text.into()))
    }

    /// A well-formed id that no key has: for finding out whether a source answers.
    #[must_use]
    pub fn of_no_key() -> Self {
        Self(OF_NO_KEY.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Both kinds of id may read so.
const OF_NO_KEY: &str = "00000000-0000-4000-8000-000000000000";

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The id of a key in a pool's key set: opaque text (Cognito's is base64 with `+/=`), compared and never put in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolKeyId(Box<str>);

impl PoolKeyId {
    /// Takes 1 to 128 bytes; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (1..=128).contains(&text.len()).then(|| Self(text.into()))
    }

    /// An id that no key has: for finding out whether a source answers.
    #[must_use]
    pub fn of_no_key() -> Self {
        Self(OF_NO_KEY.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alb_key_id_is_a_lower_case_uuid() {
        let text = "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1c";
        assert_eq!(KeyId::parse(text).unwrap().as_str(), text);
        assert_eq!(KeyId::parse(OF_NO_KEY), Some(KeyId::of_no_key()));
        for refused in [
            "",
            "../x",
            "..%2f..%2fbucket",
            "%2e%2e",
            "0C8A9C9E-1F2D-4E5B-8A7C-6D5E4F3A2B1C",
            "0c8a9c9e1f2d4e5b8a7c6d5e4f3a2b1c",
            "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1c/",
            "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1",
            "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1\n",
            "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1?",
            "{c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1}",
            "0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2\u{e9}c",
            "../../../../../../../../../../../etc",
        ] {
            assert_eq!(KeyId::parse(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn a_pool_key_id_is_bounded() {
        assert!(PoolKeyId::parse("kB+/9hgITI=").is_some());
        assert_eq!(PoolKeyId::parse(""), None);
        assert_eq!(PoolKeyId::parse(&"k".repeat(129)), None);
    }
}
