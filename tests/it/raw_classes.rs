//! What else real proxies were bypassed with: the health check's name, other methods in fields, addresses that parse in
//! two ways, settings that open by mistake (attack classes 6.2, 6.12, 6.13, 6.25, 6.26).

use cognito_auth_proxy::dev::User;

use crate::support::{
    answers::with,
    door::Door,
    proxy::{Proxy, Setup},
    strict::Strict,
};

const JSON: (&str, &str) = ("Accept", "application/json");

/// What health checkers call themselves.
const AGENTS: [&str; 11] = [
    "ELB-HealthChecker/2.0",
    "ELB-HealthChecker/1.0",
    "GoogleHC/1.0",
    "Google-HC",
    "kube-probe/1.31",
    "Amazon-Route53-Health-Check-Service",
    "AlwaysOn",
    "Consul Health Check",
    "Envoy/HC",
    "check_http/v2.3",
    "",
];

/// Fields in which some servers read a path.
const PATHS: [&str; 18] = [
    "X-Original-URL",
    "X-Original-URI",
    "X-Original_Url",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Envoy-Original-Path",
    "X-Envoy-Decorator-Operation",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-Script-Name",
    "Script_Name",
    "X-Invoke-Path",
    "X-Middleware-Subrequest",
    "Referer",
    "Content-Location",
    "Destination",
];

/// Fields in which some servers read a method.
const OVERRIDES: [&str; 7] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X_HTTP_Method_Override",
    "X-Forwarded-Method",
    "X-Original-Method",
    "Access-Control-Request-Method",
];

/// Fields in which some servers read the client's address.
const ADDRESSES: [&str; 8] = [
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Forwarded",
    "Via",
    "X-Originating-IP",
];

