//! CPU per request with 64 connections that never rest: tokens seen before, one of them new, both new.

use cognito_auth_proxy::dev::Tokens;

use super::{Heading, in_turns};
use crate::{
    Outcome,
    contenders::{Contender, Running, Setup},
    load::{AtItsEnd, Load, Sent, begin, cpu_per_request},
    mint,
    table::{Series, Table},
    world::{World, regular_user},
};

const CPU: &str = "µs CPU/request";

/// More than anybody verifies in a second: tokens that nobody has seen must not run out before the time does.
const NEW_PER_SECOND: usize = 20_000;

pub(super) fn same(world: &World, table: &mut Table) -> Outcome {
    let contenders = start(
        world,
        &[Contender::Nginx, Contender::NginxLogging, Contender::Haproxy, Contender::HaproxyJwt, Contender::Ours],
    )?;
    let load = Load::new(Sent::Same(world.regular()), world.seconds);
    let figures = in_turns(world.rounds, &contenders, |_, running| cpu_per_request(world, running, load))?;
    lines(table, ("same tokens again", "ratio ≤ 1.0"), &contenders, &figures);
    Ok(())
}

pub(super) fn new_alb(world: &World, table: &mut Table) -> Outcome {
    let contenders = start(world, &[Contender::Nginx, Contender::Haproxy, Contender::HaproxyJwt, Contender::Ours])?;
    let count = NEW_PER_SECOND * usize::try_from(world.seconds)?;
    let figures = in_turns(world.rounds, &contenders, |_, running| {
        // Whoever remembers nothing may have the same ones again.
        let count = if running.contender().remembers() { count } else { count / 20 };
        let new = mint::with_new_alb(&world.issuer, &regular_user(), world.regular(), count)?;
        measure_new(world, running, &new)
    })?;
    lines(table, ("new ALB token each request, same access token", "ratio ≤ 3.5"), &contenders, &figures);
    Ok(())
}

pub(super) fn new_both(world: &World, table: &mut Table) -> Outcome {
    let contenders = start(world, &[Contender::Nginx, Contender::Haproxy, Contender::HaproxyJwt, Contender::Ours])?;
    let crowd = world.crowd()?;
    let share = crowd.len() / world.rounds;
    let figures = in_turns(world.rounds, &contenders, |round, running| {
        let new = crowd.get(round * share..(round + 1) * share).ok_or("more rounds than users")?;
        measure_new(world, running, new)
    })?;
    lines(table, ("both tokens new each request", "ratio ≤ 4.3"), &contenders, &figures);
    Ok(())
}

fn measure_new(world: &World, running: &Running, new: &[Tokens]) -> Outcome<f64> {
    let file = mint::write(world.folder(), "new.txt", new)?;
    let at_its_end = if running.contender().remembers() { AtItsEnd::Stop } else { AtItsEnd::Again };
    cpu_per_request(world, running, Load::new(Sent::New(&file, at_its_end), world.seconds))
}

/// Starts them and lets each get warm: pools filled, code and keys loaded.
fn start(world: &World, contenders: &[Contender]) -> Outcome<Vec<Running>> {
    let setup = Setup::before(world.application());
    let started = contenders.iter().map(|contender| {
        let running = contender.start(world, &setup)?;
        begin(world, running.port(), Load::new(Sent::Same(world.regular()), 1))?.answered_well()?;
        Ok(running)
    });
    started.collect()
}

fn lines(table: &mut Table, (workload, target): (&str, &'static str), contenders: &[Running], figures: &[Series]) {
    Heading { workload, unit: CPU, target }.lines(table, contenders, figures);
}
