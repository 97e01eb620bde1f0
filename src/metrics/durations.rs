//! Histograms of times. The library's takes a lock for each observation, which all cores would share; this one adds to
//! two numbers.

use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::{Labels, cells::cells};

/// Upper bounds of buckets, in microseconds.
pub(super) type Bounds = &'static [u64];

/// Of requests and their answers: 1 ms to a minute.
pub(super) const EXCHANGES: Bounds = &[
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];

/// Of signature checks: 50 µs to 5 s, since some wait for a key.
pub(super) const CHECKS: Bounds =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// Of streams: a second to twelve hours.
pub(super) const STREAMS: Bounds =
    &[1_000_000, 10_000_000, 60_000_000, 300_000_000, 1_800_000_000, 3_600_000_000, 14_400_000_000, 43_200_000_000];

/// How long something took, by labels. A handle; its clones observe in the same place.
#[derive(Debug, Clone)]
pub struct Durations<S> {
    bounds: Bounds,
    /// For each combination one for each bucket, the last for what is beyond all bounds.
    buckets: Arc<[AtomicU64]>,
    /// For each combination, in microseconds.
    sums: Arc<[AtomicU64]>,
    labels: PhantomData<S>,
}

impl<S: Labels> Durations<S> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let buckets = cells(S::COUNT * (bounds.len() + 1));
        Self { bounds, buckets, sums: cells(S::COUNT), labels: PhantomData }
    }

    /// It took so long.
    pub fn observe(&self, labels: S, took: Duration) {
        // Half a million years are enough.
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|bound| *bound < micros);
        let place = labels.place();
        if let (Some(bucket), Some(sum)) = (self.buckets(place).get(bucket), self.sums.get(place)) {
            bucket.fetch_add(1, Relaxed);
            sum.fetch_add(micros, Relaxed);
        }
    }

    /// How many there were in each bucket, of these combinations together.
    pub(super) fn totals(&self, of: &[S]) -> Vec<u64> {
        let mut totals = vec![0; self.bounds.len() + 1];
        for labels in of {
            for (total, bucket) in totals.iter_mut().zip(self.buckets(labels.place())) {
                *total += bucket.load(Relaxed);
            }
        }
        totals
    }

    fn buckets(&self, place: usize) -> &[AtomicU64] {
        let size = self.bounds.len() + 1;
        self.buckets.get(place * size..(place + 1) * size).unwrap_or_default()
    }
}

/// The time in which this share of all was done, as Prometheus' `histogram_quantile` estimates it: evenly spread in its
/// bucket. `None` where there was nothing.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(super) fn quantile(bounds: Bounds, buckets: &[u64], share: f64) -> Option<Duration> {
    let rank = share * buckets.iter().sum::<u64>() as f64;
    let (mut below, mut lower) = (0.0, 0);
    for (count, upper) in buckets.iter().zip(bounds) {
        let within = *count as f64;
        if within > 0.0 && below + within >= rank {
            let width = Duration::from_micros(upper - lower);
            return Some(Duration::from_micros(lower) + width.mul_f64((rank - below) / within));
        }
        (below, lower) = (below + within, *upper);
    }
    (rank > 0.0).then(|| Duration::from_micros(lower))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to three hundred years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl<S: Labels> EncodeMetric for Durations<S> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (place, sum) in self.sums.iter().enumerate() {
            let bounds = self.bounds.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
            let counts = self.buckets(place).iter().map(|bucket| bucket.load(Relaxed));
            let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
            // Counted from the buckets, so that both agree whatever is observed meanwhile.
            let count = buckets.iter().map(|(_, count)| count).sum();
            let (pairs, sum) = (S::pairs(place), seconds(sum.load(Relaxed)));
            if pairs.is_empty() {
                encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            } else {
                encoder.encode_family(&pairs)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_time_falls_into_the_first_bucket_it_does_not_exceed() {
        let times = Durations::<()>::new(&[1_000, 2_000]);
        for micros in [0, 999, 1_000, 1_001, 2_000, 2_001, u64::MAX] {
            times.observe((), Duration::from_micros(micros));
        }
        assert_eq!(times.totals(&[()]), [3, 2, 2]);
    }

    #[test]
    fn a_quantile_lies_in_its_bucket_where_prometheus_would_put_it() {
        let bounds: Bounds = &[1_000, 2_000, 4_000];
        assert_eq!(quantile(bounds, &[0, 0, 0, 0], 0.5), None);
        assert_eq!(quantile(bounds, &[10, 0, 0, 0], 0.5), Some(MILLI / 2));
        assert_eq!(quantile(bounds, &[0, 0, 10, 0], 0.5), Some(3 * MILLI));
        assert_eq!(quantile(bounds, &[50, 0, 50, 0], 0.99), Some(Duration::from_micros(3_960)));
        assert_eq!(quantile(bounds, &[0, 0, 0, 7], 0.99), Some(4 * MILLI), "no more is known than the last bound");
    }
}
