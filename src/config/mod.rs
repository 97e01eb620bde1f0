//! Everything an operator can set, typed and true by construction.
//!
//! [`Config`] holds only values that work: nothing here needs a second look at run time. It is made in one place,
//! [`Config::load`], which merges the layers, reports every problem at once and remembers where each value came from.

mod certificate;
mod development;
mod document;
mod duration;
mod environment;
mod findings;
mod interlock;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
mod keys;
mod layers;
mod mock_user;
mod parse;
mod parts;
mod policy_file;
mod problem;
mod raw;
mod secret;
mod sections;
mod signing_key;
mod size;
mod suggestion;
mod values;

use std::path::{Path, PathBuf};

pub use certificate::{Authorities, ServerCertificate, Validity};
pub use development::{Development, FoundMockUser};
pub use document::SyntaxError;
pub use environment::Environment;
pub use mock_user::MockUserError;
pub use parts::Parts;
pub use policy_file::{PolicyDocumentError, PolicyProblem};
pub use problem::{ConfigErrors, Fault, Layer, Place, Problem};
pub use secret::{Secret, SecretFile};
pub use sections::*;
pub use signing_key::{AssertionAlgorithm, PublicKey, SigningError, SigningKeys};
pub use values::*;

pub(crate) use certificate::provider;
pub(crate) use document::Entries;
pub(crate) use mock_user::{UserFields, text};
pub(crate) use problem::did_you_mean;
pub(crate) use suggestion::nearest;

use interlock::Surroundings;
use layers::Layers;

/// Read where no other configuration file is named.
const SYSTEM_FILE: &str = "/etc/cognito-auth-proxy/config.toml";

/// What the command line gave.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The configuration file, `--config`.
    pub config: Option<PathBuf>,
    /// Settings given as flags or made by a command, which win over every other layer. A later one wins.
    pub settings: Vec<FlagSetting>,
}

/// One setting given as a flag, or made by a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSetting {
    /// The flag as the operator wrote it, `--listen`, or the command.
    pub layer: Layer,
    /// The dotted key it sets, `server.listen`. Never a secret's: that is refused.
    pub key: &'static str,
    /// The value, in the form the environment takes. An empty one of a command takes the key's value away: what the
    /// file, the environment or a flag says does not count, and the default comes back where there is one.
    pub value: String,
}

/// Files that count where none is named.
struct Places<'a> {
    /// The system's configuration file.
    system_file: &'a Path,
    /// Where relative paths start, and the mock user's file is looked for.
    working_directory: &'a Path,
}

impl Places<'static> {
    /// Those of a real start.
    fn of_process() -> Self {
        Self {
            system_file: Path::new(SYSTEM_FILE),
            // Empty: paths are then resolved by the operating system, which starts at the working directory.
            working_directory: Path::new(""),
        }
    }
}

impl Config {
    /// Reads and parses every layer, the policy file and the mock user's file included.
    ///
    /// # Errors
    ///
    /// Every problem of every layer at once; then nothing may be served.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigErrors> {
        Self::load_at(flags, environment, &Places::of_process())
    }

    /// Reads only where the process listens: for asking a running one, whose other settings may have changed on disk.
    ///
    /// # Errors
    ///
    /// Every problem of that section, and what makes a layer unreadable.
    pub fn load_server(flags: &Flags, environment: &Environment) -> Result<Server, ConfigErrors> {
        let (raw, mut findings) = Layers::read(flags, environment, Path::new(SYSTEM_FILE)).into_raw()?;
        parse::server(&raw, &mut findings).ok_or_else(|| findings.into_errors())
    }

    fn load_at(flags: &Flags, environment: &Environment, places: &Places<'_>) -> Result<Self, ConfigErrors> {
        let (raw, mut findings) = Layers::read(flags, environment, places.system_file).into_raw()?;
        layers::refuse_unknown_variables(environment, &mut findings);
        let surroundings = Surroundings::read(environment, &mut findings);
        parse::config(&raw, &surroundings, places.working_directory, findings).map(|(config, _)| config)
    }
}

#[cfg(test)]
mod tests;
