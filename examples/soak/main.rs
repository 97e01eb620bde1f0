//! A day of the proxy's life in minutes: the real binary under everything at once, every answer checked for its owner.
//!
//! ```text
//! cargo run --release --example soak -- target/release/cognito-auth-proxy [SECONDS, 600] [VISITORS, 64]
//! ```
//!
//! Two thousand users whose tokens live for less than a minute, rotating keys, a policy file that changes and breaks, an
//! application that restarts, uploads, downloads that are left, WebSockets, event streams, idle connections, strangers.
//! Settings of the environment reach the proxy: with `COGNITO_AUTH_MAX_STREAM_AGE=60s` it ends streams. Prints a line every few seconds, and fails
//! where an answer was not what it should be, where memory grew beyond [`MARGIN`], or where the drain did not end well.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool of the tests: what is missing ends it, and it plays client and application itself"
)]

mod application;
mod census;
mod city;
mod client;
mod proxy;
mod streams;
mod visitors;
mod weather;

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use application::Application;
use census::Census;
use city::City;
use proxy::Proxy;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How much more memory than after the warm-up may be resident at the end: a tenth, and what arenas of the allocator do.
const MARGIN: (u64, u64) = (10, 8 * 1024 * 1024);

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().ok_or("which binary?")?;
    let seconds: u64 = arguments.next().map_or(Ok(600), |text| text.parse())?;
    let visitors: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;

    let tasks = TaskTracker::new();
    let (application, census) = (Arc::new(Application::start(tasks.clone()).await?), Arc::new(Census::default()));
    let city = City::found(tasks.clone()).await?;
    let proxy = Proxy::start(&binary, &city, application.address()).await?;
    // Inherited by the proxy, which then ends streams at that age.
    let streams = match std::env::var_os("COGNITO_AUTH_MAX_STREAM_AGE") {
        Some(_) => Streams::EndAtTheirAge,
        None => Streams::GoOn,
    };
    let world = Arc::new(World { city, application, census, proxy, streams, over: CancellationToken::new() });

    let people = TaskTracker::new();
    world.populate(&people, visitors);
    let memory = world.watch(Duration::from_secs(seconds)).await;
    world.over.cancel();
    people.close();
    people.wait().await;
    // Its connections to the proxy would be let go at the next request, and there is none.
    world.application.stop();
    let mut faults = Vec::new();
    if tokio::time::timeout(Duration::from_secs(30), world.people_gone()).await.is_err() {
        faults.push(format!("the proxy held {} files that nobody held any more", world.proxy.size().1));
    }
    let ended = world.proxy.ended().await;
    if ended != proxy::ENDED_WELL {
        faults.push("the proxy did not end well".to_owned());
    }
    println!("{}\nproxy: {ended}", world.census.report());
    faults.extend(world.census.verdict());
    faults.extend(verdict_on(&memory));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// What the proxy does to streams that nobody else ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Streams {
    EndAtTheirAge,
    GoOn,
}

/// Everything there is.
struct World {
    city: City,
    application: Arc<Application>,
    census: Arc<Census>,
    proxy: Proxy,
    streams: Streams,
    over: CancellationToken,
}

impl World {
    fn populate(self: &Arc<Self>, tasks: &TaskTracker, visitors: usize) {
        for number in 0..visitors {
            match number % 8 {
                0 => tasks.spawn(visitors::uploads(Arc::clone(self))),
                1 => tasks.spawn(visitors::leaves(Arc::clone(self))),
                2..=4 => tasks.spawn(visitors::over_http_2(Arc::clone(self))),
                _ => tasks.spawn(visitors::over_http_1(Arc::clone(self))),
            };
        }
        for _ in 0..visitors {
            tasks.spawn(streams::events(Arc::clone(self)));
            tasks.spawn(streams::socket(Arc::clone(self)));
            for _ in 0..4 {
                tasks.spawn(visitors::mostly_idle(Arc::clone(self)));
            }
        }
        tasks.spawn(visitors::refused(Arc::clone(self)));
        tasks.spawn(visitors::strangers(Arc::clone(self)));
        tasks.spawn(weather::keys_rotate(Arc::clone(self)));
        tasks.spawn(weather::policies_change(Arc::clone(self)));
        tasks.spawn(weather::application_restarts(Arc::clone(self)));
    }

    /// Looks at the memory of the proxy until the time is over.
    async fn watch(&self, duration: Duration) -> Vec<(Duration, u64)> {
        let (began, mut looks, mut memory) = (Instant::now(), tokio::time::interval(LOOK), Vec::new());
        println!("   s    MiB  files  {}", Census::HEAD);
        while began.elapsed() < duration {
            looks.tick().await;
            let (resident, files) = self.proxy.size();
            println!("{:4} {:6.1} {files:6}  {}", began.elapsed().as_secs(), mib(resident), self.census.line());
            memory.push((began.elapsed(), resident));
        }
        memory
    }

    /// Waits until the proxy has no more open than it began with: whoever has left is not held.
    async fn people_gone(&self) {
        while self.proxy.size().1 > proxy::FILES_AT_REST {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Compares the memory at the end with that after the warm-up, the first fifth: caches fill then, and keys are fetched. That
/// takes about two minutes; a run much shorter than ten takes the filling for growth.
fn verdict_on(memory: &[(Duration, u64)]) -> Option<String> {
    let (tenth, count) = ((memory.len() / 10).max(1), memory.len());
    let mean =
        |looks: &[(Duration, u64)]| looks.iter().map(|(_, bytes)| bytes).sum::<u64>() / looks.len().max(1) as u64;
    let warm = mean(memory.get(2 * tenth..3 * tenth).unwrap_or(memory));
    let last = mean(memory.get(count - tenth..).unwrap_or(memory));
    let most = memory.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let limit = warm + warm / MARGIN.0 + MARGIN.1;
    println!("memory: {:.1} MiB warm, {:.1} MiB at the end, {:.1} MiB at most", mib(warm), mib(last), mib(most));
    (last > limit).then(|| format!("memory grew beyond {:.1} MiB", mib(limit)))
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
