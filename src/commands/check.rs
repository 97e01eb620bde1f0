//! `check`: reads all that a start would read, and prints what is wrong, or every effective setting with its layer and then
//! every warning.

use super::{ExitStatus, blocking, complain, failed, policy, refused, say};
use crate::{
    cause::told,
    config::{AwsPolicy, Config, Environment, Flags, PolicySource},
};

/// Wider values push their own layer to the right, not everybody's.
const WIDEST_VALUE: usize = 32;

/// Loads the configuration and the policy, wherever it is kept.
#[must_use]
pub fn execute(flags: &Flags, environment: &Environment) -> ExitStatus {
    let config = match Config::load(flags, environment) {
        Ok(config) => config,
        Err(errors) => return refused(&errors),
    };
    let status = match &config.authoriser.policy {
        PolicySource::Aws { kept, .. } => ask_aws(kept, &config),
        // Judged with the configuration.
        PolicySource::File(_) | PolicySource::Inline(_) => ExitStatus::Fine,
    };
    if status == ExitStatus::Fine {
        say(render(&config));
    }
    status
}

/// Reads a policy that is kept at AWS, as often as a start would.
fn ask_aws(kept: &AwsPolicy, config: &Config) -> ExitStatus {
    match blocking(policy::load(config)) {
        Err(error) => failed(&error),
        Ok(Ok(_)) => ExitStatus::Fine,
        Ok(Err(error)) => {
            let key = kept.store().key();
            let setting = config.settings.iter().find(|setting| setting.key == key);
            let layer = setting.map_or("default", |setting| &setting.layer);
            complain(format_args!("{key} ({layer}): {}", told(&error)));
            ExitStatus::Usage
        }
    }
}

/// The effective settings in the order of `config/default.toml`, one a line, and the warnings. Secrets are redacted.
#[must_use]
pub fn render(config: &Config) -> String {
    let width = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let key_width = width(&mut config.settings.iter().map(|setting| &setting.key));
    let value_width = width(&mut config.settings.iter().map(|setting| &setting.value)).min(WIDEST_VALUE);
    let settings = config.settings.iter().map(|setting| {
        let (key, value, layer) = (&setting.key, &setting.value, &setting.layer);
        format!("{key:key_width$} = {value:value_width$}  # {layer}\n")
    });
    let warnings = config.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    let gap = if config.warnings.is_empty() { "" } else { "\n" };
    settings.chain([gap.to_owned()]).chain(warnings).collect()
}
