//! Bodies flow as they come, in both directions, no faster than they are read, and end when one side ends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio_util::task::TaskTracker;

use crate::support::{
    application::Application,
    client::{Wire, request},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Far more than all buffers between two sockets hold.
const ENDLESS: usize = 256 * 1024 * 1024;

/// More than the kernel's buffers of two connections (10 MiB each where nothing is tuned) and ours.
const BUFFERED: usize = 64 * 1024 * 1024;

/// A proxy in front of an application that the test plays, and a signed-in connection with its request sent.
async fn begun(line: &str, fields: &[(&str, &str)]) -> (Application, Proxy, Wire, Wire) {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.start().await;
    let mut client = signed_in(&proxy, line, fields).await;
    let mut app = application.accept().await;
    assert_eq!(app.request().await.line, format!("{line} HTTP/1.1"));
    assert!(client.has_nothing_more(), "nothing was answered yet");
    (application, proxy, client, app)
}

async fn signed_in(proxy: &Proxy, line: &str, fields: &[(&str, &str)]) -> Wire {
    let tokens = proxy.tokens();
    let fields: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request(line, &fields)).await;
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_before_the_next_is_made() {
    let (_application, _proxy, mut client, mut app) = begun("GET /events", &[("Accept", "text/event-stream")]).await;
    app.send(EVENTS).await;
    let head = client.head().await;
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    for number in 0..50 {
        let event = format!("data: {number}\n\n");
        app.send_chunk(&event).await;
        assert_eq!(client.chunk().await.unwrap(), event.as_bytes());
    }
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_a_body_with_a_length_arrive_before_the_rest_is_made() {
    let (_application, _proxy, mut client, mut app) = begun("GET /file", &[]).await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n").await;
    assert_eq!(client.head().await.field("content-length"), Some("6"));
    for byte in ["a", "b", "c", "d", "e", "f"] {
        app.send(byte).await;
        assert_eq!(client.exactly(1).await, byte.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_chunk_of_an_upload_arrives_before_the_next_is_sent() {
    let (_application, _proxy, mut client, mut app) = begun("POST /up", &[("Transfer-Encoding", "chunked")]).await;
    for number in 0..50 {
        let piece = format!("piece {number}");
        client.send_chunk(&piece).await;
        assert_eq!(app.chunk().await.unwrap(), piece.as_bytes());
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(app.chunk().await, None);
    app.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_and_its_answer_can_flow_at_the_same_time() {
    let (_application, _proxy, mut client, mut app) = begun("POST /echo", &[("Transfer-Encoding", "chunked")]).await;
    app.send(EVENTS).await;
    assert_eq!(client.head().await.status, 200);
    for number in 0..20 {
        let piece = format!("piece {number}");
        client.send_chunk(&piece).await;
        assert_eq!(app.chunk().await.unwrap(), piece.as_bytes());
        app.send_chunk(&piece).await;
        assert_eq!(client.chunk().await.unwrap(), piece.as_bytes());
    }
}

/// Sends zeros until the other side hangs up, counting what was taken.
fn pour(mut into: Wire, taken: Arc<AtomicUsize>) -> tokio::task::JoinHandle<Wire> {
    let zeros = vec![0; 64 * 1024];
    TaskTracker::new().spawn(async move {
        while taken.load(Ordering::SeqCst) < ENDLESS {
            let Ok(written) = into.write_some(&zeros).await else { break };
            taken.fetch_add(written, Ordering::SeqCst);
        }
        into
    })
}

/// Waits until nothing was taken while the proxy answered a hundred other requests. Its own exchanges are the clock: a
/// proxy that answers them had the time to read as well.
async fn stalled(taken: &AtomicUsize, proxy: &Proxy) -> usize {
    loop {
        let before = taken.load(Ordering::SeqCst);
        for _ in 0..100 {
            assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
        }
        if before > 0 && taken.load(Ordering::SeqCst) == before {
            return before;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_stops_the_application() {
    let (_application, proxy, mut client, mut app) = begun("GET /huge", &[]).await;
    app.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS}\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    let taken = Arc::new(AtomicUsize::new(0));
    let pouring = pour(app, Arc::clone(&taken));
    let held = stalled(&taken, &proxy).await;
    assert!(held < BUFFERED, "{held} bytes were taken from the application, none read by the client");
    // Reading lets it go on.
    client.exactly(held + 1).await;
    drop(client);
    let mut app = pouring.await.unwrap();
    assert!(taken.load(Ordering::SeqCst) < ENDLESS, "the client left, the application was cut off");
    assert!(app.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_read_stops_the_upload() {
    let length = ENDLESS.to_string();
    let (_application, proxy, client, mut app) = begun("PUT /huge", &[("Content-Length", &length)]).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let pouring = pour(client, Arc::clone(&taken));
    let held = stalled(&taken, &proxy).await;
    assert!(held < BUFFERED, "{held} bytes were taken from the client, none read by the application");
    app.exactly(held + 1).await;
    drop(app);
    pouring.await.unwrap();
    assert!(taken.load(Ordering::SeqCst) < ENDLESS, "the application left, the client was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_stream_ends_it_for_the_application() {
    let (_application, _proxy, mut client, mut app) = begun("GET /events", &[]).await;
    app.send(EVENTS).await;
    app.send_chunk("data: 1\n\n").await;
    client.head().await;
    client.chunk().await.unwrap();
    drop(client);
    assert!(app.closes().await, "without another event being sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_ends_the_request_for_the_application() {
    let (application, _proxy, client, mut app) = begun("GET /slow", &[]).await;
    drop(client);
    assert!(app.closes().await);
    assert!(application.is_left_alone().await, "not repeated for nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_an_upload_leaves_a_body_without_an_end() {
    for field in [("Content-Length", "100"), ("Transfer-Encoding", "chunked")] {
        let (application, _proxy, mut client, mut app) = begun("POST /up", &[field]).await;
        match field.0 {
            "Content-Length" => client.send("begun").await,
            _ => client.send_chunk("begun").await,
        }
        let begun = match field.0 {
            "Content-Length" => app.exactly(5).await,
            _ => app.chunk().await.unwrap(),
        };
        assert_eq!(begun, b"begun");
        drop(client);
        assert!(app.closes().await, "closed, and no end of the body before: {field:?}");
        assert!(application.is_left_alone().await, "half an upload is not repeated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_the_upload_reaches_the_client() {
    let length = ENDLESS.to_string();
    let (_application, _proxy, mut client, mut app) = begun("PUT /huge", &[("Content-Length", &length)]).await;
    client.send("first bytes").await;
    assert_eq!(app.exactly(11).await, b"first bytes");
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_answers_early_and_hangs_up_is_still_heard() {
    let length = ENDLESS.to_string();
    let (_application, _proxy, mut client, mut app) = begun("PUT /huge", &[("Content-Length", &length)]).await;
    client.send("first bytes").await;
    assert_eq!(app.exactly(11).await, b"first bytes");
    app.send("HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 9\r\n\r\ntoo large").await;
    drop(app);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_is_heard_though_the_rest_of_the_upload_breaks_the_connection() {
    let length = "5000000";
    for (number, expect) in [&[][..], &[("Expect", "100-continue")]].into_iter().cycle().take(30).enumerate() {
        let fields = [&[("Content-Length", length)], expect].concat();
        let application = Application::listen().await;
        let proxy = Setup::in_front_of(&application.url()).await.start().await;
        let mut client = signed_in(&proxy, "PUT /huge", &fields).await;
        let mut app = application.accept().await;
        app.request().await;
        if !expect.is_empty() {
            assert!(client.head_text().await.starts_with("HTTP/1.1 100 "), "the application reads, so it is asked for");
        }
        let sending = TaskTracker::new().spawn(async move {
            client.send(vec![b'x'; 5_000_000]).await;
            client
        });
        app.exactly(100_000).await;
        app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large").await;
        // Closing with much unread resets the connection while the proxy writes.
        drop(app);
        let mut client = sending.await.unwrap();
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (413, "too large"), "time {number}");
        // And nothing of it is in the way of the next request.
        assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_an_unfinished_upload_is_not_used_for_the_next_request() {
    let (application, proxy, mut client, mut app) = begun("POST /up", &[("Content-Length", "40")]).await;
    client.send("unfinished").await;
    assert_eq!(app.exactly(10).await, b"unfinished");
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    let mut other = signed_in(&proxy, "GET /other", &[]).await;
    // On the first connection this request would have been the rest of the upload.
    let mut second = application.accept().await;
    assert_eq!(second.request().await.line, "GET /other HTTP/1.1");
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother").await;
    assert_eq!(other.answer().await.text(), "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_arrives_though_nobody_reads_the_upload() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let body = vec![b'x'; 5_000_000];
    let length = body.len().to_string();
    let json = ("Accept", "application/json");
    let whole = [json, ("Content-Length", length.as_str())];
    for _ in 0..20 {
        let mut client = Wire::connect(proxy.address).await;
        client.send(request("PUT /huge", &whole)).await;
        // Closing with bytes unread would reset the connection: the rest of the upload, or the answer, would not arrive.
        client.send(&body).await;
        assert_eq!(client.answer().await.code(), "missing_credential");
        client.send(request("GET /.auth/health", &[])).await;
        assert_eq!(client.answer().await.status, 200, "the connection goes on behind the body");
    }
    // Whoever waits to be asked for the body is not asked for one that nobody wants.
    let mut client = Wire::connect(proxy.address).await;
    client.send(request("PUT /huge", &[whole[0], whole[1], ("Expect", "100-continue")])).await;
    assert_eq!(client.answer().await.code(), "missing_credential");
    assert!(client.closes().await, "and none is waited for");
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_end_that_nobody_reads_is_cut_off() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(request("PUT /huge", &[("Content-Length", &ENDLESS.to_string())])).await;
    let taken = Arc::new(AtomicUsize::new(0));
    pour(client, Arc::clone(&taken)).await.unwrap();
    assert!(taken.load(Ordering::SeqCst) < ENDLESS);
}
