//! Carries requests from the load balancer to the proxy and answers back, streaming, WebSockets too.

use std::{net::SocketAddr, time::Duration};

use http::{
    Request, Response, StatusCode, Uri, Version,
    uri::{Authority, InvalidUri, PathAndQuery, Scheme},
};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioIo, TokioTimer},
};
use tokio::io::copy_bidirectional;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use super::headers;
use crate::ingress::Received;

/// How long a connection to the proxy is kept idle: less long than the proxy keeps it.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The way to the proxy.
#[derive(Debug)]
pub(super) struct Way {
    client: Client<HttpConnector, Received>,
    proxy: Authority,
    tunnels: TaskTracker,
    cut: CancellationToken,
}

impl Way {
    /// Leads to `proxy`. WebSockets run on `tunnels` until either side ends, or `cut`.
    pub(super) fn to(proxy: SocketAddr, tunnels: TaskTracker, cut: CancellationToken) -> Result<Self, InvalidUri> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(Executor(tunnels.clone()))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, proxy: proxy.to_string().parse()?, tunnels, cut })
    }

    /// The proxy's answer. `None`: there is none.
    pub(super) async fn forward(&self, mut request: Request<Received>) -> Option<Response<Incoming>> {
        let asks_for_upgrade = request.headers().contains_key(http::header::UPGRADE);
        let browser = asks_for_upgrade.then(|| hyper::upgrade::on(&mut request));
        *request.uri_mut() = self.address(request.uri());
        *request.version_mut() = Version::HTTP_11;
        let mut response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => {
                report(&error);
                return None;
            }
        };
        *response.version_mut() = Version::HTTP_11;
        headers::undress(response.headers_mut());
        if let (StatusCode::SWITCHING_PROTOCOLS, Some(browser)) = (response.status(), browser) {
            self.tunnel(browser, hyper::upgrade::on(&mut response));
        }
        Some(response)
    }

    fn address(&self, target: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.proxy.clone());
        // `OPTIONS *` has a path of its own kind; it goes on as the root.
        let target = target.path_and_query().filter(|target| target.as_str().starts_with('/'));
        parts.path_and_query = Some(target.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }

    fn tunnel(&self, browser: OnUpgrade, proxy: OnUpgrade) {
        let cut = self.cut.clone();
        self.tunnels.spawn(cut.run_until_cancelled_owned(async move {
            match tokio::try_join!(browser, proxy) {
                Ok((browser, proxy)) => {
                    // How it ends is the proxy's to log.
                    let _ended = copy_bidirectional(&mut TokioIo::new(browser), &mut TokioIo::new(proxy)).await;
                }
                Err(error) => debug!(error = %error, "no tunnel through the stand-in load balancer"),
            }
        }));
    }
}

/// Runs connections to the proxy as tasks whose end can be waited for.
#[derive(Debug, Clone)]
struct Executor(TaskTracker);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

fn report(error: &legacy::Error) {
    debug!(error = %error, cause = std::error::Error::source(error).map(tracing::field::display), "no answer of the proxy");
}
