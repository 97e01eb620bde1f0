//! Who may come in: the rules, wherever they are kept, and the paths that need no user.

use std::{fs, path::Path, time::Duration};

use crate::config::{
    Authoriser, Authorities, AwsPolicy, AwsStore, Combination, DomainName, EmailAddress, EmailRules, EmptyPolicy,
    Fault, PathPrefix, PolicyRules, PolicySource, ValueError, duration,
    findings::Findings,
    interlock::Surroundings,
    policy_file::{has_no_rule, parse_group, requires_all_of_nothing},
    raw,
};

const CONFIG_PATH: &str = "authoriser.config_path";

const REFRESH: &str = "authoriser.refresh";

/// Where the rules may be kept elsewhere: at one place.
const ELSEWHERE: [&str; 3] = [CONFIG_PATH, AwsStore::SecretsManager.key(), AwsStore::ParameterStore.key()];

/// What a policy that is kept elsewhere replaces.
const INLINE_KEYS: [&str; 6] = [
    "authoriser.allowed_groups",
    "authoriser.allowed_users",
    "authoriser.allowed_domains",
    "authoriser.require_all",
    "authoriser.admin_groups",
    "authoriser.admin_users",
];

const NO_RULE: ValueError = ValueError {
    problem: "is missing, and so is every other rule: nobody could come in",
    remedy: "set allowed_groups, allowed_users, allowed_domains, a policy file, secret_name or ssm_parameter, or allow_any_authenticated = true",
};

const NO_RULE_IN_FILE: ValueError = ValueError {
    problem: "names a policy without any rule: nobody could come in",
    remedy: "add a rule to the file, or set allow_any_authenticated = true",
};

const OPEN_ENDPOINT: ValueError = ValueError {
    problem: "would be read from where AWS_ENDPOINT_URL or its form for this service or STS says, which is empty, or neither https nor this machine",
    remedy: "write https://host there, or take the variable away",
};

const ALL_OF_NOTHING: ValueError = ValueError {
    problem: "is on, but there is no rule that it could require",
    remedy: "set allowed_groups, allowed_users or allowed_domains, or take require_all out",
};

/// The section, and the rules of its policy.
pub(super) fn authoriser(
    raw: &raw::Authoriser,
    reserved: Option<&PathPrefix>,
    authorities: Option<&Authorities>,
    (surroundings, working_directory): (&Surroundings, &Path),
    findings: &mut Findings,
) -> Option<(Authoriser, PolicyRules)> {
    let when_empty = if raw.allow_any_authenticated {
        findings.warn(
            "authoriser.allow_any_authenticated is on: a policy without any rule admits every signed-in user (with one rule, an admin list too, only who passes it comes in)",
        );
        EmptyPolicy::AdmitAuthenticated
    } else {
        EmptyPolicy::Refuse
    };
    let email_rules = if raw.require_verified_email {
        EmailRules::RequireVerified
    } else {
        findings.warn(
            "authoriser.require_verified_email is off: whoever may write an address into the user directory may come in with it",
        );
        EmailRules::AcceptUnverified
    };
    let public_paths = findings.list("authoriser.public_paths", &raw.public_paths, |text| public_path(text, reserved));
    let refresh = findings.parsed(REFRESH, duration::parse_a_second_or_more(&raw.refresh));
    let at_aws = |named, findings: &mut Findings| at_aws(named, refresh, (surroundings, authorities), findings);
    let policy = match (&raw.config_path, &raw.secret_name, &raw.ssm_parameter) {
        (Some(path), _, _) => {
            refuse_beside(CONFIG_PATH, findings);
            policy_file(&working_directory.join(path), when_empty, findings)
        }
        (None, Some(name), _) => at_aws((AwsStore::SecretsManager, name), findings),
        (None, None, Some(name)) => at_aws((AwsStore::ParameterStore, name), findings),
        (None, None, None) => inline_policy(raw, when_empty, findings),
    };
    let (policy, rules) = policy?;
    refresh?;
    let public_paths = public_paths.into_iter().collect();
    Some((Authoriser { policy, when_empty, email_rules, public_paths }, rules))
}

