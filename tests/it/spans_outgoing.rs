//! The way of spans to a collector elsewhere: TLS that a private authority vouches for, by way of a proxy.

use crate::support::{
    client::{Wire, request},
    collector::Collector,
    process::Serving,
    proxy::Setup,
    tls::{Pair, Terminator},
    tunnels::Tunnels,
    upstream::Upstream,
};

/// A collector at `https://collector.example` and nowhere else. No resolver knows that name.
struct Outside {
    collector: Collector,
    tunnels: Tunnels,
    directory: tempfile::TempDir,
    upstream: Upstream,
    _server: Terminator,
}

impl Outside {
    async fn new() -> Self {
        let collector = Collector::start().await;
        let (pair, authority) = Pair::signed_for("collector.example");
        let server = Terminator::before(collector.address(), &pair).await;
        let tunnels = Tunnels::to(server.address).await;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority).unwrap();
        Self { collector, tunnels, directory, upstream: Upstream::start().await, _server: server }
    }

    /// A proxy that has answered one request, and has a span to tell of it.
    async fn traced(&self, settings: &[(&str, &str)]) -> Serving {
        let setup = Setup::new(&self.upstream).await.traced("https://collector.example");
        let setup = setup.set("HTTPS_PROXY", &format!("http://{}", self.tunnels.address));
        let setup = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value));
        let serving = setup.start_process().await;
        let mut wire = Wire::connect(serving.address).await;
        wire.send(request("GET /.auth/health", &[])).await;
        assert_eq!(wire.answer().await.status, 200);
        serving
    }

    fn authority(&self) -> String {
        self.directory.path().join("ca.pem").to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_go_through_the_proxy_to_a_collector_of_a_private_authority() {
    for name in ["COGNITO_AUTH_OUTGOING_CA_PATH", "SSL_CERT_FILE"] {
        let outside = Outside::new().await;
        let _serving = outside.traced(&[(name, &outside.authority())]).await;
        let spans = outside.collector.next().await;
        assert_eq!(spans[0].says("url.path"), Some("/.auth/health"), "{name}");
        assert_eq!(outside.tunnels.asked(), ["CONNECT collector.example:443 HTTP/1.1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_vouches_for_the_collector_and_then_spans_are_dropped() {
    let outside = Outside::new().await;
    let mut serving = outside.traced(&[]).await;
    serving.process.event("spans are dropped until the collector takes them").await;
    assert!(!outside.tunnels.asked().is_empty(), "the tunnel was there");
    let other = outside.directory.path().join("other.pem");
    std::fs::write(&other, Pair::signed_for("collector.example").1).unwrap();
    let mut serving = outside.traced(&[("COGNITO_AUTH_OUTGOING_CA_PATH", other.to_str().unwrap())]).await;
    serving.process.event("spans are dropped until the collector takes them").await;
    assert!(outside.collector.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_obeyed() {
    let outside = Outside::new().await;
    let authority = outside.authority();
    let settings = [("COGNITO_AUTH_OUTGOING_CA_PATH", authority.as_str()), ("NO_PROXY", "collector.example")];
    let mut serving = outside.traced(&settings).await;
    serving.process.event("spans are dropped until the collector takes them").await;
    assert_eq!(outside.tunnels.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_on_this_machine_is_never_sent_to_through_a_proxy() {
    let outside = Outside::new().await;
    let proxy = format!("http://{}", outside.tunnels.address);
    let url = outside.collector.url();
    let settings = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, proxy.as_str()));
    let _serving = outside.traced(&[&settings[..], &[("COGNITO_AUTH_TRACING_ENDPOINT", &url)]].concat()).await;
    outside.collector.next().await;
    assert_eq!(outside.tunnels.asked(), Vec::<String>::new());
}
