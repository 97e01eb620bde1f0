//! Whether a request asks for a WebSocket (RFC 6455 §4.1), the only protocol a connection may change to.

use http::{
    HeaderMap, HeaderValue, Method, Request, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
};
use hyper::upgrade::OnUpgrade;

use super::{Malformed, hop_by_hop};

/// What a request asks its connection to become.
#[derive(Debug)]
pub enum Handshake {
    /// Nothing else, or something we do not speak: RFC 9110 §7.8 lets a server ignore `Upgrade`, so `h2c` and its like
    /// are answered as plain requests (attack class 6.20).
    None,
    /// A WebSocket, once the application agrees with 101.
    WebSocket {
        /// The connection it is to have.
        client: OnUpgrade,
        /// The name of the request in every log.
        request_id: HeaderValue,
    },
}

impl Handshake {
    /// Takes the connection's future out of `request` where it is a WebSocket handshake.
    pub(super) fn take_from<B>(request: &mut Request<B>, request_id: &HeaderValue) -> Result<Self, Malformed> {
        if !is_websocket(request.method(), request.version(), request.headers()) {
            return Ok(Self::None);
        }
        let fields = request.headers();
        let has_content = fields.contains_key(TRANSFER_ENCODING)
            || fields.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if has_content {
            // Its body would be the first bytes of the tunnel.
            return Err(Malformed::ContentOnUpgrade);
        }
        Ok(Self::WebSocket { client: hyper::upgrade::on(request), request_id: request_id.clone() })
    }
}

fn is_websocket(method: &Method, version: Version, fields: &HeaderMap) -> bool {
    *method == Method::GET
        && version == Version::HTTP_11
        && super::caller::text(fields, &UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
        && hop_by_hop::connection_options(fields).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(method: Method, version: Version, fields: &[(&'static str, &'static str)]) -> Result<bool, Malformed> {
        let mut request = Request::builder().method(method).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let handshake = Handshake::take_from(&mut request.body(()).unwrap(), &HeaderValue::from_static("1"))?;
        Ok(matches!(handshake, Handshake::WebSocket { .. }))
    }

    #[test]
    fn only_a_get_in_http_1_1_that_names_both_is_a_handshake() {
        let both = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        assert_eq!(asks(Method::GET, Version::HTTP_11, &both), Ok(true));
        for (method, version) in [
            (Method::POST, Version::HTTP_11),
            (Method::HEAD, Version::HTTP_11),
            (Method::GET, Version::HTTP_10),
            (Method::GET, Version::HTTP_2),
        ] {
            assert_eq!(asks(method.clone(), version, &both), Ok(false), "{method} {version:?}");
        }
        for fields in [
            &[][..],
            &both[..1],
            &both[1..],
            &[("connection", "keep-alive"), both[1]],
            &[both[0], ("upgrade", "h2c")],
            &[both[0], both[1], ("upgrade", "websocket")],
        ] {
            assert_eq!(asks(Method::GET, Version::HTTP_11, fields), Ok(false), "{fields:?}");
        }
    }

    #[test]
    fn a_handshake_has_no_content() {
        let with = |name, value| {
            asks(Method::GET, Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "websocket"), (name, value)])
        };
        assert_eq!(with("content-length", "0"), Ok(true));
        for (name, value) in [("content-length", "1"), ("transfer-encoding", "chunked")] {
            assert_eq!(with(name, value), Err(Malformed::ContentOnUpgrade), "{name}");
        }
    }
}
