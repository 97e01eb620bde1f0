//! Whether a request comes from the application's own pages (attack class 6.30).
//!
//! The load balancer's session cookie is `SameSite=None`, so a foreign page can send it along. Rules: interface.md §3.

use http::{HeaderMap, HeaderName, Method, header::ORIGIN};

use super::caller::{FETCH_MODE, Safety, text};
use crate::config::{Origin, split_authority};

static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// A foreign page made the browser send it.
    Foreign,
    /// The application's own pages, an allowed origin, or no browser that would tell.
    Own,
}

/// What the browser itself says of where a request comes from (`Sec-Fetch-Site`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchSite {
    /// From a page of another site or origin.
    Foreign,
    /// From the user, from this origin, or from no browser that would tell.
    Own,
}

impl FetchSite {
    /// Reads the field; anything but the three known harmless answers is foreign.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Self {
        match text(fields, &FETCH_SITE) {
            Some("none" | "same-origin") => Self::Own,
            None if !fields.contains_key(&FETCH_SITE) => Self::Own,
            Some(_) | None => Self::Foreign,
        }
    }
}

/// What is compared with `Origin`.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The authority the request was sent to.
    pub host: &'a str,
    /// The load balancer's listener port, which it may have appended to `Host`.
    pub balancer_port: Option<u16>,
    /// Foreign origins that may call.
    pub allowed: &'a [Origin],
}

impl Site {
    /// Judges one request; `is_upgrade` requests are WebSocket handshakes, which browsers send anywhere without asking.
    #[must_use]
    pub fn of(method: &Method, fields: &HeaderMap, addressee: Addressee<'_>) -> Self {
        let upgrades = fields.contains_key(http::header::UPGRADE);
        let reads = Safety::of(method) == Safety::Safe && !upgrades;
        let fetch_mode = text(fields, &FETCH_MODE);
        if reads && fetch_mode.is_some_and(|mode| mode.eq_ignore_ascii_case("navigate")) {
            return Self::Own;
        }
        if fields.contains_key(ORIGIN) {
            return match text(fields, &ORIGIN).and_then(|origin| Origin::parse(origin).ok()) {
                Some(origin) if addressee.covers(&origin) => Self::Own,
                Some(_) | None => Self::Foreign,
            };
        }
        if !reads && FetchSite::of(fields) == FetchSite::Foreign { Self::Foreign } else { Self::Own }
    }
}

impl Addressee<'_> {
    fn covers(&self, origin: &Origin) -> bool {
        self.allowed.contains(origin) || self.is(origin)
    }

    /// Whether `origin` is this host. The scheme is not compared: TLS ends before us.
    fn is(&self, origin: &Origin) -> bool {
        let Some((host, port)) = split_authority(self.host) else {
            return false;
        };
        let same_port = match port {
            None => origin.has_default_port(),
            Some(port) => port == origin.port() || (Some(port) == self.balancer_port && origin.has_default_port()),
        };
        same_port && host.eq_ignore_ascii_case(origin.host())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn judge(method: &Method, host: &str, fields: &[(&'static str, &'static str)]) -> Site {
        let fields: HeaderMap = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let allowed = [Origin::parse("https://friend.example").unwrap()];
        Site::of(method, &fields, Addressee { host, balancer_port: Some(8443), allowed: &allowed })
    }

    #[test]
    fn the_origin_alone_decides_where_there_is_one() {
        for (host, origin, expected) in [
            ("app.example", "https://app.example", Site::Own),
            ("app.example", "http://app.example", Site::Own),
            ("APP.example:443", "https://app.example", Site::Own),
            ("app.example:8443", "https://app.example", Site::Own),
            ("app.example:8443", "https://app.example:8443", Site::Own),
            ("app.example", "https://app.example:8443", Site::Foreign),
            ("app.example:8080", "https://app.example", Site::Foreign),
            ("app.example", "https://friend.example", Site::Own),
            ("app.example", "https://friend.example:444", Site::Foreign),
            ("app.example", "https://evil.example", Site::Foreign),
            ("app.example", "https://app.example.evil.example", Site::Foreign),
            ("app.example", "https://app.example/", Site::Foreign),
            ("app.example", "null", Site::Foreign),
            ("app.example", "", Site::Foreign),
            ("app.example", "chrome-extension://app.example", Site::Foreign),
        ] {
            let sent = [("origin", origin), ("sec-fetch-site", "same-origin")]
                .map(|(a, b)| (a, Box::leak(Box::from(b)) as &'static str));
            assert_eq!(judge(&Method::POST, host, &sent), expected, "{origin} to {host}");
            assert_eq!(judge(&Method::GET, host, &sent), expected, "a read from {origin} to {host}");
        }
    }

    #[test]
    fn without_an_origin_the_browsers_own_word_counts() {
        for site in ["cross-site", "same-site"] {
            let sent = [("sec-fetch-site", Box::leak(Box::from(site)) as &'static str)];
            assert_eq!(judge(&Method::POST, "app.example", &sent), Site::Foreign);
            assert_eq!(judge(&Method::GET, "app.example", &sent), Site::Own);
            let handshake = [sent[0], ("upgrade", "websocket")];
            assert_eq!(judge(&Method::GET, "app.example", &handshake), Site::Foreign);
        }
        assert_eq!(judge(&Method::POST, "app.example", &[("sec-fetch-site", "same-origin")]), Site::Own);
        assert_eq!(judge(&Method::POST, "app.example", &[]), Site::Own);
    }

    #[test]
    fn a_link_from_another_site_may_be_followed() {
        let sent = [("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site"), ("origin", "null")];
        assert_eq!(judge(&Method::GET, "app.example", &sent), Site::Own);
        assert_eq!(judge(&Method::POST, "app.example", &sent), Site::Foreign);
    }

    #[test]
    fn what_the_browser_says_twice_or_in_other_bytes_is_foreign() {
        let of = |values: &[&'static str]| {
            let value = |text: &&'static str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
            FetchSite::of(&values.iter().map(|text| (HeaderName::from_static("sec-fetch-site"), value(text))).collect())
        };
        for own in [&[][..], &["none"], &["same-origin"]] {
            assert_eq!(of(own), FetchSite::Own, "{own:?}");
        }
        for foreign in [&["same-site"][..], &["none", "none"], &["\u{ff}"], &[""], &["NONE"]] {
            assert_eq!(of(foreign), FetchSite::Foreign, "{foreign:?}");
        }
    }
}
