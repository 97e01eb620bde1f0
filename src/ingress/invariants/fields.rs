//! What holds of every header section: nothing of ours is left in it, and everything else is as it came.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "an oracle speaks by panicking")]

use http::{
    HeaderMap, HeaderName, HeaderValue, Request,
    header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST},
};

use super::fields_of;
use crate::{
    config::{HeadLimits, Scheme, TraceParents, TrustedHops},
    ingress::{
        Arrival, ClaimedNames, Connection, Field, Hygiene, Inbound, Malformed, Presented, RELOGIN_GUARD, ReloginGuard,
        RequestBody, Room, SessionCookies,
    },
};

/// What nobody but us may say, written a second time. Folded.
const OURS: [&str; 15] = [
    "x-my-user",
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
const OUR_FAMILIES: [&str; 3] = ["x-amzn-oidc-", "x-forwarded-", "x-auth-request-"];

/// What concerns one connection only (RFC 9110 §7.6.1). Folded.
const OF_THE_CONNECTION: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What only a trusted hop may say, and nobody here is one.
const OF_TRUSTED_HOPS: [&str; 3] = ["baggage", "traceparent", "tracestate"];

/// What an application must not repeat to a script.
const OF_REQUESTS: [&str; 8] = [
    "authorization",
    "cookie",
    "host",
    "proxy-authorization",
    "referer",
    "user-agent",
    "x-amzn-trace-id",
    "x-gradio-user",
];

const SESSION_COOKIE: &str = "AWSELBAuthSessionCookie";

/// Of any fields, after [`Inbound::sanitise`], no one that is ours, the connection's or nominated is left, and all others
/// are there unchanged; in a response the same. One field a line, `name: value`.
pub fn headers(text: &[u8]) {
    let mut sent = fields_of(text);
    if !sent.contains_key(HOST) {
        sent.insert(HOST, HeaderValue::from_static("app.example"));
    }
    check_response(&sent);
    let Ok(inbound) = sanitised(&sent) else { return };
    let left = &inbound.head.fields;
    for name in left.keys() {
        assert!(!is_removed(name, &sent), "{name} goes on");
        assert!(sent.contains_key(name), "{name} was never sent");
    }
    for name in sent.keys().filter(|name| !is_removed(name, &sent) && *name != COOKIE) {
        assert!(left.get_all(name).iter().eq(sent.get_all(name)), "{name} is not as it came");
    }
    assert_eq!(Some(&inbound.head.host), sent.get(HOST), "whatever `Connection` says");
    check_presented(&inbound.presented, &sent);
    let mut again = left.clone();
    again.insert(HOST, inbound.head.host.clone());
    assert_eq!(&sanitised(&again).expect("less than was taken").head.fields, left, "nothing is left to do");
}

fn sanitised(fields: &HeaderMap) -> Result<Inbound, Malformed> {
    let mut request = Request::new(RequestBody::Empty);
    *request.headers_mut() = fields.clone();
    let address = ([127, 0, 0, 1], 1).into();
    let connection = Connection { peer: address, local: address, scheme: Scheme::Http, room: Room::Enough };
    let arrival = Arrival { connection, request_id: HeaderValue::from_static("1") };
    Inbound::sanitise(request, arrival, &hygiene())
}

fn hygiene() -> Hygiene {
    Hygiene {
        names: our_names(),
        session_cookie: SESSION_COOKIE.to_owned(),
        trusted: TrustedHops { networks: Vec::new(), hops: 1 },
        parents: TraceParents::TrustedHops,
        allowed_origins: Vec::new(),
        // Those of the reference.
        limits: HeadLimits { fields: 200, field_size: 16 << 10, fields_size: 64 << 10, target_size: 16 << 10 },
    }
}

fn our_names() -> ClaimedNames {
    ClaimedNames::with_assertion(&HeaderName::from_static("x-my-user"))
}

fn is_removed(name: &HeaderName, sent: &HeaderMap) -> bool {
    is_ours(name)
        || OF_THE_CONNECTION.contains(&folded(name).as_str())
        || (folded(name) == "content-length" && name != CONTENT_LENGTH)
        || OF_TRUSTED_HOPS.contains(&name.as_str())
        || [HOST, EXPECT].contains(name)
        || is_nominated(name, sent)
}

fn is_ours(name: &HeaderName) -> bool {
    let folded = folded(name);
    OURS.contains(&folded.as_str()) || OUR_FAMILIES.iter().any(|family| folded.starts_with(family))
}

fn folded(name: &HeaderName) -> String {
    name.as_str().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn is_nominated(name: &HeaderName, sent: &HeaderMap) -> bool {
    sent.get_all(CONNECTION).iter().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        text.split(',').map(str::trim).any(|option| option == name.as_str() && option != "close")
    })
}

