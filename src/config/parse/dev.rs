//! Dev mode: the only place that makes a [`DevMode`], and only where the interlocks pass; and the mock user's file.

use std::{fs, io, net::SocketAddr, path::Path};

use crate::config::{Dev, DevMode, Fault, FoundMockUser, MockUser, findings::Findings, interlock::Surroundings, raw};

/// Looked for in the working directory where no other file is named.
const MOCK_USER_FILE: &str = "dev-mock-user.json";

const MOCK_USER: &str = "dev.mock_user";

pub(super) fn dev(
    raw: &raw::Dev,
    listen: Option<SocketAddr>,
    surroundings: &Surroundings,
    working_directory: &Path,
    findings: &mut Findings,
) -> Option<Dev> {
    if !raw.mode {
        return Some(Dev::Off);
    }
    findings.warn("dev.mode is on: whoever reaches the listener without a credential is the mock user");
    surroundings.guard_platform("dev.mode", findings);
    if listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        surroundings.guard_open_listener("dev.mode", findings);
    }
    mock_user(raw, working_directory, findings).map(|FoundMockUser { user, .. }| Dev::On(DevMode { mock_user: user }))
}

/// The mock user of the file that is named, else of the file in the working directory, else the built-in one.
pub(in crate::config) fn mock_user(
    raw: &raw::Dev,
    working_directory: &Path,
    findings: &mut Findings,
) -> Option<FoundMockUser> {
    let named = raw.mock_user.as_deref();
    let path = working_directory.join(named.unwrap_or(MOCK_USER_FILE));
    match fs::read_to_string(&path) {
        Ok(text) => {
            if named.is_none() {
                findings.show(MOCK_USER, MOCK_USER_FILE, "found in the working directory");
            }
            let user = MockUser::parse(&text).map_err(|error| Fault::MockUser { path: path.clone(), error });
            findings.parsed(MOCK_USER, user).map(|user| FoundMockUser { user, path: Some(path) })
        }
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            findings.show(MOCK_USER, "built in", "default");
            Some(FoundMockUser { user: MockUser::default(), path: None })
        }
        Err(error) => {
            findings.refuse(MOCK_USER, Fault::unreadable(path, error));
            None
        }
    }
}
