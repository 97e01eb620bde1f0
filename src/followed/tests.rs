use std::{
    fs,
    sync::{Arc, Mutex},
};

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::*;
use crate::reload::Reload;

const BROKEN: ValueError = ValueError { problem: "is broken", remedy: "mend it" };

/// A followed pair of files, and everything that was taken of them.
struct Pair {
    directory: tempfile::TempDir,
    taken: Arc<Mutex<Vec<String>>>,
    reload: Reload,
    metrics: Arc<Metrics>,
}

impl Pair {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pair = Self { directory, taken: Arc::default(), reload: Reload::default(), metrics: Arc::default() };
        pair.write("a", "one");
        pair.write("b", "two\n");
        let file = |name: &str, text: &str| SecretFile {
            path: pair.directory.path().join(name),
            text: Secret::from_text(text.to_owned()),
        };
        let followed = Followed::new([file("a", "one"), file("b", "two")]);
        let (taken, wishes, metrics) = (Arc::clone(&pair.taken), pair.reload.wishes(), Arc::clone(&pair.metrics));
        TaskTracker::new().spawn(async move {
            let take = |texts: &[Secret]| {
                let all = texts.iter().map(Secret::expose).collect::<Vec<_>>().join("+");
                if all.contains("broken") {
                    return Err(BROKEN);
                }
                taken.lock().unwrap().push(all);
                Ok(())
            };
            followed.follow(wishes, (Reloaded::SigningKeys, &metrics), take).await;
        });
        pair
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits for what is certain to come.
    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let patient = async {
            while !what(self) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PERIOD * 60, patient).await.unwrap();
    }

    fn counted(&self, outcome: &str) -> bool {
        let line = format!("cognito_auth_proxy_reloads_total{{what=\"signing_keys\",outcome=\"{outcome}\"}} 1");
        self.metrics.render().lines().any(|found| found == line)
    }
}

#[test]
fn what_moves_from_one_file_to_the_next_is_a_change() {
    let of = |texts: [&str; 2]| hash(&texts.map(|text| Secret::from_text(text.to_owned())));
    assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    assert_eq!(of(["ab", "c"]), of(["ab", "c"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_taken_together_and_what_is_in_force_is_not_taken_again() {
    let pair = Pair::new();
    pair.write("b", "three");
    pair.until(|pair| pair.counted("applied")).await;
    // Not the line end either, which was there from the start.
    assert_eq!(pair.taken(), ["one+three"]);
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_granted_at_once() {
    let pair = Pair::new();
    // The clock stands still: whoever waits for it is not granted anything.
    pair.write("a", "1");
    pair.reload.wish();
    pair.until(|pair| pair.taken().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_or_gone_is_refused_and_counted() {
    let pair = Pair::new();
    pair.write("a", "broken");
    pair.until(|pair| pair.counted("refused")).await;
    fs::remove_file(pair.directory.path().join("b")).unwrap();
    pair.write("a", "four");
    pair.until(|pair| pair.metrics.render().contains("outcome=\"refused\"} 2")).await;
    assert!(pair.metrics.render().contains("reload_failing{what=\"signing_keys\"} 1"));
    assert!(pair.taken().is_empty(), "half of a pair");
    pair.write("b", "five");
    pair.until(|pair| pair.counted("applied")).await;
    assert_eq!(pair.taken(), ["four+five"]);
    assert!(pair.metrics.render().contains("reload_failing{what=\"signing_keys\"} 0"));
}

/// Reading it would wait for a writer for ever, and no later file would be looked at.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_refused_and_what_takes_its_place_is_taken() {
    let pair = Pair::new();
    let path = pair.directory.path().join("a");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    pair.until(|pair| pair.counted("refused")).await;
    fs::remove_file(&path).unwrap();
    pair.write("a", "six");
    pair.until(|pair| pair.counted("applied")).await;
    assert_eq!(pair.taken(), ["six+two"]);
}
