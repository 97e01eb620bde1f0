//! A client that sends bytes as they are written and reads answers without tidying them.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::soon;

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer, its body read by its framing.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The one value of a field; panics where it stands twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} stands twice in {:?}", self.fields);
        values.first().copied()
    }

    /// Every value of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let matching = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The `code` of a problem document.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{}", self.text());
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// A connection that was made elsewhere.
    pub(crate) const fn over(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The connection, and what was read of it and not asked for.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("room to write", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends what the other side may refuse to read to the end.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        soon("room to write", self.stream.write_all(bytes.as_ref())).await
    }

    /// Reads one answer to a request that was not `HEAD`.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        if let Some(length) = answer.field("content-length") {
            answer.body = self.exactly(length.parse().unwrap()).await;
        } else if answer.field("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
        }
        answer
    }

    /// Reads one answer, or that the other side has closed. A reset counts as closing.
    pub(crate) async fn answer_or_end(&mut self) -> Option<Answer> {
        if self.buffer.is_empty() && self.fill().await == 0 { None } else { Some(self.answer().await) }
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> Answer {
        let head = self.head_text().await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())).unwrap())
            .collect();
        Answer { status, fields, body: Vec::new() }
    }

    /// Reads a head as it is, the empty line included.
    pub(crate) async fn head_text(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(
                self.fill().await > 0,
                "closed before an answer, after {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads one chunk of a chunked body; `None` is its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line().await;
        let size = usize::from_str_radix(line.split(';').next().unwrap().trim(), 16).unwrap();
        let data = self.exactly(size).await;
        assert_eq!(self.line().await, "", "a chunk ends with a line end");
        (size > 0).then_some(data)
    }

    /// Reads `length` bytes.
    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await > 0, "closed {} bytes early", length - self.buffer.len());
        }
        self.buffer.drain(..length).collect()
    }

    /// Sends as much of `bytes` as there is room for, waiting as long as there is none.
    pub(crate) async fn write_some(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes).await
    }

    /// Ends this direction; the other stays open.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Whether nothing has come that was not asked for.
    pub(crate) fn has_nothing_more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        while let Ok(read @ 1..) = self.stream.try_read(&mut chunk) {
            self.buffer.extend_from_slice(&chunk[..read]);
        }
        self.buffer.is_empty()
    }

    /// Whether the other side closes without sending more. A reset counts as closing.
    pub(crate) async fn closes(&mut self) -> bool {
        self.buffer.is_empty() && self.fill().await == 0
    }

    async fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            assert!(self.fill().await > 0, "closed within a line");
        };
        let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
        String::from_utf8_lossy(&line[..end]).into_owned()
    }

    async fn fill(&mut self) -> usize {
        let mut chunk = [0; 16 * 1024];
        let read = soon("more bytes", self.stream.read(&mut chunk)).await.unwrap_or(0);
        self.buffer.extend_from_slice(&chunk[..read]);
        read
    }
}

/// A request line, `Host`, the given fields, an empty line.
pub(crate) fn request(line: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nHost: app.example\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}
