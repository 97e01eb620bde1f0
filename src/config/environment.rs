//! The process environment, read once: the only place of the crate that reads it.

use std::{collections::BTreeMap, ffi::OsString, fmt};

/// Every variable of ours begins so.
pub(super) const PREFIX: &str = "COGNITO_AUTH_";

/// Variables that only a real platform sets.
pub(super) const PLATFORM: [&str; 3] =
    ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"];

/// Where AWS and its tools say what the region is, the first before the second.
pub(super) const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Where the AWS SDK is told to find AWS: all of it, or one service. STS gives out credentials.
pub(super) const ENDPOINTS: [&str; 4] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_STS"];

/// The variables the configuration may look at; an empty one counts as unset, except where the AWS SDK
/// does not take it so. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    #[must_use]
    pub fn from_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// An environment of the given variables.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>) -> Self {
        let variables = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())))
            .filter(|(name, value)| {
                let mut known = PLATFORM.iter().chain(&REGION);
                // Of an empty one the SDK makes a panic.
                ENDPOINTS.contains(&name.as_str())
                    || (known.any(|known| known == name) || name.starts_with(PREFIX)) && !value.is_empty()
            })
            .collect();
        Self { variables }
    }

    /// The value of `name`: `None` where it is unset, an error where it is not UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<Result<&str, NotUtf8>> {
        self.variables.get(name).map(|value| value.to_str().ok_or(NotUtf8))
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Names of the variables that begin with [`PREFIX`].
    pub(super) fn own_names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| name.starts_with(PREFIX))
    }
}

/// A value that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_our_variables_and_the_platform_ones_are_kept() {
        let environment = Environment::from_pairs([
            ("AWS_SECRET_ACCESS_KEY", "abc"),
            ("COGNITO_AUTH_LISTEN", "127.0.0.1:1"),
            ("COGNITO_AUTH_LEEWAY", ""),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ]);
        assert_eq!(format!("{environment:?}"), r#"{"COGNITO_AUTH_LISTEN", "KUBERNETES_SERVICE_HOST"}"#);
        assert_eq!(environment.text("COGNITO_AUTH_LISTEN"), Some(Ok("127.0.0.1:1")));
        assert!(!environment.is_set("COGNITO_AUTH_LEEWAY"), "empty counts as unset");
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_an_error_and_not_unset() {
        let environment = Environment::from_pairs([("COGNITO_AUTH_LISTEN", OsString::from_vec(vec![0xff]))]);
        assert_eq!(environment.text("COGNITO_AUTH_LISTEN"), Some(Err(NotUtf8)));
    }
}
