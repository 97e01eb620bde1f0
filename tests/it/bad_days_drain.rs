//! SIGTERM under load: whatever was asked before the listener closed has its whole answer, streams get their time, and the
//! process ends with 0.

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::TaskTracker;

use crate::support::{
    client::{Wire, request},
    eventually,
    h2::H2,
    process::Serving,
    proxy::{Setup, staff},
    report, soon,
    upstream::read_request,
    visitor::{Broken, Visitor},
    websocket::{Socket, handshake},
};

const DELAY: Duration = Duration::from_secs(2);

/// What is asked this long before the listener closes was surely read by then, on a busy machine too.
const MARGIN: Duration = Duration::from_millis(500);

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An application with streams, and slow answers that wait for `gate`.
async fn application(gate: watch::Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = TaskTracker::new();
    let spawner = tasks.clone();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawner.spawn(serve(stream, gate.clone()));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, mut gate: watch::Receiver<bool>) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await {
        let path = seen.line.split(' ').nth(1).unwrap().to_owned();
        let answer = match path.as_str() {
            "/socket" => {
                let mut socket = Socket::server(Wire::over(stream), &seen, &[]).await;
                while let Some(message) = socket.next().await {
                    socket.send(message).await;
                }
                return;
            }
            "/events" => {
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                let mut written = stream.write_all(EVENTS.as_bytes()).await;
                while written.is_ok() && !*gate.borrow() {
                    ticks.tick().await;
                    written = stream.write_all(b"5\r\ntick\n\r\n").await;
                }
                "0\r\n\r\n".to_owned()
            }
            "/slow" => {
                gate.wait_for(|open| *open).await.unwrap();
                echo(&path, &seen.body)
            }
            _ => echo(&path, &seen.body),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn echo(path: &str, body: &[u8]) -> String {
    let text = format!("{path} {}", body.len());
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// When it was told to stop, and what went wrong before it had a right to.
#[derive(Default)]
struct Witness {
    signalled: Mutex<Option<Instant>>,
    answered: AtomicUsize,
    during_drain: AtomicUsize,
    faults: Mutex<Vec<String>>,
}

impl Witness {
    /// Notes what came of a request; `false` where that was the end.
    fn note(&self, asked: Instant, path: &str, outcome: Result<String, Broken>) -> bool {
        let signalled = *self.signalled.lock().unwrap();
        match outcome {
            Ok(text) if text == format!("{path} 0") => {
                self.answered.fetch_add(1, Ordering::SeqCst);
                if signalled.is_some() {
                    self.during_drain.fetch_add(1, Ordering::SeqCst);
                }
                true
            }
            // The listener was closed: what was not read by then is not answered, and the client may ask elsewhere.
            Err(Broken::Refused | Broken::Stale | Broken::Unanswered)
                if signalled.is_some_and(|at| asked + MARGIN > at + DELAY) =>
            {
                false
            }
            other => {
                self.faults.lock().unwrap().push(format!("{path}: {other:?}"));
                false
            }
        }
    }
}

async fn hammer(serving: &Serving, witness: &Witness, keeps: Keeps) {
    let mut visitor = Visitor::to(serving.address);
    for number in 0.. {
        let (path, asked) = (format!("/{number}"), Instant::now());
        let answer = visitor.ask(serving.signed_in(&format!("GET {path}"))).await;
        if !witness.note(asked, &path, answer.map(|answer| answer.text())) {
            return;
        }
        match keeps {
            Keeps::Connection => {}
            Keeps::Nothing => visitor = Visitor::to(serving.address),
        }
    }
}

#[derive(Clone, Copy)]
enum Keeps {
    Connection,
    Nothing,
}

/// The streams that are open when the signal comes.
struct Streams {
    events: Wire,
    socket: Socket,
    upload: Wire,
    slow: Wire,
}

impl Streams {
    async fn open(serving: &Serving) -> Self {
        let mut events = Wire::connect(serving.address).await;
        events.send(serving.signed_in("GET /events")).await;
        assert_eq!(events.head().await.status, 200);
        let mut socket = Wire::connect(serving.address).await;
        let tokens = serving.issuer.tokens(&staff());
        socket.send(handshake("/socket", &tokens.fields())).await;
        assert_eq!(socket.head().await.status, 101);
        let mut upload = Wire::connect(serving.address).await;
        let fields = [&tokens.fields()[..], &[("Transfer-Encoding", "chunked")]].concat();
        upload.send(request("POST /upload", &fields)).await;
        let mut slow = Wire::connect(serving.address).await;
        slow.send(serving.signed_in("GET /slow")).await;
        Self { events, socket: Socket::client(socket).await, upload, slow }
    }

    /// All of them still go on.
    async fn go_on(&mut self) {
        assert_eq!(self.events.chunk().await.unwrap(), b"tick\n");
        self.socket.send("still here").await;
        assert_eq!(self.socket.next().await, Some("still here".into()));
        self.upload.send_chunk("ten bytes.").await;
    }

    /// All of them come to their proper end.
    async fn end(mut self, uploaded: usize) {
        while self.events.chunk().await.is_some() {}
        assert_eq!(self.slow.answer().await.text(), "/slow 0");
        self.upload.send("0\r\n\r\n").await;
        assert_eq!(self.upload.answer().await.text(), format!("/upload {uploaded}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_no_request_and_cuts_no_stream() {
    let (open_gate, gate) = watch::channel(false);
    let setup = Setup::in_front_of(&format!("http://{}", application(gate).await)).await;
    let serving =
        setup.set("COGNITO_AUTH_DRAIN_DELAY", "2s").set("COGNITO_AUTH_DRAIN_DEADLINE", "60s").start_process().await;
    let (witness, mut streams) = (Witness::default(), Streams::open(&serving).await);
    let mut h2 = H2::connect(serving.address).await;
    let load = async {
        let keeping = join_all((0..6).map(|_| hammer(&serving, &witness, Keeps::Connection)));
        let new = join_all((0..6).map(|_| hammer(&serving, &witness, Keeps::Nothing)));
        tokio::join!(keeping, new);
    };
    let stop = async {
        eventually("load", async || witness.answered.load(Ordering::SeqCst) > 200).await;
        *witness.signalled.lock().unwrap() = Some(Instant::now());
        serving.process.signal("TERM");
        let began = Instant::now();
        let mut turns = 0;
        while TcpStream::connect(serving.address).await.is_ok() {
            streams.go_on().await;
            turns += 1;
            if began.elapsed() + 2 * MARGIN < DELAY {
                let tokens = serving.issuer.tokens(&staff());
                assert_eq!(h2.send("GET /h2", &tokens.fields()).await.text(), "/h2 0");
            }
        }
        // The listener is closed, and what is open goes on.
        for _ in 0..20 {
            streams.go_on().await;
        }
        10 * (turns + 20)
    };
    let ((), uploaded) = tokio::join!(load, stop);
    open_gate.send_replace(true);
    streams.end(uploaded).await;
    let ended = soon("the end of the drain", serving.process.ended()).await;
    let (answered, during) = (witness.answered.into_inner(), witness.during_drain.into_inner());
    report(&format!("{answered} requests answered, {during} of them after the signal"));
    assert_eq!(witness.faults.into_inner().unwrap(), Vec::<String>::new());
    assert!(during > 100, "{during} requests during the drain: it was no test");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(!ended.stdout.contains("deadline reached") && !ended.stdout.contains("closing what is still open"));
    assert!(ended.stdout.trim_end().lines().last().unwrap().contains("\"stopped\""));
}
