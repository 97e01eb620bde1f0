//! What everybody's dashboards expect of a process, under everybody's names. Linux only, as the names are.

use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// How the kernel counts processor time for programs, on every platform we build for.
const TICKS_A_SECOND: f64 = 100.0;

/// Reads `/proc/self` when somebody asks. What cannot be read is not shown.
#[derive(Debug)]
pub(super) struct Process {
    /// Unix time.
    pub(super) started: i64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = ConstGauge::new(self.started);
        show(&mut encoder, "process_start_time_seconds", "When the process started, as Unix time", &started)?;
        if let Some(seconds) = processor_seconds() {
            let seconds = ConstCounter::new(seconds);
            show(&mut encoder, "process_cpu_seconds", "Processor time of the process", &seconds)?;
        }
        if let Some(bytes) = resident_bytes() {
            let bytes = ConstGauge::new(bytes);
            show(&mut encoder, "process_resident_memory_bytes", "Memory that the process has resident", &bytes)?;
        }
        if let Some(open) = open_files() {
            show(&mut encoder, "process_open_fds", "Files that the process has open", &ConstGauge::new(open))?;
        }
        if let Some(most) = most_open_files() {
            show(&mut encoder, "process_max_fds", "Files that it may have open", &ConstGauge::new(most))?;
        }
        Ok(())
    }
}

fn show(
    encoder: &mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &'static str,
    metric: &impl EncodeMetric,
) -> std::fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_A_SECOND)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kilobytes.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

fn open_files() -> Option<i64> {
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

fn most_open_files() -> Option<i64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    files.split_whitespace().next()?.parse().ok()
}
