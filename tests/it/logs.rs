//! One line a request in the log of a whole process, and in all its output nothing that would let anybody in.

use cognito_auth_proxy::dev::{Tokens, User};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{
    application::Application,
    client::{Wire, request},
    process::{Ended, Serving},
    proxy::{Setup, staff},
    soon,
    upstream::Upstream,
    websocket::{Socket, handshake},
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");
const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const SUBJECT: &str = "0f1e2d3c-0000-4000-8000-00000000000a";

async fn start(upstream: &Upstream) -> Serving {
    Setup::new(upstream).await.start_process().await
}

/// A process in front of an application that the test plays, both ends of a signed-in request.
async fn in_flight(line: &str) -> (Application, Serving, Wire, Wire) {
    let application = Application::listen().await;
    let serving = Setup::in_front_of(&application.url()).await.start_process().await;
    let mut client = Wire::connect(serving.address).await;
    client.send(serving.signed_in(line)).await;
    let mut app = application.accept().await;
    app.request().await;
    (application, serving, client, app)
}

/// The access lines of a whole run.
fn access_lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines.filter(|line| line["target"] == "cognito_auth_proxy::access").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_request_has_one_line_that_tells_who_what_why_and_how_long() {
    let upstream = Upstream::start().await;
    let mut serving = start(&upstream).await;
    let mut wire = Wire::connect(serving.address).await;
    wire.send(serving.signed_in("PUT /a%20b/c?token=query-secret")).await;
    let answer = wire.answer().await;
    let line = serving.access_line().await;
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["request_id"].as_str(), answer.field("x-request-id"));
    assert_eq!(line["request_id"].as_str(), upstream.next().await.field("x-request-id"), "one name in every log");
    assert_eq!((&line["method"], &line["path"]), (&"PUT".into(), &"/a%20b/c".into()));
    assert_eq!((line["status"].as_u64(), line["bytes_out"].as_u64()), (Some(200), Some(5)));
    assert_eq!((&line["decision"], &line["end"]), (&"allow".into(), &"complete".into()));
    assert_eq!((&line["subject"], &line["email"]), (&SUBJECT.into(), &Value::Null));
    assert_eq!(line["granted_by"], "group:staff");
    assert_eq!((&line["reason"], &line["client"]), (&Value::Null, &"127.0.0.1".into()));
    assert!(line["head_ms"].as_f64().unwrap() <= line["duration_ms"].as_f64().unwrap(), "{line}");
    assert_eq!(access_lines(&serving.terminated().await).len(), 1);
}

