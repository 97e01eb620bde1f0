//! How much of a request is taken, each limit from its setting: heads, and content by path. What is cut is broken for the
//! application, never shorter, and its connection is never used again.

use std::time::{Duration, Instant};

use crate::support::{
    answers::{hello, with},
    application::Application,
    client::{Answer, Wire, request},
    door::Door,
    h2::{Content, H2},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

pub(crate) const JSON: (&str, &str) = ("Accept", "application/json");
pub(crate) const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");
pub(crate) const EXPECT: (&str, &str) = ("Expect", "100-continue");
const TEN: (&str, &str) = ("COGNITO_AUTH_MAX_BODY_SIZE", "10B");
const TWENTY: (&str, &str) = ("COGNITO_AUTH_MAX_UPLOAD_SIZE", "20B");
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A proxy with these settings in front of an application that the test plays.
pub(crate) async fn start(settings: &[(&str, &str)]) -> (Application, Proxy) {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value)).start().await;
    (application, proxy)
}

/// The head of a request of a signed-in script.
pub(crate) fn signed_in(proxy: &Proxy, line: &str, fields: &[(&str, &str)]) -> String {
    request(line, &with(&with(&proxy.tokens().fields(), &[JSON]), fields))
}

/// A connection on which a signed-in script has sent this head, and both ends of it.
pub(crate) async fn begun(
    application: &Application,
    proxy: &Proxy,
    line: &str,
    fields: &[(&str, &str)],
) -> (Wire, Wire) {
    let mut client = Wire::connect(proxy.address).await;
    client.send(signed_in(proxy, line, fields)).await;
    let mut app = application.accept().await;
    assert_eq!(app.request().await.line, format!("{line} HTTP/1.1"));
    (client, app)
}

/// The answer to a head and what follows it.
async fn answer(proxy: &Proxy, head: String, content: &str) -> Answer {
    let mut client = Wire::connect(proxy.address).await;
    client.send(head + content).await;
    client.answer().await
}

pub(crate) fn chunks(pieces: &[&str]) -> String {
    pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect::<String>() + "0\r\n\r\n"
}

pub(crate) fn assert_refused(answer: &Answer, (status, code): (u16, &str), what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
}

