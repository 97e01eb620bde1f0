//! An endless stream of server-sent events, one a second: what a proxy that buffers would break.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Interval, interval};

/// The body of `/clock`: the time of day in UTC, at once and then every second.
pub(super) struct Clock {
    ticks: Interval,
    count: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { ticks: interval(Duration::from_secs(1)), count: 0 }
    }
}

impl Body for Clock {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.ticks.poll_tick(context));
        self.count += 1;
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since_1970| since_1970.as_secs());
        let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let event = format!("id: {}\ndata: {hour:02}:{minute:02}:{second:02} UTC\n\n", self.count);
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}
