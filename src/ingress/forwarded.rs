//! What earlier hops said of the client, as far as they are trusted.
//!
//! uvicorn believes `X-Forwarded-For` and `-Proto` from a loopback peer, which is what we are to it, and Gradio builds
//! every URL of its page from them. So a client's own values must not pass.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};

use crate::config::{Scheme, TrustedHops, split_authority};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The two ends of the connection a request arrived on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The other end: the load balancer, in production.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What it speaks.
    pub scheme: Scheme,
    /// Whether there was room for it.
    pub room: Room,
}

/// Whether there was room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There was.
    Enough,
    /// It was let in only to be told that there is none: nothing of it is forwarded.
    None,
}

/// Who a connection came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// Somebody whose word on the request counts (`server.trusted_proxies`).
    Trusted,
    /// Anybody.
    Unknown,
}

/// The client's side of a request in one normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    hop: Hop,
    chain: Chain,
    scheme: Scheme,
    port: u16,
    /// Whether a trusted hop named the port.
    port_source: PortSource,
}

/// Addresses written by trusted hops, or the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chain {
    /// Just the client's, of a hop that wrote it as we would.
    AsWritten(IpAddr, HeaderValue),
    /// The client's first. Never empty.
    Read(Vec<IpAddr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortSource {
    OurListener,
    TrustedHop,
}

impl Forwarded {
    /// Reads `X-Forwarded-*` where the peer is trusted; else the connection itself is all that is known.
    #[must_use]
    pub fn read(fields: &HeaderMap, connection: Connection, trusted: &TrustedHops) -> Self {
        let peer = connection.peer.ip().to_canonical();
        if !trusted.networks.iter().any(|network| network.contains(&peer)) {
            return Self {
                hop: Hop::Unknown,
                chain: Chain::Read(vec![peer]),
                scheme: connection.scheme,
                port: connection.local.port(),
                port_source: PortSource::OurListener,
            };
        }
        let port = last_value(fields, &FORWARDED_PORT).and_then(|text| text.parse().ok());
        Self {
            hop: Hop::Trusted,
            chain: Chain::of(fields, trusted.hops).unwrap_or_else(|| Chain::Read(vec![peer])),
            scheme: match last_value(fields, &FORWARDED_PROTO) {
                Some(text) if text.eq_ignore_ascii_case("https") => Scheme::Https,
                Some(_) => Scheme::Http,
                None => connection.scheme,
            },
            port: port.unwrap_or_else(|| connection.local.port()),
            port_source: if port.is_some() { PortSource::TrustedHop } else { PortSource::OurListener },
        }
    }

    /// Who sent it here.
    #[must_use]
    pub const fn hop(&self) -> Hop {
        self.hop
    }

    /// `https` or `http`, as the client sees it.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// The client's address as the first trusted hop saw it.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        match &self.chain {
            Chain::AsWritten(client, _) => Some(*client),
            Chain::Read(addresses) => addresses.first().copied(),
        }
    }

    /// The port the load balancer listens on, where a trusted hop named it.
    #[must_use]
    pub const fn balancer_port(&self) -> Option<u16> {
        match self.port_source {
            PortSource::TrustedHop => Some(self.port),
            PortSource::OurListener => None,
        }
    }

    /// Sets the four fields, each once. `host` is the authority the request was sent to.
    pub fn set(self, fields: &mut HeaderMap, host: &HeaderValue) {
        if let Some(value) = self.chain.into_value() {
            fields.insert(&FORWARDED_FOR, value);
        }
        fields.insert(&FORWARDED_HOST, host.clone());
        let port = match self.port {
            443 => HeaderValue::from_static("443"),
            port => HeaderValue::from(port),
        };
        fields.insert(&FORWARDED_PORT, port);
        fields.insert(&FORWARDED_PROTO, HeaderValue::from_static(self.scheme.as_str()));
    }
}

