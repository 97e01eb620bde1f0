//! Which header fields are ours to say, however they are spelt.
//!
//! Servers behind us fold names differently: WSGI and CGI read `X_Auth_User`, `X.Auth.User` and `x-auth-user` as one
//! (attack class 6.4). So names are compared after folding: lower case, every character that is not a letter or digit
//! to `-`.

use http::{HeaderMap, HeaderName};

/// Families of names nobody but a trusted hop, or we, may state. Folded.
const CLAIMED_PREFIXES: [&str; 3] = ["x-amzn-oidc-", "x-forwarded-", "x-auth-request-"];

/// Single names of the same kind. Folded.
const CLAIMED_NAMES: [&str; 14] = [
    "x-auth-user",
    "remote-user",
    "remote-groups",
    "remote-name",
    "remote-email",
    "forwarded",
    "trace-parent",
    "trace-state",
    "x-gradio-server",
    "x-original-url",
    "x-original-uri",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// Claimed names that every load balancer sends. Removing them needs no copy of a name, as finding them would.
static OFTEN_SENT: [HeaderName; 3] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Names that only make sense in a request. An application that echoes its request into a response (Gradio does for
/// `Range` requests) would hand cookies and identities to scripts.
const REQUEST_ONLY: [&str; 8] = [
    "authorization",
    "cookie",
    "host",
    "proxy-authorization",
    "referer",
    "user-agent",
    "x-amzn-trace-id",
    "x-gradio-user",
];

/// The names that are removed from every request and every response.
#[derive(Debug, Clone)]
pub struct ClaimedNames {
    assertion: String,
}

impl ClaimedNames {
    /// The fixed names and the configured assertion header.
    #[must_use]
    pub fn with_assertion(header: &HeaderName) -> Self {
        Self { assertion: fold_name(header.as_str()) }
    }

    /// Whether `name` is one of ours under any spelling.
    #[must_use]
    pub fn contains(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        if folded_eq(name, &self.assertion) {
            return true;
        }
        // Every fixed name begins with one of these letters; most fields do not.
        matches!(name.as_bytes().first(), Some(b'x' | b'r' | b'f' | b't'))
            && (CLAIMED_PREFIXES.iter().any(|prefix| folded_starts_with(name, prefix))
                || CLAIMED_NAMES.iter().any(|claimed| folded_eq(name, claimed)))
    }

    /// Removes ours from a request.
    pub fn remove_from_request(&self, fields: &mut HeaderMap) {
        for name in &OFTEN_SENT {
            fields.remove(name);
        }
        remove_where(fields, |name| self.contains(name));
    }

    /// Removes ours, and what belongs into requests only, from a response.
    pub fn remove_from_response(&self, fields: &mut HeaderMap) {
        remove_where(fields, |name| {
            self.contains(name) || REQUEST_ONLY.iter().any(|claimed| folded_eq(name.as_str(), claimed))
        });
    }
}

/// Whether a field is one of the load balancer's identity fields, under any spelling.
#[must_use]
pub fn is_credential(name: &HeaderName) -> bool {
    folded_starts_with(name.as_str(), "x-amzn-oidc-")
}

fn remove_where(fields: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = fields.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        fields.remove(name);
    }
}

fn fold_name(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold(byte))).collect()
}

fn folded_starts_with(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(|(a, b)| fold(a) == b)
}

/// Whether a name is the folded one under any spelling.
pub(super) fn folded_eq(name: &str, folded: &str) -> bool {
    name.len() == folded.len() && folded_starts_with(name, folded)
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn claimed() -> ClaimedNames {
        ClaimedNames::with_assertion(&HeaderName::from_static("x-my_user"))
    }

    #[test]
    fn every_spelling_of_a_claimed_name_is_removed() {
        for name in [
            "x-auth-user",
            "X_Auth_User",
            "x.auth.user",
            "x-AUTH_user",
            "x!auth~user",
            "x-my-user",
            "X_MY_USER",
            "x-amzn-oidc-data",
            "x_amzn_oidc_data",
            "x-amzn-oidc-anything",
            "x-forwarded-user",
            "x_forwarded_for",
            "x-forwarded-host",
            "x-forwarded-prefix",
            "x-auth-request-email",
            "remote_user",
            "forwarded",
            "x-real-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-gradio-server",
            "x-request-id",
            "trace_parent",
            "Trace-State",
        ] {
            assert!(claimed().contains(&name.parse().unwrap()), "{name}");
        }
        for name in [
            "x-auth-users",
            "traceparent",
            "te",
            "x-amzn-trace-id",
            "x-gradio-user",
            "accept",
            "range",
            "remote-users",
            "x",
        ] {
            assert!(!claimed().contains(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn a_response_echoing_its_request_loses_cookie_and_identity() {
        let mut fields = HeaderMap::new();
        for name in
            ["cookie", "authorization", "x-auth-user", "x-amzn-oidc-data", "etag", "set-cookie", "accept-ranges"]
        {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        claimed().remove_from_response(&mut fields);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept-ranges", "etag", "set-cookie"]);
    }

    proptest! {
        #[test]
        fn no_name_that_folds_to_ours_survives(name in "[xX][-_.!~][aA][uU][tT][hH][-_.!~*][uU][sS][eE][rR]") {
            let mut fields = HeaderMap::new();
            fields.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("evil"));
            fields.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("evil too"));
            claimed().remove_from_request(&mut fields);
            prop_assert!(fields.is_empty());
        }
    }
}
