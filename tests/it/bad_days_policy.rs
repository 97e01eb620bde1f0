//! A policy file that is emptied, cut, replaced by something else, removed or swapped while requests come: the last good
//! policy decides all of them, the next good one decides from one request on, and each problem is logged once.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use cognito_auth_proxy::dev::{Issuer, User};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::support::{
    client::{Wire, request},
    eventually, log,
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const STAFF: &str = r#"{"allowed_groups": ["staff"]}"#;
const READERS: &str = r#"{"allowed_groups": ["readers"]}"#;

/// Who the policy in force may be told by.
struct People {
    staff: String,
    reader: String,
    both: String,
    neither: String,
}

impl People {
    fn of(issuer: &Issuer) -> Self {
        let asking = |subject: &str, groups: &[&str]| {
            let tokens = issuer.tokens(&User::new(subject, "p@example.com").in_groups(groups));
            request("GET /page", &[&tokens.fields()[..], &[("Accept", "application/json")]].concat())
        };
        Self {
            staff: asking("staff", &["staff"]),
            reader: asking("reader", &["readers"]),
            both: asking("both", &["staff", "readers"]),
            neither: asking("neither", &["visitors"]),
        }
    }
}

/// Which policy an answer was given by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Staff,
    Readers,
}

/// Asks one request after the other on one connection: whether it was admitted.
async fn admitted(wire: &mut Wire, text: &str) -> bool {
    wire.send(text).await;
    let answer = wire.answer().await;
    match answer.status {
        200 => {
            assert_eq!(answer.text(), "hello");
            true
        }
        _ => {
            assert_eq!((answer.status, answer.code().as_str()), (403, "not_allowed"));
            false
        }
    }
}

/// Asks until told to stop. Each answer is one policy's, and nobody is answered by one that was replaced.
async fn traffic(address: SocketAddr, people: &People, stop: &AtomicBool, changed: &AtomicBool) -> Vec<By> {
    let mut wire = Wire::connect(address).await;
    let mut seen = vec![By::Staff];
    while !stop.load(Ordering::SeqCst) {
        assert!(admitted(&mut wire, &people.both).await, "either policy admits both");
        assert!(!admitted(&mut wire, &people.neither).await, "neither policy admits neither");
        for (text, yes, no) in [(&people.staff, By::Staff, By::Readers), (&people.reader, By::Readers, By::Staff)] {
            let by = if admitted(&mut wire, text).await { yes } else { no };
            if seen.last() != Some(&by) {
                seen.push(by);
            }
        }
        changed.store(seen.last() == Some(&By::Readers), Ordering::SeqCst);
    }
    seen
}

struct House {
    path: PathBuf,
    directory: TempDir,
    proxy: Proxy,
    people: People,
    _upstream: Upstream,
}

impl House {
    async fn new() -> Self {
        log::record();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.json");
        fs::write(&path, STAFF).unwrap();
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream)
            .await
            .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
            .set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap());
        let people = People::of(&setup.issuer);
        Self { path, directory, proxy: setup.start().await, people, _upstream: upstream }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn is_of(&self, line: &log::Line, message: &str) -> bool {
        line["message"].contains(message) && line.get("path") == Some(&self.path.display().to_string())
    }

    async fn not_taken(&self) {
        log::line("the error", |line| self.is_of(line, "last good policy stays in force")).await;
    }

    /// Puts a good policy in the place of whatever is there, in one step where it is a file.
    fn put(&self, text: &str) {
        let new = self.beside("policy.new");
        fs::write(&new, text).unwrap();
        if self.path.is_dir() {
            fs::rename(&self.path, self.beside("gone")).unwrap();
        }
        fs::rename(new, &self.path).unwrap();
    }
}

