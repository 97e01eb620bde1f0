//! `X-Request-Id`: one name for a request in our log, the application's and the caller's.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::RequestIdSource;

/// The field request ids travel in.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// Makes request ids: a random start per process and a counter, so they are unique without a call for randomness each.
#[derive(Debug)]
pub struct RequestIds {
    source: RequestIdSource,
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Starts a new sequence.
    ///
    /// # Errors
    /// Where the operating system gives no randomness.
    pub fn start(source: RequestIdSource) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut seed = [0; 8];
        aws_lc_rs::rand::fill(&mut seed)?;
        Ok(Self { source, process: u64::from_ne_bytes(seed), next: AtomicU64::new(1) })
    }

    /// The id of a request with these fields: 32 hexadecimal digits, or the client's own where that is wanted and it
    /// is 1 to 128 letters, digits, `-`, `_`, `.`.
    #[must_use]
    pub fn assign(&self, fields: &HeaderMap) -> HeaderValue {
        if self.source == RequestIdSource::AcceptClient
            && let Some(value) = fields.get(&REQUEST_ID)
            && fields.get_all(&REQUEST_ID).iter().count() == 1
            && is_well_formed(value.as_bytes())
        {
            return value.clone();
        }
        let mut text = [0_u8; 32];
        let number = (u128::from(self.process) << 64) | u128::from(self.next.fetch_add(1, Ordering::Relaxed));
        for (place, digit) in text.iter_mut().rev().enumerate() {
            let nibble = u8::try_from((number >> (4 * place)) & 0xf).unwrap_or_default();
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("0"))
    }
}

fn is_well_formed(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID.clone(), HeaderValue::from_static(value))])
    }

    #[test]
    fn ids_are_made_here_and_differ() {
        let ids = RequestIds::start(RequestIdSource::Own).unwrap();
        let (first, second) = (ids.assign(&sent("theirs")), ids.assign(&HeaderMap::new()));
        assert_ne!(first, second);
        assert_eq!(first.len(), 32);
        assert_eq!(first.as_bytes()[..16], second.as_bytes()[..16]);
    }

    #[test]
    fn a_clients_id_counts_only_where_wanted_and_well_formed() {
        let ids = RequestIds::start(RequestIdSource::AcceptClient).unwrap();
        assert_eq!(ids.assign(&sent("abc-1.2_3")), "abc-1.2_3");
        assert_eq!(ids.assign(&sent("a b")).len(), 32);
        assert_eq!(ids.assign(&sent("")).len(), 32);
        let of_length = |length| HeaderMap::from_iter([(REQUEST_ID.clone(), "a".repeat(length).parse().unwrap())]);
        assert_eq!([128, 129].map(|length| ids.assign(&of_length(length)).len()), [128, 32]);
        let mut twice = sent("abc");
        twice.append(&REQUEST_ID, HeaderValue::from_static("abc"));
        assert_eq!(ids.assign(&twice).len(), 32, "whose it is is anybody's guess");
    }

    #[test]
    fn an_id_is_the_process_and_a_count_in_hexadecimal() {
        let process = 0x0123_4567_89ab_cdef;
        let ids = RequestIds { source: RequestIdSource::Own, process, next: AtomicU64::new(0xfff9) };
        let made = [(); 3].map(|()| ids.assign(&HeaderMap::new()));
        assert_eq!(made, ["fff9", "fffa", "fffb"].map(|count| format!("0123456789abcdef000000000000{count}")));
    }
}
