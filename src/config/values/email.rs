//! E-mail addresses and their domains, as rules compare them.

use std::fmt;

use super::{ValueError, refuse};

/// An e-mail address with exactly one `@` and something on both sides, lower-cased in ASCII only: Unicode folding would
/// make a Kelvin sign equal to `k`, and two people one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

impl EmailAddress {
    /// Parses `text`; refuses white space and control characters anywhere.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write it as name@example.com";
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return refuse("contains white space or a control character", remedy);
        }
        match text.split_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                Ok(Self { at: local.len(), text: text.to_ascii_lowercase() })
            }
            _ => refuse("is not an e-mail address with exactly one @", remedy),
        }
    }

    /// The whole address, lower-cased.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }
}

impl fmt::Debug for EmailAddress {
    /// Personal data: `Debug` ends in logs, so it says only that there is one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(…)")
    }
}

/// The domain of e-mail addresses, compared exactly: `corp.com` does not cover `sub.corp.com` or `notcorp.com`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

impl DomainName {
    /// Parses a domain without `@`, lower-cased in ASCII.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write the domain alone, like example.com";
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '*')) {
            return refuse("is not a domain name", remedy);
        }
        if text.starts_with('.') || text.ends_with('.') {
            return refuse("begins or ends with a dot", remedy);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The domain, lower-cased.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_one_at_and_two_sides() {
        let accepted = EmailAddress::parse("Ann.Lee@Corp.COM").unwrap();
        assert_eq!((accepted.as_str(), accepted.domain()), ("ann.lee@corp.com", "corp.com"));
        for refused in ["", "@", "a@", "@corp.com", "a@evil.com@corp.com", "corp.com", "a b@corp.com", "a@corp.com\n"] {
            EmailAddress::parse(refused).unwrap_err();
        }
        // U+212A KELVIN SIGN lower-cases to an ASCII k in Unicode.
        assert_ne!(EmailAddress::parse("\u{212a}im@corp.com"), EmailAddress::parse("kim@corp.com"));
    }

    #[test]
    fn a_domain_is_written_alone() {
        assert_eq!(DomainName::parse("Corp.com").unwrap().as_str(), "corp.com");
        for refused in ["", "@corp.com", ".corp.com", "corp.com.", "*.corp.com", "corp .com"] {
            DomainName::parse(refused).unwrap_err();
        }
    }
}
