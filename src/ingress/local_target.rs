//! Where a browser may be sent on this host, and nowhere else (attack class 6.27).

use http::{HeaderValue, Uri};

/// A path, with its query, that a browser cannot take for another host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTarget(HeaderValue);

impl LocalTarget {
    /// The target of a request.
    #[must_use]
    pub fn of(target: &Uri) -> Option<Self> {
        Self::parse(target.path_and_query()?.as_str())
    }

    /// Any text, such as a parameter that says where to go on.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // `//host` and `/\host` are other hosts to a browser.
        let local = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (local && plain).then(|| HeaderValue::from_str(text).ok().map(Self)).flatten()
    }

    /// The front page.
    #[must_use]
    pub const fn root() -> Self {
        Self(HeaderValue::from_static("/"))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("/")
    }
}

impl From<LocalTarget> for HeaderValue {
    fn from(target: LocalTarget) -> Self {
        target.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_host_is_returned_to() {
        for accepted in ["/", "/a/b?c=d", "/a//b"] {
            assert_eq!(LocalTarget::parse(accepted).unwrap().as_str(), accepted);
            assert!(LocalTarget::of(&accepted.parse().unwrap()).is_some(), "{accepted}");
        }
        for refused in
            ["", "a", "//evil.example", "/\\evil.example", "http://evil.example", "/a\r\nb: c", "/\u{e9}", "/a b"]
        {
            assert_eq!(LocalTarget::parse(refused), None, "{refused:?}");
        }
        for refused in ["//evil.example", "http://evil.example", "*"] {
            assert!(LocalTarget::of(&refused.parse().unwrap()).is_none_or(|to| to.as_str() == "/"), "{refused}");
        }
    }
}
