//! HTTP/2 by prior knowledge: a well-behaved client, and one that sends the frames it is told to.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::task::TaskTracker;

use super::{client::Answer, proxy::Proxy, soon};

/// One connection.
pub(crate) struct H2 {
    sender: SendRequest<Content>,
}

/// What a request carries after its head, of no announced length.
#[derive(Default)]
pub(crate) struct Content {
    frames: VecDeque<http_body::Frame<Bytes>>,
    goes_on: bool,
}

impl Content {
    /// Some text, then trailers.
    pub(crate) fn trailed(text: &'static str, trailers: HeaderMap) -> Self {
        let frames = [http_body::Frame::data(Bytes::from(text)), http_body::Frame::trailers(trailers)].into();
        Self { frames, goes_on: false }
    }

    /// Some pieces of text.
    pub(crate) fn of(pieces: &[&'static str]) -> Self {
        let frames = pieces.iter().map(|piece| http_body::Frame::data(Bytes::from(*piece))).collect();
        Self { frames, goes_on: false }
    }

    /// Some text, and then nothing more, not even an end.
    pub(crate) fn begun(text: &'static str) -> Self {
        Self { goes_on: true, ..Self::of(&[text]) }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self { frames: [http_body::Frame::data(Bytes::from(bytes))].into(), goes_on: false }
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            None if self.goes_on => Poll::Pending,
            frame => Poll::Ready(frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.goes_on
    }
}

impl H2 {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = Builder::new(TokioExecutor::new());
        builder.max_header_list_size(1 << 20);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        TaskTracker::new().spawn(connection);
        Self { sender }
    }

    /// Another hand on the same connection.
    pub(crate) fn shared(&self) -> Self {
        Self { sender: self.sender.clone() }
    }

    /// One request to `http://app.example` whose answer is left after its head.
    pub(crate) async fn leave_within_answer(&mut self, line: &str, fields: &[(&str, &str)]) {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(format!("http://app.example{path}"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        soon("room for a stream", self.sender.ready()).await.unwrap();
        let sent = self.sender.send_request(request.body(Content::default()).unwrap());
        drop(soon("an answer", sent).await.unwrap());
    }

    /// One request to `http://app.example`; `line` is method and path.
    pub(crate) async fn send(&mut self, line: &str, fields: &[(&str, &str)]) -> Answer {
        self.send_with(line, fields, Content::default()).await
    }

    /// The same of a member of `staff`.
    pub(crate) async fn send_signed_in(&mut self, proxy: &Proxy, line: &str, fields: &[(&str, &str)]) -> Answer {
        let tokens = proxy.tokens();
        self.send(line, &super::answers::with(&tokens.fields(), fields)).await
    }

    /// One request to another host.
    pub(crate) async fn send_to(&mut self, host: &str, line: &str, fields: &[(&str, &str)]) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        self.exchange(Request::builder().method(method).uri(format!("http://{host}{path}")), fields, Content::default())
            .await
    }

    pub(crate) async fn send_with(&mut self, line: &str, fields: &[(&str, &str)], content: Content) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let target = if method == "CONNECT" { path.to_owned() } else { format!("http://app.example{path}") };
        self.exchange(Request::builder().method(method).uri(target), fields, content).await
    }

    async fn exchange(
        &mut self,
        mut request: http::request::Builder,
        fields: &[(&str, &str)],
        content: Content,
    ) -> Answer {
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        soon("room for a stream", self.sender.ready()).await.unwrap();
        let response = soon("an answer", self.sender.send_request(request.body(content).unwrap())).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Answer {
            status: parts.status.as_u16(),
            fields: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: soon("a body", body.collect()).await.unwrap().to_bytes().to_vec(),
        }
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// A connection of raw frames.
pub(crate) struct Frames(TcpStream);

impl Frames {
    /// Says hello: preface and empty settings.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut frames = Self(stream);
        frames.send(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// A whole request on stream 1: literal fields as they are, valid or not.
    pub(crate) async fn request(&mut self, fields: &[(&str, &str)]) {
        self.request_on(1, fields).await.unwrap();
    }

    /// The same on any stream; the other side may have closed.
    pub(crate) async fn request_on(&mut self, stream: u32, fields: &[(&str, &str)]) -> std::io::Result<()> {
        self.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields)).await
    }

    /// What the other side says until it closes.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// The same with content.
    pub(crate) async fn request_with(&mut self, fields: &[(&str, &str)], content: &[u8]) {
        self.send(HEADERS, END_HEADERS, 1, &block(fields)).await;
        self.send(DATA, END_STREAM, 1, content).await;
    }

    /// The next frame; `None` where the other side closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        soon("a frame", self.0.read_exact(&mut head)).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        soon("a payload", self.0.read_exact(&mut payload)).await.ok()?;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// How the request on stream 1 ended: the first frame about it, or the end of the connection.
    pub(crate) async fn verdict(&mut self) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == GOAWAY || frame.stream == 1 && matches!(frame.kind, HEADERS | RST_STREAM) {
                return Some(frame);
            }
        }
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_send(kind, flags, stream, payload).await.unwrap();
    }

    /// One frame; the other side may have closed.
    pub(crate) async fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        soon("room to write", self.0.write_all(&frame)).await
    }
}

/// Literal fields that no table remembers.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        literal(&mut block, name);
        literal(&mut block, value);
    }
    block
}

/// A string literal without Huffman coding (RFC 7541 §5.2), its length in a 7-bit prefix.
fn literal(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 0x80);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text.as_bytes());
}
