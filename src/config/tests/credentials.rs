use super::*;

fn verification(start: &Start) -> Verification {
    match start.config().credentials {
        Credentials::Verify(verification) => verification,
        Credentials::RefuseAll => panic!("refuses all"),
    }
}

fn arn(partition: &str, region: &str) -> String {
    format!("arn:{partition}:elasticloadbalancing:{region}:123456789012:loadbalancer/app/front/50dc6c495c0c9188")
}

fn with_arns(arns: &str) -> Start {
    Start::minimal("").variable("COGNITO_AUTH_ALB_ARNS", arns)
}

#[test]
fn what_is_required_is_asked_for_all_at_once() {
    let start = Start::with("");
    assert_eq!(start.refused(), ["alb.arns", "alb.client_ids", "cognito.user_pool_id", "authoriser.allowed_groups"]);
    assert!(start.errors().to_string().contains("COGNITO_AUTH_ALB_ARNS"));
    assert_eq!(Start::minimal("").variable("COGNITO_AUTH_CLIENT_IDS", "").config().warnings.len(), 0);
    assert_eq!(Start::with("alb.arns = []\nalb.client_ids = []").refused()[..2], ["alb.arns", "alb.client_ids"]);
}

#[test]
fn the_key_address_follows_partition_and_region() {
    for (partition, region, url) in [
        ("aws", "eu-west-2", "https://public-keys.auth.elb.eu-west-2.amazonaws.com/"),
        (
            "aws-us-gov",
            "us-gov-west-1",
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1",
        ),
        (
            "aws-us-gov",
            "us-gov-east-1",
            "https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1",
        ),
    ] {
        let start = with_arns(&arn(partition, region));
        assert_eq!(verification(&start).alb_keys.to_string(), url);
        assert_eq!(start.config().setting("alb.public_keys_url").1, "from alb.arns");
    }
}

#[test]
fn keys_of_another_region_are_doubted_and_those_of_a_stand_in_are_not() {
    let doubted = |partition, region, url| {
        let start = with_arns(&arn(partition, region)).variable("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", url);
        start.config().warns_of(&format!("alb.public_keys_url is not where the keys of {region} are: take it out"))
    };
    let [usual, far] =
        ["eu-west-2", "eu-west-1"].map(|region| format!("https://public-keys.auth.elb.{region}.amazonaws.com"));
    assert!(doubted("aws", "eu-west-2", &far));
    assert!(!doubted("aws", "eu-west-2", &usual));
    assert!(!doubted("aws", "eu-west-2", "https://keys.example/alb"));
    // GovCloud's are in buckets, and each of its regions has its own host.
    let bucket = "https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1";
    assert!(doubted("aws-us-gov", "us-gov-west-1", bucket));
    assert!(!doubted("aws-us-gov", "us-gov-east-1", bucket));
    // Where they are usually is not known.
    assert!(!doubted("aws-cn", "cn-north-1", "https://public-keys.auth.elb.cn-north-1.amazonaws.com.cn"));
    assert!(!Start::minimal("").config().warns_of("alb.public_keys_url"));
}

