//! Splits a compact JWS (RFC 7515 §7.1) and decodes it, accepting one spelling of every byte and nothing around it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use thiserror::Error;

/// Why text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwsError {
    /// It has not exactly three segments, or an empty one.
    #[error("the token has not three segments")]
    Segments,
    /// A segment is not base64url, or padded where it must not be, or wrongly padded.
    #[error("a segment of the token is not base64url")]
    Encoding,
}

/// What may stand at the end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Nothing: a compact JWS.
    Refused,
    /// `=` up to a multiple of four characters, or nothing. The load balancer pads, against RFC 7515, and signs the
    /// padded text.
    Accepted,
}

/// A token in its three parts, decoded. None of it is verified.
pub(super) struct Jws<'a> {
    /// Decoded header.
    pub(super) header: Vec<u8>,
    /// Decoded payload.
    pub(super) payload: Vec<u8>,
    /// Decoded signature.
    pub(super) signature: Vec<u8>,
    /// What was signed: the first two segments exactly as received, padding included.
    pub(super) signing_input: &'a [u8],
}

impl<'a> Jws<'a> {
    /// Splits and decodes `text`.
    pub(super) fn parse(text: &'a [u8], padding: Padding) -> Result<Self, JwsError> {
        let mut segments = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(JwsError::Segments);
        };
        Ok(Self {
            signing_input: text.get(..header.len() + 1 + payload.len()).ok_or(JwsError::Segments)?,
            header: decode(header, padding)?,
            payload: decode(payload, padding)?,
            signature: decode(signature, padding)?,
        })
    }
}

fn decode(segment: &[u8], padding: Padding) -> Result<Vec<u8>, JwsError> {
    let bare = match padding {
        Padding::Refused => segment,
        Padding::Accepted => without_padding(segment).ok_or(JwsError::Encoding)?,
    };
    if bare.is_empty() {
        return Err(JwsError::Segments);
    }
    // This engine refuses `=`, `+`, `/`, white space and trailing bits that are not zero.
    BASE64_URL_SAFE_NO_PAD.decode(bare).map_err(|_| JwsError::Encoding)
}

/// Takes off `=` or `==` where it fills the last group of four, and nowhere else.
fn without_padding(segment: &[u8]) -> Option<&[u8]> {
    let ([bare @ .., b'=', b'='] | [bare @ .., b'=']) = segment else { return Some(segment) };
    segment.len().is_multiple_of(4).then_some(bare)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, padding: Padding) -> Result<[Vec<u8>; 3], JwsError> {
        Jws::parse(text.as_bytes(), padding).map(|jws| [jws.header, jws.payload, jws.signature])
    }

    #[test]
    fn padding_of_every_length_is_accepted_on_every_segment_and_stays_in_the_signing_input() {
        for (text, decoded) in [("YWJj", "abc"), ("YWI=", "ab"), ("YQ==", "a")] {
            for place in 0..3 {
                let mut segments = ["eHl6"; 3];
                segments[place] = text;
                let token = segments.join(".");
                let jws = Jws::parse(token.as_bytes(), Padding::Accepted).unwrap();
                assert_eq!(jws.signing_input, segments[..2].join(".").as_bytes());
                assert_eq!([jws.header, jws.payload, jws.signature][place], decoded.as_bytes());
                assert_eq!(parsed(&token, Padding::Refused).is_ok(), !text.contains('='), "{token}");
                assert!(parsed(&token.replace('=', ""), Padding::Refused).is_ok(), "{token}");
            }
        }
    }

    #[test]
    fn nothing_but_three_base64url_segments_is_a_token() {
        let refused = [
            ("", JwsError::Segments),
            ("..", JwsError::Segments),
            ("YQ", JwsError::Segments),
            ("YQ.YQ", JwsError::Segments),
            ("YQ.YQ.", JwsError::Segments),
            (".YQ.YQ", JwsError::Segments),
            ("YQ..YQ", JwsError::Segments),
            ("YQ.YQ.YQ.", JwsError::Segments),
            ("YQ.YQ.YQ.YQ", JwsError::Segments),
            ("YQ.YQ.YQ.YQ.YQ", JwsError::Segments),
            ("YWJj.YWJj.+_+_", JwsError::Encoding),
            ("YWJj./w.YWJj", JwsError::Encoding),
            ("YWJj.YW Jj.YWJj", JwsError::Encoding),
            (" YWJj.YWJj.YWJj", JwsError::Encoding),
            ("YWJj.YWJj.YWJj\n", JwsError::Encoding),
            ("YWJj.YWJj.YWJj,YWJj", JwsError::Encoding),
            ("YWJj.YWJj.Y", JwsError::Encoding),
            // Trailing bits: `YR` and `YQ` both stand for one byte, but only one of them is its encoding.
            ("YWJj.YWJj.YR", JwsError::Encoding),
            ("YWJj.YWJj.YR==", JwsError::Encoding),
        ];
        for (text, error) in refused {
            for padding in [Padding::Accepted, Padding::Refused] {
                assert_eq!(parsed(text, padding), Err(error), "{text:?}");
            }
        }
    }

    #[test]
    fn stray_padding_is_refused() {
        for text in ["YQ=", "YWI==", "YWJj=", "YWJj==", "YWJj====", "YQ===", "Y=Q=", "=YQ=", "YQ==YQ=="] {
            assert_eq!(parsed(&format!("YWJj.{text}.YWJj"), Padding::Accepted), Err(JwsError::Encoding), "{text}");
        }
        for text in ["=", "==", "===", "===="] {
            parsed(&format!("YWJj.{text}.YWJj"), Padding::Accepted).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Jws::parse(&bytes, Padding::Accepted);
            let _ = Jws::parse(&bytes, Padding::Refused);
        }

        #[test]
        fn what_is_accepted_has_one_spelling(text in "[A-Za-z0-9_=+/.-]{1,24}") {
            if let Ok(jws) = Jws::parse(text.as_bytes(), Padding::Refused) {
                let spelt = [jws.header, jws.payload, jws.signature].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
                prop_assert_eq!(spelt.join("."), text);
            }
        }
    }
}
