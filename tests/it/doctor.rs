//! `doctor` against real endpoints on loopback that are well, and that fail in each way it knows.

use std::{collections::BTreeMap, fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, time::Duration};

use cognito_auth_proxy::dev::Fault;
use http::StatusCode;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::support::{
    client::{Wire, request},
    process::{Ended, Process, is_root},
    proxy::{Setup, USER_POOL},
    tls::{Pair, Terminator},
    tunnels::Tunnels,
    upstream::Upstream,
};

async fn doctor(variables: &BTreeMap<String, String>) -> Ended {
    Process::start(&["doctor"], variables).ended().await
}

/// The line that begins so.
fn line<'a>(ended: &'a Ended, beginning: &str) -> &'a str {
    let line = ended.stdout.lines().find(|line| line.starts_with(beginning));
    line.unwrap_or_else(|| panic!("no {beginning:?} in {}\n{}", ended.stdout, ended.stderr))
}

/// Asserts that the one thing that fails begins so and holds these words, its remedy among them.
fn assert_fails(ended: &Ended, beginning: &str, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let line = line(ended, beginning);
    for word in words {
        assert!(line.contains(word), "{word:?} in {line}");
    }
    let others = ended.stdout.lines().filter(|other| other.starts_with("fail") && *other != line);
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_every_check_is_ok_or_a_warning_and_it_exits_0() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let ended = doctor(&setup.variables()).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    for beginning in [
        "ok   configuration: loads",
        "ok   load balancer keys: http://127.0.0.1:",
        "ok   user pool keys: http://127.0.0.1:",
        "ok   clock: within 5 s",
        "ok   application: http://127.0.0.1:",
        "ok   application from outside: port ",
        "ok   server.listen: any free port",
        "ok   policy: that of the configuration has the rules allowed_groups",
        "warn signing key: made at each start",
    ] {
        line(&ended, beginning);
    }
    assert!(ended.stdout.contains(" open files: ") && ended.stdout.contains(" user: "), "{}", ended.stdout);
    // What stands behind `;` is the remedy: whatever is not well has one.
    for told in ended.stdout.lines().filter(|line| line.starts_with("warn signing") || line.starts_with("warn user")) {
        assert!(told.contains("; "), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_are_told_apart_by_what_has_to_be_changed() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let mut variables = setup.variables();
    let port = setup.keys.address().port();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, words) in [
        (format!("http://{free}/alb"), &["the connection is refused", "correct the URL's port"][..]),
        (format!("https://127.0.0.1:{port}/alb"), &["TLS fails", "trust its CA"]),
        ("https://keys.invalid/alb".to_owned(), &["not found by DNS", "correct the region"]),
    ] {
        variables.insert("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL".to_owned(), url);
        assert_fails(&doctor(&variables).await, "fail load balancer keys: ", words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_never_come_are_a_missing_way_out() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    // It accepts, and answers nobody: as a firewall that drops packets does a little later.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", mute.local_addr().unwrap());
    let setup = setup.set("COGNITO_AUTH_COGNITO_JWKS_URL", &url);
    let ended = doctor(&setup.variables()).await;
    assert_fails(&ended, "fail user pool keys: ", &["does not answer in time", "NAT gateway", "HTTPS_PROXY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_no_missing_way() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    setup.keys.set_fault(Fault::Status(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    let ended = doctor(&setup.variables()).await;
    assert_eq!(ended.code, Some(1));
    for keys in ["fail load balancer keys: ", "fail user pool keys: "] {
        let line = line(&ended, keys);
        assert!(line.contains("answered 407") && line.contains("a proxy on the way"), "{line}");
    }
    setup.keys.set_fault(Fault::WrongKind);
    let ended = doctor(&setup.variables()).await;
    assert!(line(&ended, "fail user pool keys: ").contains("no jwk set with a usable rs256 key"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_by_more_than_the_leeway_fails() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    setup.keys.set_fault(Fault::Late(Duration::from_secs(600)));
    let ended = doctor(&setup.variables()).await;
    assert_fails(
        &ended,
        "fail clock: ",
        &["s ahead of the key host's", "identity.leeway (5 s)", "NTP", "good tokens seem expired"],
    );
    setup.keys.set_fault(Fault::Early(Duration::from_secs(600)));
    let ended = doctor(&setup.variables()).await;
    assert_fails(
        &ended,
        "fail clock: ",
        &["s behind the key host's", "identity.leeway (5 s)", "NTP", "tokens stay good after their time"],
    );
    for fault in [Fault::Early(Duration::from_secs(2)), Fault::Late(Duration::from_secs(2))] {
        setup.keys.set_fault(fault);
        let ended = doctor(&setup.variables()).await;
        assert_eq!((ended.code, line(&ended, "ok   clock: within 5 s").len() > 20), (Some(0), true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_host_that_does_not_tell_its_time_is_a_warning() {
    let upstream = Upstream::start().await;
    let timeless = Upstream::answering(|_| b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let url = format!("http://{}/alb", timeless.address);
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", &url);
    let ended = doctor(&setup.variables()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let line = line(&ended, "warn clock: the key host does not tell its time");
    assert!(line.contains("; compare the clock by another way"), "{line}");
}

/// A server of both addresses at which the keys of a pool may be, which has them at this one. What doctor says of it.
async fn doctor_of_a_pool_with_keys_at(form: &'static str) -> Ended {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let mut wire = Wire::connect(setup.keys.address()).await;
    wire.send(request("GET /jwks.json", &[])).await;
    let keys = wire.answer().await.text();
    let pools = Upstream::answering(move |seen| {
        assert_eq!(seen.line, format!("GET /{USER_POOL}/.well-known/jwks.json HTTP/1.1"));
        let is_there = seen.field("host") == Some(&format!("{form}.eu-west-2.amazonaws.com"));
        let (status, body) = if is_there { ("200 OK", keys.as_str()) } else { ("400 Bad Request", "") };
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    })
    .await;
    let (pair, authority) = Pair::signed_for("*.eu-west-2.amazonaws.com");
    let server = Terminator::before(pools.address, &pair).await;
    let tunnels = Tunnels::to(server.address).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    fs::write(&path, authority).unwrap();
    let setup = setup
        .set("COGNITO_AUTH_COGNITO_JWKS_URL", "")
        .set("COGNITO_AUTH_OUTGOING_CA_PATH", path.to_str().unwrap())
        .set("HTTPS_PROXY", &format!("http://{}", tunnels.address));
    doctor(&setup.variables()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_has_its_keys_at_one_of_two_addresses_and_that_is_well() {
    for (there, other) in [("cognito-idp", "issuer-cognito-idp"), ("issuer-cognito-idp", "cognito-idp")] {
        let ended = doctor_of_a_pool_with_keys_at(there).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stdout);
        assert!(line(&ended, &format!("ok   user pool keys: https://{there}.")).ends_with(" holds usable keys"));
        let none = line(&ended, &format!("ok   user pool keys: https://{other}."));
        assert!(none.ends_with(" has none, so the pool uses the other form of issuer"), "{none}");
    }
    let ended = doctor_of_a_pool_with_keys_at("nowhere").await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for form in ["cognito-idp", "issuer-cognito-idp"] {
        let line = line(&ended, &format!("fail user pool keys: https://{form}."));
        assert!(line.contains("answered 400") && line.contains("a wrong region or pool"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_it_as_root_is_warned() {
    let upstream = Upstream::start().await;
    let variables = Setup::new(&upstream).await.variables();
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let ended = Process::start_as_nobody(directory.path(), &["doctor"], &variables).ended().await;
    line(&ended, "ok   user: not root");
    // Nobody else can become root.
    if is_root() {
        let ended = doctor(&variables).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stdout);
        assert!(line(&ended, "warn user: doctor runs as root; ").ends_with("; run both as another user"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mode_is_warned_of() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let off = doctor(&setup.variables()).await;
    assert!(!off.stdout.contains("dev mode") && !off.stdout.contains("dev.mode"), "{}", off.stdout);
    let ended = doctor(&setup.set("COGNITO_AUTH_DEV_MODE", "true").variables()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let line = line(&ended, "warn dev mode: is on: a request without identity headers is the mock user");
    assert!(line.contains("; take COGNITO_AUTH_DEV_MODE out"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_not_there_fails() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let setup = Setup::in_front_of(&format!("http://{free}")).await;
    let ended = doctor(&setup.variables()).await;
    assert_fails(&ended, "fail application: ", &["nothing listens there", "start the application"]);
    let setup = Setup::in_front_of("unix:/nowhere/app.sock").await;
    assert_fails(&doctor(&setup.variables()).await, "fail application: ", &["no socket is there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_the_proxy_may_not_open_fails() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("app.sock");
    let _application = tokio::net::UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let variables = Setup::in_front_of(&format!("unix:{}", path.display())).await.variables();
    let ended = Process::start_as_nobody(directory.path(), &["doctor"], &variables).ended().await;
    assert_fails(&ended, "fail application: ", &["access is denied", "let the proxy's user into the socket"]);
}

/// An address of this machine that other machines can reach; none where there is no network.
fn outside_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_answers_outside_of_loopback_is_warned_of() {
    let on_loopback = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = on_loopback.local_addr().unwrap().port();
    let setup = Setup::in_front_of(&format!("http://127.0.0.1:{port}")).await;
    line(
        &doctor(&setup.variables()).await,
        &format!("ok   application from outside: port {port} listens on loopback only: 127.0.0.1:{port}"),
    );
    // On this address and on loopback, and on no address that tests must not bind. A machine without a network has none: there
    // the next test alone sees the warning.
    let Some(outside) = outside_address() else { return };
    let _outside = TcpListener::bind((outside, port)).await.unwrap();
    let ended = doctor(&setup.variables()).await;
    assert_eq!(ended.code, Some(0), "a warning");
    let warning = line(&ended, "warn application from outside: ");
    assert!(warning.contains(&format!("{outside}:{port}")) && warning.contains("bind 127.0.0.1"), "{warning}");
    // Where the proxy itself listens is no way past it.
    let own = setup.set("COGNITO_AUTH_LISTEN", &format!("{outside}:{port}"));
    line(&doctor(&own.variables()).await, "ok   application from outside: ");
    // As an application says where it listens, copied.
    let setup = Setup::in_front_of(&format!("http://0.0.0.0:{port}")).await;
    let ended = doctor(&setup.variables()).await;
    assert_eq!(line(&ended, "warn application from outside: "), warning);
    assert!(!ended.stdout.contains("not on this machine"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_on_every_address_is_warned_of_whichever_addresses_there_are() {
    for (domain, every) in [(Domain::IPV4, "0.0.0.0:0"), (Domain::IPV6, "[::]:0")] {
        let socket = Socket::new(domain, Type::STREAM, None).unwrap();
        // It is listed as any other is, and nobody outside of this machine can meet it.
        socket.bind_device(Some(b"lo")).unwrap();
        socket.bind(&every.parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(16).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let ended = doctor(&Setup::in_front_of(&format!("http://{address}")).await.variables()).await;
        assert_eq!(ended.code, Some(0), "a warning");
        let warning = line(&ended, "warn application from outside: ");
        assert!(
            warning.contains(&format!("listens on {address}, ")) && warning.contains("bind 127.0.0.1"),
            "{warning}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_free_or_has_a_proxy_or_is_taken() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let mut variables = setup.variables();
    let serving = setup.start_process().await;
    variables.insert("COGNITO_AUTH_LISTEN".to_owned(), serving.address.to_string());
    variables.insert("COGNITO_AUTH_ADMIN_LISTEN".to_owned(), serving.admin.to_string());
    let ended = doctor(&variables).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    for key in ["ok   server.listen: ", "ok   server.admin_listen: "] {
        assert!(line(&ended, key).contains("as a healthy proxy does"), "{}", ended.stdout);
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    variables.insert("COGNITO_AUTH_LISTEN".to_owned(), free.to_string());
    variables.insert("COGNITO_AUTH_ADMIN_LISTEN".to_owned(), "off".to_owned());
    let ended = doctor(&variables).await;
    assert!(line(&ended, "ok   server.listen: ").contains("is free: no proxy runs there yet"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("server.admin_listen"), "{}", ended.stdout);
    // An address for documentation, so no machine's.
    variables.insert("COGNITO_AUTH_LISTEN".to_owned(), "192.0.2.1:8080".to_owned());
    assert_fails(
        &doctor(&variables).await,
        "fail server.listen: ",
        &["192.0.2.1:8080: ", "an address of this machine"],
    );
    let other = Upstream::answering(|_| b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    variables.insert("COGNITO_AUTH_ADMIN_LISTEN".to_owned(), other.address.to_string());
    let ended = Process::start(&["doctor", "--upstream", "unix:/nowhere"], &variables).ended().await;
    assert!(line(&ended, "fail server.admin_listen: ").contains("is taken"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_settings_are_told_by_doctor_and_by_check() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "60s")
        .set("COGNITO_AUTH_USER_POOL_ID", "eu-west-1_Other1")
        .set("COGNITO_AUTH_ADMIN_LISTEN", "0.0.0.0:0")
        // Nobody is asked there: the process has no way out.
        .set("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", "https://public-keys.auth.elb.eu-west-1.amazonaws.com")
        .set("HTTPS_PROXY", "http://127.0.0.1:9");
    let variables = setup.variables();
    let checked = Process::start(&["check"], &variables).ended().await;
    let examined = doctor(&variables).await;
    assert_eq!(checked.code, Some(0));
    assert_fails(&examined, "fail load balancer keys: ", &["the connection is refused"]);
    for text in [
        "server.keep_alive_timeout is not above the load balancer's idle timeout",
        "cognito.user_pool_id is of eu-west-1 and alb.arns of eu-west-2",
        "server.admin_listen can be reached from other machines",
        "alb.public_keys_url is not where the keys of eu-west-2 are: take it out, and it follows from alb.arns",
    ] {
        assert!(checked.stdout.contains(&format!("warning: {text}")), "{text} in {}", checked.stdout);
        line(&examined, &format!("warn configuration: {text}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_bad_configuration_it_checks_what_it_can_and_exits_64() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_ALLOWED_GROUPS", "").set("COGNITO_AUTH_TTL", "1");
    let ended = doctor(&setup.variables()).await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains("authoriser.allowed_groups (default): "), "{}", ended.stderr);
    assert!(ended.stderr.contains("COGNITO_AUTH_TTL"), "{}", ended.stderr);
    line(&ended, "fail configuration: has 2 problems");
    for beginning in
        ["ok   load balancer keys: ", "ok   user pool keys: ", "ok   application: ", "ok   server.listen: "]
    {
        line(&ended, beginning);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_few_files_is_warned_of() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let arguments = ["--nofile=256:256", env!("CARGO_BIN_EXE_cognito-auth-proxy"), "doctor"];
    let program = std::path::Path::new("/usr/bin/prlimit");
    let ended = Process::start_program(program, &arguments, &setup.variables()).ended().await;
    let line = line(&ended, "warn open files: ");
    assert!(line.contains("256 leave room for 96 of") && line.contains("ulimit -n"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_key_is_no_warning() {
    let upstream = Upstream::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    fs::write(&key, "a-secret-of-more-than-thirty-two-bytes").unwrap();
    let setup = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_ASSERTION_ALGORITHM", "HS256")
        .set("COGNITO_AUTH_SIGNING_KEY_FILE", key.to_str().unwrap());
    let ended = doctor(&setup.variables()).await;
    line(&ended, "ok   signing key: configured");
    assert!(!ended.stdout.contains("a-secret"), "{}", ended.stdout);
}
