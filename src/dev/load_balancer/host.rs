//! Whom a request is for: this machine, under a name that only this machine has.

use http::{HeaderValue, Request, header::HOST};

use crate::{config::split_port, ingress::Received};

/// HTTP/2 names the host in its target; behind a load balancer it is a field, as in HTTP/1.1.
pub(super) fn name(request: &mut Request<Received>) {
    let named = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let fields = request.headers_mut();
    if let Some(host) = named.filter(|_| !fields.contains_key(HOST)) {
        fields.insert(HOST, host);
    }
}

/// The port in a `Host` of this machine. Any other name was made to lead here by somebody else (DNS rebinding): their page
/// could read what is served here.
pub(super) fn loopback_port(request: &Request<Received>) -> Option<u16> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let (host, port) = split_port(host.to_str().ok()?)?;
    let named_in_target = request.uri().authority().map(http::uri::Authority::as_str);
    let same = named_in_target.is_none_or(|named| split_port(named) == Some((host.clone(), port)));
    let local = host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]";
    (same && local).then(|| port.unwrap_or(80))
}
