//! The applications that nginx cannot play: one that streams events with the time in them, one that reads and discards.
//!
//! Both answer 200 to `/`, like nginx.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Outcome, client};

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// Where the times in events count from.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// An event stream's server. Its connections are served by the thread that calls [`EventSource::send`], each in turn.
#[derive(Debug)]
pub(crate) struct EventSource {
    pub(crate) port: u16,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl EventSource {
    pub(crate) fn start() -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, streams) = (listener.local_addr()?.port(), Arc::default());
        let accepted: Arc<Mutex<Vec<_>>> = Arc::clone(&streams);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let accepted = Arc::clone(&accepted);
                std::thread::spawn(move || begin(stream, &accepted));
            }
        });
        Ok(Self { port, streams })
    }

    /// Sends the time it is to each stream, one after the other with a pause between them.
    pub(crate) fn send(&self, pause: Duration) -> Outcome {
        // Those of a contender that is gone are not written to for long.
        lock(&self.streams).retain_mut(|stream| {
            std::thread::sleep(pause);
            let event = format!("data: {}\n\n", now());
            write!(stream, "{:x}\r\n{event}\r\n", event.len()).is_ok()
        });
        Ok(())
    }

    /// Ends all streams.
    pub(crate) fn end(&self) {
        lock(&self.streams).clear();
    }
}

/// Nanoseconds on the clock of the events.
pub(crate) fn now() -> u128 {
    BEGAN.elapsed().as_nanos()
}

fn lock(streams: &Mutex<Vec<TcpStream>>) -> MutexGuard<'_, Vec<TcpStream>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers until somebody asks for events. Who sees the answer is among those who get the next one.
fn begin(mut stream: TcpStream, streams: &Mutex<Vec<TcpStream>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    loop {
        let (head, _) = head(&mut stream)?;
        if head.starts_with("GET /events") {
            let mut streams = lock(streams);
            stream.write_all(STREAM).ok()?;
            streams.push(stream);
            return Some(());
        }
        stream.write_all(EMPTY).ok()?;
    }
}

/// Starts a server that reads whatever it is sent and says 200 at the end of it. Its port.
pub(crate) fn start_sink() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || swallow(stream));
        }
    });
    Ok(port)
}

fn swallow(mut stream: TcpStream) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (head, began) = head(&mut stream)?;
        let mut rest = client::content_length(&head).ok()?.unwrap_or(0).checked_sub(began)?;
        while rest > 0 {
            let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
            rest = rest.checked_sub(read)?;
        }
        stream.write_all(EMPTY).ok()?;
    }
}

/// A request's head, and how much of its content came along with it.
fn head(stream: &mut TcpStream) -> Option<(String, usize)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend(buffer.iter().take(read));
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let content = bytes.len() - end - 4;
            bytes.truncate(end);
            return Some((String::from_utf8(bytes).ok()?, content));
        }
    }
}
