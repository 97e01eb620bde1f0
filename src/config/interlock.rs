//! Development settings do not work where other people's data are: the proof is taken from the environment, which the
//! platform writes, not from the configuration.

use super::{
    Environment, Fault, KeysUrl, Layer, Place,
    environment::{ENDPOINTS, PLATFORM, REGION},
    findings::Findings,
    keys,
};

/// The second switch, by which a development container may listen beyond loopback.
pub(super) const DANGER_VARIABLE: &str = "COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE";

/// The command that sets development settings itself.
const DEV_COMMAND: &str = "dev";

/// Where this process runs, as far as its environment tells.
pub(super) struct Surroundings {
    platform: Option<&'static str>,
    region: Option<String>,
    /// Those that lead to another machine without TLS, or nowhere.
    open_endpoints: Vec<&'static str>,
    remote: Remote,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Remote {
    DangerAllowed,
    Refused,
}

impl Surroundings {
    /// Reads the platform's variables and the danger switch.
    pub(super) fn read(environment: &Environment, findings: &mut Findings) -> Self {
        let allowed = match environment.text(DANGER_VARIABLE) {
            None => Ok(false),
            Some(Ok(text)) => keys::boolean(text).map_err(Fault::from),
            Some(Err(_)) => Err(Fault::NotUtf8),
        };
        let remote = match allowed {
            Ok(true) => Remote::DangerAllowed,
            Ok(false) => Remote::Refused,
            Err(fault) => {
                findings.refuse_at(DANGER_VARIABLE, Layer::Environment(DANGER_VARIABLE.to_owned()), fault);
                Remote::Refused
            }
        };
        let platform = PLATFORM.into_iter().find(|name| environment.is_set(name));
        let region = REGION.into_iter().find_map(|name| environment.text(name)?.ok()).map(str::to_owned);
        let is_open = |name: &&str| match environment.text(name) {
            None => false,
            Some(Ok(url)) => KeysUrl::parse(url).is_err(),
            Some(Err(_)) => true,
        };
        let open_endpoints = ENDPOINTS.into_iter().filter(is_open).collect();
        Self { platform, region, open_endpoints, remote }
    }

    /// The region of AWS this runs in, as the platform or the operator says.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether this, that of all services or that of STS, is an address at which anybody on the way could answer for AWS.
    /// Whoever gives out the credentials decides whose account is asked: a name says nothing of it.
    pub(super) fn is_open_endpoint(&self, variable: &str) -> bool {
        self.open_endpoints.iter().any(|open| [variable, "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"].contains(open))
    }

    /// Refuses `key`, a setting for development, on a real platform.
    pub(super) fn guard_platform(&self, key: &'static str, findings: &mut Findings) {
        if let Some(name) = self.platform {
            self.guard(key, Place::Platform(name), findings);
        }
    }

    /// Refuses `key`, a setting for development, where the listener can be reached from other machines.
    pub(super) fn guard_open_listener(&self, key: &'static str, findings: &mut Findings) {
        self.guard(key, Place::OpenListener, findings);
    }

    fn guard(&self, key: &'static str, place: Place, findings: &mut Findings) {
        match self.remote {
            // The user wrote no such setting: the command did.
            Remote::Refused if findings.is_of_command(key) => {
                if !findings.has_problem(DEV_COMMAND) {
                    findings.refuse_at(DEV_COMMAND, Layer::Command(DEV_COMMAND), Fault::DevCommand { place });
                }
            }
            Remote::DangerAllowed => {
                findings.warn(format!("{DANGER_VARIABLE} is set: {key} would otherwise be refused {place}"));
            }
            Remote::Refused => findings.refuse(key, Fault::Interlock { place }),
        }
    }
}
