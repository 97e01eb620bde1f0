//! Latency of requests that come at their time, beside the application without a proxy.

use std::time::Duration;

use super::Heading;
use crate::{
    Outcome,
    contenders::{Contender, Running, Setup},
    paced::{self, Latencies, Pace},
    requests,
    table::{Beside, Line, Series, Table},
    world::World,
};

/// The paces, with how many connections they come over.
const PACES: [Pace; 2] = [Pace { per_second: 50, connections: 4 }, Pace { per_second: 1000, connections: 16 }];

/// Less than this many requests have no ninety-ninth percentile to speak of.
const ENOUGH: u32 = 500;

const CONTENDERS: [Contender; 3] = [Contender::Direct, Contender::Nginx, Contender::Ours];

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let setup = Setup::before(world.application());
    let contenders = CONTENDERS.map(|contender| contender.start(world, &setup));
    let contenders = contenders.into_iter().collect::<Outcome<Vec<_>>>()?;
    let request = requests::signed_in("GET /", world.regular(), "");
    for pace in PACES {
        let time = Duration::from_secs(world.seconds.max(u64::from(ENOUGH / pace.per_second)));
        let mut rounds = Vec::new();
        for _ in 0..world.rounds {
            let each = contenders.iter().map(|running| paced::run(running.port(), &request, pace, time));
            rounds.push(each.collect::<Outcome<Vec<_>>>()?);
        }
        let name = format!("{} requests/s, open loop", pace.per_second);
        added(table, &name, (&contenders, &rounds), "≤ 0.5 ms above direct");
    }
    Ok(())
}

/// The latencies of all, and what they have above those of the first, who has no proxy.
pub(super) fn added(
    table: &mut Table,
    workload: &str,
    (contenders, rounds): (&[Running], &[Vec<Latencies>]),
    target: &'static str,
) {
    for (quantile, share, target) in [("p50", 0.5, ""), ("p99", 0.99, target)] {
        let of = |at: usize| -> Series {
            rounds.iter().filter_map(|round| round.get(at)).map(|latencies| latencies.quantile(share)).collect()
        };
        let direct = of(0);
        let heading = Heading { workload: &format!("{workload}, {quantile}"), unit: "ms", target };
        for (at, running) in contenders.iter().enumerate() {
            let above = of(at).with(&direct, |own, direct| own - direct);
            let beside = if at == 0 { Beside::Nobody } else { Beside::Direct(above) };
            table.push(Line { beside, ..heading.line(running.contender(), of(at)) });
        }
    }
}
