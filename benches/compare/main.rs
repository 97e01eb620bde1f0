//! Our binary beside nginx and HAProxy: what a request, a connection and a stream cost, as the table of docs/performance.md.
//!
//! ```text
//! cargo bench --bench compare                                          all rows: about a quarter of an hour
//! cargo bench --bench compare -- same new-both --rounds 9 --seconds 2  these rows
//! ```
//!
//! Each contender has one worker on core 0; the load and the application (nginx with a 64-byte answer) share core 1.
//! Contenders take turns in many short rounds, and a ratio is taken inside its round, so that what drifts, drifts for all.
//! CPU is what the operating system charged the process (`/proc/<pid>/stat`, all threads); requests per second are
//! nobody's but the load's. Where others use the machine too, latencies are theirs as much as ours: the load average stands
//! over the table.
//!
//! Requests are as a load balancer sends them. Ours writes its access log to a file and counts for its admin listener, as
//! people run it; nginx and HAProxy write no log unless their name says so.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod application;
mod client;
mod configurations;
mod contenders;
mod load;
mod machine;
mod mint;
mod paced;
mod process;
#[path = "../parts/requests.rs"]
mod requests;
mod rows;
mod table;
#[path = "../parts/tokens.rs"]
mod tokens;
mod world;

use std::{error::Error, process::ExitCode};

use clap::{Parser, ValueEnum};
use rows::Row;
use table::Table;
use world::World;

/// Whatever goes wrong ends the run with a sentence.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures our binary beside nginx and HAProxy, and prints a Markdown table.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure [default: everything]
    rows: Vec<Row>,
    /// How often each contender has its turn
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a turn is
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// What cargo bench says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Outcome {
    machine::require_tools()?;
    // Before there are threads, which inherit it. Whatever runs in this process is load or application.
    machine::pin(machine::LOAD_CORE)?;
    let world = World::start(options.rounds.max(1), options.seconds.max(1))?;
    let mut table = Table::default();
    let all = Row::value_variants();
    for row in if options.rows.is_empty() { all } else { &options.rows } {
        eprintln!("{}", row.title());
        row.measure(&world, &mut table)?;
    }
    println!("{}\n\n{table}", machine::describe(&world));
    Ok(())
}
