//! How the SDK gets out: TLS that authorities of the system or our own vouch for, by way of the proxy of the environment.
//!
//! Plain HTTP never goes through a proxy, and nowhere but to this machine and its link: there are the endpoints of
//! credentials (169.254.170.2, 169.254.170.23, 169.254.169.254). Elsewhere anybody on the way could answer for AWS. It is
//! looked at here, for each request, because the SDK takes endpoints from more places than anybody remembers: variables,
//! profiles, services within profiles.

use std::net::Ipv6Addr;

use aws_smithy_http_client::{
    Connector, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
    result::ConnectorError,
};

use url::{Host, Url};

use crate::config::Authorities;

/// Where the network of an instance has its own services, in IPv6 (`fd00:ec2::/32`).
const LINK: [u16; 2] = [0xfd00, 0xec2];

/// A request was to go where anybody on the way could answer it. It did not.
#[derive(Debug, thiserror::Error)]
#[error("plain http to another host")]
pub(super) struct OpenWay;

/// A client for all that the SDK asks, credentials too, which trusts `authorities` beside those of the system.
pub(super) fn client(authorities: &Authorities) -> SharedHttpClient {
    let trusted = TrustStore::default().with_pem_certificate(authorities.to_pem());
    #[expect(clippy::expect_used, reason = "it puts together what it is given, and nothing can be wrong with that")]
    let tls = TlsContext::builder().with_trust_store(trusted).build().expect("a trust store is all it takes");
    http_client_fn(move |settings, components| {
        let mut settled = Connector::builder().connector_settings(settings.clone());
        settled.set_sleep_impl(components.sleep_impl());
        SharedHttpConnector::new(Ways { settled, tls: tls.clone() })
    })
}

/// Opens a connection for each request: they are minutes apart, and a kept one would mostly be one that somebody on the way
/// has dropped.
#[derive(Debug)]
struct Ways {
    settled: ConnectorBuilder,
    tls: TlsContext,
}

impl HttpConnector for Ways {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let settled = self.settled.clone();
        let connector = if request.uri().starts_with("https://") {
            let proxied = settled.proxy_config(ProxyConfig::from_env());
            proxied.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(self.tls.clone()).build()
        } else if is_near(request.uri()) {
            settled.build_http()
        } else {
            return HttpConnectorFuture::ready(Err(ConnectorError::user(OpenWay.into())));
        };
        connector.call(request)
    }
}

/// Whether a request stays on this machine, or on its link.
fn is_near(uri: &str) -> bool {
    let (Ok(url), Ok(asked)) = (Url::parse(uri), uri.parse::<http::Uri>()) else { return false };
    // Two readers of one text: the connection is made to what the other one reads (`127.0.0.1.` is a name to it).
    if asked.host() != url.host_str() {
        return false;
    }
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback() || is_on_link(address),
        None => false,
    }
}

fn is_on_link(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    [first, second] == LINK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_this_machine_and_the_endpoints_of_credentials() {
        for near in [
            "http://127.0.0.1:9/a?b",
            "http://localhost/",
            "http://[::1]:9/",
            "http://169.254.170.2/v2",
            "http://169.254.170.23/v1",
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::23]/v1",
            "http://[fd00:ec2::254]/latest",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "http://192.0.2.2:18899/",
            "http://secretsmanager.eu-west-2.amazonaws.com/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1./",
            "http://2130706433/",
            "http://169.255.169.254/",
            "http://[fd00:ec3::23]/",
            "http://10.0.0.1/",
            "no address",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }
}
