//! Values with a grammar of their own. Each is parsed once and then works; none can hold a value it refused.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use thiserror::Error;
use url::{Host, Url};

/// Why a value was refused: what is wrong, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{problem}; {remedy}")]
pub struct ValueError {
    /// What is wrong with the value.
    pub problem: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

const fn refuse<T>(problem: &'static str, remedy: &'static str) -> Result<T, ValueError> {
    Err(ValueError { problem, remedy })
}

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

/// The ARN of an application load balancer, compared whole and exactly with a token's `signer`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlbArn {
    text: String,
    partition: String,
    region: String,
}

impl AlbArn {
    /// Parses `arn:<partition>:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<id>`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "copy the load balancer's ARN, \
                      arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<id>";
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return refuse("is not an ARN of six parts", remedy);
        };
        if service != "elasticloadbalancing" {
            return refuse("is not the ARN of a load balancer", remedy);
        }
        let label =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !partition.starts_with("aws") || !label(partition) || !label(region) {
            return refuse("has no valid partition or region", remedy);
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return refuse("has no account number of 12 digits", remedy);
        }
        match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["loadbalancer", "app", name, id] if !name.is_empty() && !id.is_empty() => {
                // Compared exactly: a pattern would match nothing, and look as if it did.
                if !name.bytes().chain(id.bytes()).all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                    return refuse("contains a character that no load balancer's ARN has", remedy);
                }
            }
            ["loadbalancer", "net" | "gwy", ..] => {
                return refuse("is a network or gateway load balancer, which signs nobody in", remedy);
            }
            ["targetgroup" | "listener" | "listener-rule", ..] => {
                return refuse("names a target group or listener, not the load balancer", remedy);
            }
            _ => return refuse("does not end in loadbalancer/app/<name>/<id>", remedy),
        }
        Ok(Self { text: text.to_owned(), partition: partition.to_owned(), region: region.to_owned() })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `eu-west-2`, …
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// An app client id, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Parses a non-empty id of visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse("is not a client id", "copy the app client's id from the user pool");
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a Cognito user pool, which gives its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPoolId {
    text: String,
    region: String,
}

impl UserPoolId {
    /// Parses `<region>_<letters and digits>`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "copy the user pool's id, like eu-west-2_AbCdEf123";
        match text.split_once('_') {
            Some((region, id))
                if !region.is_empty()
                    && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && !id.is_empty()
                    && id.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                Ok(Self { region: region.to_owned(), text: text.to_owned() })
            }
            _ => refuse("is not a user pool id", remedy),
        }
    }

    /// Both forms of `iss` a pool may use, the original first (alb-facts 6.1).
    #[must_use]
    pub fn issuers(&self) -> [String; 2] {
        ["cognito-idp", "issuer-cognito-idp"]
            .map(|host| format!("https://{host}.{}.amazonaws.com/{}", self.region, self.text))
    }
}

/// Where verification keys are fetched: `https`, or `http` to a loopback host only. Never holds a query, fragment or
/// user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysUrl(Url);

impl KeysUrl {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write https://host/path, or http://127.0.0.1:port/path for a key server on this machine";
        let Ok(url) = Url::parse(text) else {
            return refuse("is not an absolute URL", remedy);
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return refuse("has a query, fragment or user name", remedy);
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if url.host().as_ref().is_some_and(is_loopback) => Ok(Self(url)),
            "http" => refuse("is plain http to another host, where anyone on the way could change the keys", remedy),
            _ => refuse("is neither https nor http", remedy),
        }
    }

    /// Whether keys travel without TLS (to a loopback host).
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for KeysUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// A web origin: scheme, host, port (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses `https://host[:port]`; nothing may follow. `null` is not an origin.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write it as https://app.example.com, without a path";
        let (scheme, rest, default_port) = if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest, 443)
        } else if let Some(rest) = text.strip_prefix("http://") {
            ("http", rest, 80)
        } else {
            return refuse("does not begin with https:// or http://", remedy);
        };
        let (host, port) = split_port(rest).ok_or(ValueError { problem: "is not an origin", remedy })?;
        Ok(Self { scheme, host, port: port.unwrap_or(default_port) })
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The host, lower-cased, IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default where none was written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the port is the scheme's default.
    #[must_use]
    pub fn has_default_port(&self) -> bool {
        self.port == if self.scheme == "https" { 443 } else { 80 }
    }
}

/// Splits `host[:port]` into the lower-cased host (IPv6 in brackets) and the port, `None` where it is neither.
#[must_use]
pub fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            (host, Some(port.parse().ok().filter(|_| digits)?))
        }
        _ => (authority, None),
    };
    let valid = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').is_some_and(|ip| std::net::Ipv6Addr::from_str(ip).is_ok()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    };
    valid.then(|| (host.to_ascii_lowercase(), port))
}

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

/// The path prefix whose requests the proxy answers itself: whole segments, `/.auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedPrefix(String);

