//! Open files: the process takes what it may have, and says where that is too little.

use std::{collections::BTreeMap, path::Path};

use crate::support::{process::Process, proxy::Setup};

/// Starts `run` from a shell that has set its limits so.
fn start(limits: &str, variables: &BTreeMap<String, String>) -> Process {
    let command = format!("{limits} && exec {} run", env!("CARGO_BIN_EXE_cognito-auth-proxy"));
    Process::start_program(Path::new("/bin/sh"), &["-c", &command], variables)
}

async fn variables(connections: &str) -> BTreeMap<String, String> {
    let setup = Setup::in_front_of("http://127.0.0.1:1").await;
    setup.set("COGNITO_AUTH_MAX_CONNECTIONS", connections).variables()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_are_allowed_are_taken() {
    let mut process = start("ulimit -Sn 60 && ulimit -Hn 500", &variables("200").await);
    // It would be the first line.
    assert!(!process.line().await.contains("open files"), "200 connections fit");
    process.event("serving").await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[3..5], ["500", "500"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_do_not_fit_are_spoken_of_with_the_remedy() {
    let mut process = start("ulimit -n 499", &variables("200").await);
    let warning: serde_json::Value = serde_json::from_str(&process.line().await).unwrap();
    assert_eq!(
        (&warning["level"], &warning["allowed"], &warning["needed"]),
        (&"WARN".into(), &499.into(), &500.into())
    );
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains("limits.max_connections") && message.contains("ulimit -n"), "{message}");
    process.event("serving").await;
}
