//! The limits of one connection under a clock that stands still.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use super::*;

mod idle;
mod secured;

const SECOND: Duration = Duration::from_secs(1);

const TERMS: fn() -> Terms = || Terms {
    transport: Transport::Plain,
    keep_alive_timeout: SECOND * 600,
    heads: HeadLimits { fields: 10, field_size: 1024, fields_size: 4096, target_size: 1024 },
    limits: ConnectionLimits {
        connections: 2,
        concurrent_requests: 8,
        control_frames: 60,
        head_timeout: SECOND * 10,
        write_timeout: SECOND * 20,
    },
    metrics: Arc::default(),
    stage: Stage::default(),
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Reads the whole request, then answers with so many bytes.
struct Bytewise(usize);

impl Answer for Bytewise {
    type Body = Full<Bytes>;

    async fn answer(self: Arc<Self>, request: Request<Received>, _: Connection) -> Response<Full<Bytes>> {
        let _content = request.into_body().collect().await;
        Response::new(Full::new(Bytes::from(vec![b'x'; self.0])))
    }
}

/// Answers, and says the last word after a minute.
struct Dwelling;

struct LastWord(Option<std::pin::Pin<Box<tokio::time::Sleep>>>);

impl Body for LastWord {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Some(wait) = &mut self.0 else { return Poll::Ready(None) };
        std::task::ready!(wait.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b"xxxxx")))))
    }
}

impl Answer for Dwelling {
    type Body = LastWord;

    async fn answer(self: Arc<Self>, _: Request<Received>, _: Connection) -> Response<LastWord> {
        Response::new(LastWord(Some(Box::pin(sleep(SECOND * 60)))))
    }
}

/// A server, the client's end of a connection to it, and what the server counts.
struct Bench {
    server: Arc<Server>,
    client: DuplexStream,
    metrics: Arc<Metrics>,
    began: Instant,
}

impl Bench {
    async fn start(answer: impl Answer) -> Self {
        Self::start_with(TERMS().limits.head_timeout, answer).await
    }

