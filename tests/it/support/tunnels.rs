//! A proxy on the way out.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

/// A proxy that opens tunnels (RFC 9110 §9.3.6), all of them to one place, and remembers what was asked for.
pub(crate) struct Tunnels {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: TaskTracker,
}

impl Tunnels {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked, tasks) =
            (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default(), TaskTracker::new());
        let (note, spawner) = (Arc::clone(&asked), tasks.clone());
        tasks.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let note = Arc::clone(&note);
                spawner.spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    note.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let mut server = TcpStream::connect(target).await.unwrap();
                    let _ended = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    /// The request lines, each once where they are the same in a row.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.dedup();
        asked
    }
}
