//! Who is compared. A contender that runs has shown that it lets the right request in, and the wrong one only where that
//! is the point.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Outcome,
    client::Client,
    configurations::{self, Checks, Log},
    machine::{PROXY_CORE, on},
    process::Process,
    requests,
    world::{self, World},
};

/// How long a contender may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The application itself.
    Direct,
    /// nginx forwarding, without any authentication: what all are compared with.
    Nginx,
    /// The same with an access log.
    NginxLogging,
    /// HAProxy forwarding.
    Haproxy,
    /// HAProxy verifying both tokens.
    HaproxyJwt,
    Ours,
}

/// Whom ours lets in.
#[derive(Debug, Clone, Default)]
pub(crate) enum Policy {
    /// The group `staff`.
    #[default]
    Staff,
    File(PathBuf),
}

/// What differs from one row to another.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) cores: &'static str,
    /// Where the application listens.
    pub(crate) application: u16,
    pub(crate) policy: Policy,
}

impl Setup {
    /// On the proxy's core, with the policy of most rows.
    pub(crate) const fn before(application: u16) -> Self {
        Self { cores: PROXY_CORE, application, policy: Policy::Staff }
    }
}

impl Contender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::NginxLogging => "nginx, access log",
            Self::Haproxy => "HAProxy",
            Self::HaproxyJwt => "HAProxy, jwt_verify",
            Self::Ours => "ours",
        }
    }

    const fn authenticates(self) -> bool {
        match self {
            Self::HaproxyJwt | Self::Ours => true,
            Self::Direct | Self::Nginx | Self::NginxLogging | Self::Haproxy => false,
        }
    }

    /// Whether tokens seen before are cheaper for it than new ones.
    pub(crate) const fn remembers(self) -> bool {
        match self {
            Self::Ours => true,
            Self::Direct | Self::Nginx | Self::NginxLogging | Self::Haproxy | Self::HaproxyJwt => false,
        }
    }

    /// Starts it, and waits until it does what it should.
    pub(crate) fn start(self, world: &World, setup: &Setup) -> Outcome<Running> {
        let running = self.spawn(world, setup)?;
        running.has_answered(world)?;
        if self.authenticates() {
            let forged = requests::signed_in("GET /", world.stranger(), "");
            let status = Client::connect(running.port)?.ask(forged.as_bytes())?;
            if status != 401 {
                return Err(format!("{} answers {status} to a forged token", self.name()).into());
            }
        }
        Ok(running)
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(self, world: &World, setup: &Setup) -> Outcome<Running> {
        let (port, folder) = (world::free_port()?, world.folder());
        let nginx = |log| {
            let configuration = configurations::proxy(folder, port, setup.application, log)?;
            world.start_nginx(setup.cores, &configuration)
        };
        let haproxy = |checks| {
            let configuration = configurations::haproxy(folder, port, setup.application, checks)?;
            Process::start(on(setup.cores, "haproxy").args(["-db", "-f"]).arg(configuration).stderr(world.log(port)?))
        };
        let process = match self {
            Self::Direct => return Ok(Running { contender: self, port: setup.application, process: None }),
            Self::Nginx => nginx(Log::Off)?,
            Self::NginxLogging => nginx(Log::File)?,
            Self::Haproxy => haproxy(Checks::Nothing)?,
            Self::HaproxyJwt => haproxy(Checks::BothTokens)?,
            Self::Ours => ours(world, setup, port)?,
        };
        Ok(Running { contender: self, port, process: Some(process) })
    }
}

fn ours(world: &World, setup: &Setup, port: u16) -> Outcome<Process> {
    let log = world.log(port)?;
    let mut command = on(setup.cores, world::BINARY);
    command.envs(world.settings()).stdout(log.try_clone()?).stderr(log);
    command.env("COGNITO_AUTH_LISTEN", format!("127.0.0.1:{port}"));
    command.env("COGNITO_AUTH_ADMIN_LISTEN", format!("127.0.0.1:{}", world::free_port()?));
    command.env("COGNITO_AUTH_UPSTREAM_URL", format!("http://127.0.0.1:{}", setup.application));
    match &setup.policy {
        Policy::Staff => command.env("COGNITO_AUTH_ALLOWED_GROUPS", "staff"),
        Policy::File(path) => command.env("COGNITO_AUTH_CONFIG_PATH", path),
    };
    Process::start(&mut command)
}

/// A contender at work.
#[derive(Debug)]
pub(crate) struct Running {
    contender: Contender,
    port: u16,
    process: Option<Process>,
}

impl Running {
    pub(crate) const fn name(&self) -> &'static str {
        self.contender.name()
    }

    pub(crate) const fn contender(&self) -> Contender {
        self.contender
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn process(&self) -> Outcome<&Process> {
        self.process.as_ref().ok_or_else(|| format!("{} has no process of its own", self.name()).into())
    }

    fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(Process::has_ended)
    }

    /// Waits until an authenticated request was answered.
    pub(crate) fn has_answered(&self, world: &World) -> Outcome {
        let request = requests::signed_in("GET /", world.regular(), "");
        let began = Instant::now();
        loop {
            let asked = Client::connect(self.port).and_then(|mut client| client.expect_ok(request.as_bytes()));
            match asked {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE || self.has_ended() => {
                    let said = std::fs::read_to_string(world.log_path(self.port)).unwrap_or_default();
                    return Err(format!("{} does not start: {error}\n{said}", self.name()).into());
                }
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }
}
