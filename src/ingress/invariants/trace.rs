//! What holds of every trace that a request names: what goes on is a hop's that is trusted, well-formed to the letter of
//! the recommendation, of one field and bounded; and what is logged of the load balancer's name has that name's form.
#![expect(clippy::panic, clippy::string_slice, reason = "an oracle speaks by panicking")]

use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields_of;
use crate::{
    config::TraceParents,
    ingress::{Hop, Trace, TraceParent},
};

const OF_TRUSTED_HOPS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Stands for 64 letters, so that a short input reaches every limit.
const STAND_IN: &str = "$LONG";

/// The most bytes of all `baggage` together.
const MOST_BAGGAGE: usize = 8192;

/// The most bytes of what is logged of `X-Amzn-Trace-Id`.
const MOST_LOGGED: usize = 115;

/// Of any fields. One field a line, `name: value`.
pub fn trace(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let sent = fields_of(text.replace(STAND_IN, &"l".repeat(64)).as_bytes());
    for (hop, parents) in [
        (Hop::Trusted, TraceParents::TrustedHops),
        (Hop::Trusted, TraceParents::Nobodys),
        (Hop::Unknown, TraceParents::TrustedHops),
        (Hop::Unknown, TraceParents::Nobodys),
    ] {
        let (trace, left) = read(&sent, hop, parents);
        if (hop, parents) == (Hop::Trusted, TraceParents::TrustedHops) {
            check_continued(trace.parent, &sent, &left);
        } else {
            assert_eq!(trace.parent, None, "{hop:?} {parents:?}");
            assert!(OF_TRUSTED_HOPS.iter().all(|name| !left.contains_key(*name)), "{hop:?} {parents:?}");
        }
        assert_eq!(trace.balancer, logged(&sent));
        for name in sent.keys().filter(|name| !OF_TRUSTED_HOPS.contains(&name.as_str())) {
            assert!(is_as_it_came(name, &sent, &left), "{name} is not as it came");
        }
        assert!(left.keys().all(|name| sent.contains_key(name)), "nothing is made up");
        for fields in [&sent, &left] {
            let (again, rest) = read(fields, hop, parents);
            assert_eq!((again.parent, again.balancer, &rest), (trace.parent, trace.balancer.clone(), &left));
        }
    }
}

fn read(sent: &HeaderMap, hop: Hop, parents: TraceParents) -> (Trace, HeaderMap) {
    let mut fields = sent.clone();
    let trace = Trace::read(&mut fields, hop, parents);
    (trace, fields)
}

fn check_continued(parent: Option<TraceParent>, sent: &HeaderMap, left: &HeaderMap) {
    let text = only(sent, "traceparent").filter(|text| is_parent(text));
    assert_eq!(only(left, "traceparent"), text, "the one good parent goes on, and no other");
    assert_eq!(left.contains_key("traceparent"), text.is_some());
    match (parent, text) {
        (Some(parent), Some(text)) => {
            assert_eq!(parent.trace_id().as_str(), &text[3..35]);
            assert_eq!(format!("{:016x}", parent.span_id()), text[36..52]);
            let flags = text.chars().next_back().and_then(|last| last.to_digit(16));
            assert_eq!(Some(u32::from(parent.flags())), flags.map(|flags| flags & 3));
        }
        (None, None) => {}
        (parent, text) => panic!("{parent:?} of {text:?}"),
    }
    let state = only(sent, "tracestate").filter(|state| text.is_some() && is_state(state.as_bytes()));
    assert_eq!(only(left, "tracestate"), state, "the one good state goes on with its parent, and no other");
    assert_eq!(left.contains_key("tracestate"), state.is_some());
    let baggage: usize = sent.get_all("baggage").iter().map(HeaderValue::len).sum();
    assert_eq!(left.contains_key("baggage"), sent.contains_key("baggage") && baggage <= MOST_BAGGAGE);
    assert!(!left.contains_key("baggage") || is_as_it_came(&HeaderName::from_static("baggage"), sent, left));
}

