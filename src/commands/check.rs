//! What `check` prints of a configuration that loads: every effective setting with its layer, then every warning.

use crate::config::Config;

/// Wider values push their own layer to the right, not everybody's.
const WIDEST_VALUE: usize = 32;

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
