use super::*;

#[test]
fn defaults_are_those_of_the_contract() {
    let config = Start::minimal("").config();
    let seconds = |duration: std::time::Duration| duration.as_secs();
    let server = &config.server;
    assert_eq!(server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(server.admin, AdminListener::On("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(server.reserved_prefix.as_str(), "/.auth");
    assert_eq!((server.trusted.networks.len(), server.trusted.hops), (7, 1));
    assert_eq!((seconds(server.drain.delay), seconds(server.drain.deadline)), (5, 25));
    assert_eq!((seconds(server.keep_alive_timeout), server.request_id), (75, RequestIdSource::Own));
    let upstream = &config.upstream;
    assert_eq!(upstream.address.authority(), "127.0.0.1:7860");
    assert_eq!((upstream.preset, upstream.alb_headers), (Preset::Generic, AlbHeaders::Drop));
    assert_eq!(
        [upstream.connect_timeout, upstream.response_timeout, upstream.pool_idle_timeout].map(seconds),
        [2, 4000, 4]
    );
    let assertion = &config.assertion;
    assert_eq!(
        (assertion.header.as_str(), assertion.issuer.as_str(), assertion.audience.as_str(), seconds(assertion.ttl)),
        ("x-auth-user", "cognito-auth-proxy", "upstream", 60)
    );
    assert!(matches!(config.rejection.redirect, RefusedNavigation::BuiltInPage));
    assert_eq!((config.rejection.mode, config.rejection.relogin), (RejectionMode::Auto, Relogin::On));
    assert_eq!(config.logout.cognito, CognitoLogout::Off);
    assert_eq!(config.logout.cookie_name, "AWSELBAuthSessionCookie");
    assert!(matches!(config.dev, Dev::Off));
    let logging = &config.logging;
    assert_eq!(
        (logging.format, logging.level.as_str(), logging.access, logging.emails, logging.audit),
        (LogFormat::Auto, "info", AccessLog::All, LoggedEmails::Hidden, AuditLog::Off)
    );
    assert_eq!(logging.emf, Emf::Off);
    let named = Start::minimal("logging.emf_namespace = 'Team/Auth'").config();
    assert_eq!(named.logging.emf, Emf::Namespace("Team/Auth".to_owned()));
}

#[test]
fn the_admin_listener_can_be_off_but_not_the_main_one() {
    assert_eq!(Start::minimal("server.admin_listen = 'off'").config().server.admin, AdminListener::Off);
    assert_eq!(Start::minimal("server.admin_listen = '0.0.0.0:8080'").refused(), ["server.admin_listen"]);
    Start::minimal("server.admin_listen = '127.0.0.1:0'\nserver.listen = '127.0.0.1:0'").config();
    assert_eq!(Start::minimal("server.listen = 'off'").refused(), ["server.listen"]);
    assert_eq!(Start::minimal("server.listen = 'localhost:80'").refused(), ["server.listen"]);
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (text, key) in [
        ("server.trusted_hops = 0", "server.trusted_hops"),
        ("server.trusted_hops = -1", "server.trusted_hops"),
        ("server.trusted_proxies = ['10.0.0.0/33']", "server.trusted_proxies"),
        ("server.allowed_origins = ['*']", "server.allowed_origins"),
        ("server.reserved_prefix = '/'", "server.reserved_prefix"),
        ("server.keep_alive_timeout = '0s'", "server.keep_alive_timeout"),
        ("upstream.url = 'https://127.0.0.1:1'", "upstream.url"),
        ("upstream.preset = 'django'", "upstream.preset"),
        ("upstream.connect_timeout = '0s'", "upstream.connect_timeout"),
        ("assertion.ttl = '1999ms'", "assertion.ttl"),
        ("assertion.algorithm = 'none'", "assertion.algorithm"),
        ("assertion.algorithm = 'HS256'", "assertion.signing_key"),
        ("assertion.issuer = ''", "assertion.issuer"),
        ("rejection.mode = 'always'", "rejection.mode"),
        ("rejection.relogin = 'true'", "rejection.relogin"),
        ("rejection.redirect_url = '//evil.example'", "rejection.redirect_url"),
        ("logout.cookie_name = 'a b'", "logout.cookie_name"),
        ("logging.format = 'xml'", "logging.format"),
        ("logging.level = ''", "logging.level"),
        ("logging.emf_namespace = ''", "logging.emf_namespace"),
        ("logging.emf_namespace = 'AWS/ECS'", "logging.emf_namespace"),
        ("logging.emf_namespace = 'my app'", "logging.emf_namespace"),
        ("tracing.endpoint = 'http://collector.example:4318'", "tracing.endpoint"),
        ("tracing.endpoint = 'grpc://127.0.0.1:4317'", "tracing.endpoint"),
        ("tracing.sample_ratio = 1.1", "tracing.sample_ratio"),
        ("tracing.sample_ratio = -0.1", "tracing.sample_ratio"),
        ("tracing.sample_ratio = nan", "tracing.sample_ratio"),
        ("tracing.service_name = ''", "tracing.service_name"),
    ] {
        assert_eq!(Start::minimal(text).refused(), [key], "{text}");
    }
}

#[test]
fn believing_everybody_is_warned_of() {
    assert!(Start::minimal("server.trusted_proxies = ['0.0.0.0/0']").config().warns_of("trusted_proxies"));
    assert!(Start::minimal("upstream.url = 'http://10.0.0.1:80'").config().warns_of("upstream.url"));
    assert!(Start::minimal("upstream.url = 'unix:/run/app.sock'").config().warnings.is_empty());
}

#[test]
fn the_assertion_travels_in_a_field_of_its_own() {
    assert_eq!(Start::minimal("assertion.header = 'X-User-Token'").config().assertion.header, "x-user-token");
    for taken in [
        "Host",
        "cookie",
        "authorization",
        "connection",
        "content-type",
        "x-forwarded-user",
        "x-amzn-oidc-data",
        "x-amzn-trace-id",
        "transfer-encoding",
        "te",
        "upgrade",
        "origin",
        "sec-fetch-site",
        "proxy-authorization",
        "accept",
        "x-request-id",
        "forwarded",
        "x_auth_user",
        "x.auth",
        "",
        "a b",
        "é",
    ] {
        let start = Start::minimal(&format!("assertion.header = '{taken}'"));
        assert_eq!(start.refused(), ["assertion.header"], "{taken}");
    }
}

#[test]
fn a_redirect_that_leads_back_is_warned_of() {
    let warns = |text: &str| Start::minimal(text).config().warns_of("rejection.redirect_url");
    assert!(warns("rejection.redirect_url = '/denied'"));
    assert!(!warns("rejection.redirect_url = '/denied'\nrejection.mode = 'status'"));
    assert!(!warns("rejection.redirect_url = '/denied?x=1'\nauthoriser.public_paths = ['/denied']"));
    assert!(!warns("rejection.redirect_url = '/.auth/denied'"));
    assert!(!warns("rejection.redirect_url = 'https://example.com/denied'"));
}

#[test]
fn cognito_logout_needs_a_host_and_a_whole_url() {
    let logout = |domain: &str, landing: &str| {
        Start::minimal(&format!("logout.cognito_domain = '{domain}'\nlogout.redirect_url = '{landing}'"))
    };
    let config = logout("App.auth.example", "https://example.com/bye").config();
    assert_eq!(config.logout.cognito, CognitoLogout::At("app.auth.example".to_owned()));
    for domain in ["https://app.auth.example", "app.auth.example/", "app.auth.example:443", "[::1]", "a b", ""] {
        assert_eq!(logout(domain, "https://example.com/bye").refused(), ["logout.cognito_domain"], "{domain}");
    }
    assert_eq!(logout("app.auth.example", "/bye").refused(), ["logout.redirect_url"]);
    assert_eq!(Start::minimal("logout.cognito_domain = 'app.auth.example'").refused(), ["logout.redirect_url"]);
    Start::minimal("logout.redirect_url = '/bye'").config();
}

#[test]
fn check_prints_every_setting_with_its_layer_and_every_warning() {
    let config = Start::minimal("dev.mode = true").variable("COGNITO_AUTH_LISTEN", "127.0.0.1:1").config();
    let printed = crate::commands::check::render(&config);
    let line = printed.lines().find(|line| line.starts_with("server.listen ")).unwrap();
    assert!(line.contains("= \"127.0.0.1:1\"") && line.ends_with("  # environment COGNITO_AUTH_LISTEN"), "{line}");
    assert_eq!(printed.lines().filter(|line| line.contains(" = ")).count(), config.settings.len());
    assert_eq!(printed.lines().filter(|line| line.starts_with("warning: ")).count(), config.warnings.len());
}

#[test]
fn limits_are_numbers_sizes_and_times_within_bounds() {
    let limits = Start::minimal("").config().limits;
    let HeadLimits { fields, field_size, fields_size, target_size } = limits.heads;
    assert_eq!((fields, field_size, fields_size, target_size), (200, 16 << 10, 64 << 10, 16 << 10));
    assert_eq!((limits.bodies.size, limits.bodies.upload_size), (SizeLimit::Off, SizeLimit::Off));
    assert_eq!((limits.connections.connections, limits.connections.concurrent_requests), (16_384, 128));
    assert_eq!(limits.credential_cache, 32 * 1024 * 1024);
    assert_eq!(limits.streams.age, std::time::Duration::from_hours(12));
    assert_eq!(limits.streams.expiry, StreamExpiry::Ignored);
    for (text, key) in [
        ("limits.max_fields = 0", "limits.max_fields"),
        ("limits.max_fields = 1001", "limits.max_fields"),
        ("limits.max_field_size = '2MiB'", "limits.max_field_size"),
        ("limits.max_fields_size = '0B'", "limits.max_fields_size"),
        ("limits.max_target_size = '65KiB'", "limits.max_target_size"),
        ("limits.max_body_size = '10'", "limits.max_body_size"),
        ("limits.max_upload_size = 'none'", "limits.max_upload_size"),
        ("limits.upload_paths = ['/']", "limits.upload_paths"),
        ("limits.upload_paths = ['/a', '/b/../c']", "limits.upload_paths"),
        ("limits.body_idle_timeout = '0s'", "limits.body_idle_timeout"),
        ("limits.max_connections = -1", "limits.max_connections"),
        ("limits.max_concurrent_requests = 0", "limits.max_concurrent_requests"),
        ("limits.max_control_frames = 99999999", "limits.max_control_frames"),
        ("limits.head_timeout = 'off'", "limits.head_timeout"),
        ("limits.write_timeout = ''", "limits.write_timeout"),
        ("limits.credential_cache_size = 'off'", "limits.credential_cache_size"),
        ("limits.credential_cache_size = '1023KiB'", "limits.credential_cache_size"),
        ("limits.credential_cache_size = '65GiB'", "limits.credential_cache_size"),
        ("limits.max_stream_age = 'off'", "limits.max_stream_age"),
        ("limits.stream_idle_timeout = '1'", "limits.stream_idle_timeout"),
    ] {
        assert_eq!(Start::minimal(text).refused(), [key], "{text}");
    }
}

#[test]
fn streams_end_with_an_access_token_only_where_one_is_verified() {
    let on = "limits.end_streams_at_expiry = true\nlimits.stream_idle_timeout = 'off'";
    let streams = Start::minimal(on).config().limits.streams;
    assert_eq!((streams.expiry, streams.idle), (StreamExpiry::Ends, IdleLimit::Off));
    let userinfo = format!("{on}\nidentity.groups_source = 'userinfo'");
    assert_eq!(Start::minimal(&userinfo).refused(), ["limits.end_streams_at_expiry"]);
}

#[test]
fn presets_know_the_paths_of_their_uploads_and_others_are_added() {
    let paths = |text: &str| -> Vec<String> {
        let paths = Start::minimal(text).config().limits.bodies.upload_paths;
        paths.iter().map(|path| path.as_str().to_owned()).collect()
    };
    assert_eq!(paths(""), Vec::<String>::new());
    assert_eq!(paths("upstream.preset = 'gradio'"), ["/gradio_api/upload", "/upload"]);
    assert_eq!(
        paths("upstream.preset = 'streamlit'\nlimits.upload_paths = ['/app/_stcore/upload_file']"),
        ["/_stcore/upload_file", "/app/_stcore/upload_file"]
    );
}

#[test]
fn spans_go_nowhere_unless_a_collector_is_named() {
    let tracing = Start::minimal("").config().tracing;
    assert_eq!((tracing.export, tracing.parents), (SpanExport::Off, TraceParents::TrustedHops));
    let start = Start::minimal("tracing.endpoint = 'https://collector.example'\ntracing.accept_parent = false");
    let start = start.variable("COGNITO_AUTH_TRACING_SAMPLE_RATIO", "0.25");
    let tracing = start.variable("COGNITO_AUTH_TRACING_SERVICE_NAME", "wiki").config().tracing;
    let SpanExport::To(Collector { url, sample_ratio, service_name, .. }) = tracing.export else {
        panic!("no collector")
    };
    assert_eq!(url.traces(), "https://collector.example/v1/traces");
    assert!((sample_ratio - 0.25).abs() < f64::EPSILON);
    assert_eq!((service_name.as_str(), tracing.parents), ("wiki", TraceParents::Nobodys));
    assert_eq!(Start::minimal("tracing.sample_ratio = 1").config().setting("tracing.sample_ratio").0, "1");
    let refused = Start::minimal("").variable("COGNITO_AUTH_TRACING_SAMPLE_RATIO", "half").refused();
    assert_eq!(refused, ["tracing.sample_ratio"]);
}

#[test]
fn an_application_elsewhere_is_warned_of_with_what_to_do() {
    let warnings = |url| Start::minimal("").variable("COGNITO_AUTH_UPSTREAM_URL", url).config().warnings;
    for local in ["http://0.0.0.0:7860", "http://[::]:7860", "http://localhost:7860", "unix:/run/app.sock"] {
        assert_eq!(warnings(local), Vec::<String>::new(), "{local}");
    }
    let [warning] = &warnings("http://10.0.0.1:7860")[..] else { panic!("one warning") };
    let (problem, remedy) = warning.split_once(": ").unwrap();
    assert!(problem.starts_with("upstream.url is not on this machine"), "{warning}");
    assert!(remedy.contains("http://127.0.0.1:port"), "{warning}");
}