/// Breaks the file while requests come, waits until that was noticed, and puts the other policy there.
async fn broken_in_traffic(what: &str, break_it: impl Fn(&House)) {
    let house = House::new().await;
    let (stop, changed) = (AtomicBool::new(false), AtomicBool::new(false));
    let events = async {
        break_it(&house);
        house.not_taken().await;
        // The clock is the point: it stays broken for several more looks at it.
        let noticed = Instant::now();
        eventually("more looks", async || noticed.elapsed() > Duration::from_millis(4500)).await;
        assert!(!changed.load(Ordering::SeqCst), "{what}: a broken file changes nothing");
        house.put(READERS);
        eventually("the next good policy", async || changed.load(Ordering::SeqCst)).await;
        stop.store(true, Ordering::SeqCst);
    };
    let (seen, ()) = tokio::join!(traffic(house.proxy.address, &house.people, &stop, &changed), events);
    assert_eq!(seen, [By::Staff, By::Readers], "{what}: one change, and no way back");
    let errors = log::count(|line| house.is_of(line, "last good policy stays in force"));
    let applied = log::count(|line| house.is_of(line, "policy applied"));
    assert_eq!((errors, applied), (1, 1), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_the_file_the_last_good_policy_decides() {
    type Break = fn(&House);
    let ways: [(&str, Break); 10] = [
        ("emptied", |house| fs::write(&house.path, "").unwrap()),
        ("cut in the middle of a name", |house| fs::write(&house.path, &READERS[..25]).unwrap()),
        ("bytes", |house| fs::write(&house.path, [0xff, 0xfe, 0, 1]).unwrap()),
        ("2 MB", |house| fs::write(&house.path, READERS.to_owned() + &" ".repeat(2 << 20)).unwrap()),
        ("removed", |house| fs::remove_file(&house.path).unwrap()),
        ("a directory", |house| {
            fs::remove_file(&house.path).unwrap();
            fs::create_dir(&house.path).unwrap();
        }),
        ("a link to nowhere", |house| {
            fs::remove_file(&house.path).unwrap();
            symlink(house.beside("nowhere"), &house.path).unwrap();
        }),
        ("a link to itself", |house| {
            fs::remove_file(&house.path).unwrap();
            symlink(&house.path, &house.path).unwrap();
        }),
        ("a device", |house| {
            fs::remove_file(&house.path).unwrap();
            symlink("/dev/zero", &house.path).unwrap();
        }),
        ("a socket", |house| {
            fs::remove_file(&house.path).unwrap();
            drop(std::os::unix::net::UnixListener::bind(&house.path).unwrap());
        }),
    ];
    join_all(ways.map(async |(what, break_it)| broken_in_traffic(what, break_it).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_read_leaves_the_last_good_policy() {
    let upstream = Upstream::start().await;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("policy.json");
    fs::write(&path, STAFF).unwrap();
    let setup = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap());
    let people = People::of(&setup.issuer);
    let mut serving = setup.start_process_as_nobody(directory.path()).await;
    let mut wire = Wire::connect(serving.address).await;
    assert!(admitted(&mut wire, &people.staff).await && !admitted(&mut wire, &people.reader).await);
    owned_by_nobody(&path);
    fs::write(&path, READERS).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    serving.process.event("policy not taken, the last good policy stays in force").await;
    assert!(admitted(&mut wire, &people.staff).await && !admitted(&mut wire, &people.reader).await);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    serving.process.event("policy applied").await;
    assert!(!admitted(&mut wire, &people.staff).await && admitted(&mut wire, &people.reader).await);
    let ended = serving.terminated().await;
    let errors = ended.stdout.lines().filter(|line| line.contains("last good policy stays in force"));
    assert_eq!((ended.code, errors.count()), (Some(0), 1), "{}", ended.stdout);
}

/// Where tests run as root, the file is not: `nobody` is to be kept out by its mode, not by its owner.
fn owned_by_nobody(path: &Path) {
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_swapped_all_the_time_never_mixes_its_two_policies() {
    let house = House::new().await;
    let (first, second) = (house.beside("first.json"), house.beside("second.json"));
    fs::write(&first, STAFF).unwrap();
    fs::write(&second, READERS).unwrap();
    let (stop, changed) = (AtomicBool::new(false), AtomicBool::new(false));
    let swaps = async {
        let link = house.beside("link");
        for target in [&second, &first].into_iter().cycle().take(4001) {
            symlink(target, &link).unwrap();
            fs::rename(&link, &house.path).unwrap();
            tokio::task::yield_now().await;
        }
        // It rests at the second.
        eventually("the policy where the link rests", async || changed.load(Ordering::SeqCst)).await;
        stop.store(true, Ordering::SeqCst);
    };
    let (seen, ()) = tokio::join!(traffic(house.proxy.address, &house.people, &stop, &changed), swaps);
    assert_eq!(seen.last(), Some(&By::Readers));
    let errors = log::count(|line| house.is_of(line, "last good policy stays in force"));
    assert_eq!(errors, 0, "at no time was there no policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_slowly_is_not_judged_before_it_rests() {
    let house = House::new().await;
    let (stop, changed) = (AtomicBool::new(false), AtomicBool::new(false));
    let writing = async {
        // Never the same twice in a row, for longer than several looks at it; each is a policy that admits everybody here.
        let began = Instant::now();
        let mut length = 0;
        while began.elapsed() < Duration::from_millis(4500) {
            length += 1;
            let growing = format!(r#"{{"allowed_groups": ["staff", "readers", "visitors"]}}{}"#, " ".repeat(length));
            let new = house.beside("growing");
            fs::write(&new, growing).unwrap();
            fs::rename(new, &house.path).unwrap();
            tokio::task::yield_now().await;
        }
        assert!(!changed.load(Ordering::SeqCst));
        house.put(READERS);
        eventually("the policy that rests", async || changed.load(Ordering::SeqCst)).await;
        stop.store(true, Ordering::SeqCst);
    };
    let (seen, ()) = tokio::join!(traffic(house.proxy.address, &house.people, &stop, &changed), writing);
    assert_eq!(seen, [By::Staff, By::Readers], "nobody met a policy on its way");
}
