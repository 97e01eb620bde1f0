//! A path and everything under it.

use super::{ValueError, refuse};

/// A path prefix of whole segments, `/.auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Parses a prefix of one or more segments.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write a path of its own, like /.auth";
        if text.is_empty() || text == "/" {
            return refuse("covers every path", remedy);
        }
        let segment = |s: &str| {
            !s.is_empty()
                && s != "."
                && s != ".."
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
        };
        match text.strip_prefix('/') {
            Some(rest) if rest.split('/').all(segment) => Ok(Self(text.to_owned())),
            _ => refuse("is not an absolute path of plain segments without a slash at its end", remedy),
        }
    }

    /// The prefix, with a slash at its beginning and none at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the prefix, `""` for the prefix itself; `None` where `path` is outside. `/.authx` is outside.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.0.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_segments() {
        let prefix = PathPrefix::parse("/.auth").unwrap();
        assert_eq!(prefix.strip("/.auth/me"), Some("/me"));
        assert_eq!(prefix.strip("/.auth"), Some(""));
        assert_eq!(prefix.strip("/.authx"), None);
        for refused in ["", "/", ".auth", "/a/", "//a", "/a/../b", "/a%2fb"] {
            PathPrefix::parse(refused).unwrap_err();
        }
    }
}
