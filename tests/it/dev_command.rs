//! The `dev` command: what it starts, where, what it says of it, and that it ends at once and leaves nothing behind.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::support::{
    application::Application,
    client::{Wire, request},
    development::Dev,
    eventually,
    pem::p256_pem,
    process::Ended,
    upstream::Upstream,
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");

/// Held by a test whose `dev` looks at the usual ports, which are the same for all.
static USUAL_PORTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn assert_refused(ended: &Ended, code: i32, told: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{}", ended.stderr);
    assert!(ended.stderr.lines().any(|line| line.starts_with(told)), "{told:?} in {}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_to_open_what_stands_where_and_who_may_come_in() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let first = dev.banner.iter().find(|line| line.contains("http://")).unwrap();
    assert_eq!(first.trim(), format!("Open           http://{}/", dev.address));
    assert!(dev.told("Switch user").starts_with(&format!("http://{}/.dev/", dev.address)));
    assert_eq!(dev.told("application"), format!("http://{}", upstream.address));
    let text = dev.banner.join("\n");
    for rule in [
        r#"allowed_groups = ["data-team"]   # built in for dev, as no policy is set"#,
        r#"allowed_users = ["guest@example.com"]   # built in for dev, as no policy is set"#,
        r#"admin_groups = ["admins"]   # built in for dev, as no policy is set"#,
    ] {
        assert!(text.contains(rule), "{rule} in {text}");
    }
    // What it names is there.
    for (name, path) in [("proxy", "/.auth/jwks.json"), ("admin", "/health"), ("keys", "/jwks.json")] {
        let address = dev.told(name).trim_start_matches("http://").split([' ', ',']).next().unwrap().parse().unwrap();
        let mut wire = Wire::connect(address).await;
        wire.send(request(&format!("GET {path}"), &[])).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 200, "{name}");
        if name != "admin" {
            assert_eq!(answer.json()["keys"].as_array().map(Vec::len), Some(1), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_application_there_is_a_sample_of_one() {
    let dev = Dev::run(&[], &[], &[]).await;
    assert!(dev.told("application").contains("the built-in sample"), "{:?}", dev.banner);
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let page = dev.send_as(&user, "GET /", &[]).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("ann@example.com") && text.contains("is verified"), "{text}");
    assert!(text.contains("/.dev/") && text.contains("/.auth/logout"), "{text}");
    // One that is configured in another way counts as well.
    let upstream = Upstream::start().await;
    let url = format!("http://{}", upstream.address);
    let dev = Dev::run(&[], &[("COGNITO_AUTH_UPSTREAM_URL", &url)], &[]).await;
    assert_eq!(dev.told("application"), url);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_believes_a_key_that_took_the_place_of_another() {
    let dev = Dev::run(&[], &[("COGNITO_AUTH_SIGNING_KEY_FILE", "key.pem")], &[("key.pem", &p256_pem())]).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let published = async || dev.send_as(&user, "GET /.auth/jwks.json", &[]).await.json()["keys"].clone();
    let before = published().await[0]["kid"].clone();
    assert!(dev.send_as(&user, "GET /", &[]).await.text().contains("is verified"));
    fs::write(dev.directory().join("key.pem"), p256_pem()).unwrap();
    eventually("the new key", async || published().await[0]["kid"] != before).await;
    let page = dev.send_as(&user, "GET /", &[]).await.text();
    assert!(page.contains("is verified") && page.contains("ann@example.com"), "{page}");
    assert_eq!(published().await[1]["kid"], before, "there for what was signed with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_another_one_unless_it_was_asked_for() {
    let _alone = USUAL_PORTS.lock().await;
    // Taken by us, or by somebody already. The proxy's may be some other test's, and free again a moment later.
    let taken = [4430, 8080, 9090].map(|port| std::net::TcpListener::bind(("127.0.0.1", port)));
    let upstream = Upstream::start().await;
    let url = format!("http://{}", upstream.address);
    let dev = Dev::run_exactly(&["--upstream", &url], &[], &[]).await;
    for ((name, usual), ours) in [("load balancer", 4430), ("proxy", 8080), ("admin", 9090)].into_iter().zip(&taken) {
        let told = dev.told(name);
        let says_taken = told.contains(&format!("(port {usual} is taken)"));
        assert_eq!(says_taken, told_port(told) != usual, "{told}");
        assert!(says_taken || (ours.is_err() && usual != 4430), "{told}");
    }
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &[]).await.text(), "hello");
    let refused = Dev::refused(&["--port", "4430", "--upstream", &url], &[], &[]).await;
    assert_refused(&refused, 1, "error: cannot listen on 127.0.0.1:4430; name another port");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_applications_port_is_left_to_it() {
    let _alone = USUAL_PORTS.lock().await;
    // Not running yet, and where the proxy or the stand-in would be.
    for port in [4430, 8080, 9090] {
        let dev = Dev::run_exactly(&["--upstream", &format!("http://localhost:{port}")], &[], &[]).await;
        for name in ["load balancer", "proxy", "admin"] {
            assert_ne!(told_port(dev.told(name)), port, "{:?}", dev.banner);
        }
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let itself = Dev::refused(&["--port", &port, "--upstream", &format!("http://127.0.0.1:{port}")], &[], &[]).await;
    assert_refused(&itself, 64, &format!("error: upstream.url is http://127.0.0.1:{port}, where dev itself listens"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_on_loopback_only_whatever_is_configured() {
    let upstream = Upstream::start().await;
    let open = [
        ("COGNITO_AUTH_LISTEN", "0.0.0.0:8080"),
        ("COGNITO_AUTH_ADMIN_LISTEN", "[::]:9090"),
        ("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", "true"),
    ];
    let dev = Dev::with(upstream.address, &[], &open).await;
    let listening = listening(dev.process.id());
    assert_eq!(listening.len(), 4, "balancer, proxy, admin, keys: {listening:?}");
    assert!(listening.iter().all(|address| address.starts_with("0100007F:")), "{listening:?}");
    let with_sample = Dev::run(&[], &open, &[]).await;
    let listening = self::listening(with_sample.process.id());
    assert_eq!(listening.len(), 5, "and the sample: {listening:?}");
    assert!(listening.iter().all(|address| address.starts_with("0100007F:")), "{listening:?}");
}

/// The port in a line of the banner.
fn told_port(told: &str) -> u16 {
    let digits = told.split("127.0.0.1:").nth(1).expect(told);
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// The addresses a process listens on, as the kernel writes them.
fn listening(process: u32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let sockets: BTreeSet<String> = open
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["tcp", "tcp6"]
        .into_iter()
        .flat_map(|table| {
            fs::read_to_string(format!("/proc/{process}/net/{table}"))
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            (columns[3] == "0A" && sockets.contains(columns[9])).then(|| columns[1].to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_disk() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &[]).await.status, 200);
    assert_eq!(fs::read_dir(dev.directory()).unwrap().count(), 0, "home, temporary and working directory in one");
    let files: Vec<PathBuf> = fs::read_dir(format!("/proc/{}/fd", dev.process.id()))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|link| link.is_file())
        .collect();
    assert_eq!(files, Vec::<PathBuf>::new(), "no open file");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_at_each_start() {
    let upstream = Upstream::start().await;
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let dev = Dev::start(upstream.address).await;
        let address = dev.told("keys").trim_start_matches("http://").split(',').next().unwrap().parse().unwrap();
        let mut wire = Wire::connect(address).await;
        wire.send(request("GET /jwks.json", &[])).await;
        assert!(seen.insert(wire.answer().await.json()["keys"][0]["n"].to_string()));
        // A session of another start is none.
        let user = dev.sign_in("ann@example.com", "data-team").await;
        let other = Dev::start(upstream.address).await;
        assert_eq!(other.send_as(&user, "GET /", &[]).await.status, 302);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signal_ends_everything_at_once_with_streams_open() {
    for signal in ["INT", "TERM"] {
        let application = Application::listen().await;
        let slow = [("COGNITO_AUTH_DRAIN_DELAY", "1h"), ("COGNITO_AUTH_DRAIN_DEADLINE", "1h")];
        let dev = Dev::run(&["--upstream", &application.url()], &slow, &[]).await;
        let user = dev.sign_in("ann@example.com", "data-team").await;
        let mut browser = Wire::connect(dev.address).await;
        browser.send(dev.text(&request("GET /events", &[("Cookie", &user.0)]))).await;
        let mut app = application.accept().await;
        app.request().await;
        app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
        browser.head().await;
        dev.process.signal(signal);
        let ended = dev.process.ended().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(!ended.stdout.contains("\"WARN\"") && !ended.stdout.contains("\"ERROR\""), "{}", ended.stdout);
        assert!(app.closes().await && browser.closes().await);
    }
}

/// What somebody runs in production.
const PRODUCTION: &str = r#"
[server]
listen = "0.0.0.0:8080"
admin_listen = "off"
reserved_prefix = "/-/auth"
[upstream]
preset = "gradio"
[alb]
arns = ["arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/real/0011223344556677"]
client_ids = ["realclient"]
[cognito]
user_pool_id = "us-east-1_Real00001"
[authoriser]
config_path = "policy.json"
[assertion]
header = "x-who"
[logout]
cognito_domain = "real.auth.us-east-1.amazoncognito.com"
redirect_url = "https://example.com/goodbye"
cookie_name = "RealSession"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_production_configuration_can_be_tried_as_it_is() {
    let upstream = Upstream::start().await;
    let url = format!("http://{}", upstream.address);
    let policy = r#"{"allowed_groups": ["finance"], "admin_users": ["root@corp.example"]}"#;
    let files = [("config.toml", PRODUCTION), ("policy.json", policy)];
    let dev = Dev::run(&["--config", "config.toml", "--upstream", &url], &[], &files).await;
    let text = dev.banner.join("\n");
    for told in [
        r#"config_path = "policy.json"   # file config.toml"#,
        r#"allowed_groups = ["finance"]   # in that file, which is followed"#,
        r#"admin_users = ["root@corp.example"]   # in that file, which is followed"#,
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    assert!(!text.contains("allowed_users") && !text.contains("built in for dev"), "{text}");
    let page = dev.send("GET /.dev/", &[]).await.text();
    assert!(page.contains("Member of finance") && page.contains("root@corp.example"), "{page}");

    let member = dev.sign_in("ann@corp.example", "finance").await;
    assert!(member.0.starts_with("RealSession-0=") && member.0.contains("; RealSession-1="), "the configured name");
    assert_eq!(dev.send_as(&member, "GET /", &[]).await.text(), "hello");
    let seen = upstream.next().await;
    assert_eq!((seen.field("x-auth-user"), seen.field("host")), (None, Some(upstream.address.to_string().as_str())));
    assert!(seen.field("x-who").is_some());
    let admin = dev.sign_in("root@corp.example", "").await;
    assert_eq!(dev.send_as(&admin, "GET /", &[]).await.status, 200);
    upstream.next().await;
    let guest = dev.sign_in("guest@example.com", "data-team, admins").await;
    assert_eq!(dev.send_as(&guest, "GET /", &[SCRIPT]).await.code(), "not_allowed");
    // Nobody is signed in at the real one, so nobody is sent there to sign out.
    let out = dev.send_as(&member, "GET /-/auth/logout", &[]).await;
    assert_eq!((out.status, out.field("location")), (303, Some("https://example.com/goodbye")));
    assert!(out.all("set-cookie").iter().any(|cookie| cookie.starts_with("RealSession-0=;")));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_come_from_where_the_configuration_says() {
    let upstream = Upstream::start().await;
    for settings in [
        &[("COGNITO_AUTH_GROUPS_CLAIM", "custom:teams")][..],
        &[("COGNITO_AUTH_GROUPS_SOURCE", "userinfo")],
        &[("COGNITO_AUTH_GROUPS_SOURCE", "userinfo"), ("COGNITO_AUTH_GROUPS_CLAIM", "roles")],
    ] {
        let dev = Dev::with(upstream.address, &[], settings).await;
        let member = dev.sign_in("ann@example.com", "data-team, readers").await;
        assert_eq!(dev.send_as(&member, "GET /", &[]).await.status, 200, "{settings:?}");
        assert_eq!(upstream.next().await.claims()["groups"], serde_json::json!(["data-team", "readers"]));
        let stranger = dev.sign_in("ann@example.com", "").await;
        assert_eq!(dev.send_as(&stranger, "GET /", &[SCRIPT]).await.code(), "not_allowed", "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_in_it_lets_nobody_pass_by() {
    let upstream = Upstream::start().await;
    let dev =
        Dev::with(upstream.address, &["--on-unauthenticated", "allow"], &[("COGNITO_AUTH_DEV_MODE", "true")]).await;
    assert_eq!(dev.send("GET /", &[SCRIPT]).await.code(), "missing_credential", "not the mock user");
    let proxy = dev.told("proxy").trim_start_matches("http://").split([' ', ',']).next().unwrap().parse().unwrap();
    let mut wire = Wire::connect(proxy).await;
    wire.send(request("GET /", &[SCRIPT, ("x-amzn-oidc-data", "e30=.e30=.AA==")])).await;
    assert_eq!(wire.answer().await.status, 401);
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_come_from_their_file_or_from_the_mock_users() {
    let upstream = Upstream::start().await;
    let url = format!("http://{}", upstream.address);
    let personas =
        r#"{"personas": [{"email": "zoe@example.com", "label": "Zoe of the tests", "groups": ["data-team"]}]}"#;
    let mock_user = r#"{"email": "mia@example.com", "name": "Mia Mock", "groups": ["ml"]}"#;
    let dev = Dev::run(&["--upstream", &url], &[], &[("dev-personas.json", personas)]).await;
    let page = dev.send("GET /.dev/", &[]).await.text();
    assert!(page.contains("Zoe of the tests") && page.matches(r#"name="persona""#).count() == 1, "{page}");
    let user = dev.sign_in_with(&[("persona", "0"), ("email", "zoe@example.com"), ("groups", "data-team")]).await;
    assert_eq!(dev.send_as(&user, "GET /", &[]).await.status, 200);
    let claims = upstream.next().await.claims();
    assert_eq!(claims["email"], "zoe@example.com");

    let dev = Dev::run(&["--upstream", &url], &[], &[("dev-mock-user.json", mock_user)]).await;
    assert!(dev.banner.join("\n").contains(r#"allowed_groups = ["ml"]"#), "{:?}", dev.banner);
    let page = dev.send("GET /.dev/", &[]).await.text();
    assert!(page.contains("Mia Mock") && page.contains("Member of ml"), "{page}");

    let elsewhere = [("them.toml", "[[personas]]\nemail = \"tom@example.com\"\n")];
    let dev = Dev::run(&["--upstream", &url, "--personas", "them.toml"], &[], &elsewhere).await;
    assert!(dev.told("Switch user").contains("personas: them.toml"), "{:?}", dev.banner);
    assert!(dev.send("GET /.dev/", &[]).await.text().contains("tom@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_told_and_nothing_starts() {
    let broken = [("dev-personas.json", r#"{"personas": []}"#)];
    assert_refused(&Dev::refused(&[], &[], &broken).await, 64, "error: ");
    assert_refused(&Dev::refused(&["--personas", "absent.json"], &[], &[]).await, 64, "error: ");
    let broken = [("dev-mock-user.json", r#"{"mail": "a@b"}"#)];
    assert_refused(&Dev::refused(&[], &[], &broken).await, 64, "dev.mock_user");
    let misspelt = [("COGNITO_AUTH_ALLOWED_GROUP", "a")];
    assert_refused(&Dev::refused(&[], &misspelt, &[]).await, 64, "COGNITO_AUTH_ALLOWED_GROUP");
    for platform in ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"] {
        let refused = Dev::refused(&[], &[(platform, "x")], &[]).await;
        assert_refused(&refused, 64, "dev (command dev): is for your own machine, and is refused on a real platform");
    }
    for prefix in ["/.dev", "/.dev/auth"] {
        let refused = Dev::refused(&[], &[("COGNITO_AUTH_RESERVED_PREFIX", prefix)], &[]).await;
        assert_refused(&refused, 64, "error: server.reserved_prefix and /.dev");
    }
    for usage in [&["--on-unauthenticated", "maybe"][..], &["--port", "70000"], &["--listen", "0.0.0.0:80"]] {
        assert_refused(&Dev::refused(usage, &[], &[]).await, 64, "error: ");
    }
}
