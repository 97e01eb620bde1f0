//! Figures for CloudWatch in the log, from the real binary. That they keep the rules of the format, and are the right
//! ones, is `src/metrics/emf.rs`'s to test.

use serde_json::{Value, json};

use crate::support::{proxy::Setup, upstream::Upstream};

async fn log_of(settings: &[(&str, &str)]) -> String {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let serving = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value)).start_process().await;
    for _ in 0..3 {
        assert_eq!(serving.send("GET /", &[("Accept", "application/json")]).await.status, 401);
    }
    serving.terminated().await.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_begun_of_a_minute_is_said_at_the_end_of_the_process() {
    let log = log_of(&[("COGNITO_AUTH_LOG_EMF_NAMESPACE", "Team/Auth")]).await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut figures = lines.iter().filter(|line| line.get("_aws").is_some());
    let (Some(line), None) = (figures.next(), figures.next()) else { panic!("not one line: {log}") };
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Team/Auth");
    assert_eq!((&line["Requests"], &line["Refusals"], &line["ServerErrors"]), (&json!(3), &json!(3), &json!(0)));
    for key in ["timestamp", "level", "message", "target"] {
        assert!(line[key].is_string(), "as in every line: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_none_unless_they_are_asked_for() {
    assert!(!log_of(&[]).await.contains("_aws"));
}
