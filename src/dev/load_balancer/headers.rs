//! What the load balancer does to the header fields of every request, signed in or not.

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{EXPECT, SET_COOKIE, UPGRADE},
};

use crate::{
    dev::signers::random,
    ingress::{Connection, hop_by_hop},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Removes what only the load balancer may say, and adds what it says of every request. An `Upgrade` stays asked for.
pub(super) fn dress(fields: &mut HeaderMap, connection: Connection, seconds_since_1970: u64) {
    let upgrade = fields.get(UPGRADE).cloned();
    hop_by_hop::remove(fields);
    // Answered at this hop, which reads the body before it is asked for.
    fields.remove(EXPECT);
    if let Some(upgrade) = upgrade {
        ask_for(upgrade, fields);
    }
    // Names with other characters in place of the hyphens pass, as they do at the real one (alb-facts 4.4): taking those
    // out is the proxy's work.
    let claimed: Vec<HeaderName> =
        fields.keys().filter(|name| name.as_str().starts_with("x-amzn-oidc-")).cloned().collect();
    for name in claimed {
        fields.remove(name);
    }
    append_client(fields, connection.peer);
    fields.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    fields.insert(FORWARDED_PORT, HeaderValue::from(connection.local.port()));
    if let Some(trace) = trace_id(fields.get(&TRACE_ID), seconds_since_1970) {
        fields.insert(TRACE_ID, trace);
    }
}

/// The fields of an answer, on their way to a browser that came without TLS.
pub(super) fn undress(fields: &mut HeaderMap) {
    let upgrade = fields.get(UPGRADE).cloned();
    hop_by_hop::remove(fields);
    if let Some(upgrade) = upgrade {
        ask_for(upgrade, fields);
    }
    let cookies: Vec<HeaderValue> = fields.get_all(SET_COOKIE).iter().map(for_plain_http).collect();
    fields.remove(SET_COOKIE);
    for cookie in cookies {
        fields.append(SET_COOKIE, cookie);
    }
}

fn ask_for(protocol: HeaderValue, fields: &mut HeaderMap) {
    fields.insert(http::header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, protocol);
}

/// The address the connection comes from, after those the client names: only the right-most is true.
fn append_client(fields: &mut HeaderMap, peer: SocketAddr) {
    let mut addresses: Vec<u8> = Vec::new();
    for named in fields.get_all(&FORWARDED_FOR) {
        addresses.extend_from_slice(named.as_bytes());
        addresses.extend_from_slice(b", ");
    }
    addresses.extend_from_slice(peer.ip().to_string().as_bytes());
    if let Ok(addresses) = HeaderValue::from_bytes(&addresses) {
        fields.insert(FORWARDED_FOR, addresses);
    }
}

/// A new `Root`; a trace that the client began goes on, with this hop as `Self` (alb-facts 5.4).
fn trace_id(sent: Option<&HeaderValue>, seconds_since_1970: u64) -> Option<HeaderValue> {
    let random = u128::from_be_bytes(random().ok()?) >> 32;
    let own = format!("1-{seconds_since_1970:08x}-{random:024x}");
    let sent = sent.and_then(|sent| sent.to_str().ok()).filter(|sent| sent.contains("Root="));
    let text = match sent {
        None => format!("Root={own}"),
        Some(sent) => {
            let others = sent.split(';').filter(|part| !part.trim_start().starts_with("Self="));
            [format!("Self={own}").as_str()].into_iter().chain(others).collect::<Vec<_>>().join(";")
        }
    };
    HeaderValue::try_from(text).ok()
}

/// Without `Secure`, which some browsers (Safari) heed on loopback too: signing out, or the guard of a re-login, would
/// not arrive. Where the cookie's name or `SameSite=None` asks for `Secure`, it stays.
fn for_plain_http(cookie: &HeaderValue) -> HeaderValue {
    let attribute = |part: &[u8], name: &[u8]| part.trim_ascii().eq_ignore_ascii_case(name);
    let bytes = cookie.as_bytes();
    let needs_it = bytes.starts_with(b"__Secure-")
        || bytes.starts_with(b"__Host-")
        || bytes.split(|byte| *byte == b';').any(|part| attribute(part, b"samesite=none"));
    if needs_it {
        return cookie.clone();
    }
    let mut parts = bytes.split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    let kept: Vec<&[u8]> = std::iter::once(pair).chain(parts.filter(|part| !attribute(part, b"secure"))).collect();
    HeaderValue::from_bytes(&kept.join(&b';')).unwrap_or_else(|_| cookie.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Scheme, ingress::Room};

    const NOW: u64 = 0x6789_1234;

    fn dressed(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        let connection = Connection {
            peer: "127.0.0.9:5000".parse().unwrap(),
            local: "127.0.0.1:4430".parse().unwrap(),
            scheme: Scheme::Https,
            room: Room::Enough,
        };
        dress(&mut map, connection, NOW);
        map
    }

    #[test]
    fn what_a_client_claims_of_itself_is_gone() {
        let fields = dressed(&[
            ("x-amzn-oidc-data", "a"),
            ("x-amzn-oidc-data", "b"),
            ("x-amzn-oidc-identity", "root"),
            ("x-amzn-oidc-anything", "c"),
            ("connection", "x-dropped"),
            ("x-dropped", "d"),
            ("x-kept", "e"),
        ]);
        let names: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        assert!(names.contains(&"x-kept") && !names.contains(&"x-dropped"), "{names:?}");
        assert!(!names.iter().any(|name| name.starts_with("x-amzn-oidc")), "{names:?}");
    }

    #[test]
    fn the_clients_address_is_the_last_one() {
        let fields = dressed(&[
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-for", "evil"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "1"),
        ]);
        assert_eq!(fields["x-forwarded-for"], "203.0.113.1, evil, 127.0.0.9");
        assert_eq!(
            (&fields["x-forwarded-proto"], &fields["x-forwarded-port"]),
            (&"http".parse().unwrap(), &4430.into())
        );
    }

    #[test]
    fn a_trace_begins_here_or_goes_on() {
        let begun = dressed(&[])["x-amzn-trace-id"].to_str().unwrap().to_owned();
        assert!(begun.starts_with("Root=1-67891234-") && begun.len() == "Root=1-67891234-".len() + 24, "{begun}");
        let sent = "Self=1-1-2;Root=1-67891233-abcdef012345678912345678;CalledFrom=app";
        let continued = dressed(&[("x-amzn-trace-id", sent)])["x-amzn-trace-id"].to_str().unwrap().to_owned();
        assert!(continued.starts_with("Self=1-67891234-"), "{continued}");
        assert!(continued.ends_with(";Root=1-67891233-abcdef012345678912345678;CalledFrom=app"), "{continued}");
        assert_eq!(continued.matches("Self=").count(), 1);
    }

    #[test]
    fn an_upgrade_stays_asked_for() {
        let fields = dressed(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(
            (&fields["connection"], &fields["upgrade"]),
            (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
    }

    #[test]
    fn cookies_lose_secure_unless_they_need_it() {
        for (set, kept) in [
            ("a=secure; Path=/; Secure; HttpOnly", "a=secure; Path=/; HttpOnly"),
            ("a=1;secure", "a=1"),
            ("a=1; Secure; SameSite=None", "a=1; Secure; SameSite=None"),
            ("__Host-a=1; Secure; Path=/", "__Host-a=1; Secure; Path=/"),
            ("a==b; Path=/", "a==b; Path=/"),
        ] {
            assert_eq!(for_plain_http(&HeaderValue::from_static(set)), kept);
        }
    }
}
