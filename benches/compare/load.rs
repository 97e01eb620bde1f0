//! The closed loop: wrk on the load's core, 64 connections, with the same tokens or with new ones from a file.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use cognito_auth_proxy::dev::Tokens;

use super::{
    Outcome,
    contenders::Running,
    machine::{LOAD_CORE, on},
    requests,
    world::World,
};

/// What the connections send.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent<'a> {
    /// The same tokens again and again.
    Same(&'a Tokens),
    /// A line of this file in each request.
    New(&'a Path, AtItsEnd),
}

/// What happens when a file of tokens has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtItsEnd {
    /// The load ends: whoever remembers tokens would know them.
    Stop,
    /// From its beginning: whoever remembers nothing has as much to do as before.
    Again,
}

/// How much load there is, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) sent: Sent<'a>,
    pub(crate) seconds: u64,
    pub(crate) cores: &'a str,
    pub(crate) threads: &'a str,
}

impl<'a> Load<'a> {
    pub(crate) const fn new(sent: Sent<'a>, seconds: u64) -> Self {
        Self { sent, seconds, cores: LOAD_CORE, threads: "1" }
    }
}

/// Load that is under way.
#[derive(Debug)]
pub(crate) struct Loading(Child);

/// Begins to load what listens on `port`.
pub(crate) fn begin(world: &World, port: u16, load: Load<'_>) -> Outcome<Loading> {
    let mut command = on(load.cores, "wrk");
    command.args(["--threads", load.threads, "--connections", "64", "--timeout", "20s"]);
    command.arg("--duration").arg(format!("{}s", load.seconds));
    match load.sent {
        Sent::Same(tokens) => same(&mut command, tokens),
        Sent::New(file, at_its_end) => {
            let script = world.folder().join("new.lua");
            std::fs::write(&script, script_of(file, at_its_end))?;
            command.arg("--script").arg(script);
        }
    }
    command.arg(format!("http://127.0.0.1:{port}/"));
    Ok(Loading(command.stdout(Stdio::piped()).spawn()?))
}

impl Loading {
    /// Waits for its end. How many requests were answered, whatever the answer.
    pub(crate) fn answered(self) -> Outcome<f64> {
        let (answered, _) = self.ended()?;
        Ok(answered)
    }

    /// The same, where any answer but a good one is an error.
    pub(crate) fn answered_well(self) -> Outcome<f64> {
        let (answered, said) = self.ended()?;
        if said.contains("Non-2xx") || said.contains("Socket errors") {
            return Err(format!("answers were not as they should be: {said}").into());
        }
        Ok(answered)
    }

    fn ended(self) -> Outcome<(f64, String)> {
        let said = String::from_utf8(self.0.wait_with_output()?.stdout)?;
        let answered = said.lines().find_map(|line| line.trim().split_once(" requests in "));
        let answered =
            answered.ok_or_else(|| format!("wrk did not say how many requests it sent: {said}"))?.0.parse()?;
        Ok((answered, said))
    }
}

/// CPU of a contender per request, in microseconds, while it is loaded.
pub(crate) fn cpu_per_request(world: &World, running: &Running, load: Load<'_>) -> Outcome<f64> {
    let before = running.process()?.cpu()?;
    let answered = begin(world, running.port(), load)?.answered_well()?;
    let spent = running.process()?.cpu()? - before;
    Ok(spent.as_secs_f64() * 1e6 / answered)
}

fn same(command: &mut Command, tokens: &Tokens) {
    let request = requests::signed_in("GET /", tokens, "");
    for field in request.lines().skip(1).filter(|line| !line.is_empty()) {
        command.args(["--header", field]);
    }
}

/// Reads no further ahead than it sends; only one thread may run it.
fn script_of(file: &Path, at_its_end: AtItsEnd) -> String {
    let at_its_end = match at_its_end {
        AtItsEnd::Stop => "wrk.thread:stop()",
        AtItsEnd::Again => "lines = io.lines(file) line = lines()",
    };
    format!(
        "local file = {file:?}\n\
         local head = {:?}\n\
         local lines = io.lines(file)\n\
         local last = ''\n\
         function request()\n\
           local line = lines()\n\
           if not line then {at_its_end} end\n\
           if line then last = head .. line:gsub('\\t', '\\r\\n') .. '\\r\\n\\r\\n' end\n\
           return last\n\
         end\n",
        requests::unsigned("GET /")
    )
}
