//! An application whose connections the test itself holds, one by one, byte by byte.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use super::{client::Wire, soon, upstream::Seen};

/// A listening application that does nothing by itself.
pub(crate) struct Application {
    listener: TcpListener,
}

impl Application {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection opened to it.
    pub(crate) async fn accept(&self) -> Wire {
        Wire::over(soon("a connection to the application", self.listener.accept()).await.unwrap().0)
    }

    /// Whether nobody has connected since the last [`Application::accept`]: the queue is first come, first served, so
    /// ours would be behind theirs.
    pub(crate) async fn is_left_alone(&self) -> bool {
        let ours = TcpStream::connect(self.address()).await.unwrap();
        let (_next, from) = soon("our own connection", self.listener.accept()).await.unwrap();
        from == ours.local_addr().unwrap()
    }
}

/// What an application does with a connection.
impl Wire {
    /// Reads the head of a request; its body is still to come.
    pub(crate) async fn request(&mut self) -> Seen {
        let head = self.head_text().await;
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let fields = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())).unwrap())
            .collect();
        Seen { line, fields, body: Vec::new() }
    }

    /// Sends one chunk of a chunked body.
    pub(crate) async fn send_chunk(&mut self, data: &str) {
        self.send(format!("{:x}\r\n{data}\r\n", data.len())).await;
    }
}
