//! What makes a presented token good: the load balancers, clients, issuers and keys that are expected.

use std::time::Duration;

use crate::config::{
    AlbArn, Authorities, ClientId, Credentials, GroupsSource, KeySetSource, KeysUrl, UserPoolId, ValueError,
    Verification, duration,
    findings::Findings,
    interlock::Surroundings,
    raw::{self, Raw},
};

use super::word;

const LONGEST_LEEWAY: Duration = Duration::from_secs(60);

pub(in crate::config) fn credentials(
    raw: &Raw,
    authorities: Option<Authorities>,
    surroundings: &Surroundings,
    findings: &mut Findings,
) -> Option<Credentials> {
    let leeway = findings.parsed("identity.leeway", leeway(&raw.identity.leeway));
    let pool =
        findings.optional("cognito.user_pool_id", raw.cognito.user_pool_id.as_ref(), UserPoolId::parse).flatten();
    let alb = ["alb.arns", "alb.client_ids", "alb.public_keys_url"];
    if raw.dev.mode && !alb.iter().any(|key| findings.is_set(key)) {
        findings.warn("alb.arns is not set: every presented token is refused");
        return Some(Credentials::RefuseAll);
    }
    let signers = signers(&raw.alb, findings);
    let client_ids =
        findings.list("alb.client_ids", raw.alb.client_ids.as_deref().unwrap_or_default(), ClientId::parse);
    if client_ids.is_empty() {
        findings.require("alb.client_ids", "unless dev.mode is on");
    }
    let alb_keys = alb_keys(raw.alb.public_keys_url.as_ref(), signers.first(), findings);
    doubt_regions(signers.first(), pool.as_ref(), alb_keys.as_ref(), findings);
    let groups = groups(raw, pool.as_ref(), findings);
    let issuers = issuers(&raw.identity, pool.as_ref(), groups.as_ref(), findings);
    for (key, url) in [("alb.public_keys_url", alb_keys.as_ref()), ("cognito.jwks_url", key_set_url(groups.as_ref()))] {
        if url.is_some_and(KeysUrl::is_plain_http) {
            // A command that serves the keys itself need not warn its user of it. The platform is guarded all the same.
            if !findings.is_of_command(key) {
                findings.warn(format!("{key} is plain http: for tests and development only"));
            }
            surroundings.guard_platform(key, findings);
        }
    }
    Some(Credentials::Verify(Verification {
        signers,
        client_ids,
        issuers,
        alb_keys: alb_keys?,
        authorities: authorities?,
        groups: groups?,
        leeway: leeway?,
    }))
}

/// The load balancers: one at least, all of one region and partition, because their keys have one address.
fn signers(raw: &raw::Alb, findings: &mut Findings) -> Vec<AlbArn> {
    let signers = findings.list("alb.arns", raw.arns.as_deref().unwrap_or_default(), AlbArn::parse);
    let Some(first) = signers.first() else {
        findings.require("alb.arns", "unless dev.mode is on");
        return signers;
    };
    let home = |arn: &AlbArn| (arn.partition().to_owned(), arn.region().to_owned());
    if signers.iter().any(|arn| home(arn) != home(first)) {
        findings.refuse(
            "alb.arns",
            ValueError {
                problem: "names load balancers of two regions or partitions",
                remedy: "run one proxy for each region",
            },
        );
    }
    signers
}

fn alb_keys(given: Option<&String>, signer: Option<&AlbArn>, findings: &mut Findings) -> Option<KeysUrl> {
    if let Some(text) = given {
        return findings.parsed("alb.public_keys_url", KeysUrl::parse(text));
    }
    let Some(text) = usual_alb_keys(signer?) else {
        findings.require("alb.public_keys_url", "because the key address of this partition and region is not known");
        return None;
    };
    findings.show("alb.public_keys_url", text.as_str(), "from alb.arns");
    findings.parsed("alb.public_keys_url", KeysUrl::parse(&text))
}

/// Where AWS publishes the keys of this load balancer, as far as that is documented.
fn usual_alb_keys(signer: &AlbArn) -> Option<String> {
    match (signer.partition(), signer.region()) {
        ("aws", region) => Some(format!("https://public-keys.auth.elb.{region}.amazonaws.com")),
        ("aws-us-gov", region @ ("us-gov-west-1" | "us-gov-east-1")) => {
            Some(format!("https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}"))
        }
        _ => None,
    }
}

