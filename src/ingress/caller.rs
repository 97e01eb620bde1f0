//! Who is calling, as far as it decides how a refusal looks: a person's browser going somewhere, or a program.

use http::{
    HeaderMap, HeaderName, Method,
    header::{ACCEPT, UPGRADE},
};

pub(super) static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A page navigation (or something that looks like one, plain `curl` included): may be redirected.
    Navigation,
    /// A script, an API client, an event stream, a WebSocket handshake: wants the status itself.
    Script,
}

/// Whether a method only reads (RFC 9110 §9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// `GET`, `HEAD`.
    Safe,
    /// Everything else: a redirect must change the method.
    Unsafe,
}

impl Caller {
    /// Reads the rules of interface.md §3.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Self {
        let is_script = text(fields, &REQUESTED_WITH).is_some_and(|value| value.eq_ignore_ascii_case("XMLHttpRequest"))
            || text(fields, &FETCH_MODE).is_some_and(|mode| !mode.eq_ignore_ascii_case("navigate"))
            || fields.contains_key(UPGRADE)
            || wants_data(fields);
        if is_script { Self::Script } else { Self::Navigation }
    }
}

impl Safety {
    /// Whether `method` only reads.
    #[must_use]
    pub fn of(method: &Method) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) { Self::Safe } else { Self::Unsafe }
    }
}

/// Whether data is accepted, and no page.
fn wants_data(fields: &HeaderMap) -> bool {
    let mut wanted = false;
    for value in fields.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else { continue };
        for member in text.as_bytes().split(|byte| *byte == b',') {
            let named = member.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            if named.eq_ignore_ascii_case(b"text/html") {
                return false;
            }
            wanted |=
                named.eq_ignore_ascii_case(b"application/json") || named.eq_ignore_ascii_case(b"text/event-stream");
        }
    }
    wanted
}

/// A field's value where it stands once and is ASCII.
pub(super) fn text<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = fields.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(fields: &[(&'static str, &'static str)]) -> Caller {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Caller::of(&fields)
    }

    #[test]
    fn scripts_are_told_from_navigations() {
        for field in [
            ("x-requested-with", "XMLHttpRequest"),
            ("sec-fetch-mode", "cors"),
            ("upgrade", "websocket"),
            ("accept", "application/json"),
            ("accept", "text/event-stream;q=1, */*"),
        ] {
            assert_eq!(of(&[field]), Caller::Script, "{field:?}");
        }
        for field in [
            ("accept", "*/*"),
            ("accept", "text/html,application/json"),
            ("accept", "application/xhtml+xml"),
            ("sec-fetch-mode", "navigate"),
            ("x-requested-with", "fetch"),
        ] {
            assert_eq!(of(&[field]), Caller::Navigation, "{field:?}");
        }
        assert_eq!(of(&[]), Caller::Navigation);
    }
}
