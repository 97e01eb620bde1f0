//! HTTPS on the main listener: everything that works in plain works in TLS.

use tokio::net::TcpStream;
use tokio_rustls::rustls::{
    ProtocolVersion,
    version::{TLS12, TLS13},
};

use crate::support::{
    answers::with,
    application::Application,
    client::{Wire, request},
    door::Door,
    eventually,
    h2::H2,
    process::Process,
    proxy::{Proxy, Setup},
    tls::{Balancer, Client, Files, Pair},
    upstream::Upstream,
    websocket::{Socket, handshake},
};

/// A proxy that listens in TLS, behind a load balancer whose address stands for the proxy's.
async fn balanced(setup: Setup, protocols: &[&str]) -> (Proxy, Balancer) {
    let pair = Pair::new();
    let mut proxy = Files::of(&pair).set(setup).start().await;
    let client = Client::with(&[pair.der()], &[&TLS13, &TLS12], protocols);
    let balancer = Balancer::before(proxy.address, client).await;
    proxy.address = balancer.address;
    (proxy, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_tls_carry_requests_and_the_application_sees_no_difference() {
    let (pair, plain) = (Pair::new(), Door::new().await);
    let fields = |seen: crate::support::upstream::Seen| {
        let changing = ["x-auth-user", "x-request-id", "x-forwarded-port"];
        let mut fields = seen.fields;
        fields.retain(|(name, _)| !changing.contains(&name.as_str()));
        fields
    };
    // As a load balancer has it: the browser's scheme, whatever it speaks itself.
    let scheme = [("x-forwarded-proto", "https")];
    let in_plain = fields(plain.admits("in plain", &with(&scheme, &plain.proxy.tokens().fields())).await);
    let files = Files::of(&pair);
    for (version, agreed) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let upstream = Upstream::start().await;
        let mut proxy = files.set(Setup::new(&upstream).await).start().await;
        let balancer = Balancer::before(proxy.address, Client::with(&[pair.der()], &[version], &["http/1.1"])).await;
        proxy.address = balancer.address;
        let door = Door { upstream, proxy };
        let seen = door.admits("in TLS", &with(&scheme, &door.proxy.tokens().fields())).await;
        assert_eq!(seen.claims()["email"], "ann@example.com");
        assert_eq!(fields(seen), in_plain);
        assert_eq!((balancer.agreed().version, balancer.agreed().protocol.as_deref()), (agreed, Some("http/1.1")));
        door.refuses("nobody", &[], (401, "missing_credential")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_http_2_has_it_and_who_asks_for_nothing_is_served() {
    let upstream = Upstream::start().await;
    let (proxy, balancer) = balanced(Setup::new(&upstream).await, &["h2", "http/1.1"]).await;
    let mut client = H2::connect(proxy.address).await;
    for _ in 0..3 {
        assert_eq!(client.send_signed_in(&proxy, "GET /page", &[]).await.text(), "hello");
    }
    assert_eq!(balancer.agreed().protocol.as_deref(), Some("h2"));
    let (proxy, balancer) = balanced(Setup::new(&upstream).await, &[]).await;
    assert_eq!(proxy.send_signed_in("GET /page", &[]).await.text(), "hello");
    assert_eq!(balancer.agreed().protocol, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_load_balancer_says_of_the_browsers_scheme_counts_as_before() {
    let upstream = Upstream::start().await;
    let (proxy, _balancer) = balanced(Setup::new(&upstream).await, &["http/1.1"]).await;
    for said in ["https", "http"] {
        proxy.send_signed_in("GET /page", &[("X-Forwarded-Proto", said)]).await;
        assert_eq!(upstream.next().await.field("x-forwarded-proto"), Some(said));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_counts_who_names_the_scheme_it_is_that_of_the_connection() {
    let upstream = Upstream::start().await;
    for (trusted, said) in [("127.0.0.0/8", None), ("10.0.0.0/8", None), ("10.0.0.0/8", Some("http"))] {
        let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_TRUSTED_PROXIES", trusted);
        let (proxy, _balancer) = balanced(setup, &["http/1.1"]).await;
        let said: Vec<_> = said.into_iter().map(|scheme| ("X-Forwarded-Proto", scheme)).collect();
        proxy.send_signed_in("GET /page", &said).await;
        assert_eq!(upstream.next().await.field("x-forwarded-proto"), Some("https"), "{trusted} {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_messages_of_every_size_both_ways() {
    let application = Application::listen().await;
    let (proxy, _balancer) = balanced(Setup::in_front_of(&application.url()).await, &["http/1.1"]).await;
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(handshake("/ws", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(wire.head().await.status, 101);
    let mut client = Socket::client(wire).await;
    for size in [0, 1, 20_000, 3_000_000] {
        client.send("x".repeat(size)).await;
        assert_eq!(app.next().await, Some("x".repeat(size).into()));
        app.send(vec![7; size]).await;
        assert_eq!(client.next().await, Some(vec![7; size].into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_there_before_the_next_one_is_sent() {
    let application = Application::listen().await;
    let (proxy, _balancer) = balanced(Setup::in_front_of(&application.url()).await, &["http/1.1"]).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(request("GET /events", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        app.send_chunk(event).await;
        assert_eq!(client.chunk().await.as_deref(), Some(event.as_bytes()));
    }
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_loses_no_request() {
    let application = Application::listen().await;
    let pair = Pair::new();
    let mut proxy = Files::of(&pair).set(Setup::in_front_of(&application.url()).await).start().await;
    let listening = proxy.address;
    let balancer = Balancer::before(listening, Client::trusting(&[pair.der()])).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send(request("GET /slow", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    app.request().await;
    proxy.stop();
    eventually("the end of accepting", async || TcpStream::connect(listening).await.is_err()).await;
    assert!(!proxy.has_stopped(), "it waits for the answer");
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str(), answer.field("connection")), (200, "ok", Some("close")));
    assert!(client.closes().await);
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_of_its_own_it_serves_whoever_does_not_check_and_its_own_health_check() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_TLS_MODE", "self-signed");
    let mut variables = setup.variables();
    let serving = setup.start_process().await;
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().unwrap();
    let mut asked = client.get(format!("https://{}/page", serving.address));
    for (name, value) in serving.issuer.tokens(&crate::support::proxy::staff()).fields() {
        asked = asked.header(name, value);
    }
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), http::StatusCode::OK);
    let strict = reqwest::Client::builder().no_proxy().build().unwrap();
    strict.get(format!("https://{}/page", serving.address)).send().await.unwrap_err();
    // The admin listener, which is asked where there is one, stays plain.
    assert_eq!(Wire::connect(serving.admin).await.get("/health").await, 200);
    let main = serving.address.to_string();
    let asked = ["healthcheck", "--listen", &main, "--admin-listen", "off"];
    let healthy = Process::start(&asked, &variables).ended().await;
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""));
    variables.insert("COGNITO_AUTH_TLS_MODE".to_owned(), "off".to_owned());
    let in_plain = Process::start(&asked, &variables).ended().await;
    assert_eq!(in_plain.code, Some(1), "{}", in_plain.stderr);
    serving.terminated().await;
}

impl Wire {
    async fn get(&mut self, path: &str) -> u16 {
        self.send(request(&format!("GET {path}"), &[])).await;
        self.answer().await.status
    }
}