impl ReservedPrefix {
    /// Parses a prefix of one or more segments.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write a path of its own, like /.auth";
        if text.is_empty() || text == "/" {
            return refuse("would reserve every path", remedy);
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

/// Where the application listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `http://host:port`.
    Tcp {
        /// A name or address, IPv6 in brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:/path`.
    Unix(PathBuf),
}

impl UpstreamAddress {
    /// Parses `http://host:port` or `unix:/path`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write http://127.0.0.1:7860 or unix:/run/app.sock";
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return refuse("is not an absolute socket path", remedy);
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return refuse("is not plain http: the application is on this machine", remedy);
        };
        match split_port(rest.strip_suffix('/').unwrap_or(rest)) {
            Some((host, port)) => Ok(Self::Tcp { host, port: port.unwrap_or(80) }),
            None => refuse("is not http://host:port without a path", remedy),
        }
    }

    /// What `Host` says where the application's own address is wanted there.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether it can only be reached from this machine, as far as its text tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host == "localhost"
                    || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) => true,
        }
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

    #[test]
    fn an_alb_arn_gives_partition_and_region() {
        let text =
            "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:123456789012:loadbalancer/app/front/50dc6c495c0c9188";
        let arn = AlbArn::parse(text).unwrap();
        assert_eq!((arn.as_str(), arn.partition(), arn.region()), (text, "aws-us-gov", "us-gov-west-1"));
    }

    #[test]
    fn what_is_not_the_arn_of_an_application_load_balancer_is_refused() {
        for (text, problem) in [
            ("", "is not an ARN of six parts"),
            ("arn:aws:s3:::bucket", "is not the ARN of a load balancer"),
            ("arn:aws:elasticloadbalancing::123456789012:loadbalancer/app/a/b", "has no valid partition or region"),
            ("arn:aws:elasticloadbalancing:a/b:123456789012:loadbalancer/app/a/b", "has no valid partition or region"),
            ("arn:aws:elasticloadbalancing:eu-west-2:12:loadbalancer/app/a/b", "has no account number of 12 digits"),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/net/a/b",
                "is a network or gateway load balancer, which signs nobody in",
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/a/b",
                "names a target group or listener, not the load balancer",
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/a",
                "does not end in loadbalancer/app/<name>/<id>",
            ),
        ] {
            assert_eq!(AlbArn::parse(text).unwrap_err().problem, problem, "{text}");
        }
    }

    #[test]
    fn a_pool_gives_both_issuers() {
        assert_eq!(
            UserPoolId::parse("eu-west-2_AbC123").unwrap().issuers(),
            [
                "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_AbC123",
                "https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_AbC123"
            ]
        );
        for refused in ["", "eu-west-2", "eu-west-2_", "_abc", "eu-west-2_a/b", "evil.com/_x"] {
            UserPoolId::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for accepted in ["https://keys.example/a", "http://127.0.0.1:9/a", "http://localhost:9", "http://[::1]:9/"] {
            KeysUrl::parse(accepted).unwrap();
        }
        for refused in [
            "keys.example",
            "http://keys.example/",
            "http://127.0.0.1.evil.com/",
            "ftp://127.0.0.1/",
            "https://a@keys.example/",
            "https://keys.example/?a",
            "https://keys.example/#a",
        ] {
            KeysUrl::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = Origin::parse("https://App.Example").unwrap();
        assert_eq!((origin.scheme(), origin.host(), origin.port()), ("https", "app.example", 443));
        assert_eq!(Origin::parse("http://[::1]:8080").unwrap().host(), "[::1]");
        for refused in [
            "null",
            "app.example",
            "https://app.example/",
            "https://",
            "https://a:b",
            "https://a:",
            "https://a@b",
            "https://a:99999",
            "https://a b",
        ] {
            Origin::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn a_redirect_stays_what_was_configured() {
        for accepted in ["https://auth.example/401?x=1", "/denied"] {
            assert_eq!(RedirectUrl::parse(accepted).unwrap().as_str(), accepted);
        }
        for refused in ["", "//evil.com", "/\\evil.com", "javascript:alert(1)", "denied", "/a b", "/a\r\nx: y"] {
            RedirectUrl::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn a_reserved_prefix_covers_whole_segments() {
        let prefix = ReservedPrefix::parse("/.auth").unwrap();
        assert_eq!(prefix.strip("/.auth/me"), Some("/me"));
        assert_eq!(prefix.strip("/.auth"), Some(""));
        assert_eq!(prefix.strip("/.authx"), None);
        for refused in ["", "/", ".auth", "/a/", "//a", "/a/../b", "/a%2fb"] {
            ReservedPrefix::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn an_upstream_is_a_tcp_or_unix_address() {
        assert_eq!(UpstreamAddress::parse("http://[::1]:80").unwrap().authority(), "[::1]:80");
        assert!(UpstreamAddress::parse("unix:/run/app.sock").unwrap().is_local());
        assert!(!UpstreamAddress::parse("http://10.0.0.1:7860").unwrap().is_local());
        for refused in ["", "https://127.0.0.1", "http://a/b", "unix:app.sock", "127.0.0.1:7860"] {
            UpstreamAddress::parse(refused).unwrap_err();
        }
    }
}
