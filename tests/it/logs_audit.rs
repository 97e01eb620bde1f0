//! Decisions in the log when they are made, and what changes who may come in.

use serde_json::Value;

use crate::support::{
    application::Application,
    client::Wire,
    eventually,
    process::{Ended, Process, Serving},
    proxy::{Setup, staff},
    upstream::Upstream,
    websocket::{Socket, handshake},
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");
const SUBJECT: &str = "0f1e2d3c-0000-4000-8000-00000000000a";
const AUDIT: &str = "cognito_auth_proxy::audit";

async fn audited(url: &str) -> Setup {
    Setup::in_front_of(url).await.set("COGNITO_AUTH_LOG_AUDIT", "true")
}

/// The lines of this target.
fn of_target(ended: &Ended, target: &str) -> Vec<Value> {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines.filter(|line| line["target"] == target).collect()
}

/// The next line for audits.
async fn audit_line(process: &mut Process, message: &str) -> Value {
    let line = process.event(message).await;
    assert_eq!(line["target"], AUDIT);
    line
}

async fn in_front_of(upstream: &Upstream) -> Setup {
    audited(&format!("http://{}", upstream.address)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_in_the_log_while_its_request_goes_on() {
    let application = Application::listen().await;
    let mut serving = audited(&application.url()).await.start_process().await;
    let mut client = Wire::connect(serving.address).await;
    client.send(serving.signed_in("GET /events?token=query-secret")).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    // Nothing of an answer is there yet.
    let line = audit_line(&mut serving.process, "decision").await;
    assert_eq!(line["request_id"].as_str(), seen.field("x-request-id"));
    assert_eq!((&line["decision"], &line["granted_by"]), (&"allow".into(), &"group:staff".into()));
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/events".into()));
    assert_eq!((&line["subject"], &line["client"]), (&SUBJECT.into(), &"127.0.0.1".into()));
    assert_eq!((&line["email"], &line["reason"]), (&Value::Null, &Value::Null));
    drop((client, app));
    let ended = serving.access_line().await;
    assert_eq!((&ended["request_id"], &ended["end"]), (&line["request_id"], &"aborted".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_has_one_line_with_its_reason_and_what_is_ours_has_none() {
    let upstream = Upstream::start().await;
    let serving = in_front_of(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start_process().await;
    let tokens = serving.issuer.tokens(&staff());
    let foreign = [&tokens.fields()[..], &[("Origin", "https://evil.example"), SCRIPT]].concat();
    assert_eq!(serving.send("GET /nobody", &[SCRIPT]).await.status, 401);
    assert_eq!(serving.send("POST /foreign", &foreign).await.status, 403);
    assert_eq!(serving.send("GET /open", &[]).await.status, 200);
    assert_eq!(serving.send("GET /allowed", &tokens.fields()).await.status, 200);
    assert_eq!(serving.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(serving.send("GET /.auth/me", &tokens.fields()).await.status, 200);
    assert_eq!(serving.send("GET /.auth/me", &[SCRIPT]).await.status, 401);
    let ended = serving.terminated().await;
    let found: Vec<String> = of_target(&ended, AUDIT)
        .iter()
        .map(|line| ["path", "decision", "reason"].map(|key| line[key].as_str().unwrap_or("-")).join(" "))
        .collect();
    let expected = [
        "/nobody deny missing_credential",
        "/foreign deny cross_site",
        "/open public -",
        "/allowed allow -",
        "/.auth/me deny missing_credential",
    ];
    assert_eq!(found, expected);
    assert_eq!(of_target(&ended, "cognito_auth_proxy::access").len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_application_is_no_second_decision() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let serving = audited(&format!("http://{free}")).await.start_process().await;
    let tokens = serving.issuer.tokens(&staff());
    assert_eq!(serving.send("GET /", &tokens.fields()).await.status, 502);
    let lines = of_target(&serving.terminated().await, AUDIT);
    assert_eq!(lines.iter().map(|line| &line["decision"]).collect::<Vec<_>>(), ["allow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_told_only_where_that_is_switched_on_and_by_a_filter() {
    for (audit, access, level, decisions, requests) in [
        ("false", "true", "info", 0, 1),
        ("true", "true", "info", 1, 1),
        ("true", "true", "info,cognito_auth_proxy::access=off", 1, 0),
        ("true", "true", "info,cognito_auth_proxy::audit=off", 0, 1),
        ("true", "false", "info", 1, 0),
    ] {
        let upstream = Upstream::start().await;
        let setup = in_front_of(&upstream).await.set("COGNITO_AUTH_LOG_AUDIT", audit);
        let setup = setup.set("COGNITO_AUTH_LOG_ACCESS", access).set("COGNITO_AUTH_LOG_LEVEL", level);
        let serving = setup.start_process().await;
        let tokens = serving.issuer.tokens(&staff());
        assert_eq!(serving.send("GET /", &tokens.fields()).await.status, 200);
        let ended = serving.terminated().await;
        let found = [AUDIT, "cognito_auth_proxy::access"].map(|target| of_target(&ended, target).len());
        assert_eq!(found, [decisions, requests], "{audit} {access} {level}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_names_an_address_only_where_that_is_switched_on() {
    for (switch, expected) in [("false", Value::Null), ("true", "ann@example.com".into())] {
        let upstream = Upstream::start().await;
        let setup = in_front_of(&upstream).await.set("COGNITO_AUTH_LOG_EMAILS", switch);
        let mut serving = setup.start_process().await;
        let tokens = serving.issuer.tokens(&staff());
        assert_eq!(serving.send("GET /", &tokens.fields()).await.status, 200);
        assert_eq!(audit_line(&mut serving.process, "decision").await["email"], expected);
        assert_eq!(serving.terminated().await.stdout.contains("ann@example.com"), switch == "true");
    }
}

/// Whatever the switch says: they are rare, and each is worth its line.
async fn unswitched(upstream: &Upstream) -> Setup {
    in_front_of(upstream).await.set("COGNITO_AUTH_LOG_AUDIT", "false")
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_is_told_with_who_did_it_and_asking_first_is_not() {
    let upstream = Upstream::start().await;
    let mut serving = unswitched(&upstream).await.start_process().await;
    let tokens = serving.issuer.tokens(&staff());
    let from_elsewhere = [&tokens.fields()[..], &[("Sec-Fetch-Site", "cross-site")]].concat();
    assert_eq!(serving.send("GET /.auth/logout", &from_elsewhere).await.status, 200);
    let answer = serving.send("GET /.auth/logout", &tokens.fields()).await;
    let line = audit_line(&mut serving.process, "signed out").await;
    assert_eq!((line["request_id"].as_str(), &line["subject"]), (answer.field("x-request-id"), &SUBJECT.into()));
    assert_eq!(of_target(&serving.terminated().await, AUDIT).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_changes_and_the_streams_it_ends_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, r#"{"allowed_groups": ["staff"]}"#).unwrap();
    let application = Application::listen().await;
    let setup = audited(&application.url()).await.set("COGNITO_AUTH_LOG_AUDIT", "false");
    let setup = setup.set("COGNITO_AUTH_ALLOWED_GROUPS", "").set("COGNITO_AUTH_CONFIG_PATH", file.to_str().unwrap());
    let mut serving: Serving = setup.start_process().await;
    let mut events = Wire::connect(serving.address).await;
    events.send(serving.signed_in("GET /events")).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let events_id = events.head().await.field("x-request-id").unwrap().to_owned();
    let mut socket = Wire::connect(serving.address).await;
    socket.send(handshake("/ws", &serving.issuer.tokens(&staff()).fields())).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let _app = Socket::server(app, &seen, &[]).await;
    let socket_id = socket.head().await.field("x-request-id").unwrap().to_owned();
    std::fs::write(&file, r#"{"allowed_groups": }"#).unwrap();
    let refused = audit_line(&mut serving.process, "policy not taken, the last good policy stays in force").await;
    assert_eq!(refused["level"], "ERROR");
    std::fs::write(&file, r#"{"allowed_groups": ["others"]}"#).unwrap();
    let revoked = async || serving.process.said(&["\"message\":\"stream revoked\""]) == 2;
    eventually("the end of both", revoked).await;
    let ended = serving.terminated().await;
    let audit = of_target(&ended, AUDIT);
    assert_eq!(audit.iter().filter(|line| line["message"] == "policy applied").count(), 1);
    let access = of_target(&ended, "cognito_auth_proxy::access");
    for (kind, id, path) in [("event_stream", events_id, "/events"), ("websocket", socket_id, "/ws")] {
        let is_its = |line: &&Value| line["request_id"] == id.as_str();
        let revoked = audit.iter().find(is_its).expect("a line that can be joined");
        assert_eq!((&revoked["message"], &revoked["level"]), (&"stream revoked".into(), &"INFO".into()));
        assert_eq!((&revoked["subject"], &revoked["kind"]), (&SUBJECT.into(), &kind.into()));
        assert_eq!(access.iter().find(is_its).expect("the line of its request")["path"], path);
    }
}