fn is_as_it_came(name: &HeaderName, sent: &HeaderMap, left: &HeaderMap) -> bool {
    left.get_all(name).iter().eq(sent.get_all(name))
}

/// The value of a field that stands once, where it is ASCII.
fn only<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    match fields.get_all(name).iter().collect::<Vec<_>>()[..] {
        [value] => std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii()),
        _ => None,
    }
}

/// Whether a text looks like this: `h` is a hexadecimal digit in lower case, `H` one in either, all else itself.
fn looks_like(pattern: &str, text: &str) -> bool {
    let fits = |(wanted, found): (char, char)| match wanted {
        'h' => found.is_ascii_digit() || ('a'..='f').contains(&found),
        'H' => found.is_ascii_hexdigit(),
        wanted => wanted == found,
    };
    pattern.chars().count() == text.chars().count() && pattern.chars().zip(text.chars()).all(fits)
}

/// The recommendation, section 3.2.
fn is_parent(text: &str) -> bool {
    let hexadecimal = |length| "h".repeat(length);
    looks_like(&format!("00-{}-{}-hh", hexadecimal(32), hexadecimal(16)), text)
        && text[3..35] != *"0".repeat(32)
        && text[36..52] != *"0".repeat(16)
}

/// Where the reader of a `tracestate` is: how much of a key, or of a value and the blanks behind it.
enum At {
    Member,
    Key(usize),
    Value { length: usize, spaces: usize, tabs: usize },
}

/// The recommendation, section 3.3.1, one byte after the other; but that a list without members, or with a member that is
/// not there, need not be understood.
fn is_state(text: &[u8]) -> bool {
    let (mut at, mut members) = (At::Member, 1);
    for byte in text {
        at = match (at, byte) {
            (At::Member, b' ' | b'\t') => At::Member,
            (At::Member, b'a'..=b'z' | b'0'..=b'9') => At::Key(1),
            (At::Key(1..), b'=') => At::Value { length: 0, spaces: 0, tabs: 0 },
            (At::Key(length @ ..256), b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@') => {
                At::Key(length + 1)
            }
            (At::Value { length: 1.., .. }, b',') => {
                members += 1;
                At::Member
            }
            (At::Value { length, spaces, tabs }, b' ') => At::Value { length, spaces: spaces + 1, tabs },
            (At::Value { length: length @ 1.., spaces, tabs }, b'\t') => At::Value { length, spaces, tabs: tabs + 1 },
            (At::Value { length, spaces, tabs: 0 }, b'!'..=b'+' | b'-'..=b'<' | b'>'..=b'~')
                if length + spaces < 256 =>
            {
                At::Value { length: length + spaces + 1, spaces: 0, tabs: 0 }
            }
            _ => return false,
        };
    }
    text.len() <= 512 && members <= 32 && matches!(at, At::Value { length: 1.., .. })
}

/// What may be logged: all of it, or where there is more to it the first two parts that have their form.
fn logged(sent: &HeaderMap) -> Option<HeaderValue> {
    let text = only(sent, "x-amzn-trace-id")?;
    let parts: Vec<&str> = text.split(';').collect();
    let mut good: Vec<&str> = parts.iter().copied().filter(|part| is_part(part)).collect();
    if good.len() < parts.len() || text.len() > MOST_LOGGED {
        good.truncate(2);
    }
    let kept = good.join(";");
    assert!(kept.len() <= MOST_LOGGED);
    (!good.is_empty()).then(|| HeaderValue::try_from(kept).ok()).flatten()
}

fn is_part(part: &str) -> bool {
    let digits = |length| "H".repeat(length);
    let id = format!("=1-{}-{}", digits(8), digits(24));
    let patterns = [format!("Root{id}"), format!("Self{id}"), format!("Parent={}", digits(16))];
    patterns.iter().any(|pattern| {
        let (name, form) = pattern.split_at(pattern.find('=').unwrap_or_default());
        part.strip_prefix(name).is_some_and(|part| looks_like(form, part))
    }) || ["Sampled=0", "Sampled=1"].contains(&part)
}
