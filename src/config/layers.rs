//! Merges the layers: defaults ← file ← environment ← flags ← what a command decides. Every unknown name and every wrong
//! type is reported, and each value keeps the layer it came from.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    ConfigErrors, Environment, Fault, FlagSetting, Flags, Layer, Problem, Secret, SecretFile, ValueError,
    document::toml_table,
    environment::PREFIX,
    findings::Findings,
    interlock,
    keys::{self, KEYS, Key, Kind},
    raw::Raw,
    suggestion,
};

/// The compiled-in defaults, which are also the operators' reference.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

const INCOMPLETE_DEFAULTS: ValueError =
    ValueError { problem: "does not hold every setting", remedy: "this is a fault of the program, please report it" };

/// Names the configuration file.
const CONFIG_VARIABLE: &str = "COGNITO_AUTH_PROXY_CONFIG";

/// The values of all layers so far.
#[derive(Default)]
pub(super) struct Layers {
    values: BTreeMap<&'static str, (toml::Value, Layer)>,
    /// Keys without a default whose value a command took away.
    unset: BTreeMap<&'static str, Layer>,
    /// Secrets whose value is that of a file.
    files: BTreeMap<&'static str, SecretFile>,
    problems: Vec<Problem>,
}

impl Layers {
    /// Reads all layers; `system_file` is read where no other file is named and it exists.
    pub(super) fn read(flags: &Flags, environment: &Environment, system_file: &Path) -> Self {
        let mut layers = Self::default();
        layers.add_document(DEFAULTS, &Layer::Default);
        let defaults = layers.values.clone();
        layers.add_file(flags, environment, system_file);
        layers.add_environment(environment);
        layers.add_flags(flags, &defaults);
        layers
    }

