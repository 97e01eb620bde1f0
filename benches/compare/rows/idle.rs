//! Memory: of a process that has little to do, of connections that wait, of streams on which nothing comes.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Heading, events};
use crate::{
    Outcome,
    application::EventSource,
    client::Client,
    contenders::{Contender, Running, Setup},
    load::{Load, Sent, begin},
    process::Memory,
    requests,
    table::{Beside, Line, Table},
    world::{BINARY, World},
};

const CONNECTIONS: usize = 5000;
const STREAMS: usize = 2000;

/// A stream is two connections of the application's, here, and files of this process like those of its clients.
const FILES: u64 = 12_000;

const CONTENDERS: [Contender; 3] = [Contender::Nginx, Contender::Haproxy, Contender::Ours];

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    raise_open_files()?;
    connections(world, table)?;
    streams(world, table)
}

fn connections(world: &World, table: &mut Table) -> Outcome {
    let request = requests::signed_in("GET /", world.regular(), "");
    let setup = Setup::before(world.application());
    let workload = format!("idle keep-alive connection, one of {CONNECTIONS}");
    let heading = Heading { workload: &workload, unit: "KB", target: "≤ 12 KB (stretch 4)" };
    for contender in CONTENDERS {
        let running = warm(world, contender, &setup)?;
        let mut open = Vec::with_capacity(CONNECTIONS);
        let each = grown_by(&running, CONNECTIONS, || {
            for _ in 0..CONNECTIONS {
                let mut client = Client::connect(running.port())?;
                client.expect_ok(request.as_bytes())?;
                open.push(client);
            }
            Ok(())
        });
        table.push(heading.line(contender, each?.into()));
    }
    Ok(())
}

fn streams(world: &World, table: &mut Table) -> Outcome {
    let source = EventSource::start()?;
    let setup = Setup::before(source.port);
    let workload = format!("idle event stream, one of {STREAMS}");
    let heading = Heading { workload: &workload, unit: "KB", target: "≤ 24 KB (stretch 16)" };
    for contender in CONTENDERS {
        let running = contender.start(world, &setup)?;
        let mut open = vec![events::listen(world, running.port())?];
        let each = grown_by(&running, STREAMS, || {
            for _ in 0..STREAMS {
                open.push(events::listen(world, running.port())?);
            }
            // One event each, for whatever is made when the first comes.
            source.send(Duration::ZERO)?;
            open.iter_mut().try_for_each(|client| {
                while !client.line()?.starts_with("data: ") {}
                Ok(())
            })
        });
        table.push(heading.line(contender, each?.into()));
        source.end();
    }
    Ok(())
}

/// KB of resident memory for each of `count` things that are made.
fn grown_by(running: &Running, count: usize, make: impl FnOnce() -> Outcome) -> Outcome<f64> {
    let before = running.process()?.memory(Memory::Resident)?;
    make()?;
    Ok((running.process()?.memory(Memory::Resident)? - before) / count as f64)
}

/// With its pools filled, so that only what a connection needs is counted.
fn warm(world: &World, contender: Contender, setup: &Setup) -> Outcome<Running> {
    let running = contender.start(world, setup)?;
    begin(world, running.port(), Load::new(Sent::Same(world.regular()), 1))?.answered_well()?;
    Ok(running)
}

fn raise_open_files() -> Outcome {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= FILES) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < FILES) {
        return Err(format!("{FILES} open files are needed: raise the hard limit (ulimit -Hn)").into());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// After the start and a hundred requests. And how large the file is.
pub(super) fn at_rest(world: &World, table: &mut Table) -> Outcome {
    let (request, setup) = (requests::signed_in("GET /", world.regular(), ""), Setup::before(world.application()));
    let heading = Heading { workload: "memory at rest, after 100 requests", unit: "MB", target: "≤ 12 MB" };
    for contender in CONTENDERS {
        let running = contender.start(world, &setup)?;
        let mut client = Client::connect(running.port())?;
        (0..100).try_for_each(|_| client.expect_ok(request.as_bytes()))?;
        let resident = running.process()?.memory(Memory::Resident)? / 1024.0;
        table.push(heading.line(contender, resident.into()));
    }
    let size = std::fs::metadata(BINARY)?.len() as f64 / 1024.0 / 1024.0;
    let heading = Heading { workload: "size of the stripped binary", unit: "MB", target: "≤ 12 MB" };
    table.push(Line { beside: Beside::Nobody, ..heading.line(Contender::Ours, size.into()) });
    Ok(())
}
