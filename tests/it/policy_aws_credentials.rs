//! Credentials as ECS, EKS and EC2 give them out. Servers on loopback answer as the container's endpoint, STS and the
//! instance metadata service do; what then arrives at Secrets Manager is signed with what they gave.

use std::sync::Mutex;

use serde_json::json;

use crate::support::{
    aws::{AWS_WORDS, Aws, admits_only, refusal, secret, start},
    process::{Ended, Serving},
    proxy::Setup,
    upstream::{Seen, Upstream},
};

const STAFF: &str = r#"{"allowed_groups": ["staff"]}"#;

/// Long after this test.
const LATER: &str = "2099-01-01T00:00:00Z";

/// Before it.
const OVER: &str = "2020-01-01T00:00:00Z";

/// The role that is asked for at STS.
const ROLE: &str = "arn:aws:iam::123456789012:role/proxy";

/// An answer of a server that does not speak as the services of AWS do.
fn plain(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Credentials as the container's endpoint and the instance give them.
fn keys(id: &str, until: &str) -> String {
    let keys = json!({
        "Code": "Success",
        "AccessKeyId": id,
        "SecretAccessKey": "key-of-the-role",
        "Token": format!("token-of-{id}"),
        "Expiration": until,
    });
    keys.to_string()
}

/// The same as STS gives them.
fn assumed(id: &str, until: &str) -> Vec<u8> {
    plain(
        200,
        &format!(
            r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/proxy/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>key-of-the-role</SecretAccessKey><SessionToken>token-of-{id}</SessionToken><Expiration>{until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#
        ),
    )
}

/// A server that gives these answers one after the other, and the last one again and again.
async fn giving(answers: impl IntoIterator<Item = Vec<u8>>) -> Upstream {
    let answers = Mutex::new(answers.into_iter().collect::<Vec<_>>());
    Upstream::answering(move |_| {
        let mut left = answers.lock().unwrap();
        if left.len() > 1 { left.remove(0) } else { left[0].clone() }
    })
    .await
}

/// The instance metadata service, version 2: nothing without its token.
async fn instance(role: Vec<u8>, credentials: Vec<u8>) -> Upstream {
    Upstream::answering(move |seen| {
        let is_known = seen.field("x-aws-ec2-metadata-token") == Some("token-of-the-instance");
        match seen.line.split(' ').nth(1).unwrap() {
            "/latest/api/token" if seen.line.starts_with("PUT ") => {
                let answer =
                    "HTTP/1.1 200 OK\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\ncontent-length: 21\r\n\r\n";
                [answer.as_bytes(), b"token-of-the-instance"].concat()
            }
            _ if !is_known => plain(401, ""),
            "/latest/meta-data/iam/security-credentials/" => role.clone(),
            "/latest/meta-data/iam/security-credentials/the-role" => credentials.clone(),
            _ => plain(404, ""),
        }
    })
    .await
}

/// With credentials from a container's endpoint.
fn container(setup: Setup, endpoint: &Upstream) -> Setup {
    setup.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{}/v1/credentials?id=1", endpoint.address))
}

/// With credentials of a role that is assumed by the token in this file.
fn web_identity(setup: Setup, sts: &Upstream, token: &str) -> Setup {
    setup
        .set("AWS_ENDPOINT_URL_STS", &format!("http://{}", sts.address))
        .set("AWS_ROLE_ARN", ROLE)
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", token)
}

/// With credentials from the instance.
fn on_instance(setup: Setup, metadata: &Upstream) -> Setup {
    let endpoint = format!("http://{}", metadata.address);
    setup.set("AWS_EC2_METADATA_DISABLED", "false").set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)
}

/// A file that holds a token.
fn token_file(directory: &tempfile::TempDir, token: &str) -> String {
    let path = directory.path().join("token");
    std::fs::write(&path, token).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What came to Secrets Manager was signed with these keys.
fn signed_with(seen: &Seen, id: &str) {
    let authorisation = seen.field("authorization").unwrap();
    assert!(authorisation.starts_with(&format!("AWS4-HMAC-SHA256 Credential={id}/")), "{authorisation}");
    assert!(authorisation.contains("x-amz-security-token"), "the token is signed: {authorisation}");
    assert_eq!(seen.field("x-amz-security-token"), Some(format!("token-of-{id}").as_str()));
}

/// Whether the next read, which a signal brings about, is signed with these.
async fn read_again(aws: &Aws, serving: &mut Serving, id: &str) {
    serving.process.signal("HUP");
    serving.process.event("policy read again, nothing has changed").await;
    signed_with(&aws.asked().await, id);
}

/// A policy at AWS that is read when it is wished for only.
async fn quiet(aws: &Aws) -> Setup {
    aws.as_nobody().await.set("COGNITO_AUTH_REFRESH", "24h")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_asks_with_what_its_containers_endpoint_gives() {
    let aws = Aws::new(secret(STAFF)).await;
    let endpoint = giving([plain(200, &keys("AKIDTASK", LATER))]).await;
    let mut serving = container(quiet(&aws).await, &endpoint).start_process().await;
    let asked = endpoint.next().await;
    assert_eq!((asked.line.as_str(), asked.field("authorization")), ("GET /v1/credentials?id=1 HTTP/1.1", None));
    signed_with(&aws.asked().await, "AKIDTASK");
    admits_only(&serving, "staff", "readers").await;
    read_again(&aws, &mut serving, "AKIDTASK").await;
    assert!(endpoint.unasked().is_empty(), "credentials that are good are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_shows_its_identity_to_the_endpoint_of_its_node() {
    let directory = tempfile::tempdir().unwrap();
    let aws = Aws::new(secret(STAFF)).await;
    let endpoint = giving([plain(200, &keys("AKIDPOD", OVER)), plain(200, &keys("AKIDNEXT", LATER))]).await;
    let setup = container(quiet(&aws).await, &endpoint)
        .set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token_file(&directory, "identity-of-the-pod"));
    let mut serving = setup.start_process().await;
    assert_eq!(endpoint.next().await.field("authorization"), Some("identity-of-the-pod"));
    signed_with(&aws.asked().await, "AKIDPOD");
    // The kubelet writes another token when the first one ages, and these credentials are over already.
    token_file(&directory, "next-identity");
    read_again(&aws, &mut serving, "AKIDNEXT").await;
    assert_eq!(endpoint.next().await.field("authorization"), Some("next-identity"));
    assert!(endpoint.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_is_exchanged_for_a_role_at_sts() {
    let directory = tempfile::tempdir().unwrap();
    let aws = Aws::new(secret(STAFF)).await;
    let sts = giving([assumed("AKIDWEB", OVER), assumed("AKIDNEXT", LATER)]).await;
    let setup = web_identity(quiet(&aws).await, &sts, &token_file(&directory, "identity.of.account"));
    let mut serving = setup.start_process().await;
    let form = |seen: Seen| url::form_urlencoded::parse(&seen.body).into_owned().collect::<Vec<_>>();
    let says = |form: &[(String, String)], name: &str, value: &str| {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{name}={value}: {form:?}");
    };
    let asked = sts.next().await;
    assert_eq!((asked.line.as_str(), asked.field("authorization")), ("POST / HTTP/1.1", None), "nobody signs this");
    let asked = form(asked);
    says(&asked, "Action", "AssumeRoleWithWebIdentity");
    says(&asked, "RoleArn", ROLE);
    says(&asked, "WebIdentityToken", "identity.of.account");
    signed_with(&aws.asked().await, "AKIDWEB");
    admits_only(&serving, "staff", "readers").await;
    token_file(&directory, "next.identity");
    read_again(&aws, &mut serving, "AKIDNEXT").await;
    says(&form(sts.next().await), "WebIdentityToken", "next.identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_asks_with_what_its_metadata_service_gives_to_who_has_a_token() {
    let aws = Aws::new(secret(STAFF)).await;
    let metadata = instance(plain(200, "the-role"), plain(200, &keys("AKIDINSTANCE", LATER))).await;
    let serving = on_instance(quiet(&aws).await, &metadata).start_process().await;
    let first = metadata.next().await;
    assert_eq!(first.line, "PUT /latest/api/token HTTP/1.1");
    assert!(first.field("x-aws-ec2-metadata-token-ttl-seconds").is_some());
    for line in [
        "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1",
        "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1",
    ] {
        let asked = metadata.next().await;
        assert_eq!(
            (asked.line.as_str(), asked.field("x-aws-ec2-metadata-token")),
            (line, Some("token-of-the-instance"))
        );
    }
    signed_with(&aws.asked().await, "AKIDINSTANCE");
    admits_only(&serving, "staff", "readers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_gives_is_not_logged_at_any_level() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(&directory, "identity.of.account");
    let aws = Aws::new(secret(STAFF)).await;
    // An answer that cannot be read is one too.
    let endpoint = giving([plain(200, &keys("AKIDTASK", LATER))]).await;
    let sts = giving([assumed("AKIDWEB", "soon"), assumed("AKIDWEB", LATER)]).await;
    let metadata = instance(plain(200, "the-role"), plain(200, &keys("AKIDINSTANCE", LATER))).await;
    let setup = async || quiet(&aws).await.set("COGNITO_AUTH_LOG_LEVEL", "trace");
    for setup in [
        container(setup().await, &endpoint).set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token),
        web_identity(setup().await, &sts, &token),
        on_instance(setup().await, &metadata),
    ] {
        let Ended { code, stdout, stderr } = setup.start_process().await.terminated().await;
        assert_eq!(code, Some(0));
        for private in ["key-of-the-role", "token-of-AKID", "identity.of.account"] {
            assert!(!stdout.contains(private) && !stderr.contains(private), "{private} is in the log: {stdout}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_ready_yet_is_asked_again() {
    let aws = Aws::new(secret(STAFF)).await;
    let endpoint = giving([plain(503, "not yet"), plain(500, ""), plain(200, &keys("AKIDLATE", LATER))]).await;
    let _serving = container(quiet(&aws).await, &endpoint).start_process().await;
    signed_with(&aws.asked().await, "AKIDLATE");
    assert_eq!(endpoint.unasked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_is_named_with_what_to_do_and_nothing_starts() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(&directory, "identity.of.account");
    let aws = Aws::new(secret(STAFF)).await;
    let endpoint = giving([refusal(400, "AccessDeniedException")]).await;
    let denied = format!(
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>{AWS_WORDS}</Message></Error></ErrorResponse>"
    );
    let sts = giving([plain(403, &denied)]).await;
    let closed = instance(plain(403, AWS_WORDS), plain(403, AWS_WORDS)).await;
    let roleless = instance(plain(404, ""), plain(404, "")).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("http://{gone}");
    let none_given = "there are no credentials to read it with: ";
    let setup = async || quiet(&aws).await;
    let cases = [
        (container(setup().await, &endpoint), &[none_given, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "role"][..]),
        (
            setup().await.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &nowhere),
            &[none_given, "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        ),
        (
            container(setup().await, &endpoint).set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token"),
            &[none_given, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
        ),
        (web_identity(setup().await, &sts, &token), &[none_given, "STS", "(AccessDenied)", "AWS_ROLE_ARN"]),
        (web_identity(setup().await, &sts, "/nowhere/token"), &[none_given, "AWS_WEB_IDENTITY_TOKEN_FILE"]),
        (
            web_identity(setup().await, &sts, &token).set("AWS_ENDPOINT_URL_STS", &nowhere),
            &[none_given, "STS does not answer"],
        ),
        (on_instance(setup().await, &closed), &[none_given, "the instance metadata service"]),
        (on_instance(setup().await, &roleless), &["there are no credentials to read it with; give"]),
    ];
    for (setup, said) in cases {
        let Ended { code, stdout, stderr } = start("run", &setup).await;
        assert_eq!(code, Some(1), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        for said in said.iter().chain(&["app/policy", "eu-west-2", "authoriser.secret_name"]) {
            assert!(stderr.contains(said), "{said}: {stderr}");
        }
        for private in [AWS_WORDS, "identity.of.account"] {
            assert!(!stderr.contains(private) && !stdout.contains(private), "{private}: {stderr}{stdout}");
        }
    }
    assert!(aws.endpoint.unasked().is_empty(), "Secrets Manager is not asked without a signature");
    let Ended { code, stderr, .. } = start("check", &web_identity(setup().await, &sts, &token)).await;
    assert_eq!((code, stderr.contains("AccessDenied")), (Some(64), true), "{stderr}");
}
