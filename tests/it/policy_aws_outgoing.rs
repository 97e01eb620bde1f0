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
