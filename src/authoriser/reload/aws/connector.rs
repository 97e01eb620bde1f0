//! How the SDK gets out: TLS that authorities of the system or our own vouch for, by way of the proxy of the environment.
//!
//! Plain HTTP never goes through a proxy. What the SDK asks for in plain is on this machine or on the link, credentials
//! for the most part (169.254.170.2, 169.254.170.23, 169.254.169.254), which a proxy cannot reach and should not see.

use aws_smithy_http_client::{
    Connector, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};

use crate::config::Authorities;

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
        } else {
            settled.build_http()
        };
        connector.call(request)
    }
}
