//! The configuration as a whole, from texts in real files to the parsed value.

mod authoriser;
mod credentials;
mod dev;
mod development;
mod layers;
mod reference;
mod sections;
mod tls;
mod tracing;

use std::fs;

use super::*;

const ARN: &str = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/front/50dc6c495c0c9188";

/// The least that loads.
const MINIMAL: &str = r#"
    alb.arns = ["arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/front/50dc6c495c0c9188"]
    alb.client_ids = ["client"]
    cognito.user_pool_id = "eu-west-2_AbC123"
    authoriser.allowed_groups = ["staff"]
"#;

/// One directory, its configuration file and one environment.
struct Start {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
    flags: Flags,
}

impl Start {
    /// With `text` as the configuration file.
    fn with(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.toml"), text).unwrap();
        Self { directory, environment: Vec::new(), flags: Flags::default() }
    }

    /// With [`MINIMAL`] and `text`.
    fn minimal(text: &str) -> Self {
        Self::with(&format!("{MINIMAL}\n{text}"))
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(self, flag: &'static str, key: &'static str, value: &str) -> Self {
        self.setting(Layer::Flag(flag), key, value)
    }

    /// As the command `dev` sets it.
    fn command(self, key: &'static str, value: &str) -> Self {
        self.setting(Layer::Command("dev"), key, value)
    }

    fn setting(mut self, layer: Layer, key: &'static str, value: &str) -> Self {
        self.flags.settings.push(FlagSetting { layer, key, value: value.to_owned() });
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        self.load_as(Config::load_at)
    }

    fn load_as<T>(
        &self,
        load: impl FnOnce(&Flags, &Environment, &Places<'_>) -> Result<T, ConfigErrors>,
    ) -> Result<T, ConfigErrors> {
        let environment = Environment::from_pairs(self.environment.iter().map(|(name, value)| (name, value)));
        let places = Places {
            system_file: &self.directory.path().join("config.toml"),
            working_directory: self.directory.path(),
        };
        let result = load(&self.flags, &environment, &places);
        if let Err(errors) = &result {
            assert!(!errors.problems().is_empty(), "a refusal says why");
            assert_eq!(errors.to_string().lines().count(), errors.problems().len(), "one line each: {errors}");
        }
        result
    }

    fn config(&self) -> Config {
        self.load().unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn errors(&self) -> ConfigErrors {
        self.load().unwrap_err()
    }

    /// The keys that were refused.
    fn refused(&self) -> Vec<String> {
        self.errors().problems().iter().map(|problem| problem.key.clone()).collect()
    }

    /// The one problem there is.
    #[track_caller]
    fn problem(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.problems().len(), 1, "{errors}");
        errors.to_string()
    }
}

impl Config {
    #[track_caller]
    fn setting(&self, key: &str) -> (&str, &str) {
        let setting = self.settings.iter().find(|setting| setting.key == key).unwrap();
        (&setting.value, &setting.layer)
    }

    fn warns_of(&self, text: &str) -> bool {
        self.warnings.iter().any(|warning| warning.contains(text))
    }
}
