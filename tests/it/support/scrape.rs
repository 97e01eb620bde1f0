//! What `/metrics` shows, as numbers by series, and how they move.

use std::{collections::BTreeMap, time::Instant};

use super::{PATIENCE, proxy::Proxy};

const PREFIX: &str = "cognito_auth_proxy_";

/// All series of one scrape, our prefix left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scrape(pub(crate) BTreeMap<String, f64>);

impl Scrape {
    /// Reads the text of `/metrics`.
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, number) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let series = series.strip_prefix(PREFIX).unwrap_or(series);
            (series.to_owned(), number.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        });
        Self(samples.collect())
    }

    pub(crate) async fn of(proxy: &Proxy) -> Self {
        Self::parse(&proxy.ask_admin("/metrics").await.text())
    }

    /// Every series that is counted of requests and is another number than in `before`: that is not the process' own,
    /// nor a time.
    fn moved_since(&self, before: &Self) -> BTreeMap<&str, f64> {
        let moved = self.0.iter().map(|(series, now)| {
            let then = before.0.get(series).copied().unwrap_or_default();
            (series.as_str(), now - then)
        });
        let is_time = |series: &str| ["_sum", "_bucket", "timestamp"].iter().any(|part| series.contains(part));
        moved.filter(|(series, by)| *by != 0.0 && !series.starts_with("process_") && !is_time(series)).collect()
    }

    /// Asserts that since this scrape these series have moved by so much, and no other has; the scrape of then.
    ///
    /// A client may have its answer before the request is over, so this waits for it.
    pub(crate) async fn moves(&self, proxy: &Proxy, expected: &[(&str, f64)]) -> Self {
        let expected: BTreeMap<&str, f64> = expected.iter().copied().collect();
        let began = Instant::now();
        loop {
            let now = Self::of(proxy).await;
            let moved = now.moved_since(self);
            if moved == expected {
                return now;
            }
            if began.elapsed() > PATIENCE {
                assert_eq!(moved, expected);
            }
            tokio::task::yield_now().await;
        }
    }
}
