//! A client with as little of its own as can be: one connection, one request at a time, blocking.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use super::Outcome;

/// Longer than anything measured here takes; what hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer, which has a length. The status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Outcome<u16> {
        self.send(request)?;
        self.answer()
    }

    /// The same, where anything but 200 is wrong.
    pub(crate) fn expect_ok(&mut self, request: &[u8]) -> Outcome {
        match self.ask(request)? {
            200 => Ok(()),
            status => Err(format!("answered {status} in place of 200").into()),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads an answer to its end. The status.
    pub(crate) fn answer(&mut self) -> Outcome<u16> {
        let head = self.head()?;
        let length = content_length(&head)?.ok_or("an answer without content-length")?;
        while self.received.len() < length {
            self.receive()?;
        }
        self.received.drain(..length);
        status(&head)
    }

    /// Reads a head; what follows stays for [`Client::answer`] or [`Client::line`].
    pub(crate) fn head(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.received.drain(..end + 4).collect();
                return Ok(String::from_utf8(head)?);
            }
            self.receive()?;
        }
    }

    /// Reads up to the end of a line.
    pub(crate) fn line(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.drain(..=end).collect();
                return Ok(String::from_utf8(line)?);
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> Outcome {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes)? {
            0 => Err("the connection was closed".into()),
            read => {
                self.received.extend(bytes.iter().take(read));
                Ok(())
            }
        }
    }
}

/// The status of an answer's head.
pub(crate) fn status(head: &str) -> Outcome<u16> {
    Ok(head.split(' ').nth(1).ok_or("no status")?.parse()?)
}

/// The length that a head announces.
pub(crate) fn content_length(head: &str) -> Outcome<Option<usize>> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.map(|(_, value)| value.trim().parse()).transpose()?)
}
