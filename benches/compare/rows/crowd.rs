//! A hundred thousand users, one after the other: what the last costs beside the first, what is kept, who notices.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cognito_auth_proxy::dev::Tokens;

use super::Heading;
use crate::{
    Outcome,
    client::Client,
    contenders::{Contender, Running, Setup},
    paced::{self, Pace},
    process::Memory,
    requests,
    table::{Beside, Line, Table},
    world::World,
};

/// Connections that the crowd comes over.
const CONNECTIONS: usize = 8;

/// Whose cost is compared: so many at the beginning, so many at the end.
const SOME: usize = 10_000;

/// Somebody who was there before.
const KNOWN: Pace = Pace { per_second: 200, connections: 4 };

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let crowd = world.crowd()?;
    let running = Contender::Ours.start(world, &Setup::before(world.application()))?;
    let request = requests::signed_in("GET /", world.regular(), "");
    let alone = paced::run(running.port(), &request, KNOWN, Duration::from_secs(world.seconds.max(3)))?;
    let resident = || running.process().and_then(|process| process.memory(Memory::Resident));
    let before = resident()? / 1024.0;
    let last = crowd.len().saturating_sub(SOME);
    let parts = [0..SOME, SOME..last, last..crowd.len()];
    let going_on = AtomicBool::new(true);
    let (costs, meanwhile) = std::thread::scope(|scope| {
        let known = scope.spawn(|| paced::run_while(running.port(), &request, KNOWN, &going_on));
        let costs = parts.map(|part| all_come(&running, crowd.get(part).unwrap_or_default()));
        going_on.store(false, Ordering::Relaxed);
        (costs, known.join())
    });
    let meanwhile = meanwhile.map_err(|_| "the known user ended early")??;
    let after = resident()? / 1024.0;
    let [first, middle, last] = costs;
    let (first, _, last) = (first?, middle?, last?);
    let line =
        |workload: &str, figure: f64, unit| Heading { workload, unit, target: "" }.line(Contender::Ours, figure.into());
    let count = crowd.len();
    table.push(line("memory before the crowd", before, "MB"));
    let grown = line(&format!("memory after {count} users"), after, "MB");
    table.push(Line { target: "bounded (setting)", ..grown });
    table.push(line(&format!("first {SOME} users"), first, "µs CPU/request"));
    let beside = Beside::Own((last / first).into());
    table.push(Line { beside, ..line(&format!("last {SOME} users, against the first"), last, "µs CPU/request") });
    table.push(line("known user alone, p99", alone.quantile(0.99), "ms"));
    let among = line("known user while the crowd comes, p99", meanwhile.quantile(0.99), "ms");
    table.push(Line { target: "no cliff", ..among });
    Ok(())
}

/// Each asks once. CPU of the proxy for each, in microseconds, with what the known user asks meanwhile.
fn all_come(running: &Running, crowd: &[Tokens]) -> Outcome<f64> {
    let before = running.process()?.cpu()?;
    let queue = Mutex::new(crowd.iter());
    std::thread::scope(|scope| {
        let visitors: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| come(running.port(), &queue))).collect();
        visitors.into_iter().try_for_each(|visitor| visitor.join().map_err(|_| "a visitor ended early")?)
    })?;
    let spent = running.process()?.cpu()? - before;
    Ok(spent.as_secs_f64() * 1e6 / crowd.len() as f64)
}

fn come(port: u16, queue: &Mutex<std::slice::Iter<'_, Tokens>>) -> Outcome {
    let mut client = Client::connect(port)?;
    loop {
        let next = queue.lock().map_err(|_| "a visitor ended early")?.next();
        let Some(tokens) = next else { return Ok(()) };
        client.expect_ok(requests::signed_in("GET /", tokens, "").as_bytes())?;
    }
}
