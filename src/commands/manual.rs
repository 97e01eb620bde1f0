//! `man` and `completions`: what is made from the definition of the command line. Packages make their files with these.

use std::io;

use super::{ExitStatus, arguments::Arguments, complain, failed, say};

/// Prints the manual page of the program, or of `command`.
#[must_use]
pub fn page(command: Option<&str>) -> ExitStatus {
    let mut program = Arguments::definition();
    // What a command inherits, its full name above all, is filled in by this.
    program.build();
    let found = match command {
        None => Some(&program),
        Some(name) => program.find_subcommand(name),
    };
    let Some(found) = found else {
        complain(format_args!("error: there is no such command; `cognito-auth-proxy --help` lists them"));
        return ExitStatus::Usage;
    };
    match rendered(found.clone()) {
        Ok(page) => {
            say(page.trim_end());
            ExitStatus::Fine
        }
        Err(error) => failed(&error),
    }
}

fn rendered(command: clap::Command) -> io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).manual("User Commands").render(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

/// Prints the completion script for `shell`.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> ExitStatus {
    let mut program = Arguments::definition();
    let name = program.get_name().to_owned();
    // Into memory first: a closed pipe is nobody's loss, and no panic.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    say(mended(&String::from_utf8_lossy(&script)).trim_end());
    ExitStatus::Fine
}

/// In bash, no command's options are completed where the program's name has a hyphen: the script calls one place by two
/// names (clap-rs/clap#6421). Once that is mended there is nothing here to replace.
fn mended(script: &str) -> String {
    script.replace("cognito__subcmd__auth__subcmd__proxy", "cognito__auth__proxy")
}
