//! What was presented, unverified: repeated and oversized fields are refused before anything looks into them.

use std::fmt;

use thiserror::Error;

use super::cache::Texts;
use crate::ingress::{Field, Presented};

/// The longest value of one identity field, in bytes: what a load balancer sends at most (alb-facts 1.6). That stays so
/// where `limits.max_field_size` admits longer fields for the application's sake.
pub const LONGEST_FIELD: usize = 16 * 1024;

/// The identity fields by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialField {
    /// `x-amzn-oidc-data`.
    Data,
    /// `x-amzn-oidc-accesstoken`.
    AccessToken,
    /// `x-amzn-oidc-identity`.
    Identity,
}

impl fmt::Display for CredentialField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Data => "x-amzn-oidc-data",
            Self::AccessToken => "x-amzn-oidc-accesstoken",
            Self::Identity => "x-amzn-oidc-identity",
        })
    }
}

/// Why presented fields are no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CredentialError {
    /// A field stands more than once.
    #[error("{field} is there more than once")]
    Repeated {
        /// Which one.
        field: CredentialField,
    },
    /// A field is longer than 16 KiB.
    #[error("{field} is longer than 16 KiB")]
    TooLarge {
        /// Which one.
        field: CredentialField,
    },
    /// Something was presented, but not this field, without which nothing can be verified.
    #[error("{field} is missing")]
    Missing {
        /// Which one.
        field: CredentialField,
    },
}

/// A credential as presented. The set of kinds is closed: whoever adds one is shown every place that has to decide.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// No identity field of any spelling was there.
    Absent,
    /// The fields of the load balancer.
    Alb(AlbCredential<'a>),
}

/// The load balancer's fields as presented.
#[derive(Clone, Copy)]
pub struct AlbCredential<'a> {
    /// `x-amzn-oidc-data`.
    pub(super) data: &'a [u8],
    /// `x-amzn-oidc-accesstoken`. Opaque where groups come from the ALB token.
    pub(super) access_token: Option<&'a [u8]>,
    /// `x-amzn-oidc-identity`, plain text.
    pub(super) identity: Option<&'a [u8]>,
}

impl<'a> AlbCredential<'a> {
    /// Every byte of it.
    pub(super) const fn texts(&self) -> Texts<'a> {
        [Some(self.data), self.access_token, self.identity]
    }
}

impl<'a> Credential<'a> {
    /// Reads the fields set aside from a request. Never takes one of several, and never nothing for something.
    pub fn from_presented(presented: &'a Presented) -> Result<Self, CredentialError> {
        if presented.is_empty() {
            return Ok(Self::Absent);
        }
        let data = once(&presented.data, CredentialField::Data)?;
        let access_token = once(&presented.access_token, CredentialField::AccessToken)?;
        let identity = once(&presented.identity, CredentialField::Identity)?;
        for (value, field) in [
            (data, CredentialField::Data),
            (access_token, CredentialField::AccessToken),
            (identity, CredentialField::Identity),
        ] {
            if value.is_some_and(|value| value.len() > LONGEST_FIELD) {
                return Err(CredentialError::TooLarge { field });
            }
        }
        let data = data.ok_or(CredentialError::Missing { field: CredentialField::Data })?;
        Ok(Self::Alb(AlbCredential { data, access_token, identity }))
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("Absent"),
            Self::Alb(credential) => credential.fmt(formatter),
        }
    }
}

impl fmt::Debug for AlbCredential<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AlbCredential(REDACTED)")
    }
}

fn once(presented: &Field, field: CredentialField) -> Result<Option<&[u8]>, CredentialError> {
    match presented {
        Field::Absent => Ok(None),
        Field::Once(value) => Ok(Some(value.as_bytes())),
        Field::Repeated => Err(CredentialError::Repeated { field }),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn presented(fields: &[(&'static str, &str)]) -> Presented {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        Presented::take_from(&mut map)
    }

    fn error(fields: &[(&'static str, &str)]) -> Option<CredentialError> {
        Credential::from_presented(&presented(fields)).err()
    }

    #[test]
    fn nothing_presented_is_absent_and_anything_is_not() {
        assert!(matches!(Credential::from_presented(&presented(&[("accept", "*/*")])), Ok(Credential::Absent)));
        let missing = Some(CredentialError::Missing { field: CredentialField::Data });
        for name in ["x-amzn-oidc-accesstoken", "x-amzn-oidc-identity", "x_amzn_oidc_data", "x-amzn-oidc-other"] {
            assert_eq!(error(&[(name, "")]), missing, "{name}");
        }
    }

    #[test]
    fn a_repeated_field_is_refused_whatever_its_values() {
        for (name, field) in [
            ("x-amzn-oidc-data", CredentialField::Data),
            ("x-amzn-oidc-accesstoken", CredentialField::AccessToken),
            ("x-amzn-oidc-identity", CredentialField::Identity),
        ] {
            assert_eq!(error(&[(name, "a"), (name, "a")]), Some(CredentialError::Repeated { field }));
        }
    }

    #[test]
    fn a_value_above_16_kib_is_too_large() {
        let (fits, exceeds) = ("a".repeat(16 * 1024), "a".repeat(16 * 1024 + 1));
        for (name, field) in [
            ("x-amzn-oidc-data", CredentialField::Data),
            ("x-amzn-oidc-accesstoken", CredentialField::AccessToken),
            ("x-amzn-oidc-identity", CredentialField::Identity),
        ] {
            assert_eq!(error(&[(name, &exceeds)]), Some(CredentialError::TooLarge { field }));
            assert_ne!(error(&[(name, &fits)]), Some(CredentialError::TooLarge { field }));
        }
    }

    #[test]
    fn a_credential_does_not_print() {
        let presented = presented(&[("x-amzn-oidc-data", "s3cret")]);
        let credential = Credential::from_presented(&presented).unwrap();
        assert_eq!(format!("{credential:?} {presented:?}").find("s3cret"), None);
    }
}