    async fn start_with(head_timeout: Duration, answer: impl Answer) -> Self {
        let mut terms = TERMS();
        terms.limits.head_timeout = head_timeout;
        let ends = Ends { stop_accepting: CancellationToken::new(), cut: CancellationToken::new() };
        let server = Server::new(&terms, TaskTracker::new(), ends);
        let client = connect(&server, answer).await;
        Self { server, client, metrics: terms.metrics, began: Instant::now() }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads one answer of 5 bytes.
    async fn answer(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nxxxxx") {
            text.push(self.client.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    /// What came until the connection closed, and when that was.
    async fn closes(&mut self) -> (Vec<u8>, Duration) {
        let mut bytes = Vec::new();
        self.client.read_to_end(&mut bytes).await.unwrap();
        (bytes, self.began.elapsed())
    }

    fn counted(&self, line: &str) -> bool {
        let line = format!("cognito_auth_proxy_{line}");
        self.metrics.render().lines().any(|found| found == line)
    }
}

async fn connect(server: &Arc<Server>, answer: impl Answer) -> DuplexStream {
    let (client, stream) = duplex(1024);
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let seat = server.places.seat(server.places.next().await);
    let tasks = server.connections.clone();
    let stream = server.socket(stream, address);
    tasks.spawn(Arc::clone(server).connection(stream, (address, address), seat, Arc::new(answer)));
    client
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_ended_in_its_time_and_in_words() {
    for before in [0, 1] {
        let mut bench = Bench::start(Bytewise(5)).await;
        for _ in 0..before {
            bench.send(GET).await;
            bench.answer().await;
            sleep(SECOND * 300).await;
        }
        bench.began = Instant::now();
        let (mut read, mut write) = tokio::io::split(bench.client);
        let trickling = async {
            for byte in GET.bytes() {
                if write.write_all(&[byte]).await.is_err() {
                    break;
                }
                sleep(SECOND).await;
            }
        };
        let mut answered = String::new();
        let (_, read) = tokio::join!(trickling, async {
            let read = read.read_to_string(&mut answered).await;
            assert_eq!(bench.began.elapsed(), SECOND * 10);
            read
        });
        read.unwrap();
        let (head, body) = answered.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"), "{head}");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&408.into(), &"request_timeout".into()));
        assert!(bench.metrics.render().contains("limits_reached_total{limit=\"head_timeout\"} 1\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_still_be_http_2_is_ended_in_time_too() {
    for begun in ["P", "PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
        let mut bench = Bench::start(Bytewise(5)).await;
        bench.send(begun).await;
        assert_eq!(bench.closes().await, (Vec::new(), SECOND * 10), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_2_that_asks_for_nothing_is_told_that_nothing_was_processed() {
    let mut bench = Bench::start(Bytewise(5)).await;
    bench.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let (frames, when) = bench.closes().await;
    // GOAWAY, `NO_ERROR`.
    assert!(frames.windows(9).any(|head| head == [0, 0, 8, 7, 0, 0, 0, 0, 0]), "{frames:?}");
    // It does not answer the PING behind it either.
    assert_eq!(when, SECOND * 610);
    assert!(bench.counted("connections 0"));
}

#[tokio::test(start_paused = true)]
async fn a_request_begun_before_its_turn_has_its_time_from_its_turn_on() {
    let mut bench = Bench::start(Dwelling).await;
    bench.send(GET).await;
    sleep(SECOND).await;
    bench.send("GET / HT").await;
    for rest in ["TP/1.1\r\nhost: a\r\n\r\n", ""] {
        let mut answered = Vec::new();
        while !answered.ends_with(b"5\r\nxxxxx\r\n0\r\n\r\n") {
            answered.push(bench.client.read_u8().await.unwrap());
        }
        assert!(answered.starts_with(b"HTTP/1.1 200 OK\r\n"), "{:?}", String::from_utf8_lossy(&answered));
        sleep(SECOND * 5).await;
        bench.send(rest).await;
    }
}

/// Does not wait for content.
struct Hasty;

impl Answer for Hasty {
    type Body = Full<Bytes>;

    async fn answer(self: Arc<Self>, _: Request<Received>, _: Connection) -> Response<Full<Bytes>> {
        Response::new(Full::new(Bytes::from_static(b"xxxxx")))
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_is_read_on_after_its_answer_is_no_slow_head() {
    let mut bench = Bench::start_with(SECOND * 3, Hasty).await;
    for _ in 0..2 {
        bench.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
        assert!(bench.answer().await.starts_with("HTTP/1.1 200 OK"));
        for byte in *b"slow" {
            sleep(SECOND * 2).await;
            bench.send([byte]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_is_given_up_counted_from_the_last_byte() {
    let mut bench = Bench::start(Bytewise(100_000)).await;
    bench.send(GET).await;
    for _ in 0..10 {
        sleep(SECOND * 19).await;
        bench.client.read_exact(&mut [0; 700]).await.unwrap();
    }
    sleep(SECOND * 19).await;
    assert!(bench.counted("connections 1"));
    sleep(SECOND * 2).await;
    assert!(bench.counted("connections 0"));
    assert!(bench.counted("limits_reached_total{limit=\"write_timeout\"} 1"));
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";
const CALM: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\x0b";

#[tokio::test(start_paused = true)]
async fn a_client_that_pings_without_end_is_told_to_calm_down() {
    let mut bench = Bench::start(Bytewise(5)).await;
    bench.send(PREFACE).await;
    let (mut read, mut write) = tokio::io::split(bench.client);
    let (mut heard, flooding) = (Vec::new(), async {
        for _ in 0..1000 {
            if write.write_all(PING).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    let (read, ()) = tokio::join!(read.read_to_end(&mut heard), flooding);
    read.unwrap();
    assert!(heard.ends_with(CALM), "{heard:?}");
    let answered = heard.windows(8).filter(|bytes| *bytes == b"pingpong").count();
    assert!((1..60).contains(&answered), "{answered}");
    assert!(bench.metrics.render().contains("limits_reached_total{limit=\"control_frames\"} 1\n"));
    assert!(bench.metrics.render().contains("connections 0\n"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_pings_once_a_second_may_go_on() {
    let mut bench = Bench::start(Bytewise(5)).await;
    bench.send(PREFACE).await;
    for _ in 0..500 {
        bench.send(PING).await;
        sleep(SECOND).await;
        let mut answers = [0; 1024];
        assert!(bench.client.read(&mut answers).await.unwrap() > 0);
    }
    assert!(bench.counted("connections 1"));
}

#[tokio::test(start_paused = true)]
async fn frames_and_blocks_of_fields_come_to_their_end_in_time() {
    for begun in [&PING[..10], &PING[..3], b"\0\0\x01\x01\x01\0\0\0\x01\x82", b"\0\0\x05\0\0\0\0\0\x01xx"] {
        let mut bench = Bench::start(Bytewise(5)).await;
        bench.send(PREFACE).await;
        sleep(SECOND * 60).await;
        bench.began = Instant::now();
        bench.send(PING).await;
        bench.send(begun).await;
        assert_eq!(bench.closes().await.1, SECOND * 10, "{begun:?}");
        assert!(bench.counted("limits_reached_total{limit=\"head_timeout\"} 1"), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whom_there_is_no_room_for_has_one_question_and_little_time() {
    let bench = Bench::start(Bytewise(5)).await;
    let (_second, mut third, mut fourth) = (
        connect(&bench.server, Bytewise(5)).await,
        connect(&bench.server, Bytewise(5)).await,
        connect(&bench.server, Bytewise(5)).await,
    );
    assert!(bench.counted("connections 4"));
    let began = Instant::now();
    third.write_all([GET, GET].concat().as_bytes()).await.unwrap();
    let mut answered = String::new();
    third.read_to_string(&mut answered).await.unwrap();
    assert_eq!((answered.matches("HTTP/1.1 200 OK").count(), began.elapsed()), (1, Duration::ZERO));
    assert!(answered.contains("connection: close\r\n"), "{answered}");
    assert_eq!(fourth.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed(), HASTE);
    assert!(bench.counted("connections 2"));
    assert!(bench.counted("limits_reached_total{limit=\"connections\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn whom_there_is_no_room_for_is_not_waited_for() {
    let bench = Bench::start(Bytewise(100_000)).await;
    let _second = connect(&bench.server, Bytewise(5)).await;
    let mut third = connect(&bench.server, Bytewise(100_000)).await;
    third.write_all(GET.as_bytes()).await.unwrap();
    sleep(HASTE - SECOND).await;
    assert!(bench.counted("connections 3"));
    sleep(SECOND * 2).await;
    assert!(bench.counted("connections 2"));
}

#[tokio::test(start_paused = true)]
async fn when_the_surplus_is_used_up_nobody_is_accepted_until_somebody_leaves() {
    let places = Places::new(2, Arc::default());
    let mut seats = Vec::new();
    while let Ok(place) = timeout(SECOND, places.next()).await {
        seats.push(places.seat(place));
    }
    assert_eq!(seats.len(), 66);
    assert_eq!(seats.iter().filter(|seat| seat.room() == Room::Enough).count(), 2);
    seats.pop();
    let place = timeout(SECOND, places.next()).await.unwrap();
    assert!(timeout(SECOND, places.next()).await.is_err());
    // Somebody leaves between the place and the connection.
    seats.swap_remove(0);
    assert_eq!(places.seat(place).room(), Room::Enough);
}
