//! The whole gateway without sockets, up to what `/.auth/me` answers: every step but forwarding.

use cognito_auth_proxy::{
    app::App,
    config::{Config, Environment, Flags, Scheme},
    dev::{Issuer, KeyEndpoint, Parties, Tokens, User},
    ingress::{Connection, RequestBody, Room},
};
use http::Request;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// A gateway, and tokens it has seen.
pub(crate) struct Whole {
    runtime: Runtime,
    app: App,
    tokens: Tokens,
}

impl Whole {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let issuer = Issuer::generate(Parties::default()).unwrap();
        let (keys, serving) = runtime.block_on(KeyEndpoint::bind(&issuer)).unwrap();
        TaskTracker::new().spawn_on(serving, runtime.handle());
        let app = runtime.block_on(async { App::build(&config(&issuer, &keys)).await.unwrap() });
        let user =
            User::new("8d0c4a5e-3b1f-4c2d-9e6a-7f8091a2b3c4", "ann@example.com").in_groups(&["staff", "readers"]);
        let whole = Self { tokens: issuer.tokens(&user), runtime, app };
        whole.answer(whole.request());
        whole
    }

    pub(crate) fn request(&self) -> Request<RequestBody> {
        let mut request = Request::get("/.auth/me")
            .header("host", "app.example.com")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36")
            .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .header("accept-encoding", "gzip, deflate, br")
            .header("x-forwarded-for", "203.0.113.7")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-port", "443")
            .header("cookie", "AWSELBAuthSessionCookie-0=0123456789; theme=dark");
        for (name, value) in self.tokens.fields() {
            request = request.header(name, value);
        }
        request.body(RequestBody::Empty).unwrap()
    }

    /// Answers, and fails where that is a refusal.
    pub(crate) fn answer(&self, request: Request<RequestBody>) {
        let connection = Connection {
            peer: "127.0.0.1:40000".parse().unwrap(),
            local: "127.0.0.1:8080".parse().unwrap(),
            scheme: Scheme::Http,
            room: Room::Enough,
        };
        let response = self.runtime.block_on(self.app.gateway().handle(request, connection));
        assert!(response.status().is_success(), "{}", response.status());
    }
}

fn config(issuer: &Issuer, keys: &KeyEndpoint) -> Config {
    let Parties { signer, client, .. } = issuer.parties();
    let environment = Environment::from_pairs([
        ("COGNITO_AUTH_LISTEN", "127.0.0.1:0"),
        ("COGNITO_AUTH_ADMIN_LISTEN", "off"),
        ("COGNITO_AUTH_ALB_ARNS", signer),
        ("COGNITO_AUTH_CLIENT_IDS", client),
        ("COGNITO_AUTH_USER_POOL_ID", "eu-west-2_Example01"),
        ("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", &keys.alb_url()),
        ("COGNITO_AUTH_COGNITO_JWKS_URL", &keys.jwks_url()),
        ("COGNITO_AUTH_ALLOWED_GROUPS", "staff"),
    ]);
    Config::load(&Flags::default(), &environment).unwrap()
}
