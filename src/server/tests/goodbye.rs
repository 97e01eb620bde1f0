use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{io::ReadBuf, time::timeout};

use super::*;

/// TLS whose peer takes nothing: it has a last record to send, and no room.
struct Stuck;

impl AsyncRead for Stuck {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_is_not_taken_is_given_up() {
    let Terms { limits, keep_alive_timeout, metrics, .. } = TERMS();
    let places = Places::new(1, Arc::clone(&metrics));
    let seat = places.seat(places.next().await);
    let watch = Watch { peer: ([127, 0, 0, 1], 1).into(), limits, keep_alive_timeout, metrics };
    let mut watched = Watched::new(Stuck, Arc::default(), watch, seat);
    let begun = Instant::now();
    let ended = timeout(limits.write_timeout * 2, watched.shutdown()).await;
    ended.expect("it is not waited for").unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), limits.write_timeout.as_secs());
}
