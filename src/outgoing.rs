//! Requests of our own, to servers of keys and to collectors: limited in time, with no redirects, over TLS that authorities of
//! the system or of the configuration vouch for.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect};
use url::Url;

use crate::config::Authorities;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
const TIMEOUT: Duration = Duration::from_secs(3);

/// A client for the server at `url`, which trusts `authorities` beside those of the system. The proxy of the environment is
/// used, except for plain HTTP: that server is on this machine.
///
/// # Errors
/// Where the library does not take an authority.
pub(crate) fn client_for(url: &Url, authorities: &Authorities) -> reqwest::Result<ClientBuilder> {
    let authorities = authorities.iter().map(Certificate::from_der).collect::<reqwest::Result<Vec<_>>>()?;
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .tls_certs_merge(authorities);
    Ok(if url.scheme() == "http" { client.no_proxy() } else { client })
}
