//! HTTP/2 clients that ask for work without end: requests, resets, answers to frames.

use crate::support::{
    answers::with,
    application::Application,
    client::Wire,
    eventually,
    h2::{
        CONTINUATION, DATA, Frame, Frames, GOAWAY, HEADERS, PING, PRIORITY, PRIORITY_UPDATE, RST_STREAM, SETTINGS,
        block,
    },
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const END_HEADERS: u8 = 4;
const COUNTED: &str = "limits_reached_total{limit=\"control_frames\"} 1";

const REQUEST: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "app.example")];

async fn start(most: &str) -> (Upstream, Proxy) {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_MAX_CONTROL_FRAMES", most).start().await;
    (upstream, proxy)
}

fn is_calming(frame: &Frame) -> bool {
    frame.kind == GOAWAY && frame.payload[4..8] == ENHANCE_YOUR_CALM
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_at_once_than_allowed_are_refused_and_not_forwarded() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_MAX_CONCURRENT_REQUESTS", "2").start().await;
    let tokens = proxy.tokens();
    let fields = with(&REQUEST, &tokens.fields());
    let mut frames = Frames::connect(proxy.address).await;
    let settings = frames.next().await.unwrap();
    assert!(settings.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 2]), "{settings:?}");
    for stream in [1, 3, 5] {
        frames.request_on(stream, &fields).await.unwrap();
    }
    let mut apps: Vec<Wire> = vec![application.accept().await, application.accept().await];
    for app in &mut apps {
        app.request().await;
    }
    let refused = loop {
        let frame = frames.next().await.unwrap();
        if frame.kind == RST_STREAM {
            break frame;
        }
    };
    assert_eq!((refused.stream, refused.payload), (5, REFUSED_STREAM.to_vec()));
    assert!(application.is_left_alone().await);
    // The other two go on.
    for app in &mut apps {
        app.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    }
    for _ in 0..2 {
        let answer = loop {
            let frame = frames.next().await.unwrap();
            if frame.kind == HEADERS {
                break frame;
            }
        };
        assert_eq!((answer.payload[0], matches!(answer.stream, 1 | 3)), (0x88, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_reset_at_once_come_to_an_end_for_the_application_too() {
    let (upstream, proxy) = start("100").await;
    let tokens = proxy.tokens();
    let fields = with(&REQUEST, &tokens.fields());
    let mut frames = Frames::connect(proxy.address).await;
    for stream in (1..20_000).step_by(2) {
        let sent = frames.request_on(stream, &fields).await;
        if sent.is_err() || frames.try_send(RST_STREAM, 0, stream, &CANCEL).await.is_err() {
            break;
        }
        if stream % 200 == 1 {
            let answer = proxy.send_signed_in("GET /other", &[]).await;
            assert_eq!(answer.text(), "hello", "others are served");
        }
    }
    let said = frames.rest().await;
    assert!(said.iter().any(is_calming), "{:?}", said.last());
    eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
    assert!(proxy.counts(COUNTED).await);
    let forwarded = upstream.unasked().iter().filter(|seen| seen.line == "GET /page HTTP/1.1").count();
    assert!(forwarded <= 101, "{forwarded}");
}

/// Kind, flags, stream, payload.
type Parts = (u8, u8, u32, &'static [u8]);

/// Sends a frame of a kind so often. Whether the other side took them all.
async fn send_often(frames: &mut Frames, (kind, flags, stream, payload): (u8, u8, u32, &[u8]), often: usize) -> bool {
    for _ in 0..often {
        if frames.try_send(kind, flags, stream, payload).await.is_err() {
            return false;
        }
    }
    true
}

/// What may be sent about a request whose content has begun, on stream 1.
const ASKING_FOR_WORK: [(&str, Parts); 7] = [
    ("PING", (PING, 0, 0, &[7; 8])),
    ("SETTINGS", (SETTINGS, 0, 0, &[])),
    ("SETTINGS with content", (SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
    ("PRIORITY", (PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
    ("PRIORITY_UPDATE", (PRIORITY_UPDATE, 0, 0, &[0, 0, 0, 1, b'u', b'=', b'1'])),
    ("unknown", (0xfe, 0, 0, b"grease")),
    ("empty DATA", (DATA, 0, 1, &[])),
];

/// A connection with a request on stream 1 whose content is to come.
async fn uploading(proxy: &Proxy) -> Frames {
    let tokens = proxy.tokens();
    let post = [(":method", "POST"), REQUEST[1], REQUEST[2], REQUEST[3]];
    let mut frames = Frames::connect(proxy.address).await;
    frames.try_send(HEADERS, END_HEADERS, 1, &block(&with(&post, &tokens.fields()))).await.unwrap();
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_ask_for_work_without_end_end_the_connection() {
    for (name, frame) in ASKING_FOR_WORK {
        let (_upstream, proxy) = start("50").await;
        let mut frames = uploading(&proxy).await;
        send_often(&mut frames, frame, 10_000).await;
        let said = frames.rest().await;
        assert!(said.iter().any(is_calming), "{name}: {:?}", said.last());
        assert!(said.iter().filter(|frame| frame.flags == 1 && matches!(frame.kind, PING | SETTINGS)).count() <= 52);
        eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
        assert!(proxy.counts(COUNTED).await, "{name}");
        assert_eq!(proxy.send_signed_in("GET /other", &[]).await.text(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_allowed_do_no_harm() {
    for (name, frame) in ASKING_FOR_WORK {
        let (upstream, proxy) = start("50").await;
        let mut frames = uploading(&proxy).await;
        // One of the 50 were the SETTINGS of the beginning.
        assert!(send_often(&mut frames, frame, 49).await, "{name}");
        frames.try_send(DATA, 1, 1, b"content").await.unwrap();
        let verdict = frames.verdict().await.unwrap();
        assert_eq!((verdict.kind, verdict.payload[0]), (HEADERS, 0x88), "{name}");
        assert_eq!(upstream.next().await.body, b"content", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_carry_something_are_not_counted() {
    let (upstream, proxy) = start("5").await;
    let mut frames = uploading(&proxy).await;
    assert!(send_often(&mut frames, (DATA, 0, 1, b"some content, as it comes: "), 1000).await);
    assert!(send_often(&mut frames, (8, 0, 0, &[0, 0, 0, 1]), 1000).await, "WINDOW_UPDATE");
    assert!(send_often(&mut frames, (PING, 1, 0, &[7; 8]), 1000).await, "PING that answers");
    frames.try_send(DATA, 1, 1, b"").await.unwrap();
    let verdict = frames.verdict().await.unwrap();
    assert_eq!((verdict.kind, verdict.payload[0]), (HEADERS, 0x88));
    assert_eq!(upstream.next().await.body.len(), 27_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_fields_without_end_ends_the_connection() {
    for payload in [&block(&[("x-long", &"x".repeat(8000))])[..], &[]] {
        let (upstream, proxy) = start("50").await;
        let mut frames = Frames::connect(proxy.address).await;
        frames.try_send(HEADERS, 0, 1, &block(&REQUEST)).await.unwrap();
        assert!(!send_often(&mut frames, (CONTINUATION, 0, 1, payload), 1_000_000).await);
        let said = frames.rest().await;
        assert!(said.iter().any(is_calming), "{:?}", said.last());
        eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
        assert!(proxy.counts(COUNTED).await);
        assert_eq!(proxy.send_signed_in("GET /other", &[]).await.text(), "hello");
        assert_eq!(upstream.unasked().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_fields_that_does_not_come_to_its_end_is_given_up() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "200ms").start().await;
    let mut idle = Frames::connect(proxy.address).await;
    let mut frames = Frames::connect(proxy.address).await;
    frames.try_send(HEADERS, 0, 1, &block(&REQUEST)).await.unwrap();
    assert!(frames.rest().await.iter().all(|frame| frame.kind != HEADERS));
    assert!(proxy.counts("limits_reached_total{limit=\"head_timeout\"} 1").await);
    // A connection that is older and has begun nothing stays.
    idle.request(&with(&REQUEST, &proxy.tokens().fields())).await;
    assert_eq!(idle.verdict().await.unwrap().payload[0], 0x88);
}
