//! Keys are fetched over TLS: by way of a proxy, from a server that a private authority vouches for.

use crate::support::{
    client::{Answer, Wire},
    process::Serving,
    proxy::Setup,
    tls::{Pair, Terminator},
    tunnels::Tunnels,
    upstream::Upstream,
};

/// A proxy as a process, whose keys are at `https://keys.example` and nowhere else. No resolver knows that name.
struct Outside {
    setup: Option<Setup>,
    tunnels: Tunnels,
    directory: tempfile::TempDir,
    _server: Terminator,
    _upstream: Upstream,
}

impl Outside {
    async fn new() -> Self {
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let (pair, authority) = Pair::signed_for("keys.example");
        let server = Terminator::before(setup.keys.address(), &pair).await;
        let tunnels = Tunnels::to(server.address).await;
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority).unwrap();
        let proxy = format!("http://{}", tunnels.address);
        let setup = setup
            .set("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", "https://keys.example/alb")
            .set("COGNITO_AUTH_COGNITO_JWKS_URL", "https://keys.example/jwks.json")
            .set("HTTPS_PROXY", &proxy);
        Self { setup: Some(setup), tunnels, directory, _server: server, _upstream: upstream }
    }

    fn authority(&self) -> String {
        self.directory.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    async fn ask(&mut self, settings: &[(&str, &str)]) -> (Answer, Serving) {
        let setup = settings.iter().fold(self.setup.take().unwrap(), |setup, (name, value)| setup.set(name, value));
        let serving = setup.start_process().await;
        let mut wire = Wire::connect(serving.address).await;
        wire.send(serving.signed_in("GET /page").replacen("\r\n", "\r\nAccept: application/json\r\n", 1)).await;
        (wire.answer().await, serving)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_through_the_proxy_from_a_server_of_a_private_authority() {
    for name in ["COGNITO_AUTH_OUTGOING_CA_PATH", "SSL_CERT_FILE"] {
        let mut outside = Outside::new().await;
        let authority = outside.authority();
        let (answer, serving) = outside.ask(&[(name, &authority)]).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{name}");
        assert_eq!(outside.tunnels.asked(), ["CONNECT keys.example:443 HTTP/1.1"]);
        serving.terminated().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_vouches_for_the_server_and_then_there_is_no_key() {
    let mut outside = Outside::new().await;
    let (answer, _serving) = outside.ask(&[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"));
    assert!(!outside.tunnels.asked().is_empty(), "the tunnel was there");
    // Another authority is as good as none.
    let mut outside = Outside::new().await;
    let other = outside.directory.path().join("other.pem");
    std::fs::write(&other, Pair::signed_for("keys.example").1).unwrap();
    let (answer, _serving) = outside.ask(&[("COGNITO_AUTH_OUTGOING_CA_PATH", other.to_str().unwrap())]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_obeyed() {
    let mut outside = Outside::new().await;
    let authority = outside.authority();
    let settings = [("COGNITO_AUTH_OUTGOING_CA_PATH", authority.as_str()), ("NO_PROXY", "localhost,keys.example")];
    let (answer, _serving) = outside.ask(&settings).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"), "it asked for an address itself");
    assert_eq!(outside.tunnels.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_this_machine_never_go_through_a_proxy() {
    let upstream = Upstream::start().await;
    let nowhere = Tunnels::to(upstream.address).await;
    let proxy = format!("http://{}", nowhere.address);
    let setup = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"]
        .iter()
        .fold(Setup::new(&upstream).await, |setup, name| setup.set(name, &proxy));
    let serving = setup.start_process().await;
    let mut wire = Wire::connect(serving.address).await;
    wire.send(serving.signed_in("GET /page")).await;
    assert_eq!(wire.answer().await.text(), "hello");
    assert_eq!(nowhere.asked(), Vec::<String>::new());
}
