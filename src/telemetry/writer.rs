//! The one thread that writes the log: whole lines, in their order, as many as have gathered.

use std::{
    io::{self, ErrorKind, Write},
    thread,
    time::Duration,
};

use super::sink::Sink;

/// How long lines gather after a write. It is the most a line waits where the output keeps up, and what `SIGKILL` can
/// cost; with it the log costs a hundred system calls a second at the most.
const PAUSE: Duration = Duration::from_millis(10);

/// What says in the log how many lines were dropped.
pub(super) type Tell = fn(&Sink, u64);

/// Begins to write the lines of `sink` to `output`, until the process ends.
///
/// # Errors
/// Where the operating system gives no thread.
pub(super) fn spawn(sink: Sink, output: impl Write + Send + 'static, tell: Tell) -> io::Result<()> {
    thread::Builder::new().name("log".to_owned()).spawn(move || write(&sink, output, tell))?;
    Ok(())
}

fn write(sink: &Sink, mut output: impl Write, tell: Tell) {
    let mut batch = Vec::new();
    // Where an earlier write stopped in the middle of a line.
    let mut torn = Torn::No;
    loop {
        let dropped = sink.take(&mut batch);
        if dropped > 0 {
            tell(sink, dropped);
        }
        // The part that is there gets a line to itself; the whole lines after it stay whole.
        if torn == Torn::Yes && all(&mut output, b"\n").is_ok() {
            torn = Torn::No;
        }
        let outcome = match torn {
            Torn::No => all(&mut output, &batch),
            Torn::Yes => Err(batch.as_slice()),
        };
        match outcome {
            Ok(()) => sink.written(batch.len()),
            Err(rest) => {
                torn = torn.after(&batch, rest);
                sink.failed(batch.len(), lines(rest));
            }
        }
        batch.clear();
        sink.gather(PAUSE);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Torn {
    No,
    Yes,
}

impl Torn {
    /// Whether the output ends in a part of a line, now that `rest` of `batch` was not written.
    fn after(self, batch: &[u8], rest: &[u8]) -> Self {
        match batch.len().checked_sub(rest.len()).and_then(|gone| gone.checked_sub(1)) {
            None => self,
            Some(last) if batch.get(last) == Some(&b'\n') => Self::No,
            Some(_) => Self::Yes,
        }
    }
}

/// Writes all of it, however long that takes. What is left where that fails.
fn all<'a>(output: &mut impl Write, mut rest: &'a [u8]) -> Result<(), &'a [u8]> {
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(rest),
            Ok(bytes) => rest = rest.get(bytes..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the output with us may have made it so; it has room again some time.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => return Err(rest),
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> u64 {
    u64::try_from(text.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}
