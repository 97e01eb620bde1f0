//! What is judged of the bytes that come: a request's head, once begun, comes to its end in time, and an HTTP/2 client
//! does not ask for work without end.
//!
//! hyper has one timer for heads and for idle connections, which must be long, so that it is off and both are timed here;
//! h2 has none, and answers every PING.

use std::{sync::Arc, task::Context, time::Duration};

use tokio::time::Instant;

use super::{
    allowance::Allowance,
    exchanges::Exchanges,
    frames::{Frames, PREFACE},
    socket::Outflow,
};
use crate::{alarm::Alarm, config::ConnectionLimits, metrics::Limit};

/// What becomes of waiting for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// It goes on.
    On,
    /// The connection has been idle for long: it ends as if its client had closed it.
    Over,
}

/// The judge of what one connection sends.
#[derive(Debug)]
pub(super) struct Reading {
    exchanges: Arc<Exchanges>,
    limits: ConnectionLimits,
    keep_alive_timeout: Duration,
    protocol: Protocol,
    head: Head,
    idle_alarm: Alarm,
    alarm: Alarm,
}

/// How far a request's head, or a frame, has come.
#[derive(Debug, Clone, Copy)]
enum Head {
    /// None has begun.
    None,
    /// It has begun. Most come whole, and nobody looks at the clock for them.
    Begun,
    /// It is waited for, and must be complete by then.
    Due(Instant),
}

#[derive(Debug)]
enum Protocol {
    /// So much of HTTP/2's preface has come.
    Unknown { matched: usize },
    /// So many exchanges had begun when last looked.
    Http1 { begun: usize },
    /// So many frames were complete when last looked.
    Http2 { frames: Frames, complete: u64, allowance: Allowance },
    /// Something else, after 101.
    Other,
}

impl Reading {
    pub(super) fn new(exchanges: Arc<Exchanges>, limits: ConnectionLimits, keep_alive_timeout: Duration) -> Self {
        let protocol = Protocol::Unknown { matched: 0 };
        Self {
            exchanges,
            limits,
            keep_alive_timeout,
            protocol,
            head: Head::None,
            idle_alarm: Alarm::default(),
            alarm: Alarm::default(),
        }
    }

    /// Takes note of what came.
    pub(super) fn took(&mut self, mut bytes: &[u8]) -> Result<(), Limit> {
        if let Protocol::Unknown { matched } = &mut self.protocol {
            let rest = PREFACE.get(*matched..).unwrap_or_default();
            let compared = rest.len().min(bytes.len());
            if bytes.get(..compared) != rest.get(..compared) {
                self.protocol = Protocol::Http1 { begun: self.exchanges.begun() };
            } else if compared < rest.len() {
                *matched += compared;
                self.begin();
                return Ok(());
            } else {
                let allowance = Allowance::a_minute(self.limits.control_frames);
                self.protocol = Protocol::Http2 { frames: Frames::default(), complete: 0, allowance };
                self.head = Head::None;
                bytes = bytes.get(compared..).unwrap_or_default();
            }
        }
        self.settle();
        match &mut self.protocol {
            Protocol::Unknown { .. } | Protocol::Other => {}
            // Content, or the next request before its turn.
            Protocol::Http1 { .. } if self.exchanges.is_open() => {}
            // Old clients send an empty line behind a content; it begins nothing (RFC 9112 §2.2).
            Protocol::Http1 { .. } if bytes.iter().all(|byte| b"\r\n".contains(byte)) => {}
            Protocol::Http1 { .. } => self.begin(),
            Protocol::Http2 { frames, complete, allowance } => {
                let control = frames.scan(bytes);
                if control > 0 {
                    allowance.take(control, Instant::now()).map_err(|_spent| Limit::ControlFrames)?;
                }
                let between = frames.is_between();
                if frames.complete() != std::mem::replace(complete, frames.complete()) || between {
                    self.head = Head::None;
                }
                if !between {
                    self.begin();
                }
            }
        }
        Ok(())
    }

