//! How long a client may send nothing of the content it announced, and that nobody else's time counts as its own.

use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use crate::{
    limits_requests::{CHUNKED, EXPECT, JSON, OK, assert_refused, begun, chunks, counted, pass, signed_in, start},
    support::{
        answers::with,
        client::Wire,
        h2::{Content, H2},
    },
};

/// For what sends nothing and is to be given up.
const IMPATIENT: (&str, &str) = ("COGNITO_AUTH_BODY_IDLE_TIMEOUT", "200ms");
/// For what is not to be given up, also not on a machine that is busy with something else for a while.
const PATIENT: (&str, &str) = ("COGNITO_AUTH_BODY_IDLE_TIMEOUT", "1500ms");
const LONGER: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_nothing_of_what_it_announced_is_408_and_hung_up_on() {
    let (application, proxy) = start(&[IMPATIENT]).await;
    for (number, (field, sent, arrived)) in [
        (("Content-Length", "100"), "begun", "begun"),
        (("Content-Length", "100"), "", ""),
        (CHUNKED, "5\r\nbegun\r\n", "5\r\nbegun\r\n"),
        (CHUNKED, "5\r\nbeg", "3\r\nbeg\r\n"),
        (CHUNKED, "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = Wire::connect(proxy.address).await;
        client.send(signed_in(&proxy, "POST /up", &[field]) + sent).await;
        let mut app = application.accept().await;
        assert_eq!(app.request().await.line, "POST /up HTTP/1.1");
        assert_eq!(app.exactly(arrived.len()).await, arrived.as_bytes());
        assert!(app.closes().await, "and no end of the content before: {field:?}");
        let answer = client.answer().await;
        assert_refused(&answer, (408, "request_timeout"), &format!("{field:?} {sent}"));
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(client.closes().await);
        assert!(application.is_left_alone().await, "half an upload is not repeated");
        assert_eq!(counted(&proxy, "body_idle").await, number + 1);
    }
    assert_eq!(counted(&proxy, "body_size").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_only_the_stream_ends() {
    let (application, proxy) = start(&[IMPATIENT]).await;
    let mut client = H2::connect(proxy.address).await;
    let tokens = proxy.tokens();
    let fields = with(&tokens.fields(), &[JSON]);
    let answer = client.send_with("POST /up", &fields, Content::begun("begun")).await;
    assert_refused(&answer, (408, "request_timeout"), "http/2");
    let mut app = application.accept().await;
    app.request().await;
    assert_eq!(app.chunk().await.unwrap(), b"begun");
    assert!(app.closes().await, "and no end of the content before");
    assert_eq!(client.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(counted(&proxy, "body_idle").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_asked_for_content_and_sends_none_is_408() {
    let (application, proxy) = start(&[IMPATIENT]).await;
    let (mut client, mut app) = begun(&application, &proxy, "PUT /up", &[EXPECT, ("Content-Length", "10")]).await;
    assert!(client.head_text().await.starts_with("HTTP/1.1 100 "));
    assert_refused(&client.answer().await, (408, "request_timeout"), "asked");
    assert!(client.closes().await && app.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_goes_on_passes_however_long_it_takes() {
    let (application, proxy) = start(&[PATIENT, ("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "1500ms")]).await;
    let (mut client, mut app) = begun(&application, &proxy, "POST /up", &[CHUNKED]).await;
    let began = Instant::now();
    while began.elapsed() < LONGER {
        client.send_chunk("drop").await;
        assert_eq!(app.chunk().await.unwrap(), b"drop");
        pass(&proxy, Duration::from_millis(100)).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(app.chunk().await, None);
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    assert_eq!(counted(&proxy, "body_idle").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_drips_does_not_outlive_every_stream() {
    let settings = [("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "300ms"), ("COGNITO_AUTH_MAX_STREAM_AGE", "1s")];
    let (application, proxy) = start(&settings).await;
    let (mut client, _app) = begun(&application, &proxy, "POST /up", &[CHUNKED]).await;
    let began = Instant::now();
    while client.has_nothing_more() {
        assert!(began.elapsed() < LONGER, "it still drips");
        client.send_chunk("drop").await;
        pass(&proxy, Duration::from_millis(50)).await;
    }
    assert_refused(&client.answer().await, (504, "upstream_timeout"), "a dripping upload");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_has_all_of_an_upload_has_its_time_for_the_answer_and_no_more() {
    let (application, proxy) = start(&[("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "200ms")]).await;
    let (mut client, mut app) = begun(&application, &proxy, "POST /up", &[CHUNKED]).await;
    client.send(chunks(&["all"])).await;
    assert_eq!((app.chunk().await.unwrap(), app.chunk().await), (b"all".to_vec(), None));
    assert_refused(&client.answer().await, (504, "upstream_timeout"), "after its content was whole");
    assert!(app.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_read_is_not_the_clients_fault() {
    // More than the kernel's buffers of both connections hold.
    const LENGTH: usize = 48 * 1024 * 1024;
    let (application, proxy) = start(&[PATIENT]).await;
    let length = LENGTH.to_string();
    let (mut client, mut app) = begun(&application, &proxy, "PUT /huge", &[("Content-Length", &length)]).await;
    let pouring = TaskTracker::new().spawn(async move {
        client.send(vec![b'x'; LENGTH]).await;
        client
    });
    pass(&proxy, LONGER).await;
    assert!(!pouring.is_finished(), "the client waits for the application");
    assert_eq!(app.exactly(LENGTH).await.len(), LENGTH);
    app.send(OK).await;
    assert_eq!(pouring.await.unwrap().answer().await.text(), "ok");
    assert_eq!(counted(&proxy, "body_idle").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_pause_under_an_answer_but_not_stay_when_that_has_ended() {
    let (application, proxy) = start(&[PATIENT]).await;
    let (mut client, mut app) = begun(&application, &proxy, "POST /echo", &[CHUNKED]).await;
    app.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    for piece in ["one", "two"] {
        pass(&proxy, LONGER).await;
        client.send_chunk(piece).await;
        assert_eq!(app.chunk().await.unwrap(), piece.as_bytes());
        app.send_chunk(piece).await;
        assert_eq!(client.chunk().await.unwrap(), piece.as_bytes());
    }
    assert_eq!(counted(&proxy, "body_idle").await, 0);
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
    assert!(client.closes().await && app.closes().await, "nobody waits for the rest of the upload any more");
    assert_eq!(counted(&proxy, "body_idle").await, 1);
}
