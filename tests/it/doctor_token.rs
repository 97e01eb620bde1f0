//! `doctor --token-file`: what is said of pasted tokens, and that nothing secret is.

use std::{fs, io::Write as _, process::Stdio};

use cognito_auth_proxy::dev::{Issuer, Parties, Tokens, User};

use crate::support::{
    process::{Ended, Process},
    proxy::{Setup, staff},
    upstream::Upstream,
};

struct Stand {
    setup: Setup,
    folder: tempfile::TempDir,
    _upstream: Upstream,
}

impl Stand {
    async fn new() -> Self {
        let upstream = Upstream::start().await;
        Self { setup: Setup::new(&upstream).await, folder: tempfile::tempdir().unwrap(), _upstream: upstream }
    }

    fn tokens(&self, user: &User) -> Tokens {
        self.setup.issuer.tokens(user)
    }

    async fn paste(&self, text: &str, flags: &[&str]) -> Ended {
        let file = self.folder.path().join("pasted");
        fs::write(&file, text).unwrap();
        let arguments = [&["doctor", "--token-file", file.to_str().unwrap()], flags].concat();
        // Its end is where every output is searched for tokens.
        Process::start(&arguments, &self.setup.variables()).ended().await
    }
}

fn lines(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn assert_tells(ended: &Ended, beginning: &str, words: &[&str]) {
    let line = ended.stdout.lines().find(|line| line.starts_with(beginning));
    let line = line.unwrap_or_else(|| panic!("no {beginning:?} in {}\n{}", ended.stdout, ended.stderr));
    for word in words {
        assert!(line.contains(word), "{word:?} in {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_credential_is_ok_claim_by_claim_as_a_whole_and_by_policy() {
    let stand = Stand::new().await;
    let ended = stand.paste(&lines(&stand.tokens(&staff()).fields()), &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    for beginning in [
        "ok   header size: x-amzn-oidc-data has ",
        "ok   x-amzn-oidc-data: its signature is good",
        "ok   x-amzn-oidc-data: alg, kid is \"ES256 ",
        "ok   x-amzn-oidc-data: signer is \"arn:aws:",
        "ok   x-amzn-oidc-data: client is ",
        "ok   x-amzn-oidc-data: iss is ",
        "ok   x-amzn-oidc-data: exp is \"in ",
        "ok   x-amzn-oidc-accesstoken: its signature is good",
        "ok   x-amzn-oidc-accesstoken: token_use is \"access\"",
        "ok   x-amzn-oidc-accesstoken: client_id is ",
        "ok   policy: admits this user: group:staff",
    ] {
        assert_tells(&ended, beginning, &[]);
    }
    assert_tells(&ended, "ok   credential: is good", &["\"a…@example.com\" (verified)", "1 groups: \"staff\""]);
    assert!(!ended.stdout.contains("ann@example.com") && !ended.stdout.contains("unverified"), "{}", ended.stdout);
    let shown = stand.paste(&lines(&stand.tokens(&staff()).fields()), &["--show-email"]).await;
    assert_tells(&shown, "ok   credential: is good", &["\"ann@example.com\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_and_standard_input_are_read_as_well() {
    let stand = Stand::new().await;
    let tokens = stand.tokens(&staff());
    let json =
        serde_json::to_string(&tokens.fields().into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
    assert_eq!(stand.paste(&json, &[]).await.code, Some(0));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_cognito-auth-proxy"))
        .args(["doctor", "--token-file", "-"])
        .env_clear()
        .envs(stand.setup.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines(&tokens.fields()).as_bytes()).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_load_balancer_is_told_with_the_line_to_add_which_then_is_good() {
    let mut stand = Stand::new().await;
    let known = Parties::default();
    let other = known.signer.replace("example", "other");
    let issuer = &stand.setup.issuer;
    let header =
        issuer.alb_header_of(&Parties { signer: other.clone(), ..known.clone() }, issuer.alb_key_id(), 4_000_000_000);
    let data = issuer.sign_alb(&header, &issuer.alb_payload(&staff(), 4_000_000_000));
    let tokens = Tokens { data, ..stand.tokens(&staff()) };
    let pasted = lines(&tokens.fields());
    let ended = stand.paste(&pasted, &[]).await;
    assert_eq!(ended.code, Some(1));
    let setting = format!("COGNITO_AUTH_ALB_ARNS={},{other}", known.signer);
    assert_tells(&ended, "fail x-amzn-oidc-data: signer is ", &[&other, "expected", &known.signer, &setting]);
    assert_tells(&ended, "ok   x-amzn-oidc-data: client is ", &[]);
    assert_tells(&ended, "fail credential: is refused with 401 wrong_signer", &[]);
    let (name, value) = setting.split_once('=').unwrap();
    stand.setup = stand.setup.set(name, value);
    assert_eq!(stand.paste(&pasted, &[]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_told_and_marked_unverified_where_nothing_vouches_for_it() {
    let stand = Stand::new().await;
    let parties = Parties {
        signer: Parties::default().signer.replace("example", "foreign"),
        client: "foreignclient".to_owned(),
        issuer: "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Foreign".to_owned(),
        access_issuer: "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Foreign".to_owned(),
    };
    let tokens = Issuer::generate(parties).unwrap().tokens(&staff());
    let ended = stand.paste(&lines(&tokens.fields()), &[]).await;
    assert_eq!(ended.code, Some(1));
    assert_tells(&ended, "fail x-amzn-oidc-data: its signature is not good", &["does not know its key"]);
    for (claim, add) in [
        ("signer", "COGNITO_AUTH_ALB_ARNS="),
        ("client", "COGNITO_AUTH_CLIENT_IDS=exampleclient0123456789abc,foreignclient"),
        ("iss", "COGNITO_AUTH_USER_POOL_ID=eu-west-2_Foreign"),
    ] {
        assert_tells(&ended, &format!("fail x-amzn-oidc-data: {claim} is "), &["(unverified)", "expected", add]);
    }
    assert_tells(&ended, "fail credential: is refused with 401 wrong_signer", &[]);
    assert!(!ended.stdout.contains("@example.com"), "nothing personal of a token that nobody vouches for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_access_token_is_the_scope_of_the_listener_rule() {
    let stand = Stand::new().await;
    let tokens = stand.tokens(&staff());
    let [data, _, identity] = tokens.fields();
    let ended = stand.paste(&lines(&[data, identity]), &[]).await;
    assert_eq!(ended.code, Some(1));
    assert_tells(&ended, "fail credential: ", &["missing_credential", "add openid to the scope of the listener rule"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_id_and_foreign_tokens_each_have_their_sentence() {
    let stand = Stand::new().await;
    let old = stand.setup.issuer.tokens_at(&staff(), 1_700_000_000);
    let ended = stand.paste(&lines(&old.fields()), &[]).await;
    assert_eq!(ended.code, Some(0), "whoever pastes a token takes longer than it lives: {}", ended.stdout);
    assert_tells(&ended, "warn x-amzn-oidc-data: exp is ", &["s ago", "usual for a pasted token"]);
    assert_tells(&ended, "warn credential: is refused with 401 token_expired", &[]);

    let issuer = &stand.setup.issuer;
    let now = stand.tokens(&staff());
    let payload = issuer.access_payload(&staff(), 3_999_999_000).replace("\"access\"", "\"id\"");
    let access_token = issuer.sign_access(&issuer.access_header(), &payload);
    let ended = stand.paste(&lines(&Tokens { access_token, ..now.clone() }.fields()), &[]).await;
    assert_tells(&ended, "fail x-amzn-oidc-accesstoken: token_use is \"id\"", &["an ID token"]);

    let ben = User::new("ben-sub", "ben@example.com");
    let ended = stand
        .paste(&lines(&Tokens { access_token: stand.tokens(&ben).access_token, ..now.clone() }.fields()), &[])
        .await;
    assert_tells(&ended, "fail credential: is refused with 401 subject_mismatch", &["of one request"]);

    let ended = stand.paste(&lines(&stand.tokens(&ben).fields()), &[]).await;
    assert_tells(&ended, "warn policy: does not admit this user", &["`explain` says why"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_token_is_examined_and_said_to_be_half_of_it() {
    let stand = Stand::new().await;
    let ended = stand.paste(&stand.tokens(&staff()).data, &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert_tells(&ended, "ok   x-amzn-oidc-data: its signature is good", &[]);
    assert_tells(&ended, "warn credential: one bare token", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_too_long_or_doubled_is_told() {
    let mut stand = Stand::new().await;
    let tokens = stand.tokens(&staff());
    let long = "a".repeat(17 * 1024);
    let [data, ..] = tokens.fields();
    let too_long = lines(&[data, ("x-amzn-oidc-accesstoken", &long)]);
    let ended = stand.paste(&too_long, &[]).await;
    let size = "fail header size: x-amzn-oidc-accesstoken has 17408 bytes";
    assert_tells(&ended, size, &["never longer than 16384", "what stands before the proxy"]);
    assert_tells(&ended, "fail credential: is refused with 431 too_large", &["; see the sizes above"]);
    // Whatever the limit of fields is: that of identity headers stays.
    stand.setup = stand.setup.set("COGNITO_AUTH_MAX_FIELD_SIZE", "32KiB");
    let ended = stand.paste(&too_long, &[]).await;
    assert_tells(&ended, size, &["never longer than 16384"]);
    assert_tells(&ended, "ok   header size: x-amzn-oidc-data has ", &["bytes of 16384"]);
    stand.setup = stand.setup.set("COGNITO_AUTH_MAX_FIELD_SIZE", "512B");
    let ended = stand.paste(&lines(&tokens.fields()), &[]).await;
    assert_tells(
        &ended,
        "fail header size: x-amzn-oidc-data has ",
        &["limits.max_field_size is 512", "raise the limit"],
    );
    let ended = stand.paste(&lines(&[data, data]), &[]).await;
    assert_tells(&ended, "fail credential: is refused with 400 bad_request", &["once each"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_token_cannot_write_lines_of_its_own() {
    let stand = Stand::new().await;
    let issuer = &stand.setup.issuer;
    let evil = Parties {
        signer: "arn:x\nok   credential: is good\u{1b}[2J\u{202e}".to_owned(),
        client: "x;reboot".to_owned(),
        ..Parties::default()
    };
    let header = issuer.alb_header_of(&evil, issuer.alb_key_id(), 4_000_000_000);
    let data = issuer.sign_alb(&header, &issuer.alb_payload(&staff(), 4_000_000_000));
    let tokens = Tokens { data, ..stand.tokens(&staff()) };
    let ended = stand.paste(&lines(&tokens.fields()), &[]).await;
    assert_eq!(ended.code, Some(1));
    assert_tells(&ended, "fail x-amzn-oidc-data: client is \"x;reboot\"", &["the app client of the listener rule"]);
    assert!(!ended.stdout.lines().any(|line| line.starts_with("ok   credential")), "{}", ended.stdout);
    assert!(!ended.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", ended.stdout);
    assert!(!ended.stdout.contains("COGNITO_AUTH_CLIENT_IDS=exampleclient0123456789abc,x"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_none_or_holds_none_is_told() {
    let stand = Stand::new().await;
    let ended = stand.paste("hunter2", &[]).await;
    assert_eq!(ended.code, Some(1));
    assert_tells(&ended, "fail token file: holds no x-amzn-oidc- header", &["paste lines like"]);
    assert!(!ended.stdout.contains("hunter2"));
    let arguments = ["doctor", "--token-file", "/nowhere/at/all"];
    let ended = Process::start(&arguments, &stand.setup.variables()).ended().await;
    assert_tells(&ended, "fail token file: /nowhere/at/all cannot be read", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_nobody_looks_at_is_said_not_to_be_looked_at() {
    let mut stand = Stand::new().await;
    stand.setup = stand.setup.set("COGNITO_AUTH_GROUPS_SOURCE", "userinfo");
    let ended = stand.paste(&lines(&stand.tokens(&staff()).fields()), &[]).await;
    assert_tells(&ended, "ok   access token: not looked at", &["identity.groups_source is userinfo"]);
    assert!(!ended.stdout.contains("x-amzn-oidc-accesstoken: its signature"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_load_balancer_every_token_is_said_to_be_refused() {
    let mut stand = Stand::new().await;
    for name in ["ALB_ARNS", "CLIENT_IDS", "ALB_PUBLIC_KEYS_URL", "USER_POOL_ID", "COGNITO_JWKS_URL"] {
        stand.setup = stand.setup.set(&format!("COGNITO_AUTH_{name}"), "");
    }
    stand.setup = stand.setup.set("COGNITO_AUTH_DEV_MODE", "true");
    let ended = stand.paste(&lines(&stand.tokens(&staff()).fields()), &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert_tells(&ended, "fail credential: every token is refused", &["; set alb.arns, alb.client_ids and cognito"]);
    assert_tells(&ended, "warn configuration: alb.arns is not set: every presented token is refused", &[]);
}
