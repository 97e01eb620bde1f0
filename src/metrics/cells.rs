//! Counters and gauges by label: an array of numbers, so that counting is one addition, without a look-up or a lock.

use std::{
    fmt::{self, Debug},
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::Labels;

/// Numbers that only grow. A handle; its clones count in the same place.
#[derive(Debug, Clone)]
pub struct Counters<S> {
    cells: Arc<[AtomicU64]>,
    /// Whether a combination is shown that was never counted.
    expected: Arc<[Expected]>,
    labels: PhantomData<S>,
}

/// Numbers that go up and down, or that are set.
#[derive(Debug, Clone)]
pub struct Gauges<S> {
    cells: Arc<[AtomicI64]>,
    unset: Unset,
    labels: PhantomData<S>,
}

/// What is known of a combination before anything happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is shown as 0 from the start: whoever waits for its increase misses none.
    Yes,
    /// It is shown once it has happened: most of these never do.
    No,
}

/// What a gauge shows before it was ever set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// Nothing: 0 would be a time, and a wrong one.
    Hidden,
    /// 0.
    Zero,
}

impl<S: Labels> Counters<S> {
    /// Counters that all show from the start.
    pub(super) fn new() -> Self {
        Self { cells: cells(S::COUNT), expected: [Expected::Yes].repeat(S::COUNT).into(), labels: PhantomData }
    }

    /// Counters of which these show from the start, and the others from when they are counted.
    pub(super) fn expecting(combinations: impl IntoIterator<Item = S>) -> Self {
        let mut expected = vec![Expected::No; S::COUNT];
        for combination in combinations {
            if let Some(cell) = expected.get_mut(combination.place()) {
                *cell = Expected::Yes;
            }
        }
        Self { expected: expected.into(), ..Self::new() }
    }

    /// One more.
    pub fn inc(&self, labels: S) {
        self.add(labels, 1);
    }

    /// So many more.
    pub fn add(&self, labels: S, more: u64) {
        if let Some(cell) = self.cells.get(labels.place()) {
            cell.fetch_add(more, Relaxed);
        }
    }

    /// How many there were so far with labels for which `wanted` is true.
    pub(super) fn sum(&self, wanted: impl Fn(&[(&str, &str)]) -> bool) -> u64 {
        let counted = self.cells.iter().enumerate().filter(|(place, _)| wanted(&S::pairs(*place)));
        counted.map(|(_, cell)| cell.load(Relaxed)).sum()
    }
}

impl<S: Labels> Gauges<S> {
    pub(super) fn new(unset: Unset) -> Self {
        Self { cells: cells(S::COUNT), unset, labels: PhantomData }
    }

    /// So many more, or fewer.
    pub fn add(&self, labels: S, more: i64) {
        if let Some(cell) = self.cells.get(labels.place()) {
            cell.fetch_add(more, Relaxed);
        }
    }

    /// Exactly so many.
    pub fn set(&self, labels: S, number: i64) {
        if let Some(cell) = self.cells.get(labels.place()) {
            cell.store(number, Relaxed);
        }
    }
}

pub(super) fn cells<T: Default>(count: usize) -> Arc<[T]> {
    std::iter::repeat_with(T::default).take(count).collect()
}

impl<S: Labels> EncodeMetric for Counters<S> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (place, (cell, expected)) in self.cells.iter().zip(self.expected.iter()).enumerate() {
            let number = cell.load(Relaxed);
            if number > 0 || *expected == Expected::Yes {
                encoder.encode_family(&S::pairs(place))?.encode_counter::<NoLabelSet, u64, u64>(&number, None)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl<S: Labels> EncodeMetric for Gauges<S> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (place, cell) in self.cells.iter().enumerate() {
            let number = cell.load(Relaxed);
            if number != 0 || self.unset == Unset::Zero {
                encoder.encode_family(&S::pairs(place))?.encode_gauge(&number)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
