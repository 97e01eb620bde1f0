//! The same limits within TLS, which takes up to 64 KiB more than its client has taken.

use std::io;

use tokio::{
    io::{ReadHalf, WriteHalf, copy, split},
    sync::watch,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::ServerName,
        version::{TLS12, TLS13},
    },
};

use super::*;
use crate::config::{Secret, ServerCertificate, provider};

/// More than TLS keeps, so that it is both full and emptied in the end.
const LENGTH: usize = 200 * 1024;

struct Secured {
    client: TlsStream<DuplexStream>,
    /// How the line is.
    line: watch::Sender<Line>,
    metrics: Arc<Metrics>,
    began: Instant,
}

/// How bytes come to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Fast,
    /// 512 bytes every five seconds.
    Slow,
    Dead,
}

/// Carries bytes to the client.
async fn carry(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>, mut line: watch::Receiver<Line>) {
    let mut piece = [0; 512];
    loop {
        if line.wait_for(|line| *line != Line::Dead).await.is_err() {
            return;
        }
        let count = from.read(&mut piece).await.unwrap();
        if count == 0 {
            return to.shutdown().await.unwrap();
        }
        to.write_all(&piece[..count]).await.unwrap();
        if *line.borrow() == Line::Slow {
            sleep(SECOND * 5).await;
        }
    }
}

impl Secured {
    async fn start(keep_alive_timeout: Duration, answer: impl Answer) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let [certificate, key] = [made.cert.pem(), made.signing_key.serialize_pem()].map(Secret::from_text);
        let tls = Arc::new(Tls::new(&ServerCertificate::parse(&certificate, &key).unwrap()).unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let configuration = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();

        let terms = Terms { keep_alive_timeout, ..TERMS() };
        let ends = Ends { stop_accepting: CancellationToken::new(), cut: CancellationToken::new() };
        let server = Server::new(&terms, TaskTracker::new(), ends);
        let (far, stream) = duplex(1024);
        let (client, near) = duplex(LENGTH * 2);
        let ((from_server, mut to_server), (mut from_client, to_client)) = (split(far), split(near));
        let (line, condition) = watch::channel(Line::Fast);
        let tasks = TaskTracker::new();
        tasks.spawn(carry(from_server, to_client, condition));
        tasks.spawn(async move { copy(&mut from_client, &mut to_server).await });
        let peer = ([127, 0, 0, 1], 1).into();
        let seat = server.places.seat(server.places.next().await);
        let stream = server.socket(stream, peer);
        let secured = Arc::clone(&server).secured((tls, stream), (peer, peer), seat, Arc::new(answer));
        server.connections.spawn(secured);
        let connector = TlsConnector::from(Arc::new(configuration));
        let client = connector.connect(ServerName::try_from("localhost").unwrap(), client).await.unwrap();
        Self { client, line, metrics: terms.metrics, began: Instant::now() }
    }

    /// Asks, over such a line.
    async fn get(&mut self, line: Line) {
        self.line.send_replace(line);
        self.client.write_all(GET.as_bytes()).await.unwrap();
        self.client.flush().await.unwrap();
    }

    /// So much of what came until the connection closed as is content.
    async fn content(&mut self) -> (usize, io::Result<()>) {
        let (mut content, mut piece) = (0, [0; 512]);
        loop {
            match self.client.read(&mut piece).await {
                Ok(0) => return (content, Ok(())),
                Ok(count) => content += piece[..count].iter().filter(|byte| **byte == b'x').count(),
                Err(error) => return (content, Err(error)),
            }
            if content == LENGTH {
                return (content, Ok(()));
            }
        }
    }
}

/// With an idle time that is longer than `write_timeout` and one that is shorter, and both shorter than emptying TLS.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_slowly_but_steadily_comes_whole() {
    for keep_alive_timeout in [SECOND * 600, SECOND * 15] {
        let mut secured = Secured::start(keep_alive_timeout, Bytewise(LENGTH)).await;
        secured.get(Line::Slow).await;
        let (content, ended) = secured.content().await;
        assert_eq!((content, ended.is_ok()), (LENGTH, true), "after {:?}", secured.began.elapsed());
        assert!(secured.began.elapsed() > SECOND * 1000);
        assert!(!secured.metrics.render().contains("limit=\"write_timeout\"} 1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_more_is_left_and_no_goodbye_is_waited_for() {
    let mut secured = Secured::start(SECOND * 600, Bytewise(LENGTH)).await;
    secured.get(Line::Dead).await;
    let gone = "cognito_auth_proxy_connections 0";
    while !secured.metrics.render().lines().any(|line| line == gone) {
        sleep(SECOND).await;
    }
    assert!((20..=22).contains(&secured.began.elapsed().as_secs()), "after {:?}", secured.began.elapsed());
    assert!(secured.metrics.render().contains("limit=\"write_timeout\"} 1"));
    secured.line.send_replace(Line::Fast);
    let (content, ended) = secured.content().await;
    assert!(content < LENGTH && ended.is_err(), "no end of its TLS");
}
