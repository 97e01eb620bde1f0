//! Who is calling, as far as it decides how a refusal looks: a person's browser going somewhere, or a program.

use http::{HeaderMap, Method, header::ACCEPT, header::UPGRADE};

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
        let is_script = text(fields, "x-requested-with")
            .is_some_and(|value| value.eq_ignore_ascii_case("XMLHttpRequest"))
            || text(fields, "sec-fetch-mode").is_some_and(|mode| !mode.eq_ignore_ascii_case("navigate"))
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

fn wants_data(fields: &HeaderMap) -> bool {
    let names = |media_type: &str| {
        fields
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|member| member.split(';').next().is_some_and(|named| named.trim().eq_ignore_ascii_case(media_type)))
    };
    (names("application/json") || names("text/event-stream")) && !names("text/html")
}

/// A field's value where it stands once and is ASCII.
pub(super) fn text<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
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
