//! A policy of a thousand users and a thousand groups, and a user in two hundred, against a policy of one group.

use std::fmt::Write as _;

use serde_json::json;

use super::{Heading, in_turns};
use crate::{
    Outcome,
    contenders::{Contender, Policy, Running, Setup},
    load::{Load, Sent, begin, cpu_per_request},
    table::{Beside, Line, Table},
    tokens,
    world::{World, regular_user},
};

const LISTED: usize = 1000;
const GROUPS: usize = 200;

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let policy = world.folder().join("policy.json");
    std::fs::write(&policy, large_policy())?;
    // The same tokens for both: their size costs more than the policy may.
    let mut groups: Vec<String> = (1..GROUPS).map(|number| format!("project-{number:04}")).collect();
    groups.push("staff".to_owned());
    let mut user = regular_user();
    user.groups = groups;
    let tokens = tokens::both(&world.issuer, &user);
    let load = |seconds| Load::new(Sent::Same(&tokens), seconds);
    let start = |contender: Contender, policy| -> Outcome<Running> {
        let running = contender.start(world, &Setup { policy, ..Setup::before(world.application()) })?;
        begin(world, running.port(), load(1))?.answered_well()?;
        Ok(running)
    };
    let contenders = [
        start(Contender::Nginx, Policy::Staff)?,
        start(Contender::Ours, Policy::Staff)?,
        start(Contender::Ours, Policy::File(policy))?,
    ];
    let figures =
        in_turns(world.rounds, &contenders, |_, running| cpu_per_request(world, running, load(world.seconds)))?;
    let [nginx, one, large] = figures.as_slice() else { return Err("a contender is missing".into()) };
    let mut workload = format!("user in {GROUPS} groups, policy of ");
    let nobody = Heading { workload: &workload.replace(", policy of ", ""), unit: "µs CPU/request", target: "" };
    table.push(nobody.line(Contender::Nginx, nginx.clone()));
    let few = Heading { workload: &format!("{workload}one group"), unit: "µs CPU/request", target: "" };
    table.push(Line { beside: Beside::Nginx(one.over(nginx)), ..few.line(Contender::Ours, one.clone()) });
    write!(workload, "{LISTED} users and {LISTED} groups, against one group")?;
    let many = Heading { workload: &workload, unit: "µs CPU/request", target: "not measurable beside the rest" };
    table.push(Line { beside: Beside::Own(large.over(one)), ..many.line(Contender::Ours, large.clone()) });
    Ok(())
}

/// Admits `staff`, as everybody's policy here does, and a thousand others beside.
fn large_policy() -> String {
    let users: Vec<String> = (1..=LISTED).map(|number| format!("listed{number}@example.com")).collect();
    let mut groups: Vec<String> = (1..LISTED).map(|number| format!("department-{number:04}")).collect();
    groups.push("staff".to_owned());
    json!({ "allowed_users": users, "allowed_groups": groups }).to_string()
}
