//! Instructions, counted by callgrind: the same from run to run to a few in a thousand, however busy the machine.
//!
//! ```text
//! cargo bench --bench instructions                 everything: half a minute, once built
//! cargo bench --bench instructions -- wire-same    one operation
//! ```
//!
//! The parts run in a copy of this process, the operations called `wire-…` in the real binary over sockets, and only the
//! proxy's instructions are counted. Each total is divided by a fixed number of operations. The kernel's work is not
//! in it, and valgrind's processor has no instructions for SHA: a hash weighs more here than it costs. Compare counts with
//! counts; what a request costs is for `--bench compare` to say.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal: what is missing ends it"
)]

mod counting;
mod part;
#[path = "../parts/requests.rs"]
mod requests;
#[path = "../parts/tokens.rs"]
mod tokens;
#[path = "../parts/verifying.rs"]
mod verifying;
#[path = "../parts/whole.rs"]
mod whole;
mod wire;

use std::{error::Error, process::ExitCode};

use clap::{Parser, ValueEnum};
use part::Part;
use wire::Wire;

/// Whatever goes wrong ends the run with a sentence.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Counts instructions an operation under valgrind, and prints a Markdown table.
#[derive(Debug, Parser)]
struct Options {
    /// What to count [default: everything]
    operations: Vec<Operation>,
    /// Be the process in which this part is counted
    #[arg(long, hide = true)]
    part: Option<Part>,
    /// What cargo bench says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    AlbToken,
    CognitoToken,
    BothAgain,
    Gateway,
    WireSame,
    WireNewAlb,
    WireNewBoth,
}

impl Operation {
    const fn title(self) -> &'static str {
        match self {
            Self::AlbToken => "verify an ALB token (ES256), key known",
            Self::CognitoToken => "verify an access token (RS256), key known",
            Self::BothAgain => "authenticate with both tokens, seen before",
            Self::Gateway => "gateway without sockets, `/.auth/me`, tokens seen before",
            Self::WireSame => "request over sockets, tokens seen before",
            Self::WireNewAlb => "request over sockets, new ALB token",
            Self::WireNewBoth => "request over sockets, both tokens new",
        }
    }

    fn instructions(self) -> Outcome<f64> {
        match self {
            Self::AlbToken => Part::AlbToken.instructions(),
            Self::CognitoToken => Part::CognitoToken.instructions(),
            Self::BothAgain => Part::BothAgain.instructions(),
            Self::Gateway => Part::Gateway.instructions(),
            Self::WireSame => Wire::Same.instructions(),
            Self::WireNewAlb => Wire::NewAlb.instructions(),
            Self::WireNewBoth => Wire::NewBoth.instructions(),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.part {
        Some(part) => part.run(),
        None => count(&options.operations),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count(operations: &[Operation]) -> Outcome {
    counting::require_tools()?;
    println!("| operation | instructions |\n| --- | --- |");
    for operation in if operations.is_empty() { Operation::value_variants() } else { operations } {
        println!("| {} | {:.0} |", operation.title(), operation.instructions()?);
    }
    Ok(())
}
