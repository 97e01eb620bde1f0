//! The open loop: requests at their time whether or not the last was answered, each timed from when it was due.
//!
//! A client that waits for an answer before it takes the next time hides what a slow answer does to those behind it
//! (coordinated omission). Threads block and sleep in the kernel: a runtime's timer is coarser than what is measured.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Outcome, client::Client};

/// How fast, and over how many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) connections: u32,
}

/// Latencies, in order of size.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Outcome<Self> {
        all.sort_unstable();
        if all.is_empty() { Err("nothing was measured".into()) } else { Ok(Self(all)) }
    }

    /// The latency that this share of all does not exceed, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        let latency = self.0.get(rank.clamp(1, self.0.len()) - 1);
        latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Sends `request` at this pace for so long, and fails where an answer is not 200.
pub(crate) fn run(port: u16, request: &str, pace: Pace, time: Duration) -> Outcome<Latencies> {
    run_until(port, request, pace, |began| began.elapsed() >= time)
}

/// The same until the flag is set.
pub(crate) fn run_while(port: u16, request: &str, pace: Pace, going_on: &AtomicBool) -> Outcome<Latencies> {
    run_until(port, request, pace, |_| !going_on.load(Ordering::Relaxed))
}

fn run_until(port: u16, request: &str, pace: Pace, over: impl Fn(Instant) -> bool + Sync) -> Outcome<Latencies> {
    let clients = (0..pace.connections).map(|_| Client::connect(port)).collect::<Outcome<Vec<_>>>()?;
    let period = Duration::from_secs(1) / pace.per_second;
    let began = Instant::now() + Duration::from_millis(20);
    let all = std::thread::scope(|scope| {
        let threads = clients.into_iter().zip(0..).map(|(client, number): (_, u32)| {
            let schedule = Schedule { next: began + period * number, step: period * pace.connections };
            let over = &over;
            scope.spawn(move || schedule.keep(client, request, || over(began)))
        });
        let threads: Vec<_> = threads.collect();
        let each = threads.into_iter().map(|thread| thread.join().map_err(|_| "a client ended early")?);
        each.collect::<Outcome<Vec<_>>>()
    });
    Latencies::new(all?.into_iter().flatten().collect())
}

/// When the requests of one connection are due.
struct Schedule {
    next: Instant,
    step: Duration,
}

impl Schedule {
    fn keep(mut self, mut client: Client, request: &str, over: impl Fn() -> bool) -> Outcome<Vec<Duration>> {
        let mut latencies = Vec::new();
        while !over() {
            std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
            client.expect_ok(request.as_bytes())?;
            latencies.push(self.next.elapsed());
            self.next += self.step;
        }
        Ok(latencies)
    }
}