#[test]
fn an_unknown_partition_needs_the_key_address() {
    for (partition, region) in
        [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-north-9"), ("aws-eusc", "eusc-de-east-1")]
    {
        let start = with_arns(&arn(partition, region));
        assert!(start.problem().starts_with("alb.public_keys_url (default): is required because"));
        let start = start.variable("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", "https://keys.example/base");
        assert_eq!(verification(&start).alb_keys.to_string(), "https://keys.example/base");
    }
}

#[test]
fn load_balancers_of_two_regions_or_partitions_are_refused() {
    let home = arn("aws", "eu-west-2");
    for other in [arn("aws", "eu-west-1"), arn("aws-us-gov", "eu-west-2")] {
        let start = with_arns(&format!("{home},{other}"));
        assert!(start.problem().contains("two regions or partitions"));
        let start = start.variable("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", "https://keys.example/");
        assert_eq!(start.refused(), ["alb.arns"]);
    }
    let second = home.replace("front", "back");
    assert_eq!(verification(&with_arns(&format!("{home},{second}"))).signers.len(), 2);
}

#[test]
fn a_pool_gives_both_issuers_and_their_key_sets() {
    let verification = verification(&Start::minimal(""));
    let issuers = UserPoolId::parse("eu-west-2_AbC123").unwrap().issuers();
    assert_eq!(verification.issuers, issuers);
    let GroupsSource::CognitoAccessToken { key_sets, claim } = verification.groups else { panic!("access token") };
    assert_eq!(claim, "cognito:groups");
    let found: Vec<_> = key_sets.iter().map(|set| (set.issuer.clone(), set.url.to_string())).collect();
    assert_eq!(found, issuers.map(|issuer| (issuer.clone(), format!("{issuer}/.well-known/jwks.json"))));
}

#[test]
fn a_configured_key_set_replaces_the_pools() {
    let start = Start::minimal("cognito.jwks_url = 'https://keys.example/jwks'");
    let GroupsSource::CognitoAccessToken { key_sets, .. } = verification(&start).groups else { panic!("access token") };
    let [set] = key_sets.as_slice() else { panic!("one") };
    assert_eq!(set.url.to_string(), "https://keys.example/jwks");
    assert_eq!(set.issuer, "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_AbC123");
}

#[test]
fn configured_issuers_replace_the_pools() {
    let start = Start::minimal("identity.issuers = ['https://idp.example/a']");
    assert_eq!(verification(&start).issuers, ["https://idp.example/a"]);
    assert_eq!(Start::minimal("identity.issuers = []").refused(), ["identity.issuers"]);
    assert_eq!(Start::minimal("identity.issuers = ['a b']").refused(), ["identity.issuers"]);
}

#[test]
fn userinfo_needs_issuers_or_a_pool() {
    let without_pool = MINIMAL.replace("cognito.user_pool_id", "# ");
    let userinfo = format!("{without_pool}\nidentity.groups_source = 'userinfo'");
    assert_eq!(Start::with(&userinfo).refused(), ["identity.issuers"]);
    let start = Start::with(&userinfo).variable("COGNITO_AUTH_ISSUERS", "https://login.example/v2.0");
    assert!(matches!(verification(&start).groups, GroupsSource::Userinfo { claim } if claim == "cognito:groups"));
    let with_pool = verification(&Start::minimal("identity.groups_source = 'userinfo'"));
    assert_eq!(with_pool.issuers.len(), 2);
    assert_eq!(Start::with(&without_pool).refused(), ["cognito.user_pool_id"]);
    assert_eq!(Start::minimal("identity.groups_source = 'none'").refused(), ["identity.groups_source"]);
}

#[test]
fn leeway_is_at_most_a_minute() {
    assert_eq!(verification(&Start::minimal("identity.leeway = '60s'")).leeway.as_secs(), 60);
    assert!(Start::minimal("identity.leeway = '61s'").problem().contains("is longer than 60s"));
}

#[test]
fn plain_http_keys_warn_and_do_not_start_on_a_platform() {
    for text in ["alb.public_keys_url = 'http://127.0.0.1:9/'", "cognito.jwks_url = 'http://127.0.0.1:9/jwks'"] {
        let key = text.split(' ').next().unwrap();
        assert!(Start::minimal(text).config().warns_of(&format!("{key} is plain http")));
        for platform in ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"] {
            let start = Start::minimal(text).variable(platform, "x");
            let problem = start.problem();
            assert!(problem.starts_with(key) && problem.contains(platform), "{problem}");
            let config = start.variable("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", "true").config();
            assert!(config.warns_of("DANGER_ALLOW_REMOTE"), "{:?}", config.warnings);
        }
    }
    assert_eq!(Start::minimal("cognito.jwks_url = 'http://keys.example/'").refused(), ["cognito.jwks_url"]);
}
