//! Help, manual pages, completions and version: what a package and a person at a terminal get.

use std::{collections::BTreeMap, fs, process::Command};

use crate::support::process::Process;

const BINARY: &str = env!("CARGO_BIN_EXE_cognito-auth-proxy");
const COMMANDS: [&str; 8] = ["run", "dev", "check", "explain", "healthcheck", "doctor", "completions", "man"];

async fn said(arguments: &[&str]) -> String {
    let ended = Process::start(arguments, &BTreeMap::new()).ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    ended.stdout
}

/// The long options in a text.
fn options(help: &str) -> Vec<&str> {
    let own = help.split("Environment:").next().unwrap().split("Example").next().unwrap();
    let words = own.split([' ', '\n', ',']).filter(|word| word.starts_with("--"));
    words.filter(|word| word.len() > 2).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn help_of_every_command_has_examples_or_exit_codes() {
    let all = said(&["--help"]).await;
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command} in {all}");
        let help = said(&[command, "--help"]).await;
        assert!(help.contains("Example"), "{command}: {help}");
        assert!(help.contains("cognito-auth-proxy"), "{command}: {help}");
    }
    for text in ["Exit codes:", "Environment:", "Files:", "COGNITO_AUTH_PROXY_CONFIG", "64"] {
        assert!(all.contains(text), "{text} in {all}");
    }
}

/// What `--help` says on a terminal of this width, of the program or of a command.
async fn help_at(width: usize, command: Option<&str>) -> String {
    let arguments: Vec<&str> = command.into_iter().chain(["--help"]).collect();
    let ended = Process::start(&arguments, &[("COLUMNS".to_owned(), width.to_string())].into()).ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    ended.stdout
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Lines of prose stand at the margin, or where clap puts what options mean. What is indented otherwise is a row.
fn is_prose(line: &str) -> bool {
    [0, 10].contains(&indentation(line)) && !line.trim().is_empty() && !line.trim_start().starts_with("- ")
}

#[tokio::test(flavor = "multi_thread")]
async fn help_fits_a_terminal_and_breaks_no_line_without_need() {
    for command in [None].into_iter().chain(COMMANDS.map(Some)) {
        let [narrow, wide] = [help_at(80, command).await, help_at(100, command).await];
        for (width, help) in [(80, &narrow), (100, &wide)] {
            let lines: Vec<&str> = help.lines().collect();
            for line in &lines {
                assert!(line.len() <= width, "{command:?} is wider than {width}: {line}");
            }
            for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| is_prose(line))) {
                let next = pair[1].split_whitespace().next().unwrap();
                let together = indentation(pair[0]) == indentation(pair[1]);
                let is_full = pair[0].len() + 1 + next.len() > width;
                assert!(!together || is_full, "{command:?} at {width}: a stump: {pair:#?}");
            }
        }
        // Rows are as they were written, whatever the width.
        let rows = |help: &str| -> Vec<String> {
            let (_, below) = help.split_once("ptions:\n").unwrap();
            below.lines().filter(|line| !is_prose(line) && !line.trim().is_empty()).map(str::to_owned).collect()
        };
        assert_eq!(rows(&narrow), rows(&wide), "{command:?}");
    }
    assert_ne!(help_at(80, None).await, help_at(100, None).await, "the width is heeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_of_check_says_that_aws_is_asked_for_a_policy_that_is_kept_there() {
    let help = said(&["check", "--help"]).await.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("AWS is asked for it, as a start would. Nothing else is connected to"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_of_the_help_is_in_the_manual_page() {
    for command in [None].into_iter().chain(COMMANDS.map(Some)) {
        let (mut help, mut man) = (vec!["--help"], vec!["man"]);
        if let Some(command) = command {
            help.insert(0, command);
            man.push(command);
        }
        let (help, page) = (said(&help).await, said(&man).await);
        let name =
            command.map_or_else(|| "cognito-auth-proxy".to_owned(), |command| format!("cognito-auth-proxy-{command}"));
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        let plain = page.replace('\\', "");
        for option in options(&help) {
            assert!(plain.contains(option), "{option} of {name} in {page}");
        }
    }
    let ended = Process::start(&["man", "colour"], &BTreeMap::new()).ended().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_commands_and_options() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("completions");
    fs::write(&file, said(&["completions", "bash"]).await).unwrap();
    let completed = |words: &str| {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _cognito__auth__proxy cognito-auth-proxy \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let output = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert!(Command::new("bash").arg("-n").arg(&file).status().unwrap().success());
    assert_eq!(completed("cognito-auth-proxy doc"), "doctor");
    assert_eq!(completed("cognito-auth-proxy doctor --tok"), "--token-file");
    assert_eq!(completed("cognito-auth-proxy explain --em"), "--email");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(said(&["completions", shell]).await.contains("token-file"), "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_the_same_text_each_time() {
    let version = said(&["--version"]).await;
    assert!(version.starts_with(&format!("cognito-auth-proxy {} (", env!("CARGO_PKG_VERSION"))), "{version}");
    let again = Command::new(BINARY).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), version);
}
