//! Removes the fields that concern one connection only (RFC 9110 §7.6.1).
//!
//! This runs before anything of ours is added, in both directions: otherwise `Connection: x-auth-user` would delete our
//! own statement (attack class 6.5, CVE-2022-31813 and its successors).
//!
//! Names are compared after folding: a server behind us that reads `Transfer_Encoding` as `Transfer-Encoding` would end a
//! message elsewhere than we do (attack class 6.21).

use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::headers;

/// Folded.
const CONNECTION_FIELDS: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Removes what any `Connection` field names, the fixed connection fields, and every other spelling of those and of
/// `Content-Length`.
pub fn remove(fields: &mut HeaderMap) {
    let nominated = connection_options(fields)
        .filter(|option| !option.eq_ignore_ascii_case(b"close") && !option.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|option| HeaderName::from_bytes(option).ok());
    let unwanted: Vec<HeaderName> =
        fields.keys().filter(|name| concerns_connection(name.as_str())).cloned().chain(nominated).collect();
    for name in unwanted {
        fields.remove(name);
    }
}

/// Whether some servers read `name` as a field of the connection, or as a length and we do not.
fn concerns_connection(name: &str) -> bool {
    // The lengths of those names, which few others have.
    matches!(name.len(), 2 | 7 | 10 | 14 | 16..=19)
        && (CONNECTION_FIELDS.iter().any(|field| headers::folded_eq(name, field))
            || (headers::folded_eq(name, CONTENT_LENGTH.as_str()) && name != CONTENT_LENGTH.as_str()))
}

/// How a message says its body is coded for the connection it came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferCoding {
    /// `chunked` alone: hyper takes it off and puts it on again.
    Chunked,
    /// Not at all.
    None,
    /// Otherwise: hyper would take off the declaration and leave the coding (RFC 9112 §6.1).
    Unknown,
}

impl TransferCoding {
    /// Reads `Transfer-Encoding`.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Self {
        let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (None, _) => Self::None,
            (Some(only), None) if only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Self::Chunked,
            (Some(_), _) => Self::Unknown,
        }
    }
}

/// Every option of every `Connection` field, as bytes: one strange byte hides no other option.
pub fn connection_options(fields: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    fields
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_connection_field_is_heard() {
        let mut fields = HeaderMap::new();
        fields.append(CONNECTION, HeaderValue::from_static("close, X-One"));
        fields.append(CONNECTION, HeaderValue::from_bytes(b"x-two ,upgrade,\xff").unwrap());
        for name in ["x-one", "x-two", "x-three", "upgrade", "te", "keep-alive", "transfer-encoding"] {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        remove(&mut fields);
        assert_eq!(fields.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-three"]);
    }

    #[test]
    fn another_spelling_of_a_framing_field_goes_and_the_length_itself_stays() {
        let mut fields = HeaderMap::new();
        for name in
            ["transfer_encoding", "content_length", "content.length", "keep~alive", "content-length", "content_type"]
        {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        remove(&mut fields);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "content_type"]);
    }

    #[test]
    fn only_chunked_alone_is_a_coding_we_take_off() {
        let of = |values: &[&'static str]| {
            let value = |text: &&'static str| (TRANSFER_ENCODING, HeaderValue::from_static(text));
            TransferCoding::of(&values.iter().map(value).collect())
        };
        assert_eq!(of(&[]), TransferCoding::None);
        assert_eq!([of(&["chunked"]), of(&["CHUNKED\t"])], [TransferCoding::Chunked; 2]);
        for unknown in [&["gzip, chunked"][..], &["chunked", "chunked"], &["chunked, chunked"], &["identity"], &[""]] {
            assert_eq!(of(unknown), TransferCoding::Unknown, "{unknown:?}");
        }
    }
}
