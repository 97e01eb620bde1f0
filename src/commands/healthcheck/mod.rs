//! `healthcheck`: asks the running proxy whether it is healthy. For images without a shell.

mod unverified;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use super::{ExitStatus, complain};
use crate::config::{AdminListener, Config, Environment, Flags, Scheme};

/// Below the shortest time-out a container platform gives a health check (2 s).
const PATIENCE: Duration = Duration::from_millis(1500);

/// Asks the admin listener, or the main one where that is off. Anything but a good answer is exit code 1, the one code
/// besides 0 that container platforms define.
#[must_use]
pub fn execute(flags: &Flags, environment: &Environment) -> ExitStatus {
    let server = match Config::load_server(flags, environment) {
        Ok(server) => server,
        Err(errors) => {
            complain(errors);
            return ExitStatus::Failed;
        }
    };
    let (address, path, scheme) = match server.admin {
        AdminListener::On(address) => (address, "/health".to_owned(), Scheme::Http),
        AdminListener::Off => (server.listen, format!("{}/health", server.reserved_prefix.as_str()), server.scheme),
    };
    match ask(reachable(address), &path, scheme) {
        Ok(status) if status.starts_with("HTTP/1.1 200") => ExitStatus::Fine,
        Ok(status) => {
            complain(format_args!("unhealthy: {address}{path} answered {status}"));
            ExitStatus::Failed
        }
        Err(error) => {
            complain(format_args!("unhealthy: no answer from {address}{path}: {error}"));
            ExitStatus::Failed
        }
    }
}

/// The status line of the answer.
pub(super) fn ask(address: SocketAddr, path: &str, scheme: Scheme) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match scheme {
        Scheme::Http => status_line(stream, address, path),
        Scheme::Https => status_line(unverified::over(stream, address)?, address, path),
    }
}

fn status_line(mut stream: impl io::Read + io::Write, address: SocketAddr, path: &str) -> io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0_u8; 64];
    let length = stream.read(&mut head)?;
    let text = String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// A listener on all addresses is asked on the loopback one.
pub(super) const fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = match address.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(loopback, address.port())
}