/// Refuses whatever else says who may come in, beside the policy that `kept` names.
fn refuse_beside(kept: &'static str, findings: &mut Findings) {
    for key in ELSEWHERE.into_iter().chain(INLINE_KEYS) {
        if key != kept && findings.is_set(key) {
            findings.refuse(key, Fault::Conflict { other: kept });
        }
    }
}

/// The rules are not known before they are read, which is not done here: a configuration is read without a network.
fn at_aws(
    (store, name): (AwsStore, &str),
    refresh: Option<Duration>,
    (surroundings, authorities): (&Surroundings, Option<&Authorities>),
    findings: &mut Findings,
) -> Option<(PolicySource, PolicyRules)> {
    refuse_beside(store.key(), findings);
    if surroundings.is_open_endpoint(store.endpoint_variable()) {
        findings.refuse(store.key(), OPEN_ENDPOINT);
        return None;
    }
    let policy = AwsPolicy::parse(store, name, surroundings.region(), refresh?);
    let kept = findings.parsed(store.key(), policy)?;
    Some((PolicySource::Aws { kept, authorities: authorities?.clone() }, PolicyRules::default()))
}

fn policy_file(path: &Path, when_empty: EmptyPolicy, findings: &mut Findings) -> Option<(PolicySource, PolicyRules)> {
    let text = findings
        .parsed(CONFIG_PATH, fs::read_to_string(path).map_err(|error| Fault::unreadable(path.to_owned(), error)))?;
    match PolicyRules::parse_document(&text) {
        Ok(rules) if has_no_rule(&rules) && when_empty == EmptyPolicy::Refuse => {
            findings.refuse(CONFIG_PATH, NO_RULE_IN_FILE);
            None
        }
        Ok(rules) => Some((PolicySource::File(path.to_owned()), rules)),
        Err(error) => {
            for error in error.into_problems() {
                findings.refuse(CONFIG_PATH, Fault::Policy { path: path.to_owned(), error });
            }
            None
        }
    }
}

fn inline_policy(
    raw: &raw::Authoriser,
    when_empty: EmptyPolicy,
    findings: &mut Findings,
) -> Option<(PolicySource, PolicyRules)> {
    let rules = PolicyRules {
        allowed_groups: findings.list("authoriser.allowed_groups", &raw.allowed_groups, parse_group),
        allowed_users: findings.list("authoriser.allowed_users", &raw.allowed_users, EmailAddress::parse),
        allowed_domains: findings.list("authoriser.allowed_domains", &raw.allowed_domains, DomainName::parse),
        combination: if raw.require_all { Combination::All } else { Combination::Any },
        admin_groups: findings.list("authoriser.admin_groups", &raw.admin_groups, parse_group),
        admin_users: findings.list("authoriser.admin_users", &raw.admin_users, EmailAddress::parse),
    };
    // An entry that was refused may be the rule that seems to be missing: one problem is reported, not two.
    if findings.has_problem("authoriser.") {
        return None;
    }
    if requires_all_of_nothing(&rules) {
        findings.refuse("authoriser.require_all", ALL_OF_NOTHING);
        return None;
    }
    if has_no_rule(&rules) && when_empty == EmptyPolicy::Refuse {
        findings.refuse("authoriser.allowed_groups", NO_RULE);
        return None;
    }
    Some((PolicySource::Inline(rules.clone()), rules))
}

/// A path that is compared byte by byte with a request's: only one in canonical form can ever match, and nothing else
/// may be meant by it (attack classes 6.1, 6.6, 6.7).
fn public_path(text: &str, reserved: Option<&PathPrefix>) -> Result<String, ValueError> {
    let refuse = |problem| {
        Err(ValueError { problem, remedy: "write one exact absolute path as it stands in the request, like /healthz" })
    };
    if !text.starts_with('/') {
        return refuse("does not begin with /");
    }
    if text.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'%' | b'?' | b'#' | b'\\' | b';' | b'*')) {
        return refuse("contains white space, or one of % ? # \\ ; *, which no exact path holds");
    }
    if text.contains("//") {
        return refuse("contains an empty segment");
    }
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refuse("contains a dot segment");
    }
    if reserved.is_some_and(|reserved| reserved.strip(text).is_some()) {
        return refuse("is under server.reserved_prefix, which never reaches the application");
    }
    Ok(text.to_owned())
}