/// Request line and fields; status, decision, reason and subject.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16, &'a str, Value, Value);

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_request_has_its_line_with_decision_reason_and_status() {
    let upstream = Upstream::start().await;
    let mut serving = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start_process().await;
    let stranger = User::new("some-stranger", "eve@example.com").in_groups(&["guests"]);
    let stranger = serving.issuer.tokens(&stranger);
    let tokens = serving.issuer.tokens(&staff());
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        tokens.fields().into_iter().chain(more.iter().copied()).collect()
    };
    let cases: [Case<'_>; 7] = [
        ("GET /", vec![SCRIPT], 401, "deny", "missing_credential".into(), Value::Null),
        (
            "GET /",
            stranger.fields().into_iter().chain([SCRIPT]).collect(),
            403,
            "deny",
            "not_allowed".into(),
            "some-stranger".into(),
        ),
        (
            "POST /",
            with(&[("Origin", "https://evil.example"), SCRIPT]),
            403,
            "deny",
            "cross_site".into(),
            SUBJECT.into(),
        ),
        ("GET /open", vec![], 200, "public", Value::Null, Value::Null),
        ("GET /.auth/health", vec![], 200, "own", Value::Null, Value::Null),
        ("GET /.auth/me", with(&[]), 200, "own", Value::Null, SUBJECT.into()),
        ("GET /.auth/none", vec![SCRIPT], 404, "deny", "not_found".into(), Value::Null),
    ];
    let number = cases.len();
    for (line, fields, status, decision, reason, subject) in cases {
        let answer = serving.send(line, &fields).await;
        assert_eq!(answer.status, status, "{line}");
        let logged = serving.access_line().await;
        assert_eq!(logged["status"], status, "{line}");
        assert_eq!((&logged["decision"], &logged["reason"]), (&decision.into(), &reason), "{line}");
        assert_eq!(logged["subject"], subject, "{line}");
        assert_eq!(logged["request_id"].as_str(), answer.field("x-request-id"), "{line}");
        assert_eq!(logged["end"], "complete", "{line}");
    }
    assert_eq!(access_lines(&serving.terminated().await).len(), number);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_application_is_logged_with_its_cause() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut serving = Setup::in_front_of(&format!("http://{free}")).await.start_process().await;
    let mut wire = Wire::connect(serving.address).await;
    wire.send(serving.signed_in("GET /")).await;
    assert_eq!(wire.answer().await.status, 502);
    let line = serving.access_line().await;
    assert_eq!((&line["reason"], &line["status"]), (&"upstream_unreachable".into(), &502.into()));
    // The user was admitted: what failed after that decides nothing about them.
    assert_eq!((&line["decision"], &line["granted_by"]), (&"allow".into(), &"group:staff".into()));
    let ended = serving.terminated().await;
    assert!(ended.stdout.contains("Connection refused"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_the_client_left_is_logged_as_aborted_with_what_was_sent() {
    let (_application, mut serving, mut client, mut app) = in_flight("GET /events").await;
    app.send(EVENTS).await;
    app.send_chunk("12345").await;
    client.head().await;
    client.chunk().await.unwrap();
    drop(client);
    let line = serving.access_line().await;
    assert_eq!((&line["end"], &line["status"], &line["bytes_out"]), (&"aborted".into(), &200.into(), &5.into()));
    assert_eq!((&line["decision"], &line["subject"]), (&"allow".into(), &SUBJECT.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_the_client_left_before_its_answer_is_logged_as_aborted_without_a_status() {
    let (_application, mut serving, client, mut app) = in_flight("GET /slow").await;
    drop(client);
    assert!(app.closes().await);
    let line = serving.access_line().await;
    assert_eq!((&line["end"], &line["status"], &line["head_ms"]), (&"aborted".into(), &Value::Null, &Value::Null));
    assert_eq!((&line["path"], &line["decision"]), (&"/slow".into(), &"allow".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_the_application_broke_off_is_logged_as_its_failure() {
    let (_application, mut serving, mut client, mut app) = in_flight("GET /file").await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await;
    client.head().await;
    client.exactly(5).await;
    drop(app);
    assert!(client.closes().await);
    let line = serving.access_line().await;
    assert_eq!((&line["end"], &line["bytes_out"]), (&"upstream_failed".into(), &5.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_has_a_line_for_its_handshake_and_one_for_its_end() {
    let application = Application::listen().await;
    let mut serving = Setup::in_front_of(&application.url()).await.start_process().await;
    let mut client = Wire::connect(serving.address).await;
    client.send(handshake("/ws?token=query-secret", &serving.issuer.tokens(&staff()).fields())).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let mut app = Socket::server(app, &seen, &[]).await;
    let answer = client.head().await;
    assert_eq!(answer.status, 101);
    let line = serving.access_line().await;
    assert_eq!((&line["status"], &line["path"], &line["end"]), (&101.into(), &"/ws".into(), &"complete".into()));
    let mut client = Socket::client(client).await;
    client.send("not for the log").await;
    app.next().await;
    drop((client, app));
    let closed = serving.process.event("tunnel closed").await;
    assert_eq!(closed["request_id"].as_str(), answer.field("x-request-id"));
    // A masked frame of 15 bytes.
    assert_eq!(closed["bytes_in"], 6 + 15);
    assert!(!serving.terminated().await.stdout.contains("not for the log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_access_lines_refusals_are_still_logged() {
    let upstream = Upstream::start().await;
    let serving = Setup::new(&upstream).await.set("COGNITO_AUTH_LOG_ACCESS", "false").start_process().await;
    assert_eq!(serving.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(serving.send("GET /refused", &[SCRIPT]).await.status, 401);
    let mut wire = Wire::connect(serving.address).await;
    wire.send(serving.signed_in("GET /allowed")).await;
    assert_eq!(wire.answer().await.status, 200);
    let lines = access_lines(&serving.terminated().await);
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn e_mail_addresses_are_logged_only_where_that_is_switched_on() {
    for (switch, expected) in [("false", Value::Null), ("true", "ann@example.com".into())] {
        let upstream = Upstream::start().await;
        let mut serving = Setup::new(&upstream)
            .await
            .set("COGNITO_AUTH_LOG_EMAILS", switch)
            // Admitted by the address: the name of the rule must not tell it either.
            .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
            .set("COGNITO_AUTH_ALLOWED_USERS", "ann@example.com")
            .start_process()
            .await;
        let mut wire = Wire::connect(serving.address).await;
        wire.send(serving.signed_in("GET /")).await;
        assert_eq!(wire.answer().await.status, 200);
        let line = serving.access_line().await;
        assert_eq!((&line["email"], &line["granted_by"]), (&expected, &"user".into()));
        let ended = serving.terminated().await;
        assert_eq!(ended.stdout.contains("ann@example.com"), switch == "true");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_is_one_line_whatever_the_client_writes() {
    let upstream = Upstream::start().await;
    let mut serving = start(&upstream).await;
    let long = "x".repeat(10_000);
    let path = format!("/%0a%0d\"{{}}\\u000a%22/{long}");
    let answer = serving.send(&format!("GET {path}"), &[SCRIPT, ("X-Request-Id", "mine\" :")]).await;
    assert_eq!(answer.status, 401);
    let line = serving.access_line().await;
    assert_eq!(line["path"].as_str(), path.get(..512));
    assert_eq!(line["request_id"].as_str(), answer.field("x-request-id"));
    assert_ne!(line["request_id"], "mine\" :");
}

/// One `GET /p` by HTTP/2, whose library has a log of its own.
async fn over_http2(serving: &Serving, fields: &[(&str, &str)]) -> u16 {
    let stream = TcpStream::connect(serving.address).await.unwrap();
    let (mut client, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut request = http::Request::get("http://app.example/p?q=query-secret");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = client.send_request(request.body(String::new()).unwrap());
    tokio::select! {
        answer = soon("an answer", answer) => answer.unwrap().status().as_u16(),
        ended = driver => panic!("ended before an answer: {ended:?}"),
    }
}

/// Asserts that a token is not in the output, and neither is any part of it.
fn assert_unsaid(output: &str, whose: &str, token: &str) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{whose} is a token");
    for part in parts {
        let stretch = part.get(..part.len().min(40)).unwrap();
        assert!(stretch.len() > 15 && !output.contains(stretch), "a part of {whose} is in the output");
    }
}

const SECRET_KEY: &str = "hunter2hunter2hunter2hunter2hunter2hunter2";

/// What requests carry beside tokens.
const CARRIED: [(&str, &str); 4] = [
    ("Cookie", "AWSELBAuthSessionCookie-0=session-cookie-secret; app=client-cookie-secret"),
    ("Authorization", "Bearer authorization-secret"),
    ("X-Auth-User", "forged-assertion-secret"),
    ("X-Forwarded-For", "203.0.113.9"),
];

/// What of [`CARRIED`], of targets, answers, keys and users must not be told.
const UNSAID: [&str; 10] = [
    "hunter2",
    "query-secret",
    "session-cookie-secret",
    "client-cookie-secret",
    "application-cookie-secret",
    "authorization-secret",
    "forged-assertion-secret",
    "ann@example.com",
    "eve@example.com",
    "answer-secret",
];

/// Good, expired, foreign, bent and malformed tokens, each with everything a request may carry. All tokens of it.
async fn converse(serving: &Serving) -> Vec<(&'static str, Tokens)> {
    let good = serving.issuer.tokens(&staff());
    let expired = serving.issuer.tokens_at(&staff(), 1_500_000_000);
    let stranger = serving.issuer.tokens(&User::new("some-stranger", "eve@example.com"));
    let mut bent = good.clone();
    bent.data.replace_range(bent.data.len() - 8.., "AAAAAAAA");
    let mut malformed = good.clone();
    malformed.data = ["bm90LWpzb24tc2VjcmV0LTE"; 3].join(".");
    let all = [("good", good), ("expired", expired), ("stranger", stranger), ("bent", bent), ("malformed", malformed)];
    let mut statuses = Vec::new();
    for (_, tokens) in &all {
        for (line, accept) in [("GET /p?q=query-secret", "application/json"), ("POST /p?q=query-secret", "text/html")] {
            let fields = [&tokens.fields()[..], &CARRIED, &[("Accept", accept)]].concat();
            statuses.push(serving.send(line, &fields).await.status);
        }
        statuses.push(over_http2(serving, &[&tokens.fields()[..], &CARRIED].concat()).await);
    }
    // 302: a page with an expired token is sent to sign in again.
    assert_eq!(statuses, [200, 200, 200, 401, 401, 302, 403, 403, 403, 401, 401, 401, 401, 401, 401]);
    let (_, good) = &all[0];
    assert!(serving.send("GET /.auth/me", &good.fields()).await.text().contains("ann@example.com"));
    let mut wire = Wire::connect(serving.address).await;
    wire.send(request("GET /p?q=query-secret HTTP/9", &CARRIED)).await;
    assert_eq!(wire.head().await.status, 400);
    all.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_would_let_anybody_in_is_in_any_output_at_any_level() {
    for level in ["info", "trace"] {
        let upstream = Upstream::answering(|_| {
            b"HTTP/1.1 200 OK\r\nset-cookie: app=application-cookie-secret\r\ncontent-length: 13\r\n\r\nanswer-secret"
                .to_vec()
        })
        .await;
        let serving = Setup::new(&upstream)
            .await
            .set("COGNITO_AUTH_LOG_LEVEL", level)
            .set("COGNITO_AUTH_ASSERTION_ALGORITHM", "HS256")
            .set("COGNITO_AUTH_SIGNING_KEY", SECRET_KEY)
            .start_process()
            .await;
        let tokens = converse(&serving).await;
        let ended = serving.terminated().await;
        let output = ended.stdout + &ended.stderr;
        for code in ["bad_signature", "token_expired", "not_allowed", "malformed_token", "\"allow\""] {
            assert!(output.contains(code), "{code} was logged at {level}");
        }
        for (whose, Tokens { data, access_token, .. }) in &tokens {
            assert_unsaid(&output, &format!("the {whose} ALB token at {level}"), data);
            assert_unsaid(&output, &format!("the {whose} access token at {level}"), access_token);
        }
        for seen in upstream.unasked() {
            assert_unsaid(&output, &format!("the assertion at {level}"), seen.field("x-auth-user").unwrap());
        }
        for said in UNSAID {
            assert!(!output.contains(said), "{said} is in the output at {level}");
        }
    }
}
