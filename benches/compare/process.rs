//! A process of ours: what it has cost so far, how large it is, and that it ends with us.

use std::{
    process::{Child, Command},
    time::Duration,
};

use super::Outcome;

/// Linux counts CPU time for users in hundredths of a second, whatever its clock does (`USER_HZ`).
const MILLISECONDS_A_TICK: u64 = 10;

/// What a process is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Resident now.
    Resident,
    /// The most that was ever resident.
    Peak,
}

/// A running process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// CPU time of all its threads, in user and kernel.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let ticks = self.stat()?;
        let ticks = ticks.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * MILLISECONDS_A_TICK))
    }

    /// Whether it is there no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.stat().map_or(true, |stat| stat.starts_with('Z'))
    }

    /// The fields from the state on.
    fn stat(&self) -> Outcome<String> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name before them may hold spaces and brackets; they do not.
        let (_, fields) = stat.rsplit_once(") ").ok_or("no name in stat")?;
        Ok(fields.to_owned())
    }

    /// Memory in KiB.
    pub(crate) fn memory(&self, which: Memory) -> Outcome<f64> {
        let name = match which {
            Memory::Resident => "VmRSS:",
            Memory::Peak => "VmHWM:",
        };
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in status")?;
        Ok(line.split_whitespace().next().ok_or("no number in status")?.parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
