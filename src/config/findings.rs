//! What comes to light while a configuration is read: problems, warnings, and where each value came from.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConfigErrors, Fault, Layer, Problem, SecretFile, Setting, ValueError, keys, keys::KEYS};

/// Collects everything that is found, so that an operator sees all of it at once.
pub(super) struct Findings {
    shown: BTreeMap<&'static str, Shown>,
    origins: BTreeMap<&'static str, Layer>,
    files: BTreeMap<&'static str, SecretFile>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

/// A value as `check` prints it.
struct Shown {
    value: String,
    layer: String,
}

impl Findings {
    /// `values` are what the layers gave, as it may be shown; `files` those secrets that came from a file.
    pub(super) fn new(
        values: BTreeMap<&'static str, (String, Layer)>,
        files: BTreeMap<&'static str, SecretFile>,
        problems: Vec<Problem>,
    ) -> Self {
        let origins = values.iter().map(|(key, (_, layer))| (*key, layer.clone())).collect();
        let shown =
            values.into_iter().map(|(key, (value, layer))| (key, Shown { value, layer: layer.to_string() })).collect();
        Self { shown, origins, files, problems, warnings: Vec::new() }
    }

    /// The file that the secret of `key` came from, where it came from one.
    pub(super) fn file_of(&self, key: &str) -> Option<&SecretFile> {
        self.files.get(key)
    }

    /// Whether a layer above the defaults sets `key`.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.origins.get(key).is_some_and(|layer| *layer != Layer::Default)
    }

    /// Whether a command made the value of `key` for its own work.
    pub(super) fn is_of_command(&self, key: &str) -> bool {
        matches!(self.origins.get(key), Some(Layer::Command(_)))
    }

    /// Whether something is wrong with `key`, or with any key of the section that `key` names with a dot at its end.
    pub(super) fn has_problem(&self, key: &str) -> bool {
        let section = key.ends_with('.');
        self.problems.iter().any(|problem| problem.key == key || section && problem.key.starts_with(key))
    }

    /// Refuses the value of `key`.
    pub(super) fn refuse(&mut self, key: &'static str, fault: impl Into<Fault>) {
        let layer = self.origins.get(key).cloned().unwrap_or(Layer::Default);
        self.refuse_at(key, layer, fault);
    }

    /// Refuses what `layer` says of `key`.
    pub(super) fn refuse_at(&mut self, key: &str, layer: Layer, fault: impl Into<Fault>) {
        self.problems.push(Problem { key: key.to_owned(), layer, fault: fault.into() });
    }

    /// States that `key` has no value and needs one, unless its value was refused already.
    pub(super) fn require(&mut self, key: &'static str, reason: &'static str) {
        if !self.has_problem(key) {
            let variable = keys::find(key).map_or("", |key| key.environment);
            self.refuse(key, Fault::Required { reason, variable });
        }
    }

    /// Notes a weakened or doubtful setting.
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Shows an effective value that no layer wrote.
    pub(super) fn show(&mut self, key: &'static str, value: impl Into<toml::Value>, layer: &str) {
        self.shown.insert(key, Shown { value: value.into().to_string(), layer: layer.to_owned() });
    }

    /// Shows that `layer` took the value of `key` away.
    pub(super) fn show_unset(&mut self, key: &'static str, layer: &Layer) {
        self.shown.insert(key, Shown { value: UNSET.to_owned(), layer: layer.to_string() });
    }

    /// The parsed value of `key`, or a problem.
    pub(super) fn parsed<T, E: Into<Fault>>(&mut self, key: &'static str, result: Result<T, E>) -> Option<T> {
        result.map_err(|fault| self.refuse(key, fault)).ok()
    }

    /// The parsed value of an optional `key`: `None` inside where it is not set.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<Option<T>> {
        match text {
            Some(text) => self.parsed(key, parse(text)).map(Some),
            None => Some(None),
        }
    }

    /// The parsed entries of a list; each that does not parse is a problem. An empty entry matches nothing at best and
    /// everything at worst (attack class 6.26), so it is refused whatever the list holds.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        entries: &[String],
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Vec<T> {
        let mut parsed = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let result = if entry.is_empty() { Err(EMPTY_ENTRY) } else { parse(entry) };
            match result {
                Ok(value) => parsed.push(value),
                Err(error) => self.refuse(key, Fault::Entry { number: index + 1, error }),
            }
        }
        parsed
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        text: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse(key, Fault::NotAChoice { choices: choices.iter().map(|(word, _)| *word).collect() });
        }
        found
    }

    /// The warnings and effective settings, or every problem.
    pub(super) fn finish(mut self) -> Result<(Vec<String>, Vec<Setting>), ConfigErrors> {
        if !self.problems.is_empty() {
            return Err(self.into_errors());
        }
        let mut seen = BTreeSet::new();
        self.warnings.retain(|warning| seen.insert(warning.clone()));
        let settings = KEYS
            .iter()
            .map(|key| match self.shown.remove(key.path) {
                Some(Shown { value, layer }) => Setting { key: key.path.to_owned(), value, layer },
                None => {
                    Setting { key: key.path.to_owned(), value: UNSET.to_owned(), layer: Layer::Default.to_string() }
                }
            })
            .collect();
        Ok((self.warnings, settings))
    }

    /// The warnings alone, where there are problems too.
    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Every problem.
    pub(super) fn into_errors(self) -> ConfigErrors {
        ConfigErrors::new(self.problems)
    }
}

/// A setting without a value, as `check` prints it: without quotes, which no text is.
const UNSET: &str = "unset";

/// Why an empty entry of a list is refused.
pub(super) const EMPTY_ENTRY: ValueError = ValueError { problem: "is empty", remedy: "remove it" };
