//! A policy that is kept at AWS: a real process reads it over HTTP, from an endpoint that answers as AWS does and as it
//! does on its bad days. The last good policy decides whatever happens; without one nothing starts.

use serde_json::{Value, json};

use crate::support::{
    aws::{AWS_WORDS, Aws, admits_only, answer, as_role, at, binary_secret, parameter, refusal, secret, start},
    client::{Wire, request},
    process::{Ended, Process, Serving},
    proxy::Setup,
    soon,
    upstream::Upstream,
};

const STAFF: &str = r#"{"allowed_groups": ["staff"]}"#;
const READERS: &str = r#"{"allowed_groups": ["readers"]}"#;

/// In broken policies: it must not be told on.
const WORDS: &str = "confidential-words";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_the_policy_and_its_change_is_applied() {
    let aws = Aws::new(secret(STAFF)).await;
    let mut serving = aws.keeping_a_secret().await.start_process().await;
    let asked = aws.asked().await;
    assert_eq!(asked.field("x-amz-target"), Some("secretsmanager.GetSecretValue"));
    assert!(asked.field("authorization").unwrap().contains("/eu-west-2/secretsmanager/aws4_request"));
    admits_only(&serving, "staff", "readers").await;
    aws.answers(secret(READERS));
    let applied = serving.process.event("policy applied").await;
    assert_eq!(applied["secret"], "app/policy");
    admits_only(&serving, "readers", "staff").await;
    assert!(counts(&serving, "reloads_total{what=\"policy\",outcome=\"applied\"} 1").await);
    assert!(counts(&serving, "policy_generation 2").await);
}