/// How often a limit is counted.
pub(crate) async fn counted(proxy: &Proxy, limit: &str) -> usize {
    let text = proxy.ask_admin("/metrics").await.text();
    let name = format!("cognito_auth_proxy_limits_reached_total{{limit=\"{limit}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

/// Asks the proxy other things for at least `time`, so that it had the time to do what it should not.
pub(crate) async fn pass(proxy: &Proxy, time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_as_many_fields_as_the_setting_says_and_no_more() {
    let door = Door::with(&[("COGNITO_AUTH_MAX_FIELDS", "12")]).await;
    // `Host`, three of the credential, `Accept`.
    for (more, status) in [(12 - 5, 200), (12 - 4, 431)] {
        let fields = vec![("X-One", "1"); more];
        let answer = answer(&door.proxy, signed_in(&door.proxy, "GET /page", &fields), "").await;
        assert_eq!(answer.status, status, "{more}");
        if status == 431 {
            assert_refused(&answer, (431, "too_large"), "one field more");
        }
    }
    assert_eq!(door.upstream.unasked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_is_as_long_as_the_setting_says_and_no_longer() {
    for most in [4 * 1024, 20 * 1024] {
        let door = Door::with(&[("COGNITO_AUTH_MAX_FIELD_SIZE", &format!("{most}B"))]).await;
        let (fits, exceeds) = ("x".repeat(most), "x".repeat(most + 1));
        let good = answer(&door.proxy, signed_in(&door.proxy, "GET /page", &[("X-Long", &fits)]), "").await;
        assert_eq!((good.status, good.text().as_str()), (200, "hello"), "{most}");
        assert_eq!(door.upstream.next().await.field("x-long"), Some(fits.as_str()));
        for field in [("X-Long", exceeds.as_str()), (&*exceeds, "1")] {
            let bad = answer(&door.proxy, signed_in(&door.proxy, "GET /page", &[field]), "").await;
            assert_refused(&bad, (431, "too_large"), "one byte more");
        }
        assert!(door.upstream.unasked().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_fields_together_are_as_long_as_the_setting_says_and_no_longer() {
    let door = Door::with(&[("COGNITO_AUTH_MAX_FIELDS_SIZE", "16KiB")]).await;
    let tokens = door.proxy.tokens();
    let others = with(&with(&tokens.fields(), &[JSON]), &[("Host", "app.example"), ("X-Fill", "")]);
    let room = 16 * 1024 - others.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    for (fill, status) in [(room, 200), (room + 1, 431)] {
        let fields = with(&with(&tokens.fields(), &[JSON]), &[("X-Fill", "x")]);
        let head = request("GET /page", &fields).replace("X-Fill: x", &format!("X-Fill: {}", "x".repeat(fill)));
        let answer = answer(&door.proxy, head, "").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 431 {
            assert_refused(&answer, (431, "too_large"), "one byte more");
        }
    }
    assert_eq!(door.upstream.unasked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_as_long_as_the_setting_says_and_no_longer() {
    let door = Door::with(&[("COGNITO_AUTH_MAX_TARGET_SIZE", "100B")]).await;
    let fits = format!("/page?{}", "x".repeat(94));
    let good = answer(&door.proxy, signed_in(&door.proxy, &format!("GET {fits}"), &[]), "").await;
    assert_eq!(good.status, 200);
    assert_eq!(door.upstream.next().await.line, format!("GET {fits} HTTP/1.1"));
    for exceeds in [format!("{fits}x"), format!("http://app.example{fits}x")] {
        let bad = answer(&door.proxy, signed_in(&door.proxy, &format!("GET {exceeds}"), &[]), "").await;
        assert_refused(&bad, (414, "too_large"), &exceeds);
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_says_it_is_too_long_is_refused_before_the_application_hears_of_it() {
    let door = Door::with(&[TEN, ("COGNITO_AUTH_PUBLIC_PATHS", "/open")]).await;
    for line in ["POST /page", "PUT /open", "GET /page", "DELETE /page"] {
        let head = signed_in(&door.proxy, line, &[("Content-Length", "10")]);
        assert_eq!(answer(&door.proxy, head, "0123456789").await.status, 200, "{line}");
        assert_eq!(door.upstream.next().await.body, b"0123456789", "{line}");
        let head = signed_in(&door.proxy, line, &[("Content-Length", "11")]);
        assert_refused(&answer(&door.proxy, head, "0123456789x").await, (413, "too_large"), line);
        assert!(door.upstream.unasked().is_empty(), "{line}");
    }
    let anonymous = [JSON, ("Content-Length", "11")];
    let open = answer(&door.proxy, request("PUT /open", &anonymous), "0123456789x").await;
    assert_refused(&open, (413, "too_large"), "a public path without a user");
    let closed = answer(&door.proxy, request("PUT /page", &anonymous), "0123456789x").await;
    assert_refused(&closed, (401, "missing_credential"), "who may not come in is told nothing else");
    assert!(door.upstream.unasked().is_empty());
    assert_eq!(door.upstream.connections(), 1, "none was cut: nothing of what was refused had been forwarded");
    assert_eq!((counted(&door.proxy, "body_size").await, counted(&door.proxy, "body_idle").await), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_a_page_for_content_that_is_too_long() {
    let door = Door::with(&[TEN]).await;
    let tokens = door.proxy.tokens();
    let fields = [("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html"), ("Content-Length", "11")];
    let page = answer(&door.proxy, request("POST /page", &with(&tokens.fields(), &fields)), "0123456789x").await;
    assert_eq!((page.status, page.field("content-type")), (413, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<code>too_large</code>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn content_without_a_length_is_counted_while_it_comes() {
    let door = Door::with(&[TEN, ("COGNITO_AUTH_PUBLIC_PATHS", "/open")]).await;
    for line in ["POST /page", "POST /open"] {
        for pieces in [&["0123456789"][..], &["01234", "56789"], &["0", "123456789"]] {
            let head = signed_in(&door.proxy, line, &[CHUNKED]);
            assert_eq!(answer(&door.proxy, head, &chunks(pieces)).await.status, 200, "{line} {pieces:?}");
            assert_eq!(door.upstream.next().await.body, b"0123456789", "{line} {pieces:?}");
        }
        for pieces in [&["0123456789x"][..], &["0123456789", "x"], &["01234", "56789x"], &["x"; 11]] {
            let head = signed_in(&door.proxy, line, &[CHUNKED]);
            let refused = answer(&door.proxy, head, &chunks(pieces)).await;
            assert_refused(&refused, (413, "too_large"), &format!("{line} {pieces:?}"));
            assert!(door.upstream.unasked().is_empty(), "nothing whole arrived: {line} {pieces:?}");
        }
    }
    assert_eq!(counted(&door.proxy, "body_size").await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_over_http_2() {
    let door = Door::with(&[TEN]).await;
    let mut client = H2::connect(door.proxy.address).await;
    let tokens = door.proxy.tokens();
    let fields = with(&tokens.fields(), &[JSON]);
    for length in [&[][..], &[("Content-Length", "10")]] {
        let fields = with(&fields, length);
        let good = client.send_with("POST /page", &fields, Content::of(&["01234", "56789"])).await;
        assert_eq!((good.status, good.text().as_str()), (200, "hello"), "{length:?}");
        assert_eq!(door.upstream.next().await.body, b"0123456789");
    }
    for length in [&[][..], &[("Content-Length", "11")]] {
        let fields = with(&fields, length);
        let bad = client.send_with("POST /page", &fields, Content::of(&["01234", "56789x"])).await;
        assert_refused(&bad, (413, "too_large"), &format!("{length:?}"));
        assert!(door.upstream.unasked().is_empty(), "nothing whole arrived: {length:?}");
    }
    assert_eq!(client.send_with("GET /page", &fields, Content::default()).await.status, 200, "the connection goes on");
    assert_eq!(counted(&door.proxy, "body_size").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_cut_is_broken_for_the_application_and_its_connection_not_used_again() {
    let (application, proxy) = start(&[TEN]).await;
    let (mut client, mut app) = begun(&application, &proxy, "POST /up", &[CHUNKED]).await;
    client.send_chunk("01234").await;
    assert_eq!(app.chunk().await.unwrap(), b"01234");
    // Behind the limit is what would be a request, if anybody took the content to end there.
    let smuggled = signed_in(&proxy, "GET /smuggled", &[]);
    client.send(chunks(&["56789", &smuggled])).await;
    assert_eq!(app.chunk().await.unwrap(), b"56789");
    assert!(app.closes().await, "and no end of the content before");
    assert_refused(&client.answer().await, (413, "too_large"), "chunked");
    // The client's own connection goes on behind the content.
    client.send(signed_in(&proxy, "GET /next", &[])).await;
    let mut fresh = application.accept().await;
    assert_eq!(fresh.request().await.line, "GET /next HTTP/1.1");
    fresh.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    assert!(application.is_left_alone().await);
    assert_eq!(counted(&proxy, "body_size").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_its_length_is_no_request() {
    let door = Door::with(&[TEN]).await;
    let smuggled = signed_in(&door.proxy, "GET /smuggled", &[]);
    let head = signed_in(&door.proxy, "POST /page", &[("Content-Length", &smuggled.len().to_string())]);
    let mut client = Wire::connect(door.proxy.address).await;
    client.send(head + &smuggled + &signed_in(&door.proxy, "GET /.auth/nothing", &[])).await;
    assert_refused(&client.answer().await, (413, "too_large"), "by its length");
    assert_refused(&client.answer().await, (404, "not_found"), "the next request is the next");
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_too_long_is_not_even_asked_for() {
    let (application, proxy) = start(&[TEN]).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(signed_in(&proxy, "PUT /up", &[EXPECT, ("Content-Length", "11")])).await;
    assert_refused(&client.answer().await, (413, "too_large"), "the first answer, without 100 before it");
    assert!(client.closes().await);
    assert!(application.is_left_alone().await);
    // What fits is, and what has no length is until it is too long.
    let (mut client, mut app) = begun(&application, &proxy, "PUT /up", &[EXPECT, ("Content-Length", "10")]).await;
    assert!(client.head_text().await.starts_with("HTTP/1.1 100 "));
    client.send("0123456789").await;
    assert_eq!(app.exactly(10).await, b"0123456789");
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    let mut client = Wire::connect(proxy.address).await;
    client.send(signed_in(&proxy, "PUT /up", &[EXPECT, CHUNKED])).await;
    assert!(client.head_text().await.starts_with("HTTP/1.1 100 "));
    client.send(chunks(&["0123456789x"])).await;
    assert_refused(&client.answer().await, (413, "too_large"), "counted");
    assert_eq!(counted(&proxy, "body_size").await, 2);
}

/// Asserts that `path` takes `most` bytes and no more, with a length and without.
async fn assert_takes(door: &Door, path: &str, most: usize) {
    let line = format!("POST {path}");
    for (length, status) in [(most, 200), (most + 1, 413)] {
        let content = "x".repeat(length);
        let by_length = signed_in(&door.proxy, &line, &[("Content-Length", &length.to_string())]);
        let by_chunk = signed_in(&door.proxy, &line, &[CHUNKED]);
        for (head, content) in [(by_length, content.clone()), (by_chunk, chunks(&[&content]))] {
            let answer = answer(&door.proxy, head, &content).await;
            assert_eq!(answer.status, status, "{length} bytes to {path}");
            if status == 413 {
                assert_eq!(answer.code(), "too_large", "{path}");
            } else {
                assert_eq!(door.upstream.next().await.line, format!("{line} HTTP/1.1"), "as it was sent");
            }
        }
    }
    assert!(door.upstream.unasked().is_empty(), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_presets_know_where_their_uploads_go() {
    let gradio = Door::with(&[TEN, TWENTY, ("COGNITO_AUTH_UPSTREAM_PRESET", "gradio")]).await;
    for path in ["/gradio_api/upload", "/gradio_api/upload?upload_id=1", "/upload", "/upload/a%20b"] {
        assert_takes(&gradio, path, 20).await;
    }
    for path in ["/gradio_api/queue/join", "/gradio_api/uploads", "/_stcore/upload_file/a/b", "/page?x=/upload"] {
        assert_takes(&gradio, path, 10).await;
    }
    let streamlit = Door::with(&[TEN, TWENTY, ("COGNITO_AUTH_UPSTREAM_PRESET", "streamlit")]).await;
    assert_takes(&streamlit, "/_stcore/upload_file/session/file", 20).await;
    assert_takes(&streamlit, "/upload", 10).await;
    let own = Door::with(&[TEN, TWENTY, ("COGNITO_AUTH_UPLOAD_PATHS", "/api/files")]).await;
    assert_takes(&own, "/api/files/new", 20).await;
    assert_takes(&own, "/upload", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_an_upload_path_gets_the_smaller_limit() {
    const UNCLEAR: [&str; 7] = [
        "/gradio_api/%75pload",
        "/gradio_api//upload",
        "/gradio_api/./upload",
        "/x/../gradio_api/upload",
        "/gradio_api/upload;x=y",
        "/gradio_api%2fupload",
        "/gradio_api/upload/../run/predict",
    ];
    let preset = ("COGNITO_AUTH_UPSTREAM_PRESET", "gradio");
    let door = Door::with(&[TEN, TWENTY, preset]).await;
    for path in UNCLEAR {
        assert_takes(&door, path, 10).await;
    }
    // And where uploads are to be smaller than the rest, no spelling of them gets more.
    let swapped = [("COGNITO_AUTH_MAX_UPLOAD_SIZE", "10B"), ("COGNITO_AUTH_MAX_BODY_SIZE", "20B"), preset];
    let door = Door::with(&swapped).await;
    for path in UNCLEAR {
        assert_takes(&door, path, 10).await;
    }
    assert_takes(&door, "/page", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_before_content_was_too_long_is_the_answer() {
    let (application, proxy) = start(&[TEN]).await;
    let (mut client, mut app) = begun(&application, &proxy, "POST /up", &[CHUNKED]).await;
    app.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\n").await;
    assert_eq!(client.head().await.status, 413);
    client.send_chunk("0123456789x").await;
    pass(&proxy, Duration::from_millis(500)).await;
    app.send("too large").await;
    assert_eq!(client.exactly(9).await, b"too large");
    assert!(app.closes().await, "nothing of what was too long, and no end of the content");
    assert_eq!(counted(&proxy, "body_size").await, 1);
    assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_setting_content_has_no_limit() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let content = "x".repeat(3_000_000);
    for (field, content) in [(("Content-Length", "3000000"), content.clone()), (CHUNKED, chunks(&[&content]))] {
        assert_eq!(answer(&proxy, signed_in(&proxy, "POST /up", &[field]), &content).await.status, 200, "{field:?}");
        assert_eq!(upstream.next().await.body.len(), 3_000_000);
    }
}