    /// Takes note that nothing came; the task of `context` is woken when that has lasted too long.
    pub(super) fn waits(&mut self, outflow: Outflow, context: &mut Context<'_>) -> Result<Waiting, Limit> {
        self.settle();
        let due = match self.head {
            Head::None => return Ok(self.idles(outflow, context)),
            // A head that has begun is given no more time than one that has not.
            Head::Begun => Instant::now() + self.limits.head_timeout.min(self.keep_alive_timeout),
            Head::Due(due) => due,
        };
        self.head = Head::Due(due);
        match self.alarm.rings(due, context) {
            false => Ok(Waiting::On),
            // In words only where the limit of heads was reached. What could still be HTTP/2 is not to end as if it were not.
            true if self.is_http1() && self.keep_alive_timeout < self.limits.head_timeout => Ok(Waiting::Over),
            true => Err(Limit::HeadTimeout),
        }
    }

    /// Whether an HTTP/1.1 connection that has had a request is idle, and has been for long. HTTP/2 has pings.
    fn idles(&mut self, outflow: Outflow, context: &mut Context<'_>) -> Waiting {
        match self.protocol {
            Protocol::Http1 { begun: 1.. } => {}
            Protocol::Http1 { .. } | Protocol::Http2 { .. } | Protocol::Other | Protocol::Unknown { .. } => {
                return Waiting::On;
            }
        }
        // An exchange ends when hyper has the last of its answer, which may be long before the client has.
        let since = match outflow {
            Outflow::Free(went_on) => {
                self.exchanges.idle_since().map(|ended| went_on.map_or(ended, |it| it.max(ended)))
            }
            Outflow::Waits(_) | Outflow::GivenUp => None,
        };
        match since {
            // hyper asks for bytes while an exchange is open, and need not ask again when it ends.
            None => self.idle_alarm.keeps_waking(self.keep_alive_timeout, context),
            Some(since) if self.idle_alarm.rings(since + self.keep_alive_timeout, context) => return Waiting::Over,
            Some(_) => {}
        }
        Waiting::On
    }

    /// Whether a refusal in HTTP/1.1 would be understood.
    pub(super) const fn is_http1(&self) -> bool {
        matches!(self.protocol, Protocol::Http1 { .. })
    }

    const fn begin(&mut self) {
        if let Head::None = self.head {
            self.head = Head::Begun;
        }
    }

    /// In HTTP/1.1 the exchanges tell whether a head has come to its end.
    fn settle(&mut self) {
        let Protocol::Http1 { begun } = &mut self.protocol else { return };
        let now_begun = self.exchanges.begun();
        if *begun != now_begun || self.exchanges.is_open() {
            *begun = now_begun;
            self.head = Head::None;
        }
        if self.exchanges.is_upgraded() {
            self.protocol = Protocol::Other;
            self.head = Head::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        connections: 1,
        concurrent_requests: 1,
        control_frames: 60,
        head_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(10),
    };

    const KEEP_ALIVE: Duration = Duration::from_secs(75);

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_whole_costs_no_timer() {
        let (exchanges, mut context) = (Arc::default(), Context::from_waker(Waker::noop()));
        let mut reading = Reading::new(Arc::clone(&exchanges), LIMITS, KEEP_ALIVE);
        for _ in 0..3 {
            reading.waits(Outflow::Free(None), &mut context).unwrap();
            reading.took(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            let exchange = exchanges.begin();
            reading.waits(Outflow::Free(None), &mut context).unwrap();
            drop(exchange);
        }
        assert!(!reading.alarm.was_made());
        reading.took(b"GET").unwrap();
        reading.waits(Outflow::Free(None), &mut context).unwrap();
        assert!(reading.alarm.was_made());
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_come_whole_cost_no_timer() {
        let mut context = Context::from_waker(Waker::noop());
        let mut reading = Reading::new(Arc::default(), LIMITS, KEEP_ALIVE);
        reading.took(PREFACE).unwrap();
        for _ in 0..30 {
            reading.took(b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x82").unwrap();
            reading.waits(Outflow::Free(None), &mut context).unwrap();
        }
        assert!(!reading.alarm.was_made());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_upgraded_is_not_judged_by_what_it_reads() {
        let (exchanges, mut context) = (Arc::default(), Context::from_waker(Waker::noop()));
        let mut reading = Reading::new(Arc::clone(&exchanges), LIMITS, KEEP_ALIVE);
        reading.took(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        drop(exchanges.begin());
        exchanges.upgrade();
        reading.took(b"frame").unwrap();
        tokio::time::advance(LIMITS.head_timeout * 2).await;
        reading.waits(Outflow::Free(None), &mut context).unwrap();
    }
}
