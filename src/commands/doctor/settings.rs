//! What a good configuration leaves open: the policy as it is now, and who knows the signing key.

use super::report::{Finding, Report};
use crate::{
    authoriser::Rule,
    cause::told,
    commands::policy,
    config::{Config, Credentials, Dev, PolicySource},
};

const SIGNING_KEY: &str = "signing key";

pub(super) async fn check(report: &mut Report, config: &Config) {
    report.add(policy(config).await);
    report.add(signing_key(config));
    match (&config.dev, &config.credentials) {
        (Dev::On(_), _) => report.add(Finding::warn(
            "dev mode",
            "is on: a request without identity headers is the mock user",
            "take COGNITO_AUTH_DEV_MODE out where other people's data are",
        )),
        (Dev::Off, Credentials::RefuseAll | Credentials::Verify(_)) => {}
    }
}

async fn policy(config: &Config) -> Finding {
    let place = match &config.authoriser.policy {
        PolicySource::Aws { kept, .. } => format!("at AWS ({})", kept.store().key()),
        PolicySource::File(path) => format!("of {}", path.display()),
        PolicySource::Inline(_) => "of the configuration".to_owned(),
    };
    match policy::load(config).await {
        Ok(live) => {
            let policy = live.load();
            let rules: Vec<&str> = policy.rules().map(Rule::name).collect();
            Finding::ok("policy", format!("that {place} has the rules {}", rules.join(", ")))
        }
        Err(error) => Finding::fail(
            "policy",
            format!("that {place} is none: {}", told(&error)),
            "correct it; `check` says what is wrong",
        ),
    }
}

fn signing_key(config: &Config) -> Finding {
    let setting = config.settings.iter().find(|setting| setting.key == "assertion.signing_key");
    if setting.is_some_and(|setting| setting.layer == "default") {
        return Finding::warn(
            SIGNING_KEY,
            "made at each start: every task has another, and a restart makes a new one",
            "fine where the application asks its own proxy for keys; else set COGNITO_AUTH_SIGNING_KEY_FILE",
        );
    }
    Finding::ok(SIGNING_KEY, "configured, so the same in every task that has this configuration")
}