/// Says where regions do not go together. They may differ, a pool serves any region; mostly it is a slip of the pen.
fn doubt_regions(signer: Option<&AlbArn>, pool: Option<&UserPoolId>, keys: Option<&KeysUrl>, findings: &mut Findings) {
    let Some(signer) = signer else { return };
    if let Some(pool) = pool.filter(|pool| pool.region() != signer.region()) {
        findings.warn(format!(
            "cognito.user_pool_id is of {} and alb.arns of {}: correct the one that is wrong, unless they do differ",
            pool.region(),
            signer.region()
        ));
    }
    let host = keys.and_then(|keys| keys.as_url().host_str()).filter(|host| host.ends_with(".amazonaws.com"));
    let usual = usual_alb_keys(signer);
    if host.zip(usual.as_ref()).is_some_and(|(host, usual)| usual.split('/').nth(2) != Some(host)) {
        findings.warn(format!(
            "alb.public_keys_url is not where the keys of {} are: take it out, and it follows from alb.arns",
            signer.region()
        ));
    }
}

fn issuers(
    raw: &raw::Identity,
    pool: Option<&UserPoolId>,
    groups: Option<&GroupsSource>,
    findings: &mut Findings,
) -> Vec<String> {
    if let Some(texts) = &raw.issuers {
        let issuers = findings.list("identity.issuers", texts, word);
        if issuers.is_empty() {
            findings.require("identity.issuers", "with one entry or more");
        }
        return issuers;
    }
    if let Some(pool) = pool {
        let issuers = pool.issuers().to_vec();
        findings.show("identity.issuers", issuers.clone(), "from cognito.user_pool_id");
        return issuers;
    }
    if matches!(groups, Some(GroupsSource::Userinfo { .. })) && !findings.has_problem("cognito.user_pool_id") {
        findings.require("identity.issuers", "with identity.groups_source = \"userinfo\" and no user pool");
    }
    Vec::new()
}

fn groups(raw: &Raw, pool: Option<&UserPoolId>, findings: &mut Findings) -> Option<GroupsSource> {
    let from_access_token = findings.choice(
        "identity.groups_source",
        &raw.identity.groups_source,
        &[("cognito-access-token", true), ("userinfo", false)],
    );
    let claim = findings.parsed("identity.groups_claim", word(&raw.identity.groups_claim));
    if !from_access_token? {
        return Some(GroupsSource::Userinfo { claim: claim? });
    }
    let Some(pool) = pool else {
        findings.require("cognito.user_pool_id", "with identity.groups_source = \"cognito-access-token\"");
        return None;
    };
    let key_sets = key_sets(raw, pool, findings)?;
    Some(GroupsSource::CognitoAccessToken { key_sets, claim: claim? })
}

/// The configured key set, or one for each form of the pool's issuer.
fn key_sets(raw: &Raw, pool: &UserPoolId, findings: &mut Findings) -> Option<Vec<KeySetSource>> {
    if let Some(text) = &raw.cognito.jwks_url {
        let url = findings.parsed("cognito.jwks_url", KeysUrl::parse(text))?;
        let issuer = raw.identity.issuers.as_ref().and_then(|issuers| issuers.first().cloned());
        let [original, _] = pool.issuers();
        return Some(vec![KeySetSource { issuer: issuer.unwrap_or(original), url }]);
    }
    let addresses = pool.issuers().map(|issuer| (format!("{issuer}/.well-known/jwks.json"), issuer));
    let shown: Vec<&str> = addresses.iter().map(|(address, _)| address.as_str()).collect();
    findings.show("cognito.jwks_url", shown, "from cognito.user_pool_id");
    addresses
        .into_iter()
        .map(|(address, issuer)| {
            findings.parsed("cognito.jwks_url", KeysUrl::parse(&address)).map(|url| KeySetSource { issuer, url })
        })
        .collect()
}

fn key_set_url(groups: Option<&GroupsSource>) -> Option<&KeysUrl> {
    match groups {
        Some(GroupsSource::CognitoAccessToken { key_sets, .. }) => key_sets.first().map(|source| &source.url),
        Some(GroupsSource::Userinfo { .. }) | None => None,
    }
}

fn leeway(text: &str) -> Result<Duration, ValueError> {
    let leeway = duration::parse(text)?;
    if leeway > LONGEST_LEEWAY {
        return Err(ValueError {
            problem: "is longer than 60s",
            remedy: "write 60s or less, and set the machine's clock right",
        });
    }
    Ok(leeway)
}
