//! `traceparent` and `tracestate` by the letter of the recommendation, version 00.

/// The name of a trace: 32 lower-case hexadecimal digits, not all of them 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// The digits of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            }
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What a request is a part of, as a hop before us said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: TraceId,
    span_id: u64,
    flags: u8,
}

impl TraceParent {
    /// Parses `00-<32 digits>-<16 digits>-<2 digits>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hexadecimal = [trace, span, flags].into_iter().all(is_hexadecimal);
        if version != "00" || parts.next().is_some() || !is_hexadecimal || trace.bytes().all(|digit| digit == b'0') {
            return None;
        }
        let trace_id = TraceId(trace.as_bytes().try_into().ok()?);
        let span_id = (span.len() == 16).then(|| u64::from_str_radix(span, 16).ok()).flatten().filter(|id| *id != 0)?;
        let flags = (flags.len() == 2).then(|| u8::from_str_radix(flags, 16).ok()).flatten()?;
        Some(Self { trace_id, span_id, flags })
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> &TraceId {
        &self.trace_id
    }

    /// The caller's span.
    #[must_use]
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// What the recommendation gives a meaning of the flags: sampled, and random.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags & 0b11
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The longest `tracestate`, in bytes: what the recommendation wants to be passed on.
const LONGEST_STATE: usize = 512;

/// The most members of a `tracestate`.
const MOST_MEMBERS: usize = 32;

/// The longest key and the longest value of a member.
const LONGEST_PART: usize = 256;

/// Whether it is a `tracestate` of members `key=value`. A key that stands twice is for those whose key it is.
pub(super) fn is_state(text: &str) -> bool {
    text.len() <= LONGEST_STATE
        && text.split(',').count() <= MOST_MEMBERS
        && text
            .split(',')
            .map(|member| member.trim_matches([' ', '\t']))
            .all(|member| member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value)))
}

fn is_key(key: &str) -> bool {
    key.len() <= LONGEST_PART
        && key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
        })
}

fn is_value(value: &str) -> bool {
    (1..=LONGEST_PART).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_one_by_the_letter_only() {
        let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff").unwrap();
        assert_eq!(parent.trace_id().as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((parent.span_id(), parent.flags()), (0x00f0_67aa_0ba9_02b7, 0b11));
        for malformed in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-001",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn an_id_of_bytes_is_their_digits() {
        let id = TraceId::from_bytes(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
        assert_eq!(id.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn a_state_is_a_short_list_of_members() {
        let (members, too_many) = (vec!["a=b"; 32].join(","), vec!["a=b"; 33].join(","));
        let (long, longer) = ("l".repeat(256), "l".repeat(257));
        let [long_key, long_value] = [format!("{long}=b"), format!("a={long}")];
        for state in [
            "a=b",
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            "t@v=1 2 , b=c",
            "a=b,a=c",
            &members,
            &long_key,
            &long_value,
            &format!("a={},b={}", "l".repeat(253), "l".repeat(254)),
        ] {
            assert!(is_state(state), "{state}");
        }
        let [longer_key, longer_value] = [format!("{longer}=b"), format!("a={longer}")];
        let too_long = format!("a={},b={}", "l".repeat(253), "l".repeat(255));
        for state in [
            "",
            "a",
            "=b",
            "a=",
            "a=b,",
            "A=b",
            "a=b=c",
            "a b=c",
            "a=\u{e9}",
            "_a=b",
            &too_long,
            &too_many,
            &longer_key,
            &longer_value,
        ] {
            assert!(!is_state(state), "{state}");
        }
    }
}