/// A credential counts where it stands once under its own name, and its presence is known under any.
fn check_presented(presented: &Presented, sent: &HeaderMap) {
    for (name, found) in [
        ("x-amzn-oidc-data", &presented.data),
        ("x-amzn-oidc-accesstoken", &presented.access_token),
        ("x-amzn-oidc-identity", &presented.identity),
    ] {
        let values: Vec<&HeaderValue> = sent.get_all(name).iter().collect();
        let expected = match *values {
            [] => Field::Absent,
            [only] => Field::Once(only.clone()),
            _ => Field::Repeated,
        };
        assert!(*found == expected, "{name}");
    }
    assert_eq!(presented.is_empty(), !sent.keys().any(|name| folded(name).starts_with("x-amzn-oidc-")));
}

fn check_response(sent: &HeaderMap) {
    let mut left = sent.clone();
    our_names().remove_from_response(&mut left);
    for name in sent.keys() {
        let expected = !is_ours(name) && !OF_REQUESTS.contains(&folded(name).as_str());
        assert_eq!(left.contains_key(name), expected, "{name}");
        assert!(!expected || left.get_all(name).iter().eq(sent.get_all(name)), "{name} is not as it came");
    }
    assert!(left.keys_len() <= sent.keys_len());
}

/// The load balancer's cookies and our own are gone, and every other is there byte for byte, in its order. One field a
/// line.
pub fn cookies(text: &[u8]) {
    let mut sent = HeaderMap::new();
    for value in text.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok()) {
        sent.append(COOKIE, value);
    }
    let mut fields = sent.clone();
    let taken = SessionCookies::take_from(&mut fields, SESSION_COOKIE);
    let left: Vec<&HeaderValue> = fields.get_all(COOKIE).iter().collect();
    assert!(left.len() <= 1, "one field is what servers read");
    let (ours, others): (Vec<&[u8]>, Vec<&[u8]>) =
        sent.get_all(COOKIE).iter().flat_map(crumbs).partition(|crumb| is_our_cookie(crumb));
    assert_eq!(left.iter().flat_map(|value| crumbs(value)).collect::<Vec<_>>(), others);
    let named = ours.iter().filter(|crumb| cookie_name(crumb).starts_with(SESSION_COOKIE.as_bytes()));
    assert!(
        named.map(|crumb| String::from_utf8_lossy(cookie_name(crumb)).into_owned()).eq(taken.names.iter().cloned())
    );
    let relogin = ours.iter().any(|crumb| cookie_name(crumb) == RELOGIN_GUARD.as_bytes());
    assert_eq!(taken.relogin == ReloginGuard::Present, relogin);
    if let ([sent], []) = (sent.get_all(COOKIE).iter().collect::<Vec<_>>().as_slice(), ours.as_slice()) {
        assert!(left.first() == Some(sent) || sent.is_empty(), "a field without a cookie of ours is left alone");
    }
}

/// The cookies of one field, without the space that stands before each.
fn crumbs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start).filter(|crumb| !crumb.is_empty())
}

fn cookie_name<'a>(crumb: &&'a [u8]) -> &'a [u8] {
    let end = crumb.iter().position(|byte| *byte == b'=').unwrap_or(crumb.len());
    crumb[..end].trim_ascii()
}

fn is_our_cookie(crumb: &[u8]) -> bool {
    let name = String::from_utf8_lossy(cookie_name(&crumb)).into_owned();
    match name.strip_prefix(SESSION_COOKIE) {
        Some("") => true,
        Some(shard) => shard
            .strip_prefix('-')
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit())),
        None => name == "AWSALBAuthNonce" || name == RELOGIN_GUARD,
    }
}
