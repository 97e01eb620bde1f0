//! A client that is prepared for the worst: connections that end early are an outcome, and never a whole answer.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{client::Answer, soon};

/// Somebody who keeps a connection as long as it lasts, and opens another one then.
pub(crate) struct Visitor {
    address: SocketAddr,
    connection: Option<Connection>,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nobody accepts connections.
    Refused,
    /// The connection had served before and ended without a byte of an answer: it may have been closed for being idle.
    Stale,
    /// A new connection ended without a byte of an answer.
    Unanswered,
    /// The answer has no end.
    Cut,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    served: usize,
}

impl Visitor {
    pub(crate) const fn to(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends this request, and reads the answer to its end.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Result<Answer, Broken> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address).await.map_err(|_| Broken::Refused)?;
                Connection { stream, buffer: Vec::new(), served: 0 }
            }
        };
        // A failed write says no more than reading will.
        let _unwritten = soon("room to write", connection.stream.write_all(request.as_ref())).await;
        let answer = connection.answer().await.ok_or_else(|| connection.broken())?;
        connection.served += 1;
        if answer.field("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Sends this on a connection of its own, and leaves without a word.
    pub(crate) async fn leave_after(&self, request: impl AsRef<[u8]>) {
        let Ok(mut stream) = TcpStream::connect(self.address).await else { return };
        let _unwritten = stream.write_all(request.as_ref()).await;
    }
}

impl Connection {
    async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = whole(&self.buffer) {
                self.buffer.drain(..length);
                return Some(answer);
            }
            let mut chunk = [0; 16 * 1024];
            let read = soon("more bytes", self.stream.read(&mut chunk)).await.ok().filter(|read| *read > 0)?;
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }

    const fn broken(&self) -> Broken {
        match (self.buffer.is_empty(), self.served) {
            (false, _) => Broken::Cut,
            (true, 0) => Broken::Unanswered,
            (true, _) => Broken::Stale,
        }
    }
}

/// The answer at the beginning of `bytes` and how long it is, where it is whole. Both framings, nothing else.
fn whole(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head_end = position(bytes, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end]);
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, fields, body: Vec::new() };
    if answer.field("transfer-encoding").is_none() {
        let length: usize = answer.field("content-length").map_or(0, |text| text.parse().unwrap());
        answer.body = bytes.get(head_end..head_end + length)?.to_vec();
        return Some((answer, head_end + length));
    }
    let mut at = head_end;
    loop {
        let line_end = at + position(&bytes[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..line_end]).unwrap(), 16).unwrap();
        let data = bytes.get(line_end + 2..line_end + 2 + size + 2)?;
        answer.body.extend_from_slice(&data[..size]);
        at = line_end + 2 + size + 2;
        if size == 0 {
            return Some((answer, at));
        }
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
