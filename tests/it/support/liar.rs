//! A key endpoint that answers with bytes of the test's choice, lets them drip, or never ends them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

use super::upstream::read_request;

/// What it says to a request.
#[derive(Clone)]
pub(crate) enum Lie {
    /// These bytes; then the connection is closed.
    Said(Vec<u8>),
    /// This head, and then a byte in every tenth of a second for as long as somebody listens.
    Dripping(&'static str),
    /// This head, and then this again and again for as long as somebody listens.
    Endless(&'static str, &'static str),
}

/// The endpoint, until it is dropped.
pub(crate) struct Liar {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _tasks: TaskTracker,
}

impl Liar {
    /// Says this to every request.
    pub(crate) async fn saying(lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let (tasks, count) = (TaskTracker::new(), Arc::clone(&requests));
        let spawner = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawner.spawn(lie_to(stream, lie.clone(), Arc::clone(&count)));
            }
        });
        Self { address, requests, _tasks: tasks }
    }

    /// Where this is found there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often it was asked.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn lie_to(mut stream: TcpStream, lie: Lie, count: Arc<AtomicUsize>) -> Option<()> {
    read_request(&mut stream, &mut Vec::new()).await?;
    count.fetch_add(1, Ordering::SeqCst);
    let mut drops = tokio::time::interval(Duration::from_millis(100));
    match lie {
        Lie::Said(bytes) => stream.write_all(&bytes).await.ok(),
        Lie::Dripping(head) => {
            stream.write_all(head.as_bytes()).await.ok()?;
            loop {
                drops.tick().await;
                stream.write_all(b"-").await.ok()?;
            }
        }
        Lie::Endless(head, again) => {
            stream.write_all(head.as_bytes()).await.ok()?;
            loop {
                stream.write_all(again.as_bytes()).await.ok()?;
            }
        }
    }
}

/// 200 with this body, its length stated.
pub(crate) fn ok(fields: &str, body: impl AsRef<[u8]>) -> Lie {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n", body.len());
    Lie::Said([head.as_bytes(), body].concat())
}

/// The body as gzip writes it where it does not compress: RFC 1952 around one stored block of RFC 1951.
pub(crate) fn gzipped(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(body);
    bytes.extend(crc32(body).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}
