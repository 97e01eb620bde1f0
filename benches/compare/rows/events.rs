//! How much later an event of a stream arrives for the proxy between: streams open, an event to one of them at a time.

use std::time::Duration;

use super::open_loop::added;
use crate::{
    Outcome,
    application::{self, EventSource},
    client::{self, Client},
    contenders::{Contender, Running, Setup},
    paced::Latencies,
    requests,
    table::Table,
    world::World,
};

const STREAMS: usize = 50;

/// Between two events, whoever gets them.
const PAUSE: Duration = Duration::from_millis(1);

const CONTENDERS: [Contender; 3] = [Contender::Direct, Contender::Nginx, Contender::Ours];

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let source = EventSource::start()?;
    let setup = Setup::before(source.port);
    let contenders = CONTENDERS.map(|contender| contender.start(world, &setup));
    let contenders = contenders.into_iter().collect::<Outcome<Vec<_>>>()?;
    let mut rounds = Vec::new();
    for _ in 0..world.rounds {
        let each = contenders.iter().map(|running| one_turn(world, running, &source));
        rounds.push(each.collect::<Outcome<Vec<_>>>()?);
    }
    let workload = format!("event through one of {STREAMS} streams");
    added(table, &workload, (&contenders, &rounds), "≤ 0.3 ms above direct");
    Ok(())
}

fn one_turn(world: &World, running: &Running, source: &EventSource) -> Outcome<Latencies> {
    let listeners = (0..STREAMS).map(|_| listen(world, running.port())).collect::<Outcome<Vec<_>>>()?;
    let turns = world.seconds * 1000 / STREAMS as u64;
    let heard = std::thread::scope(|scope| {
        let listening: Vec<_> = listeners.into_iter().map(|listener| scope.spawn(|| hear(listener, turns))).collect();
        for _ in 0..turns {
            source.send(PAUSE)?;
        }
        let heard = listening.into_iter().map(|thread| thread.join().map_err(|_| "a listener ended early")?);
        heard.collect::<Outcome<Vec<_>>>()
    });
    source.end();
    Latencies::new(heard?.into_iter().flatten().collect())
}

/// Opens a stream.
pub(super) fn listen(world: &World, port: u16) -> Outcome<Client> {
    let mut client = Client::connect(port)?;
    client.send(requests::signed_in("GET /events", world.regular(), "").as_bytes())?;
    let head = client.head()?;
    match client::status(&head)? {
        200 => Ok(client),
        status => Err(format!("answered {status} in place of a stream").into()),
    }
}

/// How old each of this many events is when it is read.
fn hear(mut client: Client, events: u64) -> Outcome<Vec<Duration>> {
    let mut latencies = Vec::new();
    while (latencies.len() as u64) < events {
        // Lines of the chunked coding are passed over.
        if let Some(sent) = client.line()?.trim_end().strip_prefix("data: ") {
            let age = application::now().saturating_sub(sent.parse()?);
            latencies.push(Duration::from_nanos(u64::try_from(age)?));
        }
    }
    Ok(latencies)
}
