//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser as _;
use cognito_auth_proxy::{
    commands::{self, ExitStatus, arguments::Arguments},
    config::Environment,
};

fn main() -> ExitCode {
    let status = match Arguments::try_parse() {
        Ok(arguments) => commands::execute(arguments.into_command(), &Environment::from_process()),
        Err(answer) => {
            // Help and version on standard output, usage errors on standard error; in colour on a terminal only.
            let _closed = answer.print();
            if answer.use_stderr() { ExitStatus::Usage } else { ExitStatus::Fine }
        }
    };
    status.into()
}
