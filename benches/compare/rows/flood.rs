//! How long somebody waits whose tokens are known, while 64 connections ask with tokens that nobody has seen.
//!
//! Beside nginx, which verifies nothing: what 64 connections without a pause cost their neighbour anywhere is not the
//! signatures' fault.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::Heading;
use crate::{
    Outcome,
    contenders::{Contender, Setup},
    load::{self, AtItsEnd, Load, Sent},
    mint,
    paced::{self, Latencies, Pace},
    requests,
    table::{Beside, Line, Series, Table},
    world::World,
};

/// The known user.
const KNOWN: Pace = Pace { per_second: 200, connections: 8 };

/// What the others send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    /// Known tokens.
    Known,
    /// Valid ones, each once.
    New,
    /// Forged ones, each once.
    Forged,
}

impl Flood {
    const ALL: [Self; 3] = [Self::Known, Self::New, Self::Forged];

    const fn name(self) -> &'static str {
        match self {
            Self::Known => "known tokens",
            Self::New => "new valid tokens",
            Self::Forged => "forged tokens",
        }
    }
}

const CONTENDERS: [Contender; 2] = [Contender::Nginx, Contender::Ours];

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let crowd = world.crowd()?;
    for flood in Flood::ALL {
        let file = match flood {
            Flood::Known | Flood::New => mint::write(world.folder(), "flood.txt", crowd)?,
            Flood::Forged => mint::write(world.folder(), "flood.txt", &mint::forged(crowd))?,
        };
        let mut figures = [(Series::default(), Series::default()), (Series::default(), Series::default())];
        for _ in 0..world.rounds {
            for (contender, (p99, most)) in CONTENDERS.into_iter().zip(&mut figures) {
                let latencies = one_turn(world, contender, (flood, &file))?;
                p99.push(latencies.quantile(0.99));
                most.push(latencies.quantile(1.0));
            }
        }
        let [(nginx_p99, nginx_most), _] = figures.clone();
        for (contender, (p99, most)) in CONTENDERS.into_iter().zip(figures) {
            let workload = format!("known user while 64 connections send {}", flood.name());
            for (name, figure, nginx) in [("p99", p99, &nginx_p99), ("slowest", most, &nginx_most)] {
                let heading = Heading { workload: &format!("{workload}, {name}"), unit: "ms", target: "" };
                let beside = Beside::Nginx(figure.over(nginx));
                table.push(Line { beside, ..heading.line(contender, figure) });
            }
        }
    }
    Ok(())
}

/// The known user's latencies for as long as the flood lasts.
///
/// Each turn has a process of its own, for which all tokens are new, and there are more of them than it can answer.
fn one_turn(world: &World, contender: Contender, (flood, file): (Flood, &Path)) -> Outcome<Latencies> {
    let running = contender.start(world, &Setup::before(world.application()))?;
    let sent = match (flood, contender.remembers()) {
        (Flood::Known, _) => Sent::Same(world.regular()),
        (Flood::New | Flood::Forged, true) => Sent::New(file, AtItsEnd::Stop),
        (Flood::New | Flood::Forged, false) => Sent::New(file, AtItsEnd::Again),
    };
    let request = requests::signed_in("GET /", world.regular(), "");
    let flood = load::begin(world, running.port(), Load::new(sent, world.seconds))?;
    let going_on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let known = scope.spawn(|| paced::run_while(running.port(), &request, KNOWN, &going_on));
        let answered = flood.answered();
        going_on.store(false, Ordering::Relaxed);
        answered?;
        known.join().map_err(|_| "the known user ended early")?
    })
}
