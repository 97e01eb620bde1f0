//! The rows of the table. Each starts its own contenders, so that none finds a process as another left it.

mod closed_loop;
mod crowd;
mod events;
mod flood;
mod idle;
mod open_loop;
mod policy;
mod start;
mod upload;
mod workers;

use clap::ValueEnum;

use super::{
    Outcome,
    contenders::{Contender, Running},
    table::{Beside, Line, Series, Table},
    world::World,
};

/// A row, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    Same,
    NewAlb,
    NewBoth,
    OpenLoop,
    Events,
    Upload,
    Idle,
    Start,
    Workers,
    Rest,
    Policy,
    Crowd,
    Flood,
}

impl Row {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Same => "same tokens again",
            Self::NewAlb => "new ALB token each request, same access token",
            Self::NewBoth => "both tokens new each request",
            Self::OpenLoop => "open loop",
            Self::Events => "an event through a stream",
            Self::Upload => "256 MiB upload",
            Self::Idle => "idle connections and streams",
            Self::Start => "start to first answered request",
            Self::Workers => "two workers on two cores",
            Self::Rest => "memory at rest, size of the binary",
            Self::Policy => "a large policy",
            Self::Crowd => "100,000 users",
            Self::Flood => "a known user while others flood",
        }
    }

    pub(crate) fn measure(self, world: &World, table: &mut Table) -> Outcome {
        match self {
            Self::Same => closed_loop::same(world, table),
            Self::NewAlb => closed_loop::new_alb(world, table),
            Self::NewBoth => closed_loop::new_both(world, table),
            Self::OpenLoop => open_loop::measure(world, table),
            Self::Events => events::measure(world, table),
            Self::Upload => upload::measure(world, table),
            Self::Idle => idle::measure(world, table),
            Self::Start => start::measure(world, table),
            Self::Workers => workers::measure(world, table),
            Self::Rest => idle::at_rest(world, table),
            Self::Policy => policy::measure(world, table),
            Self::Crowd => crowd::measure(world, table),
            Self::Flood => flood::measure(world, table),
        }
    }
}

/// One figure of each contender in each round, contenders in turn.
fn in_turns(
    rounds: usize,
    contenders: &[Running],
    measure: impl Fn(usize, &Running) -> Outcome<f64>,
) -> Outcome<Vec<Series>> {
    let mut figures = vec![Series::default(); contenders.len()];
    for round in 0..rounds {
        for (running, figures) in contenders.iter().zip(&mut figures) {
            figures.push(measure(round, running)?);
        }
    }
    Ok(figures)
}

/// What a line says of whoever is measured.
#[derive(Debug, Clone, Copy)]
struct Heading<'a> {
    workload: &'a str,
    unit: &'static str,
    target: &'static str,
}

impl Heading<'_> {
    /// A line for each contender, with the ratio to nginx where nginx is among them.
    fn lines(self, table: &mut Table, contenders: &[Running], figures: &[Series]) {
        let nginx = contenders.iter().position(|running| running.contender() == Contender::Nginx);
        let nginx = nginx.and_then(|at| figures.get(at));
        for (running, figure) in contenders.iter().zip(figures) {
            let beside = nginx.map_or(Beside::Nobody, |nginx| Beside::Nginx(figure.over(nginx)));
            table.push(Line { beside, ..self.line(running.contender(), figure.clone()) });
        }
    }

    /// A line for one of them.
    fn line(self, contender: Contender, figure: Series) -> Line {
        let target = if contender == Contender::Ours { self.target } else { "" };
        Line { workload: self.workload.to_owned(), contender, figure, unit: self.unit, beside: Beside::Nobody, target }
    }
}