impl Chain {
    /// The right-most `hops` members of `X-Forwarded-For`, up to the first that is no address; `None` where there is none.
    fn of(fields: &HeaderMap, hops: usize) -> Option<Self> {
        let mut values = fields.get_all(&FORWARDED_FOR).iter();
        if let (Some(value), None) = (values.next(), values.next())
            && let Some(client) = value.to_str().ok().and_then(|text| text.parse::<Ipv4Addr>().ok())
        {
            // There is but one way to write it that is read.
            return Some(Self::AsWritten(client.into(), value.clone()));
        }
        let addresses = right_most_addresses(fields, hops);
        if addresses.is_empty() { None } else { Some(Self::Read(addresses)) }
    }

    fn into_value(self) -> Option<HeaderValue> {
        match self {
            Self::AsWritten(_, value) => Some(value),
            Self::Read(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                HeaderValue::try_from(addresses.join(", ")).ok()
            }
        }
    }
}

/// The last of a comma-separated list: what the nearest hop wrote.
fn last_value<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let text = fields.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = text.bytes().rposition(|byte| byte == b',').map_or(0, |comma| comma + 1);
    text.get(last..).map(str::trim)
}

/// The right-most `hops` members of `X-Forwarded-For` in their order, up to the first that is no address.
fn right_most_addresses(fields: &HeaderMap, hops: usize) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = fields
        .get_all(&FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|value| value.to_str().unwrap_or_default().rsplit(','))
        .take(hops)
        .map_while(|text| address(text.trim()))
        .collect();
    addresses.reverse();
    addresses
}

/// An address, with or without the client port a load balancer may add.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, _) = split_authority(text)?;
    host.trim_matches(['[', ']']).parse().ok()
}

