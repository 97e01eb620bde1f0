//! The parts, counted in a copy of this process, which says when it is ready and waits for a word before it begins.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::Stdio,
};

use clap::ValueEnum;

use super::{Outcome, counting::Counted, verifying::Verifying, whole::Whole};

/// How often a part is done.
const TIMES: u32 = 200;

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    AlbToken,
    CognitoToken,
    BothAgain,
    Gateway,
}

impl Part {
    /// Instructions for each time.
    pub(crate) fn instructions(self) -> Outcome<f64> {
        let own = std::env::current_exe()?;
        let own = own.to_str().ok_or("the path of this program is not text")?;
        let name = self.to_possible_value().ok_or("a part without a name")?;
        let mut counted = Counted::start(own, &["--part", name.get_name()], |command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        })?;
        let mut said = BufReader::new(counted.child.stdout.take().ok_or("no output")?);
        let mut hear = || said.read_line(&mut String::new());
        hear()?;
        counted.begin()?;
        counted.child.stdin.as_mut().ok_or("no input")?.write_all(b"go\n")?;
        hear()?;
        counted.end()?;
        Ok(counted.total()? / f64::from(TIMES))
    }

    /// In the copy: does it so often.
    pub(crate) fn run(self) -> Outcome {
        match self {
            Self::AlbToken => repeat(Verifying::start().alb_token()),
            Self::CognitoToken => repeat(Verifying::start().cognito_token()),
            Self::BothAgain => repeat(Verifying::start().both_tokens_again()),
            Self::Gateway => {
                let whole = Whole::start();
                let mut requests: Vec<_> = (0..TIMES).map(|_| whole.request()).collect();
                repeat(|| requests.pop().into_iter().for_each(|request| whole.answer(request)))
            }
        }
    }
}

fn repeat(mut operation: impl FnMut()) -> Outcome {
    println!("ready");
    let mut word = [0; 3];
    std::io::stdin().read_exact(&mut word)?;
    for _ in 0..TIMES {
        operation();
    }
    println!("done");
    // The end is the parent's to say: it has to stop counting first.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    std::io::stdout().flush()?;
    Ok(())
}
