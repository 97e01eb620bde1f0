//! A large upload: how fast it passes, and how much of it is in memory at a time.

use std::time::Instant;

use super::Heading;
use crate::{
    Outcome,
    application::start_sink,
    client::Client,
    contenders::{Contender, Setup},
    process::Memory,
    requests,
    table::{Beside, Line, Series, Table},
    world::World,
};

const MEBIBYTE: usize = 1024 * 1024;
const SIZE: usize = 256;
static PIECE: [u8; 64 * 1024] = [b'u'; 64 * 1024];

pub(super) fn measure(world: &World, table: &mut Table) -> Outcome {
    let setup = Setup::before(start_sink()?);
    let contenders = [Contender::Direct, Contender::Nginx, Contender::Ours];
    let mut speeds = [Series::default(), Series::default(), Series::default()];
    let mut growths = speeds.clone();
    for _ in 0..world.rounds {
        for ((contender, speed), growth) in contenders.into_iter().zip(&mut speeds).zip(&mut growths) {
            // A peak is a process's highest ever, so each turn has a process of its own.
            let running = contender.start(world, &setup)?;
            let peak = || running.process().and_then(|process| process.memory(Memory::Peak));
            let before = peak().unwrap_or_default();
            speed.push(upload(world, running.port())?);
            growth.push((peak().unwrap_or_default() - before) / 1024.0);
        }
    }
    let workload = format!("{SIZE} MiB upload");
    let heading = Heading { workload: &workload, unit: "MiB/s", target: "≥ 0.9 × nginx" };
    let [_, nginx, _] = &speeds;
    let quotients = speeds.clone().map(|speed| Beside::Nginx(speed.over(nginx)));
    for ((contender, speed), beside) in contenders.into_iter().zip(speeds).zip(quotients) {
        table.push(Line { beside, ..heading.line(contender, speed) });
    }
    let heading = Heading { workload: &format!("{workload}, growth of peak memory"), unit: "MiB", target: "≤ 2 MiB" };
    for (contender, growth) in contenders.into_iter().zip(growths).skip(1) {
        table.push(heading.line(contender, growth));
    }
    Ok(())
}

/// Mebibytes a second, up to the answer.
fn upload(world: &World, port: u16) -> Outcome<f64> {
    let length = format!("content-type: application/octet-stream\r\ncontent-length: {}\r\n", SIZE * MEBIBYTE);
    let head = requests::signed_in("POST /upload", world.regular(), &length);
    let mut client = Client::connect(port)?;
    let began = Instant::now();
    client.send(head.as_bytes())?;
    for _ in 0..SIZE * MEBIBYTE / PIECE.len() {
        client.send(&PIECE)?;
    }
    match client.answer()? {
        200 => Ok(SIZE as f64 / began.elapsed().as_secs_f64()),
        status => Err(format!("an upload was answered {status}").into()),
    }
}
