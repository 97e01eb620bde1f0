//! Where browsers are sent.

use url::Url;

use super::{ValueError, refuse};

/// Where a browser is sent: an absolute `https`/`http` URL, or an absolute path on the same host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUrl(String);

impl RedirectUrl {
    /// Parses the target of a redirect.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write https://host/path, or /path on the same host";
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('\\') {
            return refuse("contains characters that no URL has", remedy);
        }
        if text.starts_with('/') && !text.starts_with("//") {
            return Ok(Self(text.to_owned()));
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Self(text.to_owned())),
            _ => refuse("is not an http(s) URL or an absolute path", remedy),
        }
    }

    /// The origin of an absolute URL, for a security policy; `'self'` for a path.
    #[must_use]
    pub fn source(&self) -> String {
        Url::parse(&self.0).map_or_else(|_| "'self'".to_owned(), |url| url.origin().ascii_serialization())
    }

    /// The text for `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host where one is written, without its port, and the path: for the guard against redirect loops.
    #[must_use]
    pub fn parts(&self) -> (Option<String>, String) {
        match Url::parse(&self.0) {
            Ok(url) => (url.host_str().map(str::to_owned), url.path().to_owned()),
            Err(_) => (None, self.0.split(['?', '#']).next().unwrap_or_default().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_what_was_configured() {
        for accepted in ["https://auth.example/401?x=1", "/denied"] {
            assert_eq!(RedirectUrl::parse(accepted).unwrap().as_str(), accepted);
        }
        for refused in ["", "//evil.com", "/\\evil.com", "javascript:alert(1)", "denied", "/a b", "/a\r\nx: y"] {
            RedirectUrl::parse(refused).unwrap_err();
        }
    }
}