/// The authority a request was sent to, or why there is none to be sure of (attack class 6.23). Only in HTTP/2 may it stand
/// in the target alone (RFC 9112 §3.2).
pub(super) fn authority<B>(request: &http::Request<B>) -> Result<HeaderValue, super::Malformed> {
    // `ftp://app.example/` asks for something else, whatever its host.
    let scheme = request.uri().scheme_str();
    if scheme.is_some_and(|scheme| !["http", "https"].iter().any(|ours| scheme.eq_ignore_ascii_case(ours))) {
        return Err(super::Malformed::UnsupportedTarget);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(super::Malformed::AmbiguousAuthority),
        (host, None) => host,
    };
    let named = request.uri().authority().map(http::uri::Authority::as_str);
    let value = match (host, named) {
        (None, None) => return Err(super::Malformed::MissingAuthority),
        (None, Some(_)) if request.version() != http::Version::HTTP_2 => {
            return Err(super::Malformed::MissingAuthority);
        }
        (Some(host), Some(named)) if !host.as_bytes().eq_ignore_ascii_case(named.as_bytes()) => {
            return Err(super::Malformed::AmbiguousAuthority);
        }
        (Some(host), _) => host.clone(),
        (None, Some(named)) => HeaderValue::from_str(named).map_err(|_| super::Malformed::AmbiguousAuthority)?,
    };
    match value.to_str().ok().and_then(split_authority) {
        Some(_) => Ok(value),
        None => Err(super::Malformed::AmbiguousAuthority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(peer: &str, hops: usize, fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        let connection = Connection {
            peer: peer.parse().unwrap(),
            local: "10.0.0.9:8080".parse().unwrap(),
            scheme: Scheme::Http,
            room: Room::Enough,
        };
        let trusted = TrustedHops { networks: vec!["10.0.0.0/8".parse().unwrap()], hops };
        let mut out = HeaderMap::new();
        Forwarded::read(&map, connection, &trusted).set(&mut out, &HeaderValue::from_static("app.example"));
        out
    }

    #[test]
    fn only_the_right_most_addresses_go_on() {
        let sent =
            [("x-forwarded-for", "6.6.6.6, 203.0.113.7"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "443")];
        let set = read("10.0.0.1:5", 1, &sent);
        assert_eq!(
            (&set["x-forwarded-for"], &set["x-forwarded-proto"], &set["x-forwarded-port"]),
            (
                &HeaderValue::from_static("203.0.113.7"),
                &HeaderValue::from_static("https"),
                &HeaderValue::from_static("443")
            )
        );
        assert_eq!(set["x-forwarded-host"], "app.example");
        assert_eq!(read("10.0.0.1:5", 2, &sent)["x-forwarded-for"], "6.6.6.6, 203.0.113.7");
        assert_eq!(read("10.0.0.1:5", 1, &[("x-forwarded-for", "[2001:db8::1]:77")])["x-forwarded-for"], "2001:db8::1");
    }

    #[test]
    fn the_nearest_hops_word_counts_where_fields_are_doubled() {
        let set = read(
            "10.0.0.1:5",
            1,
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-proto", "http, HTTPS"),
            ],
        );
        assert_eq!(
            (&set["x-forwarded-for"], &set["x-forwarded-proto"]),
            (&HeaderValue::from_static("203.0.113.7"), &HeaderValue::from_static("https"))
        );
    }

    #[test]
    fn an_untrusted_peer_speaks_only_for_itself() {
        let set = read(
            "192.0.2.5:5",
            1,
            &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "1")],
        );
        assert_eq!(
            (&set["x-forwarded-for"], &set["x-forwarded-proto"], &set["x-forwarded-port"]),
            (
                &HeaderValue::from_static("192.0.2.5"),
                &HeaderValue::from_static("http"),
                &HeaderValue::from_static("8080")
            )
        );
    }

    #[test]
    fn nonsense_from_a_trusted_hop_is_replaced() {
        let set = read(
            "10.0.0.1:5",
            2,
            &[("x-forwarded-for", "unknown"), ("x-forwarded-proto", "gopher"), ("x-forwarded-port", "x")],
        );
        assert_eq!(
            (&set["x-forwarded-for"], &set["x-forwarded-proto"], &set["x-forwarded-port"]),
            (
                &HeaderValue::from_static("10.0.0.1"),
                &HeaderValue::from_static("http"),
                &HeaderValue::from_static("8080")
            )
        );
    }

    #[test]
    fn the_client_and_the_balancers_port_are_those_of_a_trusted_hop() {
        let mut fields = HeaderMap::new();
        fields.insert(&FORWARDED_FOR, HeaderValue::from_static("6.6.6.6, 203.0.113.7, 10.0.0.2"));
        let of = |fields: &HeaderMap, peer: &str| {
            let peer = peer.parse().unwrap();
            let connection =
                Connection { peer, local: "10.0.0.9:8080".parse().unwrap(), scheme: Scheme::Http, room: Room::Enough };
            let trusted = TrustedHops { networks: vec!["10.0.0.0/8".parse().unwrap()], hops: 2 };
            let forwarded = Forwarded::read(fields, connection, &trusted);
            (forwarded.client().unwrap().to_string(), forwarded.balancer_port())
        };
        assert_eq!(of(&fields, "10.0.0.1:5"), ("203.0.113.7".to_owned(), None), "our own port is not the balancer's");
        fields.insert(&FORWARDED_PORT, HeaderValue::from_static("8443"));
        assert_eq!(of(&fields, "10.0.0.1:5"), ("203.0.113.7".to_owned(), Some(8443)));
        assert_eq!(of(&fields, "192.0.2.5:5"), ("192.0.2.5".to_owned(), None));
    }

    #[test]
    fn a_request_is_sent_to_one_authority() {
        let sent = |target: &str, version: http::Version, hosts: &[&'static str]| {
            let mut request = http::Request::get(target).version(version).body(()).unwrap();
            for host in hosts {
                request.headers_mut().append(HOST, HeaderValue::from_static(host));
            }
            authority(&request)
        };
        let (http_11, http_2) = (http::Version::HTTP_11, http::Version::HTTP_2);
        let one = |host: &'static str| Ok(HeaderValue::from_static(host));
        assert_eq!(sent("/", http_11, &["app.example:8443"]), one("app.example:8443"));
        assert_eq!(sent("http://app.example/", http_11, &["APP.example"]), one("APP.example"));
        assert_eq!(sent("https://app.example/", http_2, &[]), one("app.example"));
        let ambiguous = Err(super::super::Malformed::AmbiguousAuthority);
        for hosts in [&["a", "a"][..], &["a", "b"], &["a b"], &[""]] {
            assert_eq!(sent("/", http_11, hosts), ambiguous, "{hosts:?}");
        }
        for version in [http_11, http_2] {
            assert_eq!(sent("http://app.example/", version, &["evil.example"]), ambiguous);
            assert_eq!(sent("/", version, &[]), Err(super::super::Malformed::MissingAuthority));
        }
    }
}
