//! The way to AWS: TLS that a private authority vouches for, by way of a proxy, and never by way of one in plain.

use serde_json::json;

use crate::support::{
    aws::{Aws, admits_only, answer, secret, start},
    process::Ended,
    proxy::Setup,
    tls::{Pair, Terminator},
    tunnels::Tunnels,
    upstream::Upstream,
};

const STAFF: &str = r#"{"allowed_groups": ["staff"]}"#;

/// Secrets Manager at `https://aws.example` and nowhere else. No resolver knows that name.
struct Outside {
    aws: Aws,
    tunnels: Tunnels,
    directory: tempfile::TempDir,
    _server: Terminator,
}

impl Outside {
    async fn new() -> Self {
        let aws = Aws::new(secret(STAFF)).await;
        let (pair, authority) = Pair::signed_for("aws.example");
        let server = Terminator::before(aws.endpoint.address, &pair).await;
        let tunnels = Tunnels::to(server.address).await;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority).unwrap();
        Self { aws, tunnels, directory, _server: server }
    }

    fn authority(&self) -> String {
        self.directory.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    async fn setup(&self) -> Setup {
        let setup = self.aws.keeping_a_secret().await.set("AWS_ENDPOINT_URL", "https://aws.example");
        setup.set("HTTPS_PROXY", &format!("http://{}", self.tunnels.address))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_comes_through_the_proxy_from_a_server_of_a_private_authority() {
    for name in ["COGNITO_AUTH_OUTGOING_CA_PATH", "SSL_CERT_FILE"] {
        let outside = Outside::new().await;
        let serving = outside.setup().await.set(name, &outside.authority()).start_process().await;
        assert_eq!(outside.tunnels.asked(), ["CONNECT aws.example:443 HTTP/1.1"], "{name}");
        let asked = outside.aws.asked().await;
        assert_eq!(asked.field("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        admits_only(&serving, "staff", "readers").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_vouches_for_aws_and_then_nothing_starts() {
    let outside = Outside::new().await;
    let other = outside.directory.path().join("other.pem");
    std::fs::write(&other, Pair::signed_for("aws.example").1).unwrap();
    for authority in ["", other.to_str().unwrap()] {
        let setup = outside.setup().await.set("COGNITO_AUTH_OUTGOING_CA_PATH", authority);
        let Ended { code, stderr, .. } = start("run", &setup).await;
        assert_eq!((code, stderr.contains("TLS to secretsmanager fails")), (Some(1), true), "{stderr}");
        assert!(stderr.contains("outgoing.ca_path"), "{stderr}");
    }
    // Whoever gives out the credentials is asked first.
    let token = outside.directory.path().join("token");
    std::fs::write(&token, "token").unwrap();
    let web = outside.setup().await.unset("AWS_ACCESS_KEY_ID").unset("AWS_SECRET_ACCESS_KEY");
    let web = web.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a");
    let Ended { code, stderr, .. } =
        start("run", &web.set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap())).await;
    assert_eq!((code, stderr.contains("TLS to where they come from (STS")), (Some(1), true), "{stderr}");
    assert!(!outside.tunnels.asked().is_empty(), "the tunnel was there");
    assert!(outside.aws.endpoint.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_over_tls_of_the_private_authority_too() {
    let outside = Outside::new().await;
    let keys = json!({
        "AccessKeyId": "AKIDNODE",
        "SecretAccessKey": "key-of-the-role",
        "Token": "token-of-the-role",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let node = Upstream::answering(move |_| answer(200, &keys.to_string())).await;
    let (pair, authority) = Pair::signed_for("localhost");
    let server = Terminator::before(node.address, &pair).await;
    let authorities = std::fs::read_to_string(outside.authority()).unwrap() + &authority;
    std::fs::write(outside.authority(), authorities).unwrap();
    let setup = outside
        .setup()
        .await
        .set("AWS_ACCESS_KEY_ID", "")
        .set("AWS_SECRET_ACCESS_KEY", "")
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("https://localhost:{}/", server.address.port()))
        .set("NO_PROXY", "localhost")
        .set("COGNITO_AUTH_OUTGOING_CA_PATH", &outside.authority());
    let _serving = setup.start_process().await;
    assert!(outside.aws.asked().await.field("authorization").unwrap().contains("Credential=AKIDNODE/"));
    assert_eq!(outside.tunnels.asked(), ["CONNECT aws.example:443 HTTP/1.1"], "but for NO_PROXY");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_obeyed() {
    let outside = Outside::new().await;
    let setup = outside.setup().await.set("COGNITO_AUTH_OUTGOING_CA_PATH", &outside.authority());
    let Ended { code, stderr, .. } = start("run", &setup.set("NO_PROXY", "localhost,aws.example")).await;
    assert_eq!((code, stderr.contains("AWS does not answer")), (Some(1), true), "it asked for an address: {stderr}");
    assert_eq!(outside.tunnels.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_plain_never_goes_through_a_proxy() {
    let aws = Aws::new(secret(STAFF)).await;
    let keys = json!({
        "AccessKeyId": "AKIDTASK",
        "SecretAccessKey": "key-of-the-role",
        "Token": "token-of-the-role",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let container = Upstream::answering(move |_| answer(200, &keys.to_string())).await;
    let nowhere = Tunnels::to(aws.endpoint.address).await;
    let proxy = format!("http://{}", nowhere.address);
    let setup = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .fold(aws.as_nobody().await, |setup, name| setup.set(name, &proxy))
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{}/", container.address));
    let serving = setup.start_process().await;
    assert!(aws.asked().await.field("authorization").unwrap().contains("Credential=AKIDTASK/"));
    admits_only(&serving, "staff", "readers").await;
    assert_eq!(nowhere.asked(), Vec::<String>::new());
}

/// Of an endpoint in a profile, the configuration knows nothing; 192.0.2.0/24 is nobody's (RFC 5737).
#[tokio::test(flavor = "multi_thread")]
async fn aws_is_not_asked_in_plain_wherever_its_endpoint_is_named() {
    let (aws, directory) = (Aws::new(secret(STAFF)).await, tempfile::tempdir().unwrap());
    let profile = directory.path().join("config");
    let setup = aws.keeping_a_secret().await.unset("AWS_ENDPOINT_URL");
    let setup = setup.set("AWS_CONFIG_FILE", profile.to_str().unwrap());
    std::fs::write(&profile, "[default]\nendpoint_url = http://192.0.2.2:18899\n").unwrap();
    let Ended { code, stderr, .. } = start("run", &setup).await;
    assert_eq!((code, stderr.contains("AWS is not asked over plain http")), (Some(1), true), "{stderr}");
    // It is read, and one on this machine is good.
    std::fs::write(&profile, format!("[default]\nendpoint_url = {}\n", aws.url())).unwrap();
    let serving = setup.start_process().await;
    admits_only(&serving, "staff", "readers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_not_asked_for_in_plain_at_another_host() {
    let (aws, directory) = (Aws::new(secret(STAFF)).await, tempfile::tempdir().unwrap());
    let [profile, token] = ["config", "token"].map(|name| directory.path().join(name).to_str().unwrap().to_owned());
    std::fs::write(&profile, "[default]\nendpoint_url = http://192.0.2.2:18899\n").unwrap();
    std::fs::write(&token, "token").unwrap();
    let nobody = async || aws.as_nobody().await;
    let instance = nobody().await.set("AWS_EC2_METADATA_DISABLED", "false");
    let web = nobody().await.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a").set("AWS_CONFIG_FILE", &profile);
    let web = web.set("AWS_WEB_IDENTITY_TOKEN_FILE", &token).unset("AWS_ENDPOINT_URL");
    let web = web.set("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws.url());
    for (setup, said) in [
        (instance.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://192.0.2.2:18899"), "there are no credentials"),
        (web, "AWS is not asked over plain http"),
    ] {
        let Ended { code, stderr, .. } = start("run", &setup).await;
        assert_eq!((code, stderr.contains(said)), (Some(1), true), "{stderr}");
    }
    assert!(aws.endpoint.unasked().is_empty());
}
