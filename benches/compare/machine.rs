//! The machine: which core is whose, and that the tools are there.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use super::{Outcome, world::World};

/// Where contenders run.
pub(crate) const PROXY_CORE: &str = "0";
/// Where load and application run.
pub(crate) const LOAD_CORE: &str = "1";
/// Where things run that need not be kept apart.
pub(crate) const BOTH_CORES: &str = "0,1";

/// Programs, and the Debian packages they come in.
const TOOLS: [(&str, &str); 4] =
    [("wrk", "wrk"), ("nginx", "nginx"), ("haproxy", "haproxy"), ("taskset", "util-linux")];

/// Refuses to measure a part of the table for want of a tool.
pub(crate) fn require_tools() -> Outcome {
    for (tool, package) in TOOLS {
        let tried = Command::new(tool).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if tried.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(format!("{tool} is not in PATH: install it with `apt-get install {package}`").into());
        }
    }
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("two cores are needed: one for the contender, one for load and application".into());
    }
    Ok(())
}

/// Moves this process, every thread of it, to these cores.
pub(crate) fn pin(cores: &str) -> Outcome {
    let own = std::process::id().to_string();
    let status = Command::new("taskset").args(["-acp", cores, &own]).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("cannot run on cores {cores}").into()) }
}

/// A command that runs on these cores.
pub(crate) fn on(cores: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", cores, program]);
    command
}

/// What was measured, for the line over the table.
pub(crate) fn describe(world: &World) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    // How busy the machine was says what the latencies are worth.
    let busy = read("/proc/loadavg");
    let busy = busy.split(' ').take(3).collect::<Vec<_>>().join(" ");
    format!(
        "{}, Linux {}, {} rounds of {} s, load average at the end {busy}. Median (min..max).",
        cpu.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        world.rounds,
        world.seconds
    )
}
