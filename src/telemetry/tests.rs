//! The log under readers that are slow, gone or in the way, through real pipes, sockets and files.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufReader, PipeReader, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use super::{sink::Sink, writer};

/// Longer than any test lasts.
const LONG: Duration = Duration::from_mins(1);

fn writing_to(output: impl Write + Send + 'static, limit: usize) -> Sink {
    let sink = Sink::holding(limit);
    writer::spawn(sink.clone(), output, |sink, dropped| sink.append(format!("dropped {dropped}\n").as_bytes()))
        .unwrap();
    sink
}

fn piped(limit: usize) -> (Sink, BufReader<PipeReader>) {
    let (reader, output) = io::pipe().unwrap();
    (writing_to(output, limit), BufReader::new(reader))
}

/// What it comes to, in a thread of its own: a test fails where it would hang.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, told) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    told.recv_timeout(LONG).expect("it neither hangs nor fails")
}

/// The next line, whole.
fn line(reader: &mut impl io::BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.strip_suffix('\n').expect("a whole line").to_owned()
}

#[test]
fn a_line_after_quiet_needs_nobody_to_flush_it() {
    let (sink, mut reader) = piped(1000);
    soon(move || {
        for text in ["first", "second"] {
            sink.append(format!("{text}\n").as_bytes());
            assert_eq!(line(&mut reader), text);
        }
    });
}

#[test]
fn a_reader_that_takes_nothing_holds_nobody_up_and_every_line_it_misses_is_counted_and_told() {
    const LINES: u64 = 20_000;
    let (sink, mut reader) = piped(100_000);
    // Two megabytes, nobody reads: a pipe holds 64 KiB.
    for number in 0..LINES {
        sink.append(format!("line {number:0>90}\n").as_bytes());
    }
    let counted = sink.dropped().get();
    assert!(counted > LINES / 2, "{counted}");
    let (taken, told, mut reader) = soon(move || {
        let (mut taken, mut told, mut last) = (0, 0, None);
        while taken + told < LINES {
            let line = line(&mut reader);
            match line.split_once(' ').unwrap() {
                ("dropped", number) => told += number.parse::<u64>().unwrap(),
                (_, number) => {
                    assert_eq!(line.len(), 95);
                    taken += 1;
                    let number = number.parse::<u64>().unwrap();
                    assert!(last < Some(number), "{number} after {last:?}");
                    last = Some(number);
                }
            }
        }
        (taken, told, reader)
    });
    assert_eq!((taken + told, told), (LINES, counted));
    sink.append(b"room again\n");
    assert_eq!(line(&mut reader), "room again");
}

#[test]
fn what_waits_is_bounded() {
    let (sink, _reader) = piped(1000);
    // Longer than all that may wait, whatever the writer does meanwhile.
    sink.append(&[b'x'; 1001]);
    assert_eq!(sink.dropped().get(), 1);
}

#[test]
fn lines_of_many_threads_stay_whole_and_each_threads_in_order() {
    let (sink, mut reader) = piped(super::sink::LIMIT);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let sink = sink.clone();
            thread::spawn(move || {
                for number in 0..2000 {
                    sink.append(format!("{thread} {number} {}\n", "x".repeat(number % 300)).as_bytes());
                }
            })
        })
        .collect();
    let mut next: HashMap<String, usize> = HashMap::new();
    for _ in 0..8 * 2000 {
        let line = line(&mut reader);
        let [thread, number, text] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let next = next.entry(thread.to_owned()).or_default();
        assert_eq!((number.parse(), text.len()), (Ok(*next), *next % 300), "{line}");
        *next += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((next.len(), sink.dropped().get()), (8, 0));
}

#[test]
fn whoever_flushes_finds_everything_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let sink = writing_to(fs::File::create(&path).unwrap(), 1_000_000);
    sink.flush(LONG);
    for round in 1..=3 {
        for number in 0..1000 {
            sink.append(format!("{number}\n").as_bytes());
        }
        sink.flush(LONG);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1000 * round);
    }
}

#[test]
fn whoever_flushes_into_a_pipe_that_nobody_reads_is_let_go() {
    let (sink, _reader) = piped(1_000_000);
    for _ in 0..10_000 {
        sink.append(&[b"x".repeat(79), b"\n".to_vec()].concat());
    }
    let flushing = sink.clone();
    soon(move || flushing.flush(Duration::from_millis(20)));
    assert_eq!(sink.dropped().get(), 0);
}

#[test]
fn lines_nobody_can_take_are_counted_once_and_not_spoken_of_until_somebody_can() {
    let (reader, output) = io::pipe().unwrap();
    drop(reader);
    let sink = writing_to(output, 1000);
    for number in 1..=20 {
        sink.append(b"a line\nanother\n");
        sink.flush(LONG);
        assert_eq!(sink.dropped().get(), 2 * number);
    }
}

#[test]
fn an_output_that_does_not_wait_gets_every_line_all_the_same() {
    let (output, reader) = UnixStream::pair().unwrap();
    output.set_nonblocking(true).unwrap();
    let sink = writing_to(output, super::sink::LIMIT);
    for number in 0..20_000 {
        sink.append(format!("{number:0>99}\n").as_bytes());
    }
    let mut reader = BufReader::new(reader);
    for number in 0..20_000 {
        assert_eq!(line(&mut reader).parse(), Ok(number));
    }
}

/// A disc: what is on it, and how much more it takes.
#[derive(Clone)]
struct Disc(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Disc {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (text, room) = &mut *self.0.lock().unwrap();
        let taken = bytes.len().min(*room);
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        text.extend_from_slice(&bytes[..taken]);
        *room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_after_one_that_a_full_disc_tore_are_whole() {
    let disc = Disc(Arc::new(Mutex::new((Vec::new(), 4))));
    let sink = writing_to(disc.clone(), 1000);
    for (text, room) in [("torn apart\n", 0), ("nowhere\n", 100), ("whole\n", 100), ("whole too\n", 100)] {
        sink.append(text.as_bytes());
        sink.flush(LONG);
        disc.0.lock().unwrap().1 = room;
    }
    assert_eq!(sink.dropped().get(), 2);
    // The word about what was dropped comes with a later line; its place among them is the writer's.
    sink.flush(LONG);
    let text = String::from_utf8(disc.0.lock().unwrap().0.clone()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["dropped 2", "torn", "whole", "whole too"]);
}

/// Takes a write each time it is told to, and tells what it took.
struct Gate(mpsc::Receiver<()>, mpsc::Sender<String>);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
        // Fails when the test has ended.
        self.0.recv().map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_gathers_during_a_write_is_one_write() {
    let ((open, gate), (taken, writes)) = (mpsc::channel(), mpsc::channel());
    let sink = writing_to(Gate(gate, taken), 1_000_000);
    sink.append(b"first\n");
    assert_eq!(writes.recv().unwrap(), "first\n");
    let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
    lines.iter().for_each(|line| sink.append(line.as_bytes()));
    open.send(()).unwrap();
    assert_eq!(writes.recv().unwrap(), lines.concat());
    open.send(()).unwrap();
    sink.flush(LONG);
}
