//! Headers and claims as types: a required claim is there and of its type, or there is no value at all.
//!
//! A member we know that stands twice is refused, and so is text that is not UTF-8. Text keeps what JSON allows in it,
//! line breaks and NUL included: whoever writes it into a header, a log or a page has to encode it.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};

use super::Malformation;

/// What the load balancer says of the user.
#[derive(Clone, PartialEq, Eq)]
pub struct AlbClaims {
    /// Subject, never empty.
    pub subject: String,
    /// App client the user signed in with.
    pub client: String,
    /// E-mail address as the identity provider wrote it.
    pub email: Option<String>,
    /// Whether the address is verified; `None` where nothing is said.
    pub email_verified: Option<bool>,
    /// Login name.
    pub username: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub family_name: Option<String>,
    /// Groups, where they are read from this token.
    pub groups: Vec<String>,
    /// The earlier of header and payload `exp`, seconds since 1970.
    pub expires_at: u64,
}

/// What the user pool says of the user.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Subject, never empty.
    pub subject: String,
    /// Login name.
    pub username: Option<String>,
    /// Groups; none where the claim is absent.
    pub groups: Vec<String>,
    /// Its `exp`, seconds since 1970.
    pub expires_at: u64,
}

impl fmt::Debug for AlbClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AlbClaims").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessClaims").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// The header of an ALB token. `jku`, `jwk`, `x5u` and `x5c` are not even read: a token does not say where its key is.
#[derive(Deserialize)]
pub(super) struct AlbHeader {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    #[serde(default)]
    pub(super) crit: Presence,
    pub(super) signer: Option<String>,
    pub(super) client: Option<String>,
    pub(super) iss: Option<String>,
    pub(super) exp: NumericDate,
}

/// The payload of an ALB token: the userinfo response, `iss` and `exp`.
#[derive(Deserialize)]
pub(super) struct AlbPayload {
    pub(super) sub: Subject,
    pub(super) exp: NumericDate,
    pub(super) iss: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) email_verified: Statement,
    pub(super) username: Option<String>,
    pub(super) name: Option<String>,
    pub(super) given_name: Option<String>,
    pub(super) family_name: Option<String>,
}

/// The header of an access token.
#[derive(Deserialize)]
pub(super) struct AccessHeader {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    #[serde(default)]
    pub(super) crit: Presence,
}

/// The payload of an access token.
#[derive(Deserialize)]
pub(super) struct AccessPayload {
    pub(super) sub: Subject,
    pub(super) exp: NumericDate,
    pub(super) iss: Option<String>,
    pub(super) token_use: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) username: Option<String>,
}

/// Parses a header.
pub(super) fn header<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, Malformation> {
    object(json).ok_or(Malformation::Header)
}

/// Parses a payload.
pub(super) fn payload<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, Malformation> {
    object(json).ok_or(Malformation::Payload)
}

/// The groups in the claim of this name: an array of strings, or one string split at commas and spaces. None where it
/// is absent or null. Empty names are left out, and a name that stands twice is taken once.
pub(super) fn groups(json: &[u8], claim: &str) -> Result<Vec<String>, Malformation> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = NamedClaim(claim).deserialize(&mut deserializer).map_err(|_| Malformation::Payload)?;
    deserializer.end().map_err(|_| Malformation::Payload)?;
    let mut seen = HashSet::new();
    let named = found.unwrap_or_default().0.into_iter();
    Ok(named.filter(|group| !group.is_empty() && seen.insert(group.clone())).collect())
}

/// Derived types also read themselves from arrays; a header or payload is an object. What is passed over is not looked
/// at, so that all of it is UTF-8 is seen here.
fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    text.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Seconds since 1970 from a JSON number, a fraction cut off (which never makes a token live longer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NumericDate(u64);

impl NumericDate {
    /// 2^53: beyond it a JSON number is no longer exact, and the year is past 285 million.
    const LIMIT: u64 = 1 << 53;

    pub(super) const fn seconds(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of seconds")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        if seconds <= NumericDate::LIMIT {
            Ok(NumericDate(seconds))
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(seconds), &self))
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the range was checked, and cutting off the fraction is meant"
    )]
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        // NaN and the infinities are in no range.
        if (0.0..=NumericDate::LIMIT as f64).contains(&seconds) {
            Ok(NumericDate(seconds as u64))
        } else {
            Err(E::invalid_value(Unexpected::Float(seconds), &self))
        }
    }
}

/// A subject: text that is not empty.
pub(super) struct Subject(pub(super) String);

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Err(D::Error::custom("empty subject")) } else { Ok(Self(text)) }
    }
}

/// Whether a member is there, whatever its value, `null` included.
#[derive(Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Present)
    }
}

/// A yes or no, which Cognito writes as the text `"true"`. Anything that is not a yes is a no; `null` says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statement(pub(super) Option<bool>);

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bool(bool),
            Text(String),
            Null(()),
            Other(IgnoredAny),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Bool(value) => Some(value),
            Written::Text(text) => Some(text == "true"),
            Written::Null(()) => None,
            Written::Other(IgnoredAny) => Some(false),
        }))
    }
}

/// Finds one claim whose name is only known at run time, and refuses it twice as the derived types do theirs.
struct NamedClaim<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for NamedClaim<'_> {
    type Value = Option<GroupNames>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NamedClaim<'_> {
    type Value = Option<GroupNames>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name != self.0 {
                members.next_value::<IgnoredAny>()?;
            } else if found.replace(members.next_value::<Option<GroupNames>>()?).is_some() {
                return Err(A::Error::custom("doubled claim"));
            }
        }
        Ok(found.flatten())
    }
}

#[derive(Default)]
struct GroupNames(Vec<String>);

impl<'de> Deserialize<'de> for GroupNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GroupNamesVisitor)
    }
}

struct GroupNamesVisitor;

impl<'de> Visitor<'de> for GroupNamesVisitor {
    type Value = GroupNames;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of strings or a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GroupNames, E> {
        Ok(GroupNames(text.split([',', ' ']).map(str::to_owned).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<GroupNames, A::Error> {
        let mut groups = Vec::new();
        while let Some(name) = names.next_element()? {
            groups.push(name);
        }
        Ok(GroupNames(groups))
    }
}
