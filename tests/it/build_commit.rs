//! The commit in `--version`: the build script itself, compiled and run as cargo does, in repositories of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::support::process::Process;

/// A package with all the files that the build script looks at, and the script, compiled.
struct Package {
    directory: tempfile::TempDir,
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs");

impl Package {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let package = Self { directory };
        fs::create_dir_all(package.path().join("src")).unwrap();
        fs::create_dir_all(package.path().join("config")).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "config/default.toml", "src/lib.rs", "README.md"] {
            package.write(name, "");
        }
        fs::copy(SCRIPT, package.path().join("build.rs")).unwrap();
        package.write(".gitignore", "/script\n*.swp\n");
        let compiled = run("rustc", package.path(), &["--edition=2024", "build.rs", "-o", "script"]);
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        package
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        let output = run("git", self.path(), &[&identity, arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Everything as it is, as a commit; its first twelve digits.
    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=x"]);
        self.git(&["rev-parse", "--short=12", "HEAD"])
    }

    /// What the script tells cargo.
    fn told(&self, given: &str) -> Vec<String> {
        let script = self.path().join("script");
        let output = command(script.to_str().unwrap(), self.path()).env("BUILD_COMMIT", given).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// The commit the binary would name.
    fn named(&self) -> String {
        named(&self.told(""))
    }
}

fn named(told: &[String]) -> String {
    let line = told.iter().find_map(|line| line.strip_prefix("cargo::rustc-env=BUILD_COMMIT="));
    line.expect("a commit").to_owned()
}

/// In `directory`, with no repository around it and no settings of whoever runs the test.
fn command(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env("GIT_CEILING_DIRECTORIES", directory.parent().unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

fn run(program: &str, directory: &Path, arguments: &[&str]) -> Output {
    command(program, directory).args(arguments).output().unwrap()
}

#[test]
fn a_build_of_other_sources_than_the_commits_is_marked() {
    let package = Package::new();
    package.git(&["init", "--quiet"]);
    let commit = package.commit();
    assert_eq!(package.named(), commit);
    let dirty = format!("{commit}-dirty");
    for name in ["Cargo.toml", "Cargo.lock", "build.rs", "config/default.toml", "src/lib.rs"] {
        package.write(name, "other");
        assert_eq!(package.named(), dirty, "{name}");
        package.git(&["add", "--all"]);
        assert_eq!(package.named(), dirty, "{name}, which is to be in the next commit");
        package.git(&["reset", "--quiet", "--hard"]);
        assert_eq!(package.named(), commit, "{name} as it was");
    }
    package.write("src/forgotten.rs", "");
    assert_eq!(package.named(), dirty, "a file that git was not told of");
    fs::remove_file(package.path().join("src/forgotten.rs")).unwrap();
    // What is in no binary makes none another one, and has none built again.
    package.write("README.md", "other");
    package.write("config/other.toml", "");
    package.write("src/.lib.rs.swp", "");
    assert_eq!(package.named(), commit);
    let watched: Vec<String> = package.told("").into_iter().filter(|line| line.contains("rerun-if-changed=")).collect();
    let expected = ["Cargo.lock", "Cargo.toml", "build.rs", "config/default.toml", "src", ".git/logs/HEAD"];
    assert_eq!(watched, expected.map(|path| format!("cargo::rerun-if-changed={path}")));
    package.write("src/lib.rs", "other");
    let next = package.commit();
    assert_ne!(next, commit);
    assert_eq!(package.named(), next);
}

#[test]
fn a_commit_that_is_given_counts_and_without_a_repository_there_is_none() {
    let package = Package::new();
    assert_eq!(package.named(), "unknown commit");
    assert_eq!(named(&package.told("0123456789ab")), "0123456789ab");
    package.git(&["init", "--quiet"]);
    package.commit();
    package.write("src/lib.rs", "other");
    assert_eq!(named(&package.told("0123456789ab")), "0123456789ab", "whoever gives it answers for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_names_it() {
    let told = Process::start(&["--version"], &Default::default()).ended().await.stdout;
    let commit = told.trim_end().split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')')).expect(&told);
    let digits = commit.strip_suffix("-dirty").unwrap_or(commit);
    let is_commit = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown commit", "{told}");
}
