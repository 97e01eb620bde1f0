//! The built program: its commands, its exit codes, what it says, how it ends.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::support::{
    application::Application,
    client::{Wire, request},
    process::{Ended, Process},
    proxy::Setup,
    upstream::Upstream,
};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Nothing set at all.
fn nothing() -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// Only these variables.
fn only(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn ended(arguments: &[&str], variables: &BTreeMap<String, String>) -> Ended {
    Process::start(arguments, variables).ended().await
}

/// Asserts that nothing started and that each of these lines stands on standard error.
fn assert_refused(ended: &Ended, lines: &[&str]) {
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert_eq!(ended.stdout, "", "nothing served, nothing shown");
    let told: Vec<&str> = ended.stderr.lines().collect();
    for line in lines {
        assert!(told.iter().any(|told| told.starts_with(line)), "{line:?} is missing in {:#?}", told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_serves_logs_json_lines_and_ends_with_0_on_sigterm_and_sigint() {
    for signal in ["TERM", "INT"] {
        let upstream = Upstream::start().await;
        let serving = Setup::new(&upstream).await.start_process().await;
        let mut wire = Wire::connect(serving.address).await;
        wire.send(serving.signed_in("GET /")).await;
        assert_eq!(wire.answer().await.text(), "hello");
        assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
        let mut admin = Wire::connect(serving.admin).await;
        admin.send(request("GET /health", &[])).await;
        assert_eq!(admin.answer().await.status, 200);
        serving.process.signal(signal);
        let ended = serving.process.ended().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "SIG{signal}");
        let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let messages: Vec<&str> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
        for message in ["serving", "request", "stopping", "draining", "stopped"] {
            assert!(messages.contains(&message), "{message} in {messages:?}");
        }
        let stopping = events.iter().find(|event| event["message"] == "stopping").unwrap();
        assert_eq!(stopping["signal"], format!("SIG{signal}"));
        for event in &events {
            assert!(event["timestamp"].is_string() && event["level"].is_string(), "{event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_command_it_runs() {
    let upstream = Upstream::start().await;
    let variables = Setup::new(&upstream).await.variables();
    let mut process = Process::start(&[], &variables);
    process.event("serving").await;
    process.signal("TERM");
    assert_eq!(process.ended().await.code, Some(0));
}

/// A process with an open event stream that never ends by itself.
async fn streaming(deadline: &str) -> (crate::support::process::Serving, Wire, Wire) {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await.set("COGNITO_AUTH_DRAIN_DEADLINE", deadline);
    let serving = setup.start_process().await;
    let mut client = Wire::connect(serving.address).await;
    client.send(serving.signed_in("GET /events")).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send(EVENTS).await;
    assert_eq!(client.head().await.status, 200);
    (serving, client, app)
}

/// What was ended is in the log as well, and the log ends after it.
fn assert_has_line_of_the_stream(ended: &Ended) {
    let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let access: Vec<&Value> = events.iter().filter(|event| event["message"] == "request").collect();
    let [line] = access.as_slice() else { panic!("{access:?}") };
    assert_eq!((line["path"].as_str(), line["end"].as_str()), (Some("/events"), Some("drain")));
    assert_eq!(events.last().unwrap()["message"], "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_open_at_the_drain_deadline_is_ended_and_the_process_ends_with_0() {
    let (mut serving, mut client, mut app) = streaming("100ms").await;
    serving.process.signal("TERM");
    let warning = serving.process.event("drain deadline reached").await;
    assert_eq!((warning["level"].as_str(), warning["open"].as_u64()), (Some("WARN"), Some(1)));
    let ended = serving.process.ended().await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(client.chunk().await, None, "the stream has its end");
    assert!(client.closes().await && app.closes().await);
    assert_has_line_of_the_stream(&ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_drain_at_once_and_the_process_with_0() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("TERM", "TERM")] {
        let (mut serving, mut client, mut app) = streaming("1h").await;
        serving.process.signal(first);
        serving.process.event("draining").await;
        app.send_chunk("data: still here\n\n").await;
        assert_eq!(client.chunk().await.unwrap(), b"data: still here\n\n", "one signal only begins the drain");
        serving.process.signal(second);
        let ended = serving.process.ended().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "SIG{first}, SIG{second}");
        assert!(ended.stdout.contains("signalled again"));
        assert_eq!(client.chunk().await, None, "the stream has its end");
        assert!(client.closes().await && app.closes().await);
        assert_has_line_of_the_stream(&ended);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_drain_delay_too() {
    let upstream = Upstream::start().await;
    let mut serving = Setup::new(&upstream).await.set("COGNITO_AUTH_DRAIN_DELAY", "1h").start_process().await;
    serving.process.signal("TERM");
    serving.process.event("draining").await;
    assert_eq!(serving.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(serving.terminated().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_is_told_with_key_layer_and_remedy_and_nothing_is_bound() {
    // Taken: an attempt to bind it would be told as well.
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(
        &file,
        "[server]\nlissten = \"127.0.0.1:1\"\ntrusted_hops = \"1\"\n[alb]\nclient_ids = [\"client\"]\n[colour]\nx = 1\n",
    )
    .unwrap();
    let variables = only(&[
        ("COGNITO_AUTH_PROXY_CONFIG", file.to_str().unwrap()),
        ("COGNITO_AUTH_LISTEN", &taken.local_addr().unwrap().to_string()),
        ("COGNITO_AUTH_ALB_ARNS", "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/x/0123456789abcdef"),
        ("COGNITO_AUTH_DRAIN_DELAY", "five"),
        ("COGNITO_AUTH_REQUIRE_ALL", "maybe"),
        ("COGNITO_AUTH_SIGNING_KEY", "hunter2-is-no-key"),
    ]);
    let ended = ended(&["run", "--upstream", "https://example.com"], &variables).await;
    let path = file.to_str().unwrap();
    assert_refused(
        &ended,
        &[
            &format!("server.lissten (file {path}): is not a setting; did you mean server.listen?"),
            &format!("server.trusted_hops (file {path}): is a text; write a whole number"),
            &format!("colour (file {path}): is not a setting; remove it"),
            "alb.arns (environment COGNITO_AUTH_ALB_ARNS): entry 1 ",
            "server.drain_delay (environment COGNITO_AUTH_DRAIN_DELAY): ",
            "authoriser.require_all (environment COGNITO_AUTH_REQUIRE_ALL): is not a switch; write true or false",
            "assertion.signing_key (environment COGNITO_AUTH_SIGNING_KEY): ",
            "upstream.url (flag --upstream): ",
            "cognito.user_pool_id (default): is required ",
        ],
    );
    assert!(!ended.stderr.contains("hunter2"), "a value may be a secret: {}", ended.stderr);
    assert!(!ended.stderr.contains("cannot listen"), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        assert!(line.contains(';') || line.contains(": is required "), "a remedy in {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_environment_names_all_that_is_required() {
    assert_refused(
        &ended(&["run"], &nothing()).await,
        &[
            "alb.arns (default): is required ",
            "alb.client_ids (default): is required ",
            "cognito.user_pool_id (default): is required ",
            "authoriser",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_arn_is_told_with_its_remedy() {
    let upstream = Upstream::start().await;
    for wrong in [
        "front",
        "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/x/0123456789abcdef",
        "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/net/front/0123456789abcdef",
        "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/*/0123456789abcdef",
    ] {
        let variables = Setup::new(&upstream).await.set("COGNITO_AUTH_ALB_ARNS", wrong).variables();
        let ended = ended(&["run"], &variables).await;
        assert_refused(&ended, &["alb.arns (environment COGNITO_AUTH_ALB_ARNS): entry 1 "]);
        assert_eq!(ended.stderr.lines().count(), 1, "nothing that follows from it: {}", ended.stderr);
        assert!(ended.stderr.contains("arn:aws"), "an example in {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_exit_1_and_told_by_key() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let upstream = Upstream::start().await;
    for (variable, key) in
        [("COGNITO_AUTH_LISTEN", "server.listen"), ("COGNITO_AUTH_ADMIN_LISTEN", "server.admin_listen")]
    {
        let variables = Setup::new(&upstream).await.set(variable, &address).variables();
        let ended = ended(&["run"], &variables).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.starts_with(&format!("error: cannot listen on {address} ({key}): ")), "{}", ended.stderr);
        assert!(!ended.stdout.contains("\"serving\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_shows_every_setting_with_its_layer_and_no_secret() {
    let upstream = Upstream::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(&file, "[server]\ndrain_deadline = \"7s\"\n").unwrap();
    let secret = "hunter2hunter2hunter2hunter2hunter2hunter2";
    let variables = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_ASSERTION_ALGORITHM", "HS256")
        .set("COGNITO_AUTH_SIGNING_KEY", secret)
        .variables();
    let arguments = ["check", "--config", file.to_str().unwrap(), "--admin-listen", "off"];
    let ended = ended(&arguments, &variables).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let setting = |key: &str| {
        let line = ended.stdout.lines().find(|line| line.split(' ').next() == Some(key));
        let line = line.unwrap_or_else(|| panic!("{key} is missing in {}", ended.stdout));
        let (value, layer) = line.split_once(" = ").map_or(line, |(_, rest)| rest).split_once("  # ").unwrap();
        (value.trim().to_owned(), layer.to_owned())
    };
    let pair = |value: &str, layer: &str| (value.to_owned(), layer.to_owned());
    assert_eq!(setting("assertion.signing_key"), pair("REDACTED", "environment COGNITO_AUTH_SIGNING_KEY"));
    assert_eq!(setting("server.admin_listen"), pair("\"off\"", "flag --admin-listen"));
    assert_eq!(setting("server.drain_deadline"), pair("\"7s\"", &format!("file {}", file.display())));
    assert_eq!(setting("server.drain_delay"), pair("\"0s\"", "environment COGNITO_AUTH_DRAIN_DELAY"));
    assert_eq!(setting("assertion.header"), pair("\"x-auth-user\"", "default"));
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_run_refuse_a_bad_policy_file() {
    let upstream = Upstream::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    for (text, told) in [
        ("{\"allowed_group\": [\"staff\"]}", "allowed_group"),
        ("{\"allowed_groups\": []}", ""),
        ("{\"allowed_users\": [\"ann\"]}", "allowed_users"),
        ("{\"allowed_groups\": ", ""),
    ] {
        fs::write(&file, text).unwrap();
        let variables = Setup::new(&upstream)
            .await
            .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
            .set("COGNITO_AUTH_CONFIG_PATH", file.to_str().unwrap())
            .variables();
        for command in ["check", "run"] {
            let ended = ended(&[command], &variables).await;
            assert_refused(&ended, &["authoriser"]);
            assert!(ended.stderr.contains(told), "{text}: {}", ended.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_is_0_for_a_healthy_proxy_and_1_for_none() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let mut variables = setup.variables();
    let serving = setup.start_process().await;
    variables.insert("COGNITO_AUTH_ADMIN_LISTEN".to_owned(), serving.admin.to_string());
    let healthy = ended(&["healthcheck"], &variables).await;
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""));
    let main = serving.address.to_string();
    let asked_main = ended(&["healthcheck", "--listen", &main, "--admin-listen", "off"], &variables).await;
    assert_eq!(
        (asked_main.code, asked_main.stderr.as_str()),
        (Some(0), ""),
        "the main listener where there is no other"
    );
    assert_eq!(serving.terminated().await.code, Some(0));
    let gone = ended(&["healthcheck"], &variables).await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.starts_with("unhealthy: no answer from "), "{}", gone.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_is_1_where_something_else_answers() {
    let other = Upstream::answering(|_| b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let variables = Setup::new(&other).await.set("COGNITO_AUTH_ADMIN_LISTEN", &other.address.to_string()).variables();
    let ended = ended(&["healthcheck"], &variables).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("unhealthy: ") && ended.stderr.contains("404"), "{}", ended.stderr);
}

/// Dev mode with nothing else wrong.
fn dev(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut variables = only(&[
        ("COGNITO_AUTH_DEV_MODE", "true"),
        ("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true"),
        ("COGNITO_AUTH_LISTEN", "127.0.0.1:0"),
        ("COGNITO_AUTH_ADMIN_LISTEN", "off"),
        ("COGNITO_AUTH_DRAIN_DELAY", "0s"),
    ]);
    variables.extend(only(more));
    variables
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mode_does_not_start_where_other_people_could_meet_it() {
    let platform = "dev.mode (environment COGNITO_AUTH_DEV_MODE): is refused on a real platform";
    let open = "dev.mode (environment COGNITO_AUTH_DEV_MODE): is refused where server.listen is not a loopback address";
    for (variable, value, told) in [
        ("COGNITO_AUTH_LISTEN", "0.0.0.0:0", open),
        ("COGNITO_AUTH_LISTEN", "[::]:0", open),
        ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/x", platform),
        ("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE", platform),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1", platform),
    ] {
        for command in ["run", "check"] {
            assert_refused(&ended(&[command], &dev(&[(variable, value)])).await, &[told]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mode_warns_at_every_start() {
    let mut process = Process::start_in(Path::new("/"), &["run"], &dev(&[]));
    loop {
        let warning = process.event("weakened or doubtful setting").await;
        assert_eq!(warning["level"], "WARN");
        if warning["detail"].as_str().unwrap().starts_with("dev.mode is on: ") {
            break;
        }
    }
    process.event("serving").await;
    process.signal("TERM");
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_64_and_told_on_standard_error() {
    for arguments in [&["serve"][..], &["run", "--colour"], &["--listen"], &["check", "extra"], &["dev", "--listen"]] {
        let ended = ended(arguments, &nothing()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("'--help'"), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_and_help_tell_what_there_is() {
    let version = ended(&["--version"], &nothing()).await;
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    let expected = format!("cognito-auth-proxy {} (", env!("CARGO_PKG_VERSION"));
    assert!(version.stdout.starts_with(&expected), "{}", version.stdout);
    let help = ended(&["--help"], &nothing()).await;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for word in ["run", "check", "healthcheck", "--config", "--listen", "--admin-listen", "--upstream", "dev"] {
        assert!(help.stdout.contains(word), "{word} in {}", help.stdout);
    }
    for command in ["run", "dev", "check", "healthcheck"] {
        let help = ended(&[command, "--help"], &nothing()).await;
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains("COGNITO_AUTH_PROXY_CONFIG"), "{}", help.stdout);
    }
}
