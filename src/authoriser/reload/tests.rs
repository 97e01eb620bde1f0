use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use super::{pace::PERIOD, *};
use crate::{
    authoriser::{Initial, PolicyOrigin, initial},
    reload::Reload,
};

/// A watched policy file, and what was logged about it.
struct Watched {
    folder: TempDir,
    live: Arc<LiveAuthoriser>,
    log: Log,
    reload: Reload,
    metrics: Arc<Metrics>,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Watched {
    fn path(&self) -> PathBuf {
        self.folder.path().join("policy.json")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    /// The groups among a, b, c that are admitted.
    fn admitted(&self) -> String {
        let rules = format!("{:?}", self.live.load().rules().collect::<Vec<_>>());
        ["a", "b", "c"].into_iter().filter(|group| rules.contains(&format!("\"{group}\""))).collect()
    }

    fn lines(&self, level: &str) -> usize {
        self.text().lines().filter(|line| line.contains(level)).count()
    }

    fn text(&self) -> String {
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }
}

fn policy(group: &str) -> String {
    format!(r#"{{"allowed_groups": ["{group}"]}}"#)
}

fn section(path: &Path, when_empty: EmptyPolicy) -> config::Authoriser {
    config::Authoriser {
        policy: PolicySource::File(path.to_owned()),
        when_empty,
        email_rules: EmailRules::RequireVerified,
        public_paths: std::collections::BTreeSet::new(),
    }
}

/// Starts with a policy for group `a` and runs `script` while the file is watched.
async fn watching(when_empty: EmptyPolicy, script: impl AsyncFnOnce(&Watched)) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("policy.json");
    fs::write(&path, policy("a")).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let Initial { live, origin: PolicyOrigin::Kept(file) } = initial(&section(&path, when_empty)).await.unwrap() else {
        panic!("the policy is in a file");
    };
    let live = Arc::new(live);
    let (reload, metrics) = (Reload::default(), Arc::new(Metrics::default()));
    let following = Following { live: Arc::clone(&live), metrics: Arc::clone(&metrics), wishes: reload.wishes() };
    let watched = Watched { folder, live, log, reload, metrics, _guard };
    let stop = CancellationToken::new();
    let watching = file.follow(following, stop.clone());
    tokio::join!(watching, async {
        // Half a period beside the looks, so that it is certain which of them sees what.
        sleep(SETTLED + PERIOD / 2).await;
        script(&watched).await;
        stop.cancel();
    });
}

/// Operators are promised 5 s.
const SETTLED: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn what_the_process_started_with_is_not_applied_again() {
    watching(EmptyPolicy::Refuse, async |watched| {
        assert_eq!((watched.text().as_str(), watched.admitted().as_str()), ("", "a"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_file_is_applied_within_five_seconds() {
    watching(EmptyPolicy::Refuse, async |watched| {
        watched.write(&policy("b"));
        sleep(SETTLED).await;
        assert_eq!(watched.admitted(), "b");
        assert_eq!(watched.lines("ERROR"), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_renamed_over_is_applied() {
    watching(EmptyPolicy::Refuse, async |watched| {
        let next = watched.folder.path().join("next");
        fs::write(&next, policy("b")).unwrap();
        fs::rename(next, watched.path()).unwrap();
        sleep(SETTLED).await;
        assert_eq!(watched.admitted(), "b");
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn an_exchanged_symbolic_link_is_applied() {
    use std::os::unix::fs::symlink;
    watching(EmptyPolicy::Refuse, async |watched| {
        for version in ["b", "c"] {
            let folder = watched.folder.path().join(version);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("policy.json"), policy(version)).unwrap();
            let link = watched.folder.path().join("link");
            symlink(folder.join("policy.json"), &link).unwrap();
            fs::rename(link, watched.path()).unwrap();
            sleep(SETTLED).await;
            assert_eq!(watched.admitted(), version);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_keeps_the_last_policy_and_is_reported_once() {
    watching(EmptyPolicy::Refuse, async |watched| {
        let large = policy("b") + &" ".repeat(1024 * 1024);
        for (reported, broken) in ["secret-text", "{}", "", r#"{"allowed_group": ["b"]}"#, &large].iter().enumerate() {
            watched.write(broken);
            sleep(SETTLED * 10).await;
            assert_eq!(watched.admitted(), "a");
            assert_eq!(watched.lines("ERROR"), reported + 1, "{}", watched.text());
        }
        assert!(!watched.text().contains("secret-text"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_file_keeps_the_last_policy_and_its_return_is_applied() {
    watching(EmptyPolicy::AdmitAuthenticated, async |watched| {
        fs::remove_file(watched.path()).unwrap();
        sleep(SETTLED).await;
        assert_eq!((watched.admitted().as_str(), watched.lines("ERROR")), ("a", 1));
        assert!(watched.text().contains("entity not found"), "{}", watched.text());
        watched.write(&policy("b"));
        sleep(SETTLED).await;
        assert_eq!((watched.admitted().as_str(), watched.lines("ERROR")), ("b", 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_good_again_is_said_to_be() {
    watching(EmptyPolicy::Refuse, async |watched| {
        let before = watched.lines("INFO");
        watched.write("{");
        sleep(SETTLED).await;
        watched.write(&policy("a"));
        sleep(SETTLED).await;
        assert_eq!((watched.lines("ERROR"), watched.lines("INFO")), (1, before + 1));
        assert!(watched.metrics.render().contains("reload_failing{what=\"policy\"} 0"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_caught_half_written_is_neither_taken_nor_reported() {
    watching(EmptyPolicy::AdmitAuthenticated, async |watched| {
        // Each of these would be seen by exactly one look.
        for halfway in ["", "{}", r#"{"allowed_groups": ["c"]"#, r#"{"allowed_groups": ["c"]}"#] {
            watched.write(halfway);
            sleep(PERIOD).await;
            assert_eq!(watched.admitted(), "a");
        }
        watched.write(&policy("b"));
        sleep(SETTLED).await;
        assert_eq!((watched.admitted().as_str(), watched.lines("ERROR")), ("b", 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_file_admits_nobody_new_even_where_an_empty_policy_would() {
    watching(EmptyPolicy::AdmitAuthenticated, async |watched| {
        watched.write(" \n");
        sleep(SETTLED).await;
        assert_eq!((watched.admitted().as_str(), watched.lines("ERROR")), ("a", 1));
    })
    .await;
}

#[test]
fn an_empty_file_never_means_a_policy_without_rules() {
    for content in ["", " \r\n"] {
        let refused =
            Authoriser::from_content(content.as_bytes(), EmptyPolicy::AdmitAuthenticated, EmailRules::RequireVerified);
        assert!(matches!(refused, Err(PolicyError::NoContent)));
    }
}

#[tokio::test]
async fn a_process_does_not_start_without_its_policy_file() {
    let folder = TempDir::new().unwrap();
    for path in [folder.path().join("absent.json"), folder.path().to_owned()] {
        let refused = initial(&section(&path, EmptyPolicy::AdmitAuthenticated)).await.unwrap_err();
        assert!(matches!(refused, PolicyError::Kept { .. }));
        assert!(refused.to_string().contains(&path.display().to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_has_the_file_read_at_once_and_is_answered_in_the_log() {
    watching(EmptyPolicy::Refuse, async |watched| {
        watched.reload.wish();
        sleep(PERIOD).await;
        assert!(watched.text().contains("nothing has changed"), "{}", watched.text());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_takes_what_is_there_and_tells_again_what_is_wrong_with_it() {
    watching(EmptyPolicy::Refuse, async |watched| {
        for told in 1..=2 {
            watched.write("{");
            watched.reload.wish();
            sleep(PERIOD / 4).await;
            assert_eq!(watched.lines("ERROR"), told, "{}", watched.text());
            sleep(PERIOD).await;
        }
        watched.write(&policy("b"));
        watched.reload.wish();
        sleep(PERIOD / 4).await;
        assert_eq!(watched.admitted(), "b");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_wishes_is_one_look_a_second() {
    watching(EmptyPolicy::Refuse, async |watched| {
        let before = watched.lines("nothing has changed");
        for _ in 0..500 {
            watched.reload.wish();
            sleep(PERIOD / 50).await;
        }
        let answered = watched.lines("nothing has changed") - before;
        assert!((1..=11).contains(&answered), "{answered} looks in ten seconds");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_the_policy_is_counted() {
    watching(EmptyPolicy::Refuse, async |watched| {
        let counts = |line: &str| watched.metrics.render().lines().any(|found| found == line);
        watched.write("{");
        sleep(SETTLED).await;
        assert!(counts("cognito_auth_proxy_reloads_total{what=\"policy\",outcome=\"refused\"} 1"));
        assert!(counts("cognito_auth_proxy_policy_generation 0"), "the last good policy stays in force");
        assert!(counts("cognito_auth_proxy_reload_failing{what=\"policy\"} 1"));
        watched.write(&policy("b"));
        sleep(SETTLED).await;
        assert!(counts("cognito_auth_proxy_reloads_total{what=\"policy\",outcome=\"applied\"} 1"));
        assert!(counts("cognito_auth_proxy_policy_generation 1"));
        assert!(counts("cognito_auth_proxy_reload_failing{what=\"policy\"} 0"));
    })
    .await;
}
