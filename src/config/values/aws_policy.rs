//! Where a policy is kept at AWS: a secret or a parameter, by name or ARN, in a region that is known.

use std::{fmt, time::Duration};

use super::{ValueError, refuse};

/// What keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsStore {
    /// The Parameter Store of Systems Manager: `authoriser.ssm_parameter`.
    ParameterStore,
    /// Secrets Manager: `authoriser.secret_name`.
    SecretsManager,
}

impl AwsStore {
    /// The setting that names what is kept there.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ParameterStore => "authoriser.ssm_parameter",
            Self::SecretsManager => "authoriser.secret_name",
        }
    }

    /// What one thing that is kept there is called.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter",
            Self::SecretsManager => "secret",
        }
    }

    /// What a role must be allowed to do to read it.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::ParameterStore => "ssm:GetParameter",
            Self::SecretsManager => "secretsmanager:GetSecretValue",
        }
    }

    /// The service's name in ARNs and in the host that answers for it.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::ParameterStore => "ssm",
            Self::SecretsManager => "secretsmanager",
        }
    }

    /// The variable that tells the AWS SDK where to find it.
    #[must_use]
    pub const fn endpoint_variable(self) -> &'static str {
        match self {
            Self::ParameterStore => "AWS_ENDPOINT_URL_SSM",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        }
    }

    /// Whether this is the resource of an ARN of this store. More than a name, as an ECS task definition may write after a
    /// secret's, is nothing that could be read as a policy.
    fn keeps(self, resource: &str) -> bool {
        let name = match self {
            Self::ParameterStore => resource.strip_prefix("parameter/"),
            Self::SecretsManager => resource.strip_prefix("secret:").filter(|name| !name.contains(':')),
        };
        name.is_some_and(|name| !name.is_empty())
    }
}

/// A policy that is kept at AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsPolicy {
    store: AwsStore,
    name: String,
    region: String,
    refresh: Duration,
}

impl AwsPolicy {
    /// Parses the name or ARN of what `store` keeps; `region` is the environment's, for a name that says none.
    pub fn parse(store: AwsStore, text: &str, region: Option<&str>, refresh: Duration) -> Result<Self, ValueError> {
        let remedy = "write its name, or copy its whole ARN";
        // Every character that names at either service may have, and the colon of an ARN or of a parameter's version.
        if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_of_names) {
            return refuse("is empty, longer than a name can be, or has a character that no name has", remedy);
        }
        let region = if text.starts_with("arn:") {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let &["arn", _, service, region, _, resource] = parts.as_slice() else {
                return refuse("is not an ARN of six parts", remedy);
            };
            if service != store.service() || !store.keeps(resource) {
                return refuse("is not the ARN of what this setting names", remedy);
            }
            region
        } else {
            region.ok_or(NO_REGION)?
        };
        if !is_region(region) {
            return refuse("is in no valid region", "write its whole ARN, or set AWS_REGION, like eu-west-2");
        }
        Ok(Self { store, name: text.to_owned(), region: region.to_owned(), refresh })
    }

    /// What keeps it.
    #[must_use]
    pub const fn store(&self) -> AwsStore {
        self.store
    }

    /// Its name or ARN, as AWS wants to be asked for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where AWS keeps it: `eu-west-2`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How long after one look at it the next is due.
    #[must_use]
    pub const fn refresh(&self) -> Duration {
        self.refresh
    }
}

impl fmt::Display for AwsPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} in region {} ({})", self.store.noun(), self.name, self.region, self.store.key())
    }
}

/// What Systems Manager allows a parameter's ARN or name; a secret's is shorter.
const LONGEST_NAME: usize = 2048;

const NO_REGION: ValueError = ValueError {
    problem: "says nothing of its region, and neither does the environment",
    remedy: "write its whole ARN, or set AWS_REGION, like eu-west-2 (ECS and Lambda set it themselves)",
};

const fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'+' | b'=' | b'.' | b'@' | b'-' | b':')
}

/// It becomes part of a host's name.
fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(store: AwsStore, text: &str, region: Option<&str>) -> Result<AwsPolicy, ValueError> {
        AwsPolicy::parse(store, text, region, Duration::from_mins(5))
    }

    #[test]
    fn an_arn_brings_its_region_and_a_name_takes_that_of_the_environment() {
        let secret = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:app/policy-AbCdEf";
        let parameter = "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/app/policy";
        for (store, text, region) in [
            (AwsStore::SecretsManager, secret, "eu-west-2"),
            (AwsStore::ParameterStore, parameter, "us-gov-west-1"),
            (AwsStore::SecretsManager, "app/policy+x=y.z@1", "eu-north-1"),
            (AwsStore::ParameterStore, "/app/policy:3", "eu-north-1"),
        ] {
            let policy = parse(store, text, Some("eu-north-1")).unwrap();
            assert_eq!((policy.name(), policy.region()), (text, region));
        }
    }

    #[test]
    fn a_name_without_a_region_is_refused_with_the_remedy() {
        let refused = parse(AwsStore::SecretsManager, "app/policy", None).unwrap_err();
        assert!(refused.to_string().contains("AWS_REGION"), "{refused}");
    }

    #[test]
    fn what_names_nothing_there_is_refused() {
        let secrets = "arn:aws:secretsmanager:eu-west-2:123456789012:secret";
        for text in [
            "",
            "a b",
            "a?b",
            "é",
            "arn:aws:secretsmanager",
            "arn:aws:ssm:eu-west-2:123456789012:parameter/app",
            &format!("{secrets}:"),
            // One key of a JSON secret, as ECS writes it.
            &format!("{secrets}:app-AbCdEf:key::"),
            &format!("{secrets}s:app"),
            "arn:aws:secretsmanager::123456789012:secret:app",
            "arn:aws:secretsmanager:eu.evil.example/:123456789012:secret:app",
            &"a".repeat(LONGEST_NAME + 1),
        ] {
            parse(AwsStore::SecretsManager, text, Some("eu-west-2")).unwrap_err();
        }
        parse(AwsStore::ParameterStore, "arn:aws:ssm:eu-west-2:1:document/app", Some("eu-west-2")).unwrap_err();
        parse(AwsStore::ParameterStore, "app", Some("EU West")).unwrap_err();
        parse(AwsStore::ParameterStore, "app", Some("evil.example/")).unwrap_err();
    }
}
