//! The configuration of the `dev` command: what production would load, refused for the same reasons, and complete where
//! nobody has written a policy yet.

use std::path::PathBuf;

use super::{
    Config, ConfigErrors, Environment, Flags, MockUser, Places, PolicyRules, findings::Findings,
    interlock::Surroundings, layers, layers::Layers, parse, policy_file::parse_group, raw,
};

/// Where the built-in policy is said to come from.
const BUILT_IN: &str = "built in for dev, as no policy is set";

/// Who may come in by address where no policy is set.
const GUEST: &str = "guest@example.com";

/// Whose members are admins where no policy is set.
const ADMINS: &str = "admins";

/// Whose members may come in where no policy is set, and no mock user in groups of their own.
const TEAM: &str = "data-team";

/// What the `dev` command works with.
#[derive(Debug)]
pub struct Development {
    /// The configuration, as [`Config::load`] would give it with the same policy.
    pub config: Config,
    /// The rules in force, wherever they are kept. None at all: everybody who is signed in is admitted.
    pub rules: PolicyRules,
    /// The mock user, one of those `dev` can sign in.
    pub mock_user: FoundMockUser,
}

/// The mock user, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMockUser {
    /// The user.
    pub user: MockUser,
    /// The file it came from; `None`: it is built in.
    pub path: Option<PathBuf>,
}

impl Development {
    /// Reads and parses every layer as [`Config::load`] does, and the mock user's file whether or not dev mode is on.
    /// Where no policy is set, a built-in one is in force, and the settings say so.
    ///
    /// # Errors
    ///
    /// Every problem of every layer at once, the interlocks included; then nothing may be served.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigErrors> {
        Self::load_at(flags, environment, &Places::of_process())
    }

    pub(super) fn load_at(flags: &Flags, environment: &Environment, places: &Places<'_>) -> Result<Self, ConfigErrors> {
        let (mut raw, mut findings) = Layers::read(flags, environment, places.system_file).into_raw()?;
        layers::refuse_unknown_variables(environment, &mut findings);
        let surroundings = Surroundings::read(environment, &mut findings);
        let found = parse::mock_user(&raw.dev, places.working_directory, &mut findings);
        if has_no_policy(&raw.authoriser) {
            let groups = found.as_ref().map_or(&[][..], |found| &found.user.groups);
            set_built_in_policy(&mut raw.authoriser, groups, &mut findings);
        }
        // A file that was refused is a problem already found, with which nothing is loaded.
        let mock_user = found.unwrap_or_else(|| FoundMockUser { user: MockUser::default(), path: None });
        let (config, rules) = parse::config(&raw, &surroundings, places.working_directory, findings)?;
        Ok(Self { config, rules, mock_user })
    }
}

/// Whether the operator said nothing at all of who may come in. Half a policy is not completed: it is refused as in
/// production, which is where it is meant for.
fn has_no_policy(raw: &raw::Authoriser) -> bool {
    let lists = [&raw.allowed_groups, &raw.allowed_users, &raw.allowed_domains, &raw.admin_groups, &raw.admin_users];
    lists.into_iter().all(Vec::is_empty)
        && [&raw.config_path, &raw.secret_name, &raw.ssm_parameter].into_iter().all(Option::is_none)
        && !raw.allow_any_authenticated
        && !raw.require_all
}

/// Admits the groups of the mock user, so that one who has any comes in.
fn set_built_in_policy(raw: &mut raw::Authoriser, groups: &[String], findings: &mut Findings) {
    let mut allowed: Vec<String> = groups.iter().filter(|group| parse_group(group).is_ok()).cloned().collect();
    if allowed.is_empty() {
        allowed.push(TEAM.to_owned());
    }
    raw.allowed_groups = allowed;
    raw.allowed_users = vec![GUEST.to_owned()];
    raw.admin_groups = vec![ADMINS.to_owned()];
    for (key, list) in [
        ("authoriser.allowed_groups", &raw.allowed_groups),
        ("authoriser.allowed_users", &raw.allowed_users),
        ("authoriser.admin_groups", &raw.admin_groups),
    ] {
        findings.show(key, list.clone(), BUILT_IN);
    }
}
