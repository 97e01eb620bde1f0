//! Whether a second worker does as much as the first: CPU per request with both against CPU per request with one.
//!
//! On two cores there is none left for the load, so that requests per second would show how proxy and load share them, and
//! not how two workers get along. What two workers cost more than one (locks, cache lines, hand-over between them) is CPU,
//! and CPU is charged to the process whoever else runs: if a request costs the same, two workers do twice the work of one.
//! The load may run on both cores in both cases, so that it is in the way of each alike.

use super::{Heading, in_turns};
use crate::{
    Outcome,
    contenders::{Contender, Running, Setup},
    load::{Load, Sent, begin, cpu_per_request},
    machine::{BOTH_CORES, PROXY_CORE},
    table::Table,
    world::World,
};

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let load = |seconds| Load { cores: BOTH_CORES, threads: "2", ..Load::new(Sent::Same(world.regular()), seconds) };
    // The runtime makes a worker for each core that it may use.
    let start = |cores| -> Outcome<Running> {
        let running = Contender::Ours.start(world, &Setup { cores, ..Setup::before(world.application()) })?;
        begin(world, running.port(), load(1))?.answered_well()?;
        Ok(running)
    };
    let contenders = [start(PROXY_CORE)?, start(BOTH_CORES)?];
    let figures =
        in_turns(world.rounds, &contenders, |_, running| cpu_per_request(world, running, load(world.seconds)))?;
    let [one, two] = figures.as_slice() else { return Err("a contender is missing".into()) };
    let heading = |workload, unit, target| Heading { workload, unit, target };
    let lines = [
        (heading("one worker, load on both cores", "µs CPU/request", ""), one.clone()),
        (heading("two workers, load on both cores", "µs CPU/request", ""), two.clone()),
        (heading("two workers against one", "times the work", "≥ 1.8"), one.with(two, |one, two| 2.0 * one / two)),
    ];
    for (heading, figure) in lines {
        table.push(heading.line(Contender::Ours, figure));
    }
    Ok(())
}
