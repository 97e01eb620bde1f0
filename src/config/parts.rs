//! What can be read of a configuration that is not good as a whole: for looking at what surrounds it, never for serving.

use std::path::Path;

use super::{
    Config, Credentials, Environment, Flags, SYSTEM_FILE, Server, Upstream, interlock::Surroundings, layers::Layers,
    parse,
};

/// The sections that could be read, each by itself.
#[derive(Debug, Default)]
pub struct Parts {
    /// Where the process listens.
    pub server: Option<Server>,
    /// The application.
    pub upstream: Option<Upstream>,
    /// Whose tokens are good; its lists may lack the entries that are refused.
    pub credentials: Option<Credentials>,
    /// Weakened or doubtful settings.
    pub warnings: Vec<String>,
}

impl Parts {
    /// Reads what can be read. What is wrong is told by [`Config::load`].
    #[must_use]
    pub fn load(flags: &Flags, environment: &Environment) -> Self {
        let Ok((raw, mut findings)) = Layers::read(flags, environment, Path::new(SYSTEM_FILE)).into_raw() else {
            return Self::default();
        };
        let surroundings = Surroundings::read(environment, &mut findings);
        // Relative paths start where the process does.
        let authorities = parse::authorities(&raw.outgoing, Path::new(""), &mut findings);
        Self {
            server: parse::server(&raw, &mut findings),
            upstream: parse::upstream(&raw, &mut findings),
            credentials: parse::credentials(&raw, authorities, &surroundings, &mut findings),
            warnings: findings.into_warnings(),
        }
    }

    /// All of a good configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            server: Some(config.server.clone()),
            upstream: Some(config.upstream.clone()),
            credentials: Some(config.credentials.clone()),
            warnings: config.warnings.clone(),
        }
    }
}
