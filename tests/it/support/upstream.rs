//! An application that records every request it sees, byte-exact heads included, and answers as the test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::task::TaskTracker;

use super::soon;

/// What the application saw of one request: the head as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The one value of a field, under any spelling that folds to `name`; panics where there are two.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fold = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
        };
        let mut values = self.fields.iter().filter(|(field, _)| fold(field) == name);
        let first = values.next();
        assert!(values.next().is_none(), "{name} stands twice in {:?}", self.fields);
        first.map(|(_, value)| value.as_str())
    }

    /// The claims of the assertion, unverified: for asserting what the application was told.
    pub(crate) fn claims(&self) -> serde_json::Value {
        use base64::Engine as _;
        let token = self.field("x-auth-user").expect("an assertion");
        let payload = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

/// What it answers.
type Script = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

/// An application on a loopback port. Bodies with a length or chunked are read whole; each connection is kept alive.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<mpsc::UnboundedReceiver<Seen>>>,
    connections: Arc<std::sync::atomic::AtomicUsize>,
    _tasks: TaskTracker,
}

impl Upstream {
    /// Answers every request with 200 and `hello`.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()).await
    }

    /// Answers with these bytes. An answer that holds `connection: close` ends the connection.
    pub(crate) async fn answering(script: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        let script: Arc<Script> = Arc::new(script);
        let tasks = TaskTracker::new();
        let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (count, spawner) = (Arc::clone(&connections), tasks.clone());
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                spawner.spawn(serve(stream, Arc::clone(&script), sender.clone()));
            }
        });
        Self { address, seen: Arc::new(Mutex::new(receiver)), connections, _tasks: tasks }
    }

    /// The next request it saw.
    pub(crate) async fn next(&self) -> Seen {
        let receiver = Arc::clone(&self.seen);
        soon("a request at the application", std::future::poll_fn(move |cx| receiver.lock().unwrap().poll_recv(cx)))
            .await
            .expect("the application runs")
    }

    /// What it saw and nobody has asked for yet. For asserting that nothing arrived, ask after an answer came back.
    pub(crate) fn unasked(&self) -> Vec<Seen> {
        let mut receiver = self.seen.lock().unwrap();
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    /// How many connections were opened to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(std::sync::atomic::Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: mpsc::UnboundedSender<Seen>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let answer = script(&request);
        let closes = String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("connection: close");
        let _gone = seen.send(request);
        if stream.write_all(&answer).await.is_err() || closes {
            return;
        }
    }
}

/// Reads one whole request; `None` where the other side closes first.
pub(crate) async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        fill(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer.drain(..end).collect::<Vec<u8>>()).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let fields: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    let mut seen = Seen { line, fields, body: Vec::new() };
    if let Some(length) = seen.field("content-length") {
        let length: usize = length.parse().ok()?;
        while buffer.len() < length {
            fill(stream, buffer).await?;
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.field("transfer-encoding").is_some() {
        loop {
            while !buffer.windows(2).any(|window| window == b"\r\n") {
                fill(stream, buffer).await?;
            }
            let end = buffer.windows(2).position(|window| window == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[..end]).ok()?.trim(), 16).ok()?;
            while buffer.len() < end + 2 + size + 2 {
                fill(stream, buffer).await?;
            }
            let chunk: Vec<u8> = buffer.drain(..end + 2 + size + 2).collect();
            seen.body.extend_from_slice(&chunk[end + 2..end + 2 + size]);
            if size == 0 {
                break;
            }
        }
    }
    Some(seen)
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 16 * 1024];
    let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&chunk[..read]);
    Some(())
}