/// Everything a client may say of itself or of another request, each on its own.
fn claims_of_its_own() -> Vec<(&'static str, &'static str)> {
    let each = |names: &'static [&'static str], values: [&'static str; 3]| {
        names.iter().flat_map(move |name| values.map(|value| (*name, value)))
    };
    AGENTS
        .iter()
        .map(|agent| ("User-Agent", *agent))
        .chain(each(&PATHS, ["/open", "/.auth/health", "http://app.example/open"]))
        .chain(each(&OVERRIDES, ["OPTIONS", "HEAD", "TRACE"]))
        .chain(each(&ADDRESSES, ["127.0.0.1", "::1", "for=127.0.0.1"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_for_what_it_calls_itself_or_another_method_or_path() {
    const METHODS: [&str; 8] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "get", "PROPFIND"];
    let app = Strict::start().await;
    let setup = Setup::in_front_of(&app.url()).await;
    let proxy = setup.set("COGNITO_AUTH_PUBLIC_PATHS", "/open,/health").start().await;
    let said = claims_of_its_own();
    let mut asked = 0;
    for path in ["/page", "/healthz", "/open/", "/page?/open", "/page?_method=OPTIONS", "/ping"] {
        for field in &said {
            for method in METHODS {
                let answer = proxy.send(&format!("{method} {path}"), &[JSON, *field]).await;
                assert_eq!(answer.status, 401, "{method} {path} {field:?}");
                asked += 1;
            }
        }
    }
    assert_eq!(app.taken("all of them").len(), 0);
    assert_eq!(asked, 5280, "requests");
}

/// Addresses that somebody takes for one of `corp.example`, or for `kim@corp.example`.
const NOT_OURS: [&str; 43] = [
    "",
    "@",
    "kim",
    "@corp.example",
    "kim@",
    "corp.example",
    "kim@evil.com@corp.example",
    "kim@corp.example@evil.com",
    "@kim@corp.example",
    "kim@@corp.example",
    "kim@corp.example@",
    "\"kim@evil.com\"@corp.example",
    "\"kim\"@evil.com",
    "kim@evil.com,kim@corp.example",
    "kim@corp.example,kim@evil.com",
    "kim@evil.com kim@corp.example",
    "kim@corp.example;kim@evil.com",
    "<kim@corp.example>",
    "Kim <kim@corp.example>",
    "kim@corp.example.",
    "kim@.corp.example",
    "kim@corp..example",
    "kim@notcorp.example",
    "kim@sub.corp.example",
    "kim@corp.example.evil.com",
    "kim@corp-example",
    "kim@corpxexample",
    "kim@corp.exampl",
    "kim@corp.example/",
    "kim@corp.example#",
    "kim@corp.example:25",
    "kim@corp.example%00",
    "kim@corp.example\0",
    "kim@corp.example\n",
    "kim@corp.example\r\nX: 1",
    "kim@corp.example ",
    "kim@ corp.example",
    "kim@corp.example\u{200b}",
    "kim@corp\u{3002}example",
    "kim@corp\u{ff0e}example",
    "kim@\u{441}orp.example",
    "kim@corp.ex\u{e4}mple",
    "kim\u{ff20}corp.example",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_can_be_read_in_two_ways_is_nobodys() {
    let none = ("COGNITO_AUTH_ALLOWED_GROUPS", "");
    let rules = [
        ("COGNITO_AUTH_ALLOWED_DOMAINS", "corp.example"),
        ("COGNITO_AUTH_ALLOWED_USERS", "kim@corp.example"),
        ("COGNITO_AUTH_ADMIN_USERS", "kim@corp.example"),
    ];
    let mut asked = 0;
    for (name, value) in rules {
        let door = Door::with(&[none, (name, value)]).await;
        for address in NOT_OURS {
            let tokens = door.proxy.issuer.tokens(&User::new("kim", address));
            door.refuses(&format!("{name} {address:?}"), &tokens.fields(), (403, "not_allowed")).await;
            asked += 1;
        }
        let unverified = User { email_verified: false, ..User::new("kim", "kim@corp.example") };
        door.refuses(name, &door.proxy.issuer.tokens(&unverified).fields(), (403, "not_allowed")).await;
        for address in ["kim@corp.example", "KIM@CORP.EXAMPLE", "Kim@Corp.example"] {
            door.admits(address, &door.proxy.issuer.tokens(&User::new("kim", address)).fields()).await;
        }
        asked += 4;
    }
    // A letter that only lower-casing turns into another's.
    let door = Door::with(&[none, rules[1]]).await;
    for address in [
        "\u{212a}im@corp.example",
        "k\u{130}m@corp.example",
        "k\u{131}m@corp.example",
        "kim+x@corp.example",
        "kim.@corp.example",
        "kim @corp.example",
    ] {
        let tokens = door.proxy.issuer.tokens(&User::new("kim", address));
        door.refuses(address, &tokens.fields(), (403, "not_allowed")).await;
        asked += 1;
    }
    assert_eq!(asked, 147, "tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_starts_without_dev_mode_refuses_an_anonymous_request_for_the_front_page() {
    let app = Strict::start().await;
    let settings: [&[(&str, &str)]; 17] = [
        &[],
        &[("COGNITO_AUTH_UPSTREAM_PRESET", "gradio")],
        &[("COGNITO_AUTH_UPSTREAM_PRESET", "streamlit")],
        &[("COGNITO_AUTH_UPSTREAM_PRESET", "fastapi")],
        &[("COGNITO_AUTH_ALLOWED_GROUPS", ""), ("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true")],
        &[("COGNITO_AUTH_REQUIRE_ALL", "true"), ("COGNITO_AUTH_ALLOWED_DOMAINS", "corp.example")],
        &[("COGNITO_AUTH_ALLOWED_GROUPS", ""), ("COGNITO_AUTH_ADMIN_GROUPS", "admins")],
        &[("COGNITO_AUTH_PUBLIC_PATHS", "/open,/logo.png,/index.html")],
        &[("COGNITO_AUTH_GROUPS_SOURCE", "userinfo")],
        &[("COGNITO_AUTH_REJECTION_MODE", "redirect"), ("COGNITO_AUTH_REDIRECT_URL", "/401")],
        &[("COGNITO_AUTH_REJECTION_MODE", "status")],
        &[("COGNITO_AUTH_RELOGIN", "off")],
        &[("COGNITO_AUTH_RESERVED_PREFIX", "/own/prefix")],
        &[("COGNITO_AUTH_PASS_ALB_HEADERS", "true")],
        &[("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example"), ("COGNITO_AUTH_ACCEPT_REQUEST_ID", "true")],
        &[("COGNITO_AUTH_TRUSTED_PROXIES", "0.0.0.0/0"), ("COGNITO_AUTH_TRUSTED_HOPS", "3")],
        &[("COGNITO_AUTH_REQUIRE_VERIFIED_EMAIL", "false"), ("COGNITO_AUTH_DEV_MODE", "false")],
    ];
    for setting in settings {
        let setup = Setup::in_front_of(&app.url()).await;
        let proxy: Proxy = setting.iter().fold(setup, |setup, (name, value)| setup.set(name, value)).start().await;
        for fields in [
            &[][..],
            &[JSON],
            &[("X-Auth-User", "forged"), ("Authorization", "Bearer forged")],
            &[("Origin", "https://friend.example")],
        ] {
            for line in ["GET /", "HEAD /", "POST /", "OPTIONS /", "GET /?", "GET /#", "GET //", "GET /index"] {
                let answer = proxy.send(line, fields).await;
                assert!([401, 302, 303].contains(&answer.status), "{setting:?} {line} {fields:?}: {}", answer.status);
            }
        }
        assert_eq!(app.taken(&format!("{setting:?}")).len(), 0, "{setting:?}");
        // What was denied is denied for want of a user: the same proxy is no wall.
        let tokens = proxy.issuer.tokens(&User::new("ann", "ann@corp.example").in_groups(&["staff", "admins"]));
        let status = proxy.send("GET /", &with(&tokens.fields(), &[JSON])).await.status;
        assert!(
            status == 200 || (status == 403 && setting.iter().any(|(name, _)| name.ends_with("GROUPS_SOURCE"))),
            "{setting:?} {status}"
        );
        app.taken("the user");
    }
}
