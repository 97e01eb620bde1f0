//! A process under callgrind, which counts only between [`Counted::begin`] and [`Counted::end`].

use std::{
    io::ErrorKind,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Outcome;

/// Refuses to start without valgrind.
pub(crate) fn require_tools() -> Outcome {
    for tool in ["valgrind", "callgrind_control"] {
        let tried = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if tried.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Err(format!("{tool} is not in PATH: install it with `apt-get install valgrind`").into());
        }
    }
    Ok(())
}

/// A process whose instructions are counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) child: Child,
    folder: TempDir,
}

impl Counted {
    /// Starts `command`'s program with its environment, arguments given apart.
    pub(crate) fn start(program: &str, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("instructions-").tempdir()?;
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--instr-atstart=no", "--quiet"]);
        command.arg(format!("--callgrind-out-file={}", folder.path().join("out").display()));
        command.arg(program).args(arguments);
        prepare(&mut command);
        Ok(Self { child: command.spawn()?, folder })
    }

    pub(crate) fn begin(&self) -> Outcome {
        self.switch("on")
    }

    pub(crate) fn end(&self) -> Outcome {
        self.switch("off")
    }

    fn switch(&self, to: &str) -> Outcome {
        let mut command = Command::new("callgrind_control");
        let status = command
            .args(["-i", to, &self.child.id().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err(format!("counting could not be switched {to}").into()) }
    }

    /// Ends the process in order, and says how many instructions were counted.
    pub(crate) fn total(mut self) -> Outcome<f64> {
        // A part waits for its input to end, the proxy for a signal.
        match (self.child.stdin.take(), Pid::from_raw(i32::try_from(self.child.id())?)) {
            (Some(input), _) => drop(input),
            (None, Some(pid)) => kill_process(pid, Signal::TERM)?,
            (None, None) => {}
        }
        self.child.wait()?;
        let out: PathBuf = self.folder.path().join("out");
        let out = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let totals = out.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(totals.ok_or("callgrind wrote no total")?.trim().parse()?)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
