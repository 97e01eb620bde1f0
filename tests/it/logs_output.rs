//! The log of a whole process whose reader hangs, and of one that ends: nobody waits, nothing is lost unsaid.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::{
    client::{Wire, request},
    process::Process,
    proxy::Setup,
    soon,
    upstream::Upstream,
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");

/// A process whose output is read only where a test says so.
struct Unread {
    child: Child,
    log: BufReader<ChildStdout>,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Unread {
    fn start(setup: &Setup) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cognito-auth-proxy"))
            .arg("run")
            .env_clear()
            .envs(setup.variables())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"serving\"") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
        }
        let serving: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        Self { child, log, address: address("listen"), admin: address("admin") }
    }

    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Refused requests, each with a line of more than a kilobyte.
    async fn ask(&self, times: usize) {
        const TOGETHER: usize = 50;
        let asked = request(&format!("GET /{}", "\"".repeat(600)), &[SCRIPT]);
        let mut wire = Wire::connect(self.address).await;
        for _ in 0..times / TOGETHER {
            wire.send(asked.repeat(TOGETHER)).await;
            for _ in 0..TOGETHER {
                assert_eq!(wire.answer().await.status, 401);
            }
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// How many lines a metric says were dropped.
async fn counted(admin: SocketAddr) -> u64 {
    let mut wire = Wire::connect(admin).await;
    wire.send(request("GET /metrics", &[])).await;
    let text = wire.answer().await.text();
    let line = text.lines().find_map(|line| line.strip_prefix("cognito_auth_proxy_log_lines_dropped_total "));
    line.expect(&text).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_while_nobody_reads_the_log_and_what_it_lacks_is_counted_and_told() {
    const ASKED: usize = 6000;
    let upstream = Upstream::start().await;
    let mut unread = Unread::start(&Setup::new(&upstream).await);
    assert_eq!(counted(unread.admin).await, 0);
    // 64 KiB of it fit in the pipe, 4 MiB in the process; these are 8 MB.
    unread.ask(ASKED).await;
    let dropped = counted(unread.admin).await;
    assert!((100..5000).contains(&dropped), "{dropped}");
    let admin = unread.admin;
    // Reading again: everything that waited comes, and then what is missing.
    let (unread, lines, told) = soon(
        "the log",
        spawn_blocking(move || {
            let (mut lines, mut told) = (0, 0);
            while told == 0 {
                let mut line = String::new();
                unread.log.read_line(&mut line).unwrap();
                let line: Value = serde_json::from_str(&line).expect(&line);
                match line["message"].as_str().unwrap() {
                    "request" => lines += 1,
                    "log lines dropped" => told = line["dropped"].as_u64().unwrap(),
                    other => panic!("{other}"),
                }
            }
            (unread, lines, told)
        }),
    )
    .await
    .unwrap();
    // What was told is what was dropped; the first lines told of may have made room for others.
    assert_eq!((told, counted(admin).await), (dropped, dropped));
    assert_eq!(lines + told, ASKED as u64);
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_log_nobody_reads_ends_all_the_same() {
    let upstream = Upstream::start().await;
    let mut unread = Unread::start(&Setup::new(&upstream).await);
    unread.ask(200).await;
    unread.terminate();
    let code = spawn_blocking(move || unread.child.wait().unwrap().code());
    assert_eq!(soon("its end", code).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_written_before_the_process_ends() {
    let upstream = Upstream::start().await;
    let unread = Unread::start(&Setup::new(&upstream).await);
    unread.ask(50).await;
    unread.terminate();
    let (asked, last) = spawn_blocking(move || {
        let mut unread = unread;
        let log: Vec<String> = unread.log.by_ref().lines().map(Result::unwrap).collect();
        (log.iter().filter(|line| line.contains("\"request\"")).count(), log.last().cloned())
    })
    .await
    .unwrap();
    assert_eq!(asked, 50);
    assert!(last.unwrap().contains("\"message\":\"stopped\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_has_said_so_in_the_log() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::start().await;
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_LISTEN", &address);
    let ended = Process::start(&["run"], &setup.variables()).ended().await;
    assert_eq!(ended.code, Some(1));
    let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["message"], &last["level"]), (&"start failed".into(), &"ERROR".into()));
}
