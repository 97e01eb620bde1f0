//! The identity fields a request arrived with: set aside, unverified, and gone from the request.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers;

static DATA: HeaderName = HeaderName::from_static("x-amzn-oidc-data");
static ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-amzn-oidc-accesstoken");
static IDENTITY: HeaderName = HeaderName::from_static("x-amzn-oidc-identity");

/// A field that may stand once.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Field {
    /// Not there.
    #[default]
    Absent,
    /// There, once.
    Once(HeaderValue),
    /// There more than once: which one was meant is anybody's guess, so none is.
    Repeated,
}

/// The identity fields of one request, as received.
#[derive(Clone, Default)]
pub struct Presented {
    /// `x-amzn-oidc-data`, signed by the load balancer.
    pub data: Field,
    /// `x-amzn-oidc-accesstoken`, from the identity provider.
    pub access_token: Field,
    /// `x-amzn-oidc-identity`, plain text.
    pub identity: Field,
    others: usize,
}

impl Presented {
    /// Removes every field whose folded name begins with `x-amzn-oidc-` and keeps the three that mean something.
    /// An alias such as `x_amzn_oidc_data` is removed and never read as the real one; it still counts as presented.
    #[must_use]
    pub fn take_from(fields: &mut HeaderMap) -> Self {
        let mut presented = Self {
            data: Field::take_from(fields, &DATA),
            access_token: Field::take_from(fields, &ACCESS_TOKEN),
            identity: Field::take_from(fields, &IDENTITY),
            others: 0,
        };
        let others: Vec<HeaderName> = fields.keys().filter(|name| headers::is_credential(name)).cloned().collect();
        for name in others {
            presented.others += 1;
            fields.remove(name);
        }
        presented
    }

    /// The same without the access token, for where that is not verified.
    #[must_use]
    pub fn without_access_token(self) -> Self {
        Self { access_token: Field::Absent, ..self }
    }

    /// Whether nothing at all was presented, not even under an alias or an unknown `x-amzn-oidc-` name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.others == 0
            && [&self.data, &self.access_token, &self.identity].iter().all(|field| **field == Field::Absent)
    }
}

impl Field {
    fn take_from(fields: &mut HeaderMap, name: &HeaderName) -> Self {
        // Most requests repeat nothing at all.
        let is_repeated = fields.len() > fields.keys_len() && fields.get_all(name).iter().nth(1).is_some();
        match fields.remove(name) {
            None => Self::Absent,
            Some(_) if is_repeated => Self::Repeated,
            Some(value) => Self::Once(value),
        }
    }
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Presented").field("others", &self.others).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "Absent",
            Self::Once(_) => "Once(REDACTED)",
            Self::Repeated => "Repeated",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_presented_prints_that_it_was_and_not_what() {
        let mut fields = HeaderMap::new();
        for (name, value) in [("x-amzn-oidc-data", "secret"), ("x-amzn-oidc-identity", "a"), ("x_amzn_oidc_data", "b")]
        {
            fields.append(name, HeaderValue::from_static(value));
        }
        fields.append("x-amzn-oidc-identity", HeaderValue::from_static("secret"));
        let presented = Presented::take_from(&mut fields);
        assert_eq!(format!("{presented:?}"), "Presented { others: 1, .. }");
        let printed = [&presented.data, &presented.access_token, &presented.identity].map(|field| format!("{field:?}"));
        assert_eq!(printed, ["Once(REDACTED)", "Absent", "Repeated"]);
    }

    #[test]
    fn an_access_token_that_is_not_verified_is_left_out_and_nothing_else_is() {
        let mut fields = HeaderMap::new();
        for name in ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"] {
            fields.append(name, HeaderValue::from_static("1"));
        }
        let presented = Presented::take_from(&mut fields).without_access_token();
        let left = [&presented.data, &presented.access_token, &presented.identity].map(|field| *field == Field::Absent);
        assert_eq!(left, [false, true, false]);
        assert!(!presented.is_empty() && Presented::default().is_empty());
    }
}
