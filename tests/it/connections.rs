//! Connections to the application are used again, no answer ever meets another user, and nothing that may have been
//! acted upon is sent twice.

use cognito_auth_proxy::dev::User;
use futures_util::future::join_all;

use crate::support::{
    application::Application,
    client::{Answer, Wire, request},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn start() -> (Application, Proxy) {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.start().await;
    (application, proxy)
}

async fn asking(proxy: &Proxy, line: &str, body: &str) -> Wire {
    let tokens = proxy.tokens();
    let length = body.len().to_string();
    let mut fields = vec![SCRIPT];
    fields.extend(tokens.fields());
    if !body.is_empty() {
        fields.push(("Content-Length", &length));
    }
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request(line, &fields) + body).await;
    wire
}

/// Serves one request, so that the proxy holds an idle connection: the application's end of it.
async fn idle_connection(application: &Application, proxy: &Proxy) -> Wire {
    let mut client = asking(proxy, "GET /first", "").await;
    let mut app = application.accept().await;
    app.request().await;
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_not_asked_for_again() {
    let (application, proxy) = start().await;
    let mut app = idle_connection(&application, &proxy).await;
    let mut client = asking(&proxy, "GET /second", "").await;
    app.request().await;
    app.send("SMTP is what I speak\r\n\r\n").await;
    assert_eq!(client.answer().await.code(), "upstream_unreachable");
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_one_after_the_other_share_a_connection_to_the_application() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    for line in ["GET /1", "PUT /2", "POST /3", "OPTIONS /4", "GET /5"] {
        assert_eq!(proxy.send_signed_in(line, &[("Content-Length", "0")]).await.status, 200, "{line}");
        upstream.next().await;
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_application_asks_to_close_is_not_used_again() {
    let upstream = Upstream::answering(|_| OK.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").into_bytes()).await;
    let proxy = Proxy::start(&upstream).await;
    for _ in 0..3 {
        assert_eq!(proxy.send_signed_in("POST /", &[]).await.text(), "ok");
    }
    assert_eq!((upstream.connections(), upstream.unasked().len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_while_idle_is_not_used_for_anything() {
    let (application, proxy) = start().await;
    for line in ["GET /next", "POST /next"] {
        let mut app = idle_connection(&application, &proxy).await;
        app.finish().await;
        assert!(app.closes().await, "the proxy saw it");
        let mut client = asking(&proxy, line, "").await;
        let mut second = application.accept().await;
        assert_eq!(second.request().await.line, format!("{line} HTTP/1.1"));
        second.send(OK.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")).await;
        assert_eq!(client.answer().await.text(), "ok");
        assert!(application.is_left_alone().await, "{line} was sent once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_idle_for_too_long_is_not_used() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_UPSTREAM_POOL_IDLE_TIMEOUT", "1ms").start().await;
    let mut first = idle_connection(&application, &proxy).await;
    // The clock is the point here: more than a millisecond goes by before the next request.
    let since = std::time::Instant::now();
    while since.elapsed() < std::time::Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    let mut client = asking(&proxy, "POST /next", "").await;
    let mut second = application.accept().await;
    assert_eq!(second.request().await.line, "POST /next HTTP/1.1");
    second.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    assert!(first.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_whose_idle_connection_dies_is_repeated_once_on_a_new_one() {
    for method in ["GET", "OPTIONS"] {
        let (application, proxy) = start().await;
        let mut first = idle_connection(&application, &proxy).await;
        let mut client = asking(&proxy, &format!("{method} /again?q=1"), "").await;
        let once = first.request().await;
        drop(first);
        let mut second = application.accept().await;
        let twice = second.request().await;
        assert_eq!((&twice.line, &twice.fields), (&once.line, &once.fields), "the same request, the same id");
        second.send(OK).await;
        assert_eq!(client.answer().await.text(), "ok");
        assert!(application.is_left_alone().await, "{method} was sent twice, not more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_never_a_second_repetition() {
    let (application, proxy) = start().await;
    let mut first = idle_connection(&application, &proxy).await;
    let mut client = asking(&proxy, "GET /again", "").await;
    first.request().await;
    drop(first);
    let mut second = application.accept().await;
    second.request().await;
    drop(second);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_application_is_not_asked_twice() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "500ms").start().await;
    let mut first = idle_connection(&application, &proxy).await;
    let mut client = asking(&proxy, "GET /slow", "").await;
    first.request().await;
    assert_eq!(client.answer().await.code(), "upstream_timeout");
    assert!(first.closes().await);
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_when_more_idle_connections_are_there() {
    let (application, proxy) = start().await;
    // Three at once, so three connections.
    let mut idle = Vec::new();
    for _ in 0..3 {
        let client = asking(&proxy, "GET /first", "").await;
        let mut app = application.accept().await;
        app.request().await;
        idle.push((client, app));
    }
    for (client, app) in &mut idle {
        app.send(OK).await;
        assert_eq!(client.answer().await.text(), "ok");
    }
    let mut apps: Vec<Wire> = idle.into_iter().map(|(_, app)| app).collect();
    let mut client = asking(&proxy, "GET /again", "").await;
    // The one used last is the one used next.
    let mut latest = apps.pop().unwrap();
    latest.request().await;
    drop(latest);
    let mut fresh = application.accept().await;
    fresh.request().await;
    drop(fresh);
    assert_eq!(client.answer().await.code(), "upstream_unreachable");
    assert!(application.is_left_alone().await);
    assert!(apps.iter_mut().all(Wire::has_nothing_more), "the other idle connections saw nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_acted_upon_is_not_sent_again() {
    for (line, body) in [
        ("POST /order", "one book"),
        ("POST /order", ""),
        ("PUT /order/1", "one book"),
        ("PATCH /order/1", "two books"),
        ("DELETE /order/1", ""),
        ("GET /search", "a body, so not a plain GET"),
    ] {
        let (application, proxy) = start().await;
        let mut app = idle_connection(&application, &proxy).await;
        let mut client = asking(&proxy, line, body).await;
        assert_eq!(app.request().await.line, format!("{line} HTTP/1.1"));
        assert_eq!(app.exactly(body.len()).await, body.as_bytes());
        drop(app);
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{line}");
        assert!(application.is_left_alone().await, "{line} was sent once");
    }
}

/// An answer that names its user, of a length that differs from user to user.
fn named_answer(seen: &crate::support::upstream::Seen) -> Vec<u8> {
    let subject = seen.claims()["sub"].as_str().unwrap().to_owned();
    let path = seen.line.split(' ').nth(1).unwrap().to_owned();
    let body = format!("{subject} {path} {}", subject.repeat(subject.len() % 7));
    if path.ends_with('1') {
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    } else {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
    .into_bytes()
}

fn assert_own(answer: &Answer, subject: &str, path: &str) {
    let expected = format!("{subject} {path} {}", subject.repeat(subject.len() % 7));
    assert_eq!((answer.status, answer.text()), (200, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_never_cross_users() {
    let upstream = Upstream::answering(named_answer).await;
    let proxy = Proxy::start(&upstream).await;
    let users = (0..200).map(async |number: usize| {
        let subject = format!("user-{number}-{}", "x".repeat(number % 5));
        let tokens = proxy.issuer.tokens(&User::new(&subject, "u@example.com").in_groups(&["staff"]));
        let mut wire = Wire::connect(proxy.address).await;
        for turn in 0..10 {
            let path = format!("/{number}/{turn}");
            wire.send(request(&format!("GET {path}"), &tokens.fields())).await;
            if turn % 4 == number % 4 {
                // Leaves in the middle of the exchange; what was on its way must not meet anybody else.
                wire = Wire::connect(proxy.address).await;
                continue;
            }
            assert_own(&wire.answer().await, &subject, &path);
        }
    });
    join_all(users).await;
    assert!(upstream.connections() < 2000, "connections were shared");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let upstream = Upstream::answering(named_answer).await;
    let proxy = Proxy::start(&upstream).await;
    let mut text = String::new();
    for number in 0..20 {
        let user = User::new(&format!("user-{number}"), "u@example.com").in_groups(&["staff"]);
        text += &request(&format!("GET /{number}"), &proxy.issuer.tokens(&user).fields());
    }
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(text).await;
    for number in 0..20 {
        assert_own(&wire.answer().await, &format!("user-{number}"), &format!("/{number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_an_answer_do_not_become_the_next_users_answer() {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let (application, proxy) = start().await;
    let mut client = asking(&proxy, "GET /first", "").await;
    let mut app = application.accept().await;
    app.request().await;
    app.send([OK, forged].concat()).await;
    assert_eq!(client.answer().await.text(), "ok");
    let mut other = asking(&proxy, "GET /second", "").await;
    let mut second = application.accept().await;
    second.request().await;
    second.send(OK).await;
    assert_eq!(other.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_an_answer_takes_the_connection_with_it() {
    let (application, proxy) = start().await;
    let mut client = asking(&proxy, "GET /first", "").await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nof Ann").await;
    client.head().await;
    client.exactly(6).await;
    drop(client);
    assert!(app.closes().await);
    let mut other = asking(&proxy, "GET /second", "").await;
    let mut second = application.accept().await;
    assert_eq!(second.request().await.line, "GET /second HTTP/1.1");
    second.send(OK).await;
    assert_eq!(other.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_of_the_client_is_closed_after_its_time() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "100ms").start().await;
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /", &proxy.tokens().fields())).await;
    assert_eq!(wire.answer().await.text(), "hello");
    assert!(wire.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_head_that_does_not_come_to_its_end_is_given_up() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "100ms").start().await;
    let mut wire = Wire::connect(proxy.address).await;
    wire.send("GET / HTTP/1.1\r\nHost: app.example\r\nX-Slow: ").await;
    assert!(wire.closes().await);
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_says_which_protocol_it_speaks_is_closed() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "100ms").start().await;
    // HTTP/2 begins with `PRI * HTTP/2.0`, so `P` could still be both.
    for said in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(said).await;
        assert!(wire.closes().await, "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_an_idle_connection_does_not_run_during_a_request() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "100ms").start().await;
    let mut idle = Wire::connect(proxy.address).await;
    idle.send(request("GET /.auth/health", &[])).await;
    let mut busy = asking(&proxy, "GET /slow", "").await;
    let mut app = application.accept().await;
    app.request().await;
    idle.answer().await;
    // An idle connection that is younger than the busy one runs into its time; the busy one does not.
    assert!(idle.closes().await);
    app.send(OK).await;
    assert_eq!(busy.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_the_client_serves_many_requests() {
    let upstream = Upstream::answering(named_answer).await;
    let proxy = Proxy::start(&upstream).await;
    let mut wire = Wire::connect(proxy.address).await;
    for turn in 0..50 {
        // Users change on one connection: a load balancer shares them.
        let subject = format!("user-{}", turn % 3);
        let tokens = proxy.issuer.tokens(&User::new(&subject, "u@example.com").in_groups(&["staff"]));
        wire.send(request(&format!("GET /{turn}"), &tokens.fields())).await;
        assert_own(&wire.answer().await, &subject, &format!("/{turn}"));
    }
    wire.send(request("GET /", &[SCRIPT])).await;
    assert_eq!(wire.answer().await.code(), "missing_credential", "nobody inherits an identity from the connection");
}
