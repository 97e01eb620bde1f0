//! The binary as a process: how large it is, and how it ends.

use std::{
    error::Error,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::city::City;

/// What [`Proxy::ended`] says of a process that ended as it should.
pub(crate) const ENDED_WELL: &str = "ended with 0, nothing on standard error";

/// More than a process without a connection has open: standard streams, listeners, the runtime's own.
pub(crate) const FILES_AT_REST: usize = 40;

/// A running proxy.
pub(crate) struct Proxy {
    child: Mutex<Child>,
    id: u32,
    pub(crate) address: SocketAddr,
    warnings: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) async fn start(binary: &str, city: &City, application: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(binary)
            .arg("run")
            .envs(city.settings())
            .env("COGNITO_AUTH_LISTEN", "127.0.0.1:0")
            .env("COGNITO_AUTH_ADMIN_LISTEN", "127.0.0.1:0")
            .env("COGNITO_AUTH_UPSTREAM_URL", format!("http://{application}"))
            .env("COGNITO_AUTH_DRAIN_DELAY", "0s")
            .env("COGNITO_AUTH_DRAIN_DEADLINE", "5s")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, id) = (child.stdout.take().ok_or("no output")?, child.id());
        let (warnings, (tell, told)) = (Arc::new(AtomicU64::new(0)), oneshot::channel());
        let counted = Arc::clone(&warnings);
        spawn_blocking(move || {
            let mut tell = Some(tell);
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.contains(r#""message":"serving""#)
                    && let Some(tell) = tell.take()
                {
                    let _nobody_waits = tell.send(line);
                } else if line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let line: Value = serde_json::from_str(&told.await?)?;
        let address = line.get("listen").and_then(Value::as_str).ok_or("no address")?.parse()?;
        Ok(Self { child: Mutex::new(child), id, address, warnings })
    }

    /// Resident memory in bytes, and open files.
    pub(crate) fn size(&self) -> (u64, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: u64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.id)).map_or(0, Iterator::count);
        (kib * 1024, files)
    }

    /// Stops it as the platform does, and says how it ended.
    pub(crate) async fn ended(&self) -> String {
        let id = self.id.to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return "was not there any more".to_owned();
        }
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            said = std::io::read_to_string(stderr).unwrap_or_default();
        }
        println!("log: {} warnings and errors", self.warnings.load(Ordering::Relaxed));
        match child.wait() {
            Ok(status) if status.code() == Some(0) && said.is_empty() => ENDED_WELL.to_owned(),
            Ok(status) => format!("ended with {status}: {said}"),
            Err(error) => format!("is lost: {error}"),
        }
    }
}
