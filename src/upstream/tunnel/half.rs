//! One direction of a tunnel: bytes as they come, and a frame of ours at its end.

use std::{
    io,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until},
};

use super::frames::Frames;

/// How much is read at a time.
const BUFFER: usize = 8 * 1024;

/// One direction. Every method may be dropped at any await and another called: nothing is lost or written twice.
#[derive(Debug)]
pub(super) struct Half<R, W, C> {
    from: R,
    to: W,
    buffer: Box<[u8]>,
    /// What of the buffer is still to be written.
    pending: Range<usize>,
    frames: Frames,
    count: C,
    /// How many bytes were written.
    pub(super) bytes: u64,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin, C: Fn(u64)> Half<R, W, C> {
    /// Every write is told to `count`.
    pub(super) fn new(from: R, to: W, count: C) -> Self {
        Self { from, to, buffer: vec![0; BUFFER].into(), pending: 0..0, frames: Frames::default(), count, bytes: 0 }
    }

    /// Passes everything on until the sender ends, and tells the receiver.
    pub(super) async fn run(&mut self, activity: &Activity) -> io::Result<()> {
        loop {
            while !self.pending.is_empty() {
                self.write(self.pending.len()).await?;
                activity.note();
            }
            self.to.flush().await?;
            if !self.read().await? {
                return self.to.shutdown().await;
            }
            activity.note();
        }
    }

    /// Passes on what is left of the frame that has begun, then writes `last` and ends.
    pub(super) async fn end_with(&mut self, last: &[u8]) -> io::Result<()> {
        while !self.frames.between() {
            if self.pending.is_empty() && !self.read().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let pending = self.buffer.get(self.pending.clone()).unwrap_or_default();
            self.write(self.frames.rest_of_frame(pending)).await?;
        }
        self.to.write_all(last).await?;
        self.to.shutdown().await
    }

    /// Reads until the sender ends, for nobody: it may be on its way to say goodbye.
    pub(super) async fn hear_out(&mut self) -> io::Result<()> {
        while self.from.read(&mut self.buffer).await? > 0 {}
        Ok(())
    }

    /// Whether anything was read before the end.
    async fn read(&mut self) -> io::Result<bool> {
        let read = self.from.read(&mut self.buffer).await?;
        self.pending = 0..read;
        Ok(read > 0)
    }

    /// Writes some of the next `most` pending bytes.
    async fn write(&mut self, most: usize) -> io::Result<()> {
        let next = self.pending.start..self.pending.start.saturating_add(most).min(self.pending.end);
        let bytes = self.buffer.get(next).unwrap_or_default();
        let written = self.to.write(bytes).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.frames.follow(bytes.get(..written).unwrap_or_default());
        self.pending.start += written;
        (self.count)(written as u64);
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(())
    }
}

/// When something passed last, in either direction.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    last: AtomicU64,
}

impl Activity {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0) }
    }

    /// How long ago it began.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    fn note(&self) {
        self.last.store(u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Completes when nothing has passed for `limit`.
    pub(super) async fn silence(&self, limit: Duration) {
        loop {
            let until = self.began + Duration::from_millis(self.last.load(Ordering::Relaxed)) + limit;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::duplex, time::timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_byte() {
        let activity = Activity::begin();
        for _ in 0..5 {
            timeout(LIMIT * 9 / 10, activity.silence(LIMIT)).await.unwrap_err();
            activity.note();
        }
        let began = Instant::now();
        activity.silence(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
    }

    /// What the receiver gets when the half is interrupted after `room` bytes of two frames and a part of a third.
    async fn interrupted_after(room: usize) -> Vec<u8> {
        let (mut sender, from) = duplex(64);
        let (to, mut receiver) = duplex(room);
        let mut half = Half::new(from, to, |_| {});
        sender.write_all(b"\x81\x01a\x81\x01b\x81\x05cd").await.unwrap();
        timeout(LIMIT, half.run(&Activity::begin())).await.unwrap_err();
        assert_eq!(half.bytes, room as u64);
        sender.write_all(b"efg\x81\x01h").await.unwrap();
        let mut received = Vec::new();
        let (ended, _) = tokio::join!(half.end_with(b"\x88\x00"), receiver.read_to_end(&mut received));
        ended.unwrap();
        received
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_has_begun_is_finished_and_no_other_begun() {
        assert_eq!(interrupted_after(3).await, b"\x81\x01a\x88\x00");
        assert_eq!(interrupted_after(4).await, b"\x81\x01a\x81\x01b\x88\x00");
        assert_eq!(interrupted_after(6).await, b"\x81\x01a\x81\x01b\x88\x00");
        for room in [7, 8, 9] {
            assert_eq!(interrupted_after(room).await, b"\x81\x01a\x81\x01b\x81\x05cdefg\x88\x00", "{room}");
        }
    }

    #[tokio::test]
    async fn a_sender_that_ends_in_the_middle_of_a_frame_gets_no_last_frame_written() {
        let (mut sender, from) = duplex(64);
        let (to, mut receiver) = duplex(64);
        let mut half = Half::new(from, to, |_| {});
        sender.write_all(b"\x81\x05ab").await.unwrap();
        drop(sender);
        half.run(&Activity::begin()).await.unwrap();
        assert_eq!(half.end_with(b"\x88\x00").await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        drop(half);
        let mut received = Vec::new();
        receiver.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x81\x05ab");
    }
}
