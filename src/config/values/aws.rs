//! Names of things at AWS: load balancers, app clients, user pools.

use super::{ValueError, refuse};

/// The ARN of an application load balancer, compared whole and exactly with a token's `signer`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlbArn {
    text: String,
    partition: String,
    region: String,
}

impl AlbArn {
    /// Parses `arn:<partition>:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<id>`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "copy the load balancer's ARN, \
                      arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/app/<name>/<id>";
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return refuse("is not an ARN of six parts", remedy);
        };
        if service != "elasticloadbalancing" {
            return refuse("is not the ARN of a load balancer", remedy);
        }
        let label =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !partition.starts_with("aws") || !label(partition) || !label(region) {
            return refuse("has no valid partition or region", remedy);
        }
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return refuse("has no account number of 12 digits", remedy);
        }
        match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["loadbalancer", "app", name, id] if !name.is_empty() && !id.is_empty() => {
                // Compared exactly: a pattern would match nothing, and look as if it did.
                if !name.bytes().chain(id.bytes()).all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                    return refuse("contains a character that no load balancer's ARN has", remedy);
                }
            }
            ["loadbalancer", "net" | "gwy", ..] => {
                return refuse("is a network or gateway load balancer, which signs nobody in", remedy);
            }
            ["targetgroup" | "listener" | "listener-rule", ..] => {
                return refuse("names a target group or listener, not the load balancer", remedy);
            }
            _ => return refuse("does not end in loadbalancer/app/<name>/<id>", remedy),
        }
        Ok(Self { text: text.to_owned(), partition: partition.to_owned(), region: region.to_owned() })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `eu-west-2`, …
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// An app client id, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Parses a non-empty id of visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse("is not a client id", "copy the app client's id from the user pool");
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a Cognito user pool, which gives its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPoolId {
    text: String,
    region: String,
}

impl UserPoolId {
    /// Parses `<region>_<letters and digits>`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "copy the user pool's id, like eu-west-2_AbCdEf123";
        match text.split_once('_') {
            Some((region, id))
                if !region.is_empty()
                    && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && !id.is_empty()
                    && id.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                Ok(Self { region: region.to_owned(), text: text.to_owned() })
            }
            _ => refuse("is not a user pool id", remedy),
        }
    }

    /// `eu-west-2`, …
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Both forms of `iss` a pool may use, the original first (alb-facts 6.1).
    #[must_use]
    pub fn issuers(&self) -> [String; 2] {
        ["cognito-idp", "issuer-cognito-idp"]
            .map(|host| format!("https://{host}.{}.amazonaws.com/{}", self.region, self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alb_arn_gives_partition_and_region() {
        let text =
            "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:123456789012:loadbalancer/app/front/50dc6c495c0c9188";
        let arn = AlbArn::parse(text).unwrap();
        assert_eq!((arn.as_str(), arn.partition(), arn.region()), (text, "aws-us-gov", "us-gov-west-1"));
    }

    #[test]
    fn what_is_not_the_arn_of_an_application_load_balancer_is_refused() {
        for (text, problem) in [
            ("", "is not an ARN of six parts"),
            ("arn:aws:s3:::bucket", "is not the ARN of a load balancer"),
            ("arn:aws:elasticloadbalancing::123456789012:loadbalancer/app/a/b", "has no valid partition or region"),
            ("arn:aws:elasticloadbalancing:a/b:123456789012:loadbalancer/app/a/b", "has no valid partition or region"),
            ("arn:aws:elasticloadbalancing:eu-west-2:12:loadbalancer/app/a/b", "has no account number of 12 digits"),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/net/a/b",
                "is a network or gateway load balancer, which signs nobody in",
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/a/b",
                "names a target group or listener, not the load balancer",
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/a",
                "does not end in loadbalancer/app/<name>/<id>",
            ),
        ] {
            assert_eq!(AlbArn::parse(text).unwrap_err().problem, problem, "{text}");
        }
    }

    #[test]
    fn a_pool_gives_both_issuers() {
        assert_eq!(
            UserPoolId::parse("eu-west-2_AbC123").unwrap().issuers(),
            [
                "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_AbC123",
                "https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_AbC123"
            ]
        );
        for refused in ["", "eu-west-2", "eu-west-2_", "_abc", "eu-west-2_a/b", "evil.com/_x"] {
            UserPoolId::parse(refused).unwrap_err();
        }
    }
}
