//! What a client may not do in TLS either, and what it may not do with TLS.

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{
    answers::with,
    application::Application,
    client::{Wire, request},
    eventually,
    h2::{Frames, GOAWAY, HEADERS, PING},
    proxy::{Proxy, Setup},
    tls::{Balancer, Client, Files, Pair},
    upstream::Upstream,
    websocket::handshake,
};

/// The beginning of a handshake record, and nothing of what it announces.
const BEGUN: [u8; 5] = [0x16, 3, 1, 2, 0];

async fn start(setup: Setup, protocols: &[&str]) -> (Proxy, Balancer) {
    let pair = Pair::new();
    let proxy = Files::of(&pair).set(setup).start().await;
    let client = Client::with(
        &[pair.der()],
        &[&tokio_rustls::rustls::version::TLS13, &tokio_rustls::rustls::version::TLS12],
        protocols,
    );
    let balancer = Balancer::before(proxy.address, client).await;
    (proxy, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_to_its_end_is_given_up_while_others_are_served() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "300ms");
    let (mut proxy, balancer) = start(setup, &["http/1.1"]).await;
    let listening = std::mem::replace(&mut proxy.address, balancer.address);
    let mut silent = Wire::connect(listening).await;
    let mut begun = Wire::connect(listening).await;
    begun.send(BEGUN).await;
    assert_eq!(proxy.send_signed_in("GET /page", &[]).await.text(), "hello");
    assert!(silent.closes().await && begun.closes().await);
    eventually("the count", async || proxy.counts("limits_reached_total{limit=\"handshake_timeout\"} 2").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_hung_up_on_at_once_and_nothing_of_it_is_forwarded() {
    let upstream = Upstream::start().await;
    // So long that nobody would wait for it.
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "1h");
    let (proxy, _balancer) = start(setup, &[]).await;
    for text in [request("GET /page", &proxy.tokens().fields()), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()] {
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(&text).await;
        // An alert and the end.
        let said = wire.rest().await;
        assert!(said.len() < 16 && said.first().is_none_or(|kind| *kind == 0x15), "{said:?}");
    }
    assert_eq!(upstream.unasked().len(), 0);
    eventually("the end of the connections", async || proxy.counts("connections 0").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_not_shaken_hands_has_its_place_among_all() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_MAX_CONNECTIONS", "2");
    let (mut proxy, balancer) = start(setup, &["http/1.1"]).await;
    let listening = std::mem::replace(&mut proxy.address, balancer.address);
    let mut held = [TcpStream::connect(listening).await.unwrap(), TcpStream::connect(listening).await.unwrap()];
    for stream in &mut held {
        stream.write_all(&BEGUN).await.unwrap();
    }
    eventually("both places taken", async || proxy.counts("connections 2").await).await;
    let refused = proxy.send_signed_in("GET /page", &[("Accept", "application/json")]).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "too_many_connections"));
    drop(held);
    eventually("room", async || proxy.send_signed_in("GET /page", &[]).await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_within_tls_ends_the_connection() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_MAX_CONTROL_FRAMES", "50");
    let (mut proxy, balancer) = start(setup, &["h2"]).await;
    proxy.address = balancer.address;
    let mut frames = Frames::connect(proxy.address).await;
    let mut sent = 0;
    while sent < 1_000_000 && frames.try_send(PING, 0, 0, &[7; 8]).await.is_ok() {
        sent += 1;
    }
    let said = frames.rest().await;
    let calm = said.iter().find(|frame| frame.kind == GOAWAY).map(|frame| frame.payload[4..8].to_vec());
    assert!(calm.is_none_or(|reason| reason == [0, 0, 0, 11]), "ENHANCE_YOUR_CALM");
    eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
    assert!(proxy.counts("limits_reached_total{limit=\"control_frames\"} 1").await);
    // Another one is served, with as many frames as it may send.
    let mut frames = Frames::connect(proxy.address).await;
    let request = [(":method", "GET"), (":scheme", "https"), (":path", "/page"), (":authority", "app.example")];
    frames.request(&with(&request, &proxy.tokens().fields())).await;
    let verdict = frames.verdict().await.unwrap();
    assert_eq!((verdict.kind, verdict.payload[0]), (HEADERS, 0x88));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_in_within_tls_is_408() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "500ms");
    let (_proxy, balancer) = start(setup, &["http/1.1"]).await;
    let mut slow = Wire::connect(balancer.address).await;
    slow.send("GET /slow HTTP/1.1\r\nHost: app.example\r\nX-Slow: ").await;
    assert_eq!(slow.answer().await.status, 408);
    assert!(slow.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_within_tls_is_left() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await.set("COGNITO_AUTH_WRITE_TIMEOUT", "500ms");
    let (proxy, balancer) = start(setup, &["http/1.1"]).await;
    let tokens = proxy.tokens();
    let text = [request("GET /large", &tokens.fields()), handshake("/ws", &tokens.fields())];
    let heads = [
        "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ];
    for (number, (text, head)) in text.iter().zip(heads).enumerate() {
        let mut client = Wire::connect(balancer.address).await;
        client.send(text).await;
        let mut app = application.accept().await;
        app.request().await;
        app.send(head).await;
        client.head().await;
        while app.try_send([0; 64 * 1024]).await.is_ok() {}
        eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
        let line = format!("limits_reached_total{{limit=\"write_timeout\"}} {}", number + 1);
        assert!(proxy.counts(&line).await);
    }
}

impl Wire {
    /// Everything until the other side closes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while !self.closes().await {
            all.extend(self.exactly(1).await);
        }
        all
    }
}
