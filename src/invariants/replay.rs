//! What fuzzing has found interesting so far meets its oracle in every test run.

use std::{collections::BTreeSet, fs, panic, path::Path};

use super::ORACLES;

#[test]
fn every_corpus_holds_and_none_is_missing() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, oracle) in ORACLES {
        let mut files: Vec<_> = fs::read_dir(corpora.join(name))
            .unwrap_or_else(|error| panic!("no corpus of {name}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        for file in files {
            let input = fs::read(&file).unwrap();
            let held = panic::catch_unwind(|| oracle(&input));
            assert!(held.is_ok(), "the oracle of {name} does not hold for {}", file.display());
        }
    }
    let folders = fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut unknown = folders.filter(|folder| ORACLES.iter().all(|(name, _)| name != folder));
    assert_eq!(unknown.next(), None, "a corpus without an oracle is never replayed");
}

#[test]
fn every_oracle_has_a_fuzz_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let targets: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(targets, ORACLES.map(|(name, _)| name));
}

/// Fuzzing other versions than those we ship would prove nothing of what we ship.
#[test]
fn the_fuzz_targets_are_built_of_the_same_crates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [ours, fuzzed] = ["Cargo.lock", "fuzz/Cargo.lock"].map(|file| packages(&root.join(file)));
    let foreign: Vec<&str> = fuzzed.difference(&ours).map(|(name, _)| name.as_str()).collect();
    assert_eq!(foreign, ["arbitrary", "cognito-auth-proxy-fuzz", "libfuzzer-sys"]);
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let mut missing = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .filter(|name| fuzzed.iter().all(|(known, _)| known != *name));
    assert_eq!(missing.next(), None, "fuzz/Cargo.lock is old: copy Cargo.lock over it and build");
}

/// Name and version of all that a lock file holds.
fn packages(lock: &Path) -> BTreeSet<(String, String)> {
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap().iter();
    packages.map(|package| (text(package, "name"), text(package, "version"))).collect()
}
