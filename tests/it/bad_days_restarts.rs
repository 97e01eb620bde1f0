//! An application that is restarted again and again under load: every answer is its owner's or a clear 502, what was cut
//! looks cut, and nothing that may have been acted upon is sent twice.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use cognito_auth_proxy::dev::{Tokens, User};
use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::support::{
    client::{Answer, request},
    eventually,
    proxy::Setup,
    report,
    upstream::{Seen, read_request},
    visitor::{Broken, Visitor},
};

const USERS: usize = 32;
const REQUESTS: usize = 80;
const RESTARTS: usize = 12;

/// How many requests are left standing by each restart: read, and so perhaps acted upon, and never answered.
const STANDING: usize = 6;

/// What the application knows, over all its lives.
#[derive(Default)]
struct Ledger {
    /// How often each request was read whole, by its line: `<method> /<user>/<number>`.
    read: Mutex<HashMap<String, usize>>,
    /// From now on nobody is answered.
    closing: AtomicBool,
    standing: AtomicUsize,
}

/// An application that can be torn down in the middle of everything.
struct Restartable {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    life: JoinSet<()>,
}

impl Restartable {
    fn start() -> Self {
        let (listener, ledger) = (listen(SocketAddr::from(([127, 0, 0, 1], 0))), Arc::<Ledger>::default());
        let address = listener.local_addr().unwrap();
        let mut life = JoinSet::new();
        life.spawn(accept(listener, Arc::clone(&ledger)));
        Self { address, ledger, life }
    }

    /// Every connection breaks off where it is, some with a request that was read. Nobody listens until `away` is over.
    async fn restart(&mut self, over: &AtomicBool, away: impl AsyncFnOnce()) {
        let standing = || self.ledger.standing.load(Ordering::SeqCst);
        self.ledger.closing.store(true, Ordering::SeqCst);
        eventually("requests to leave standing", async || standing() >= STANDING || over.load(Ordering::SeqCst)).await;
        self.life.shutdown().await;
        self.ledger.closing.store(false, Ordering::SeqCst);
        self.ledger.standing.store(0, Ordering::SeqCst);
        away().await;
        self.life.spawn(accept(listen(self.address), Arc::clone(&self.ledger)));
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

/// Dropping this closes every connection with it.
async fn accept(listener: TcpListener, ledger: Arc<Ledger>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&ledger)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut stream: TcpStream, ledger: Arc<Ledger>) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await {
        *ledger.read.lock().unwrap().entry(named(&seen)).or_default() += 1;
        if ledger.closing.load(Ordering::SeqCst) {
            ledger.standing.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        let body = owned(&subject(&seen), &seen.line);
        let head = if seen.line.contains("/chunked") {
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())
        };
        let mut written = stream.write_all(head.as_bytes()).await;
        // In pieces, so that a restart finds some answers half said.
        for piece in body.as_bytes().chunks(1000) {
            if seen.line.contains("/chunked") {
                let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                written = written.and(stream.write_all(&chunk).await);
            } else {
                written = written.and(stream.write_all(piece).await);
            }
            tokio::task::yield_now().await;
        }
        if seen.line.contains("/chunked") {
            written = written.and(stream.write_all(b"0\r\n\r\n").await);
        }
        if written.is_err() {
            return;
        }
    }
}

fn named(seen: &Seen) -> String {
    seen.line.trim_end_matches(" HTTP/1.1").to_owned()
}

fn subject(seen: &Seen) -> String {
    seen.claims()["sub"].as_str().unwrap().to_owned()
}

/// What the application says to this user on this line, in thousands of bytes.
fn owned(subject: &str, line: &str) -> String {
    format!("{subject} {} ", line.trim_end_matches(" HTTP/1.1")).repeat(100)
}

#[derive(Debug, Default)]
struct Tally {
    right: AtomicUsize,
    refused: AtomicUsize,
    cut: AtomicUsize,
}

/// Everything one user does: half of it may be repeated by nobody.
async fn visit(address: SocketAddr, number: usize, tokens: &Tokens, tally: &Tally) {
    let mut visitor = Visitor::to(address);
    for turn in 0..REQUESTS {
        let method = ["GET", "POST", "PUT", "DELETE"][turn % 4];
        let shape = if turn % 3 == 0 { "chunked" } else { "length" };
        let line = format!("{method} /{number}/{turn}/{shape}");
        let length = if method == "POST" { "11" } else { "0" };
        let fields = [&tokens.fields()[..], &[("Accept", "application/json"), ("Content-Length", length)]].concat();
        let text = request(&line, &fields) + if method == "POST" { "one request" } else { "" };
        match visitor.ask(text).await {
            Ok(answer) => judge(&answer, number, &line, tally),
            Err(Broken::Cut) => drop(tally.cut.fetch_add(1, Ordering::SeqCst)),
            // The proxy was there all the time: it owes an answer.
            Err(other) => panic!("{line}: {other:?}"),
        }
    }
}

fn judge(answer: &Answer, number: usize, line: &str, tally: &Tally) {
    if answer.status == 200 {
        assert_eq!(answer.text(), owned(&format!("user-{number}"), line), "{line}");
        tally.right.fetch_add(1, Ordering::SeqCst);
    } else {
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{line}");
        tally.refused.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_gives_no_wrong_answer_and_repeats_nothing_unsafe() {
    let mut application = Restartable::start();
    let proxy = Setup::in_front_of(&format!("http://{}", application.address)).await.start().await;
    let users: Vec<Tokens> = (0..USERS)
        .map(|number| User::new(&format!("user-{number}"), "u@example.com").in_groups(&["staff"]))
        .map(|user| proxy.issuer.tokens(&user))
        .collect();
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    let done = || tally.right.load(Ordering::SeqCst) + tally.refused.load(Ordering::SeqCst);
    let load = async {
        join_all(users.iter().enumerate().map(|(number, tokens)| visit(proxy.address, number, tokens, &tally))).await;
        over.store(true, Ordering::SeqCst);
    };
    let restarts = async {
        for restart in 1..=RESTARTS {
            let until = restart * USERS * REQUESTS / (RESTARTS + 1);
            eventually("load", async || done() >= until || over.load(Ordering::SeqCst)).await;
            let before = tally.refused.load(Ordering::SeqCst);
            let refused = async || {
                // Somebody meets the closed port, so being away is felt.
                let met = async || tally.refused.load(Ordering::SeqCst) > before || over.load(Ordering::SeqCst);
                eventually("a request that nobody takes", met).await;
            };
            application.restart(&over, refused).await;
        }
    };
    let ((), ()) = tokio::join!(load, restarts);
    let ledger = application.ledger.read.lock().unwrap().clone();
    for (line, times) in ledger.iter() {
        let most = if line.starts_with("GET ") { 2 } else { 1 };
        assert!(*times <= most, "{line} was acted upon {times} times");
    }
    let repeated = ledger.values().filter(|times| **times == 2).count();
    report(&format!("{tally:?} of {}, {repeated} GETs repeated", USERS * REQUESTS));
    assert!(tally.right.load(Ordering::SeqCst) > USERS * REQUESTS / 2, "{tally:?}");
    assert!(tally.refused.load(Ordering::SeqCst) >= RESTARTS / 2, "the restarts were felt: {tally:?}");
    // And with the last restart everything is as before.
    let mut visitor = Visitor::to(proxy.address);
    let answer = visitor.ask(request("GET /0/after/length", &users[0].fields())).await.unwrap();
    assert_eq!(answer.text(), owned("user-0", "GET /0/after/length"));
}
