//! The keys of a line of a request or a decision, their types and their order are those of docs/logs.md: people's searches
//! stand on them.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{
    application::Application,
    client::{Wire, request},
    process::{Process, Serving},
    proxy::Setup,
    upstream::Upstream,
};

/// One row of the table: key, type, when.
struct Row {
    key: String,
    kind: String,
    when: String,
}

/// The table under this heading.
fn table(heading: &str) -> Vec<Row> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/logs.md")).unwrap();
    let (_, section) = text.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let [key, kind, when, _what] = cells[..] else { panic!("not four cells: {line}") };
        Some(Row { key: key.trim_end_matches('`').to_owned(), kind: kind.to_owned(), when: when.to_owned() })
    });
    rows.collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => panic!("no type of the table: {value}"),
    }
}

/// The keys of a line as they stand in its text: a parsed object has an order of its own.
fn keys(line: &str, value: &Value) -> Vec<String> {
    let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    keys.sort_by_key(|key| line.find(&format!("\"{key}\":")).expect("a key of the line"));
    keys
}

async fn serving(setup: Setup) -> Serving {
    let setup = setup.set("COGNITO_AUTH_LOG_EMAILS", "true").set("COGNITO_AUTH_LOG_AUDIT", "true");
    setup.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start_process().await
}

/// What a load balancer and the hop before it add.
const TRACED: [(&str, &str); 3] = [
    ("Accept", "application/json"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678"),
];

/// The lines of requests of every kind, and of one whose client left before its answer; all with this message.
async fn lines(message: &str) -> Vec<String> {
    let upstream = Upstream::start().await;
    let answered = serving(Setup::new(&upstream).await).await;
    let mut wire = Wire::connect(answered.address).await;
    wire.send(answered.signed_in("GET /allowed")).await;
    assert_eq!(wire.answer().await.status, 200);
    for (line, status) in [("GET /refused", 401), ("GET /open", 200), ("GET /.auth/health", 200)] {
        assert_eq!(answered.send(line, &TRACED).await.status, status);
    }
    let application = Application::listen().await;
    let left = serving(Setup::in_front_of(&application.url()).await).await;
    let mut wire = Wire::connect(left.address).await;
    wire.send(left.signed_in("GET /left")).await;
    let mut app = application.accept().await;
    app.request().await;
    drop(wire);
    assert!(app.closes().await);
    let all = [answered.terminated().await.stdout, left.terminated().await.stdout].concat();
    all.lines().filter(|line| line.contains(&format!("\"message\":\"{message}\""))).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_line_has_the_keys_types_and_order_of_the_documentation() {
    let (table, lines) = (table("The line of a request"), lines("request").await);
    assert_eq!((table.len(), lines.len()), (20, 5));
    assert_documented(&table, &lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_decision_has_the_keys_types_and_order_of_the_documentation() {
    let (table, lines) = (table("The line of a decision"), lines("decision").await);
    assert_eq!((table.len(), lines.len()), (15, 4));
    assert_documented(&table, &lines);
}

fn assert_documented(table: &[Row], lines: &[String]) {
    let mut seen = BTreeSet::new();
    for line in lines {
        let value: Value = serde_json::from_str(line).unwrap();
        let found = keys(line, &value);
        let documented: Vec<&str> =
            table.iter().map(|row| row.key.as_str()).filter(|key| found.iter().any(|it| it == key)).collect();
        assert_eq!(found, documented, "keys and order of {line}");
        for Row { key, kind: expected, when } in table {
            assert!(value.get(key).is_some() || when != "always", "{key} is missing in {line}");
            assert!(value.get(key).is_none_or(|value| kind(value) == expected), "{key} is no {expected} in {line}");
        }
        seen.extend(found);
    }
    assert_eq!(seen.len(), table.len(), "every key of the table was in some line: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_wants_no_access_lines_gets_none_of_them_and_everything_else() {
    // Each lets the line through that says where it listens.
    for (level, expected) in [
        ("warn,cognito_auth_proxy::app=info", 0),
        ("info,cognito_auth_proxy::access=off", 0),
        ("cognito_auth_proxy::app=info", 0),
        ("cognito_auth_proxy::app=info,cognito_auth_proxy::access=info", 1),
        ("cognito_auth_proxy=info", 1),
    ] {
        let upstream = Upstream::start().await;
        let serving = Setup::new(&upstream).await.set("COGNITO_AUTH_LOG_LEVEL", level).start_process().await;
        assert_eq!(serving.send("GET /", &[("Accept", "application/json")]).await.status, 401);
        let log = serving.terminated().await.stdout;
        let access = log.lines().filter(|line| line.contains("\"target\":\"cognito_auth_proxy::access\"")).count();
        assert_eq!(access, expected, "{level}: {log}");
        assert!(log.contains("\"message\":\"stopped\""), "{level}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_is_logged_up_to_64_bytes() {
    let upstream = Upstream::start().await;
    let mut serving = Setup::new(&upstream).await.start_process().await;
    assert_eq!(serving.send(&format!("{} /", "M".repeat(2000)), &[("Accept", "application/json")]).await.status, 401);
    assert_eq!(serving.access_line().await["method"], "M".repeat(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_for_people_hold_the_same() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_LOG_FORMAT", "pretty");
    let mut process = Process::start(&["run"], &setup.variables());
    let address = loop {
        let line = process.line().await;
        if let Some((_, rest)) = line.split_once("serving listen=") {
            break rest.split(' ').next().unwrap().parse().unwrap();
        }
    };
    let mut wire = Wire::connect(address).await;
    wire.send(request("GET /a?b", &[("Accept", "application/json")])).await;
    let answer = wire.answer().await;
    process.signal("TERM");
    let log = process.ended().await.stdout;
    let line = log.lines().find(|line| line.contains("cognito_auth_proxy::access: request ")).expect(&log);
    let expected = format!(
        "request_id=\"{}\" method=\"GET\" path=\"/a\" status=401 decision=\"deny\" reason=\"missing_credential\"",
        answer.field("x-request-id").unwrap()
    );
    assert!(line.contains(&expected), "{line}");
}
