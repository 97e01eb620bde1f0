//! The built binary as a process of its own, with an environment that holds nothing but what the test put there.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use cognito_auth_proxy::dev::{Issuer, KeyEndpoint};
use serde_json::Value;
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    client::{Answer, Wire, request},
    proxy::{Setup, staff},
    secrecy, soon,
};

const BINARY: &str = env!("CARGO_BIN_EXE_cognito-auth-proxy");

/// A process that was started. Dropping it kills it.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    id: u32,
    output: watch::Receiver<Vec<String>>,
    readers: Vec<JoinHandle<String>>,
    lines_read: usize,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts the binary with these arguments and variables, in `directory`.
    pub(crate) fn start_in(directory: &Path, arguments: &[&str], variables: &BTreeMap<String, String>) -> Self {
        let command: Vec<&str> = [BINARY].iter().chain(arguments).copied().collect();
        Self::command_in(directory, &command, variables)
    }

    /// Starts something else, which starts the binary.
    pub(crate) fn start_program(program: &Path, arguments: &[&str], variables: &BTreeMap<String, String>) -> Self {
        let command: Vec<&str> = [program.to_str().unwrap()].iter().chain(arguments).copied().collect();
        Self::command_in(&std::env::temp_dir(), &command, variables)
    }

    fn command_in(directory: &Path, command: &[&str], variables: &BTreeMap<String, String>) -> Self {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .env_clear()
            .envs(variables)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, output) = watch::channel(Vec::new());
        let stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let readers = vec![
            spawn_blocking(move || {
                for line in BufReader::new(stdout).lines() {
                    sender.send_modify(|lines: &mut Vec<String>| lines.push(line.unwrap() + "\n"));
                }
                sender.borrow().concat()
            }),
            spawn_blocking(move || {
                let mut text = String::new();
                stderr.read_to_string(&mut text).unwrap();
                text
            }),
        ];
        Self { id: child.id(), child: Arc::new(Mutex::new(child)), output, readers, lines_read: 0 }
    }

    /// Starts the binary with these arguments and variables.
    pub(crate) fn start(arguments: &[&str], variables: &BTreeMap<String, String>) -> Self {
        Self::start_in(&std::env::temp_dir(), arguments, variables)
    }

    /// The same as a user without rights, where the test has any to give away. A copy of the binary is put in `directory`:
    /// where it was built may be out of reach.
    pub(crate) fn start_as_nobody(directory: &Path, arguments: &[&str], variables: &BTreeMap<String, String>) -> Self {
        let copy = directory.join("proxy");
        std::fs::copy(BINARY, &copy).unwrap();
        let as_nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let prefix = if is_root() { &as_nobody[..] } else { &[] };
        Self::command_in(directory, &[prefix, &[copy.to_str().unwrap()], arguments].concat(), variables)
    }

    /// What the operating system calls it.
    pub(crate) const fn id(&self) -> u32 {
        self.id
    }

    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> String {
        let number = self.lines_read;
        self.lines_read += 1;
        let lines = soon("a line of output", self.output.wait_for(|lines| lines.len() > number)).await;
        lines.expect("the process still writes")[number].trim_end().to_owned()
    }

    /// The next line of the log that has this message; those before it are passed over.
    pub(crate) async fn event(&mut self, message: &str) -> Value {
        loop {
            let line = self.line().await;
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON line: {line}"));
            if event["message"] == message {
                return event;
            }
        }
    }

    /// How many lines of its output so far hold all of these.
    pub(crate) fn said(&self, words: &[&str]) -> usize {
        self.output.borrow().iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// The memory it has resident, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id)]).status().unwrap();
        assert!(sent.success(), "SIG{name} was not sent");
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let readers = std::mem::take(&mut self.readers);
        let mut texts = Vec::new();
        for reader in readers {
            texts.push(soon("the end of the process", reader).await.unwrap());
        }
        // Both outputs are closed: it is ending.
        let child = Arc::clone(&self.child);
        let code = spawn_blocking(move || child.lock().unwrap().wait().unwrap().code());
        let code = soon("the exit code", code).await.unwrap();
        let (stderr, stdout) = (texts.pop().unwrap(), texts.pop().unwrap());
        for output in [&stdout, &stderr] {
            secrecy::assert_tells_nothing("the output of the process", output);
        }
        Ended { code, stdout, stderr }
    }
}

/// Whether the test, and what it starts, runs as root.
pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        // Fails where it has ended already.
        let _ended = child.kill();
        let _ended = child.wait();
    }
}

/// A whole proxy in a process of its own, and its issuer.
pub(crate) struct Serving {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) issuer: Issuer,
    pub(crate) keys: KeyEndpoint,
}

impl Setup {
    /// The variables an operator would set.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        self.settings.clone()
    }

    /// Starts the binary with this configuration and waits until it serves.
    pub(crate) async fn start_process(self) -> Serving {
        let process = Process::start(&["run"], &self.settings);
        self.serving(process).await
    }

    /// The same with at most this many file descriptors, and no way to raise that.
    pub(crate) async fn start_process_with(self, descriptors: usize) -> Serving {
        let limit = format!("--nofile={descriptors}:{descriptors}");
        let command = ["/usr/bin/prlimit", &limit, BINARY, "run"];
        let process = Process::command_in(&std::env::temp_dir(), &command, &self.settings);
        self.serving(process).await
    }

    /// The same as a user without rights ([`Process::start_as_nobody`]).
    pub(crate) async fn start_process_as_nobody(self, directory: &Path) -> Serving {
        let process = Process::start_as_nobody(directory, &["run"], &self.settings);
        self.serving(process).await
    }

    async fn serving(self, mut process: Process) -> Serving {
        let serving = process.event("serving").await;
        let address = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        Serving { address: address("listen"), admin: address("admin"), process, issuer: self.issuer, keys: self.keys }
    }
}

impl Serving {
    /// One request with exactly these fields on a connection of its own.
    pub(crate) async fn send(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request(line, fields)).await;
        wire.answer().await
    }

    /// A request of a member of `staff`, as text.
    pub(crate) fn signed_in(&self, line: &str) -> String {
        request(line, &self.issuer.tokens(&staff()).fields())
    }

    /// The next access line.
    pub(crate) async fn access_line(&mut self) -> Value {
        let line = self.process.event("request").await;
        assert_eq!(line["target"], "cognito_auth_proxy::access");
        line
    }

    /// Stops it as the platform does and waits for its end.
    pub(crate) async fn terminated(self) -> Ended {
        self.process.signal("TERM");
        self.process.ended().await
    }
}
