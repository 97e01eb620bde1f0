//! What all rows stand on: an issuer with its keys served, the application, and tokens of somebody who comes every day.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, Tokens, User};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

use super::{
    Outcome, configurations,
    machine::{LOAD_CORE, on},
    mint,
    process::Process,
    tokens,
};

/// Our binary, as `cargo bench` built it.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cognito-auth-proxy");

/// How many users there are whom nobody has seen.
pub(crate) const STRANGERS: usize = 100_000;

/// The things themselves.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) issuer: Issuer,
    keys: KeyEndpoint,
    /// Serves the keys.
    _runtime: Runtime,
    regular: Tokens,
    stranger: Tokens,
    crowd: OnceLock<Vec<Tokens>>,
    application: u16,
    _application: Process,
    // The last to go: the others write into it.
    folder: TempDir,
}

impl World {
    pub(crate) fn start(rounds: usize, seconds: u64) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let issuer = Issuer::generate(Parties::default())?;
        let (keys, serving) = runtime.block_on(KeyEndpoint::bind(&issuer))?;
        TaskTracker::new().spawn_on(serving, runtime.handle());
        let folder = tempfile::Builder::new().prefix("compare-").tempdir()?;
        configurations::write_keys(folder.path(), &issuer)?;
        let application = free_port()?;
        let configuration = configurations::application(folder.path(), application)?;
        let process = start_nginx(LOAD_CORE, folder.path(), &configuration)?;
        let regular = tokens::both(&issuer, &regular_user());
        let stranger = mint::forged(&[regular.clone(), tokens::both(&issuer, &tokens::user(1))]).swap_remove(0);
        Ok(Self {
            rounds,
            seconds,
            issuer,
            keys,
            _runtime: runtime,
            regular,
            stranger,
            crowd: OnceLock::new(),
            application,
            _application: process,
            folder,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the application listens.
    pub(crate) const fn application(&self) -> u16 {
        self.application
    }

    pub(crate) fn start_nginx(&self, cores: &str, configuration: &Path) -> Outcome<Process> {
        start_nginx(cores, self.folder(), configuration)
    }

    /// Where the contender on this port writes what it has to say.
    pub(crate) fn log_path(&self, port: u16) -> PathBuf {
        self.folder().join(format!("contender-{port}.log"))
    }

    pub(crate) fn log(&self, port: u16) -> Outcome<File> {
        Ok(File::create(self.log_path(port))?)
    }

    /// What ours has to be told of the tokens.
    pub(crate) fn settings(&self) -> [(&'static str, String); 5] {
        let parties = self.issuer.parties();
        [
            ("COGNITO_AUTH_ALB_ARNS", parties.signer.clone()),
            ("COGNITO_AUTH_CLIENT_IDS", parties.client.clone()),
            ("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", self.keys.alb_url()),
            ("COGNITO_AUTH_USER_POOL_ID", parties.user_pool_id().to_owned()),
            ("COGNITO_AUTH_COGNITO_JWKS_URL", self.keys.jwks_url()),
        ]
    }

    /// Tokens of the user who is known to all.
    pub(crate) const fn regular(&self) -> &Tokens {
        &self.regular
    }

    /// Tokens that nobody may accept.
    pub(crate) const fn stranger(&self) -> &Tokens {
        &self.stranger
    }

    /// Both tokens of each of [`STRANGERS`] users, made when first asked for.
    pub(crate) fn crowd(&self) -> Outcome<&[Tokens]> {
        if let Some(crowd) = self.crowd.get() {
            return Ok(crowd);
        }
        eprintln!("  signing the tokens of {STRANGERS} users");
        let crowd = mint::of_users(&self.issuer, 1..STRANGERS + 1)?;
        Ok(self.crowd.get_or_init(|| crowd))
    }
}

/// Who comes every day.
pub(crate) fn regular_user() -> User {
    tokens::user(0)
}

/// A port that nobody has now.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn start_nginx(cores: &str, folder: &Path, configuration: &Path) -> Outcome<Process> {
    Process::start(on(cores, "nginx").arg("-p").arg(folder).arg("-c").arg(configuration))
}
