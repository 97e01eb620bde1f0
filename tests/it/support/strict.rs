//! An application that reads as strictly as anybody could: every byte it gets is in the one form that no two readers
//! understand differently, or it says what was wrong. For attacks that live on such differences.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

use super::{answers::hello, upstream::Seen};

/// What it has got so far, over all connections.
#[derive(Default)]
struct Record {
    /// By number, in the order in which their heads were complete; the body of one without end is empty.
    requests: Vec<(usize, Seen)>,
    begun: usize,
    violations: Vec<String>,
}

/// Answers every request with 200 and `hello`, and keeps connections open.
pub(crate) struct Strict {
    pub(crate) address: SocketAddr,
    record: Arc<Mutex<Record>>,
    _tasks: TaskTracker,
}

impl Strict {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Mutex::new(Record::default()));
        let tasks = TaskTracker::new();
        let (spawner, writing) = (tasks.clone(), Arc::clone(&record));
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawner.spawn(serve(stream, Arc::clone(&writing)));
            }
        });
        Self { address, record, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived since the last call. What a client has an answer to is in it.
    pub(crate) fn taken(&self, when: &str) -> Vec<Seen> {
        let mut record = self.record.lock().unwrap();
        assert_eq!(record.violations, Vec::<String>::new(), "{when}");
        std::mem::take(&mut record.requests).into_iter().map(|(_, seen)| seen).collect()
    }

    /// Whether the beginning of something has arrived since the last [`Strict::taken`].
    pub(crate) fn has_something(&self) -> bool {
        !self.record.lock().unwrap().requests.is_empty()
    }

    /// The one request that has arrived.
    pub(crate) fn one(&self, when: &str) -> Seen {
        let mut taken = self.taken(when);
        assert_eq!(taken.len(), 1, "{when}: {:?}", taken.iter().map(|seen| &seen.line).collect::<Vec<_>>());
        taken.remove(0)
    }
}

async fn serve(mut stream: TcpStream, record: Arc<Mutex<Record>>) {
    let mut buffer = Vec::new();
    while let Some(seen) = request(&mut stream, &mut buffer, &record).await {
        if stream.write_all(&hello(&seen)).await.is_err() {
            return;
        }
    }
}

/// Reads one request; `None` where the connection ends or is not fit to be read on.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>, record: &Mutex<Record>) -> Option<Seen> {
    let violated = |what: String| {
        record.lock().unwrap().violations.push(what);
        None
    };
    while !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
        fill(stream, buffer).await?;
    }
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head: Vec<u8> = buffer.drain(..end).collect();
    let mut seen = match parse(&head) {
        Ok(seen) => seen,
        Err(what) => return violated(format!("{what} in {:?}", String::from_utf8_lossy(&head))),
    };
    let number = {
        let mut record = record.lock().unwrap();
        record.begun += 1;
        let number = record.begun;
        record.requests.push((number, seen.clone()));
        number
    };
    match (all(&seen, "content-length"), all(&seen, "transfer-encoding")) {
        (lengths, codings) if lengths.is_empty() && codings.is_empty() => return Some(seen),
        (lengths, codings) if lengths.len() == 1 && codings.is_empty() => {
            let Some(length) = decimal(&lengths[0]) else { return violated(format!("length {:?}", lengths[0])) };
            while buffer.len() < length {
                fill(stream, buffer).await?;
            }
            seen.body = buffer.drain(..length).collect();
        }
        (lengths, codings) if lengths.is_empty() && codings == ["chunked"] => loop {
            match chunk(stream, buffer).await? {
                Ok(data) if data.is_empty() => break,
                Ok(data) => seen.body.extend(data),
                Err(what) => return violated(what),
            }
        },
        framing => return violated(format!("framing {framing:?}")),
    }
    if let Some((_, begun)) = record.lock().unwrap().requests.iter_mut().find(|(begun, _)| *begun == number) {
        begun.body.clone_from(&seen.body);
    }
    Some(seen)
}

/// One chunk without an extension; the last one without trailers.
async fn chunk(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Result<Vec<u8>, String>> {
    while !buffer.windows(2).any(|window| window == b"\r\n") {
        fill(stream, buffer).await?;
    }
    let end = buffer.windows(2).position(|window| window == b"\r\n")?;
    let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let hexadecimal = !line.is_empty() && line.len() < 16 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal {
        return Some(Err(format!("chunk size {line:?}")));
    }
    let size = usize::from_str_radix(&line, 16).ok()?;
    while buffer.len() < end + 2 + size + 2 {
        fill(stream, buffer).await?;
    }
    let chunk: Vec<u8> = buffer.drain(..end + 2 + size + 2).collect();
    if chunk.ends_with(b"\r\n") {
        Some(Ok(chunk[end + 2..end + 2 + size].to_vec()))
    } else {
        Some(Err(format!("end of a chunk or trailers {:?}", String::from_utf8_lossy(&chunk[end + 2 + size..]))))
    }
}

/// A head in which every line is written as hyper and RFC 9112 write it.
fn parse(head: &[u8]) -> Result<Seen, String> {
    let bare = head.len() - head.iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\0')).count();
    let text = String::from_utf8_lossy(head).into_owned();
    let mut lines = text.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let fields: Vec<&str> = lines.collect();
    if bare != 2 * (fields.len() + 2) {
        return Err("a bare CR, LF or NUL".to_owned());
    }
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = parts.as_slice() else { return Err(format!("request line {line:?}")) };
    if !is_token(method) || !target.starts_with('/') {
        return Err(format!("request line {line:?}"));
    }
    let fields = fields.into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let seen = Seen { line, fields, body: Vec::new() };
    if all(&seen, "host").len() == 1 { Ok(seen) } else { Err("not one host".to_owned()) }
}

fn field(line: &str) -> Result<(String, String), String> {
    match line.split_once(": ").or_else(|| line.strip_suffix(':').map(|name| (name, ""))) {
        Some((name, _)) if is_alias(name) => Err(format!("another spelling of a framing field {line:?}")),
        Some((name, value)) if is_token(name) && value.trim() == value => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("field {line:?}")),
    }
}

/// Whether a server that folds names would read it as a field that says where a message ends.
fn is_alias(name: &str) -> bool {
    let folded = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    !name.eq_ignore_ascii_case(&folded)
        && ["content-length", "transfer-encoding", "connection"].contains(&folded.as_str())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn decimal(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn all(seen: &Seen, name: &str) -> Vec<String> {
    seen.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&piece[..read]);
    Some(())
}
