//! The signed statement made to the application: its field, its keys, its life.

use std::time::Duration;

use http::HeaderName;

use crate::config::{
    Assertion, AssertionAlgorithm, KeySource, SigningKeys, ValueError, duration, findings::Findings, raw,
};

use super::word;

const SHORTEST_LIFE: Duration = Duration::from_secs(2);

pub(super) fn section(raw: &raw::Assertion, findings: &mut Findings) -> Option<Assertion> {
    let header = findings.parsed("assertion.header", header(&raw.header));
    let keys = keys(raw, findings);
    let key_source = findings.file_of("assertion.signing_key").cloned().map_or(KeySource::Fixed, KeySource::File);
    let issuer = findings.parsed("assertion.issuer", word(&raw.issuer));
    let audience = findings.parsed("assertion.audience", word(&raw.audience));
    let ttl = findings.parsed("assertion.ttl", life(&raw.ttl));
    Some(Assertion { header: header?, keys: keys?, key_source, issuer: issuer?, audience: audience?, ttl: ttl? })
}

fn keys(raw: &raw::Assertion, findings: &mut Findings) -> Option<SigningKeys> {
    let algorithm = findings.choice(
        "assertion.algorithm",
        &raw.algorithm,
        &[
            ("ES256", AssertionAlgorithm::Es256),
            ("EdDSA", AssertionAlgorithm::EdDsa),
            ("HS256", AssertionAlgorithm::Hs256),
        ],
    )?;
    if let Some(secret) = &raw.signing_key {
        return findings.parsed("assertion.signing_key", SigningKeys::parse(algorithm, secret));
    }
    if algorithm == AssertionAlgorithm::Hs256 {
        findings.require("assertion.signing_key", "with HS256, whose secret the application has to know");
        return None;
    }
    // A refused value is no unset one: no key is made in its place.
    if findings.has_problem("assertion.signing_key") {
        return None;
    }
    findings.show("assertion.signing_key", "made at start", "default");
    findings.parsed("assertion.signing_key", SigningKeys::generate(algorithm))
}

fn life(text: &str) -> Result<Duration, ValueError> {
    let life = duration::parse(text)?;
    if life < SHORTEST_LIFE {
        return Err(ValueError { problem: "is shorter than 2s", remedy: "write 2s or more" });
    }
    Ok(life)
}

/// A field of its own: one that means something to HTTP, to the load balancer or to a proxy would be changed on the way,
/// or change what the request means. Letters, digits and hyphens only, because servers fold other characters together
/// (attack class 6.4).
fn header(text: &str) -> Result<HeaderName, ValueError> {
    let remedy = "write a name of its own, like x-auth-user";
    let name = HeaderName::from_bytes(text.as_bytes())
        .ok()
        .filter(|name| name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        .ok_or(ValueError { problem: "is not a header name of letters, digits and hyphens", remedy })?;
    if TAKEN_NAMES.contains(&name.as_str()) || TAKEN_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix)) {
        return Err(ValueError { problem: "has a meaning of its own in HTTP or for a proxy", remedy });
    }
    Ok(name)
}

const TAKEN_PREFIXES: [&str; 11] = [
    "accept",
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-amz-",
    "x-amzn-",
    "x-forwarded-",
    "x-gradio-",
    "x-http-method",
];

const TAKEN_NAMES: [&str; 54] = [
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "baggage",
    "cache-control",
    "clear-site-data",
    "connection",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "early-data",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-rewrite-url",
    "x-xsrf-token",
];