async fn counts(serving: &Serving, line: &str) -> bool {
    let mut wire = Wire::connect(serving.admin).await;
    wire.send(request("GET /metrics", &[])).await;
    let line = format!("cognito_auth_proxy_{line}");
    wire.answer().await.text().lines().any(|found| found == line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_is_the_policy_and_is_asked_for_decrypted() {
    let aws = Aws::new(parameter("allowed_groups = ['staff']")).await;
    let mut serving = aws.setup("COGNITO_AUTH_SSM_PARAMETER", "/app/policy").await.start_process().await;
    let asked = aws.asked().await;
    assert_eq!(asked.field("x-amz-target"), Some("AmazonSSM.GetParameter"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body, json!({ "Name": "/app/policy", "WithDecryption": true }));
    admits_only(&serving, "staff", "readers").await;
    aws.answers(parameter(READERS));
    assert_eq!(serving.process.event("policy applied").await["parameter"], "/app/policy");
    admits_only(&serving, "readers", "staff").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_aws_answers_the_last_good_policy_decides_and_each_problem_is_said_once() {
    let aws = Aws::new(secret(STAFF)).await;
    // Everything is logged that can be, so that what slips out anywhere is seen.
    let setup = aws.keeping_a_secret().await.set("COGNITO_AUTH_LOG_LEVEL", "trace");
    let mut serving = setup.start_process().await;
    let bad_days = [
        ("denied", refusal(400, "AccessDeniedException")),
        ("deleted", refusal(400, "InvalidRequestException")),
        ("not there", refusal(400, "ResourceNotFoundException")),
        ("expired credentials", refusal(400, "ExpiredTokenException")),
        ("throttled", refusal(400, "ThrottlingException")),
        ("down", answer(503, WORDS)),
        ("no JSON", answer(200, WORDS)),
        ("without a value", answer(200, "{}")),
        ("empty", secret("")),
        ("not a policy", secret(WORDS)),
        ("an entry that is none", secret(&format!(r#"{{"allowed_users": ["{WORDS}"]}}"#))),
        ("cut off", secret(&READERS[..25])),
        ("no rule", secret("{}")),
        (
            "an unknown key",
            secret(&format!(r#"{{"allowed_groups": ["readers"], "_{WORDS}": 1, "allowed_gruops": []}}"#)),
        ),
        ("a blank group", secret(r#"{"allowed_groups": [" "]}"#)),
        ("hung up", b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-le".to_vec()),
        ("too long", secret(&(READERS.to_owned() + &" ".repeat(1 << 20)))),
    ];
    for (said, (what, answer)) in bad_days.into_iter().enumerate() {
        aws.answers(answer);
        serving.process.event("policy not taken, the last good policy stays in force").await;
        admits_only(&serving, "staff", "readers").await;
        // Looked at again, and nothing more to say.
        aws.endpoint.unasked();
        for _ in 0..2 {
            aws.asked().await;
        }
        assert_eq!(serving.process.said(&["last good policy stays in force"]), said + 1, "{what}");
    }
    assert!(counts(&serving, "policy_generation 1").await);
    aws.answers(secret(STAFF));
    let again = serving.process.event("policy good again, it is the one in force").await;
    assert_eq!(again["target"], "cognito_auth_proxy::audit", "beside the line that it was not taken");
    aws.answers(secret(READERS));
    serving.process.event("policy applied").await;
    admits_only(&serving, "readers", "staff").await;
    let Ended { code, stdout, stderr } = serving.terminated().await;
    assert_eq!(code, Some(0));
    for private in [WORDS, "key-of-the-role", "token-of-the-role", r#"{"allowed_groups"#, r#"{\"allowed_groups"#] {
        assert!(!stdout.contains(private) && !stderr.contains(private), "{private} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_be_kept_as_a_binary_secret() {
    let aws = Aws::new(binary_secret(STAFF.as_bytes())).await;
    let mut serving = aws.keeping_a_secret().await.start_process().await;
    admits_only(&serving, "staff", "readers").await;
    // Bytes that are no text are no policy.
    aws.answers(binary_secret(&[0xff, 0xfe, b'{']));
    serving.process.event("policy not taken, the last good policy stays in force").await;
    aws.answers(binary_secret(READERS.as_bytes()));
    serving.process.event("policy applied").await;
    admits_only(&serving, "readers", "staff").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_has_the_secret_read_at_once() {
    let aws = Aws::new(secret(STAFF)).await;
    let mut serving = aws.keeping_a_secret().await.set("COGNITO_AUTH_REFRESH", "24h").start_process().await;
    aws.answers(secret(READERS));
    serving.process.signal("HUP");
    serving.process.event("policy applied").await;
    admits_only(&serving, "readers", "staff").await;
    serving.process.signal("HUP");
    serving.process.event("policy read again, nothing has changed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ever_a_policy_nothing_starts_and_the_remedy_is_said() {
    for (answer, remedies) in [
        (refusal(400, "AccessDeniedException"), &["secretsmanager:GetSecretValue", "kms:Decrypt"][..]),
        (refusal(400, "ResourceNotFoundException"), &["none of this name"][..]),
        (secret("{"), &["the policy cannot be parsed"]),
        (secret("{}"), &["no rule"]),
        (secret(""), &["it is empty"]),
    ] {
        let aws = Aws::new(answer).await;
        let Ended { code, stderr, .. } = start("run", &aws.keeping_a_secret().await).await;
        assert_eq!(code, Some(1), "{stderr}");
        for said in remedies.iter().chain(&["authoriser.secret_name", "app/policy", "eu-west-2"]) {
            assert!(stderr.contains(said), "{said}: {stderr}");
        }
        assert!(!stderr.contains(AWS_WORDS), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_that_cannot_be_asked_is_told_from_one_that_has_nobody_to_ask_as() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let application = Upstream::start().await;
    let setup = async || {
        let setup = as_role(at(&format!("http://{nobody}"), Setup::new(&application).await));
        setup.set("COGNITO_AUTH_SSM_PARAMETER", "/app/policy")
    };
    let Ended { code, stderr, .. } = start("run", &setup().await).await;
    assert_eq!((code, stderr.contains("the endpoint of ssm")), (Some(1), true), "{stderr}");
    let without = setup().await.set("AWS_ACCESS_KEY_ID", "").set("AWS_SECRET_ACCESS_KEY", "");
    let Ended { code, stderr, .. } = start("run", &without).await;
    assert_eq!((code, stderr.contains("no credentials")), (Some(1), true), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_outlives_a_refusal_that_passes() {
    let aws = Aws::new(refusal(400, "AccessDeniedException")).await;
    let setup = aws.keeping_a_secret().await;
    let (serving, ()) = tokio::join!(setup.start_process(), async {
        aws.asked().await;
        aws.answers(secret(STAFF));
    });
    admits_only(&serving, "staff", "readers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_a_start_that_waits_for_aws_need_not_wait_too() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let application = Upstream::start().await;
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let setup = as_role(at(&endpoint, Setup::new(&application).await)).set("COGNITO_AUTH_SECRET_NAME", "app/policy");
    let process = Process::start(&["run"], &setup.variables());
    let asked = tokio::task::spawn_blocking(move || silent.accept().unwrap());
    let _connection = soon("a question", asked).await.unwrap();
    process.signal("TERM");
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_doctor_read_what_is_kept_at_aws() {
    let aws = Aws::new(secret(STAFF)).await;
    let setup = aws.keeping_a_secret().await;
    let Ended { code, stdout, .. } = start("check", &setup).await;
    assert_eq!((code, stdout.contains("authoriser.secret_name")), (Some(0), true), "{stdout}");
    let Ended { code, stdout, .. } = start("doctor", &setup).await;
    let told = "ok   policy: that at AWS (authoriser.secret_name) has the rules allowed_groups\n";
    assert_eq!((code, stdout.contains(told)), (Some(0), true), "{stdout}");
    for (answer, problem) in [
        (refusal(400, "AccessDeniedException"), "secretsmanager:GetSecretValue"),
        (secret(r#"{"allowed_gruops": ["staff"]}"#), "did you mean allowed_groups?"),
    ] {
        aws.answers(answer);
        let Ended { code, stdout, stderr } = start("check", &setup).await;
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{stderr}");
        assert!(stderr.starts_with("authoriser.secret_name (environment COGNITO_AUTH_SECRET_NAME): "), "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
        let Ended { code, stdout, .. } = start("doctor", &setup).await;
        let line =
            stdout.lines().find(|line| line.starts_with("fail policy: that at AWS (authoriser.secret_name) is none"));
        let line = line.unwrap_or_else(|| panic!("{stdout}"));
        assert!(code == Some(1) && line.contains(problem) && line.contains("; correct it; `check` says"), "{line}");
    }
}
