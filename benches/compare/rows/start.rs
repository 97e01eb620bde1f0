//! From the start of the process to its first answer to somebody signed in, the fetching of keys included.

use std::time::Instant;

use super::Heading;
use crate::{
    Outcome,
    contenders::{Contender, Setup},
    table::{Series, Table},
    world::World,
};

const STARTS: usize = 10;

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let setup = Setup::before(world.application());
    let heading = Heading { workload: "start to first answered request", unit: "ms", target: "≤ 50 ms" };
    for contender in [Contender::Nginx, Contender::Haproxy, Contender::Ours] {
        let mut times = Series::default();
        for _ in 0..STARTS {
            let began = Instant::now();
            contender.spawn(world, &setup)?.has_answered(world)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        table.push(heading.line(contender, times));
    }
    Ok(())
}