    /// As [`Self::read`], with `text` in the place of the system's file and without flags.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_text(text: &str, environment: &Environment) -> Self {
        let mut layers = Self::default();
        layers.add_document(DEFAULTS, &Layer::Default);
        layers.add_document(text, &Layer::File(PathBuf::from("fuzzed.toml")));
        layers.add_environment(environment);
        layers
    }

    /// The merged values, and what was found on the way.
    pub(super) fn into_raw(mut self) -> Result<(Raw, Findings), ConfigErrors> {
        let mut table = toml::Table::new();
        let mut shown = BTreeMap::new();
        for key in &KEYS {
            let Some((value, layer)) = self.values.remove(key.path) else { continue };
            let text = if key.kind == Kind::Secret { "REDACTED".to_owned() } else { value.to_string() };
            shown.insert(key.path, (text, layer));
            if let Some((section, name)) = key.path.split_once('.')
                && let Some(section) = table.entry(section).or_insert_with(|| toml::Table::new().into()).as_table_mut()
            {
                section.insert(name.to_owned(), value);
            }
        }
        let mut findings = Findings::new(shown, self.files, self.problems);
        for (key, layer) in &self.unset {
            findings.show_unset(key, layer);
        }
        // Names and types were checked layer by layer: only the compiled-in defaults themselves can be at fault here.
        match findings.parsed("default.toml", table.try_into().map_err(|_| INCOMPLETE_DEFAULTS)) {
            Some(raw) => Ok((raw, findings)),
            None => Err(findings.into_errors()),
        }
    }

    fn add_file(&mut self, flags: &Flags, environment: &Environment, system_file: &Path) {
        let (path, named_by) = if let Some(path) = &flags.config {
            (path.clone(), Some(Layer::Flag("--config")))
        } else {
            let layer = Layer::Environment(CONFIG_VARIABLE.to_owned());
            match environment.text(CONFIG_VARIABLE) {
                Some(Ok(path)) => (PathBuf::from(path), Some(layer)),
                Some(Err(_)) => return self.refuse("configuration file", layer, Fault::NotUtf8),
                None => (system_file.to_owned(), None),
            }
        };
        let layer = Layer::File(path.clone());
        match fs::read_to_string(&path) {
            Ok(text) => self.add_document(&text, &layer),
            Err(error) if named_by.is_none() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.refuse("configuration file", named_by.unwrap_or(layer), Fault::unreadable(path, error));
            }
        }
    }

    fn add_document(&mut self, text: &str, layer: &Layer) {
        let table = match toml_table(text) {
            Ok(table) => table,
            Err(error) => return self.refuse("configuration file", layer.clone(), Fault::Syntax(error)),
        };
        for (section, content) in table {
            if !keys::is_section(&section) {
                self.refuse_unknown(&section, layer);
            } else if let toml::Value::Table(content) = content {
                for (name, value) in content {
                    let path = format!("{section}.{name}");
                    match keys::find(&path) {
                        Some(key) => self.put(key, value, layer.clone()),
                        None => self.refuse_unknown(&path, layer),
                    }
                }
            } else {
                let fault = Fault::WrongType { expected: "a section", found: keys::type_name(&content) };
                self.refuse(&section, layer.clone(), fault);
            }
        }
    }

    fn add_environment(&mut self, environment: &Environment) {
        for key in &KEYS {
            let direct = environment.text(key.environment);
            if key.kind == Kind::Secret && self.add_secret_file(key, environment) {
                continue;
            }
            let layer = Layer::Environment(key.environment.to_owned());
            match direct {
                Some(Ok(text)) => self.put_text(key, text, layer),
                Some(Err(_)) => self.refuse(key.path, layer, Fault::NotUtf8),
                None => {}
            }
        }
    }

    /// Reads the file a secret's `…_FILE` variable names. Whether that variable is set.
    fn add_secret_file(&mut self, key: &'static Key, environment: &Environment) -> bool {
        let variable = format!("{}_FILE", key.environment);
        let Some(path) = environment.text(&variable) else { return false };
        let layer = Layer::Environment(variable);
        let Ok(path) = path else {
            self.refuse(key.path, layer, Fault::NotUtf8);
            return true;
        };
        if environment.is_set(key.environment) {
            self.refuse(key.path, layer, Fault::Conflict { other: key.environment });
            return true;
        }
        let path = PathBuf::from(path);
        match Secret::read(&path) {
            Ok(text) => {
                self.put_text(key, text.expose(), layer);
                self.files.insert(key.path, SecretFile { path, text });
            }
            Err(error) => self.refuse(key.path, layer, Fault::unreadable(path, error)),
        }
        true
    }

    fn add_flags(&mut self, flags: &Flags, defaults: &BTreeMap<&'static str, (toml::Value, Layer)>) {
        for FlagSetting { layer, key, value } in &flags.settings {
            match (keys::find(key), layer) {
                (Some(Key { kind: Kind::Secret, .. }), _) => self.refuse(key, layer.clone(), Fault::SecretFlag),
                (Some(key), Layer::Command(_)) if value.is_empty() => {
                    self.unset(key, layer.clone(), defaults.get(key.path));
                }
                (Some(key), _) => self.put_text(key, value, layer.clone()),
                (None, _) => self.refuse_unknown(key, layer),
            }
        }
    }

    fn unset(&mut self, key: &'static Key, layer: Layer, default: Option<&(toml::Value, Layer)>) {
        match default {
            Some(default) => {
                self.values.insert(key.path, default.clone());
            }
            None => {
                self.values.remove(key.path);
                self.unset.insert(key.path, layer);
            }
        }
    }

    fn put_text(&mut self, key: &'static Key, text: &str, layer: Layer) {
        match key.kind.read(text) {
            Ok(value) => self.put(key, value, layer),
            Err(error) => self.refuse(key.path, layer, error),
        }
    }

    fn put(&mut self, key: &'static Key, value: toml::Value, layer: Layer) {
        match key.kind.accept(&value) {
            Ok(()) => {
                self.unset.remove(key.path);
                self.values.insert(key.path, (value, layer));
            }
            Err(found) => self.refuse(key.path, layer, Fault::WrongType { expected: key.kind.expected(), found }),
        }
    }

    fn refuse_unknown(&mut self, name: &str, layer: &Layer) {
        let suggestion = keys::suggest(name).map(str::to_owned);
        self.refuse(&name.escape_debug().to_string(), layer.clone(), Fault::Unknown { suggestion });
    }

    fn refuse(&mut self, key: &str, layer: Layer, fault: impl Into<Fault>) {
        self.problems.push(Problem { key: key.to_owned(), layer, fault: fault.into() });
    }
}

/// Refuses each variable that begins like ours and is none: a misspelt `…_REQUIRE_ALL` would loosen the policy.
pub(super) fn refuse_unknown_variables(environment: &Environment, findings: &mut Findings) {
    let secret_files: Vec<String> =
        KEYS.iter().filter(|key| key.kind == Kind::Secret).map(|key| format!("{}_FILE", key.environment)).collect();
    let known: Vec<&str> = KEYS
        .iter()
        .map(|key| key.environment)
        .chain(secret_files.iter().map(String::as_str))
        .chain([CONFIG_VARIABLE, interlock::DANGER_VARIABLE])
        .collect();
    for name in environment.own_names().filter(|name| !known.contains(name)) {
        // Compared without the prefix, which every name shares and which would make all of them near.
        let bare = |name| str::strip_prefix(name, PREFIX).unwrap_or(name);
        let suggestion = suggestion::nearest(bare(name), known.iter().map(|name| bare(name)))
            .map(|meant| format!("{PREFIX}{meant}"));
        let shown = name.escape_debug().to_string();
        findings.refuse_at(&shown, Layer::Environment(shown.clone()), Fault::Unknown { suggestion });
    }
}
