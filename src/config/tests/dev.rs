use super::*;

const PLATFORM: [&str; 3] = ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"];
const DANGER: &str = "COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE";

/// Dev mode and a rule, nothing of AWS.
fn dev(text: &str) -> Start {
    Start::with(&format!("dev.mode = true\nauthoriser.allowed_groups = ['staff']\n{text}"))
}

fn mock_user(start: &Start) -> MockUser {
    match start.config().dev {
        Dev::On(mode) => mode.mock_user().clone(),
        Dev::Off => panic!("off"),
    }
}

#[test]
fn dev_mode_needs_no_load_balancer_and_then_refuses_every_token() {
    let config = dev("").config();
    assert!(matches!(config.credentials, Credentials::RefuseAll));
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.setting("server.listen"), ("\"127.0.0.1:8080\"", "default of dev mode"));
    assert!(config.warns_of("dev.mode is on"));
}

#[test]
fn the_switch_is_read_in_all_its_spellings() {
    for (text, on) in [("true", true), ("1", true), ("YES", true), ("false", false), ("0", false), ("no", false)] {
        let config = Start::minimal("").variable("COGNITO_AUTH_DEV_MODE", text).config();
        assert_eq!(matches!(config.dev, Dev::On(_)), on, "{text}");
        assert_eq!(config.server.listen.ip().is_loopback(), on, "{text}");
    }
    assert_eq!(Start::minimal("").variable("COGNITO_AUTH_DEV_MODE", "on").refused(), ["dev.mode"]);
}

#[test]
fn a_load_balancer_that_is_begun_has_to_be_complete() {
    assert_eq!(dev("alb.client_ids = ['a']").refused(), ["alb.arns", "cognito.user_pool_id"]);
    let complete = Start::minimal("dev.mode = true").config();
    assert!(matches!(complete.credentials, Credentials::Verify(_)));
}

#[test]
fn dev_mode_is_refused_on_a_listener_that_is_not_loopback() {
    for listen in ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:80"] {
        let start = dev(&format!("server.listen = '{listen}'"));
        let problem = start.problem();
        assert!(problem.starts_with("dev.mode (file ") && problem.contains("not a loopback"), "{problem}");
        let config = start.variable(DANGER, "true").config();
        assert!(matches!(config.dev, Dev::On(_)));
        assert!(config.warns_of(DANGER), "{:?}", config.warnings);
    }
    dev("server.listen = '127.0.0.1:0'").config();
    dev("server.listen = '[::1]:0'").config();
}

#[test]
fn dev_mode_is_refused_on_a_real_platform() {
    for variable in PLATFORM {
        let start = dev("").variable(variable, "x");
        assert!(start.problem().contains(variable));
        for no in ["false", ""] {
            assert_eq!(dev("").variable(variable, "x").variable(DANGER, no).refused(), ["dev.mode"]);
        }
        assert!(start.variable(DANGER, "true").config().warns_of(DANGER));
        assert_eq!(dev("").variable(variable, "").config().warnings.len(), 2, "empty is unset");
        assert!(Start::minimal("").variable(variable, "x").config().warnings.is_empty(), "without dev mode");
    }
    assert_eq!(dev("").variable(DANGER, "perhaps").refused(), [DANGER]);
}

#[test]
fn the_mock_user_is_built_in_unless_a_file_says_otherwise() {
    assert_eq!(mock_user(&dev("")), MockUser::default());
    let start = dev("").file("dev-mock-user.json", r#"{"email": "found@example.com"}"#);
    assert_eq!(mock_user(&start).email, "found@example.com");
    let start =
        start.file("other.json", r#"{"email": "named@example.com"}"#).variable("COGNITO_AUTH_DEV_CONFIG", "other.json");
    assert_eq!(mock_user(&start).email, "named@example.com");
}

#[test]
fn a_mock_user_file_that_is_named_and_absent_or_broken_stops_the_start() {
    assert!(dev("dev.mock_user = 'none.json'").problem().contains("cannot read"));
    for text in ["", "{", r#"{"mail": 1}"#] {
        let problem = dev("").file("dev-mock-user.json", text).problem();
        assert!(problem.starts_with("dev.mock_user (default): "), "{problem}");
    }
    let off = Start::minimal("").file("dev-mock-user.json", "{").config();
    assert!(matches!(off.dev, Dev::Off), "without dev mode the file is not read");
}
