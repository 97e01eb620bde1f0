//! The policy file while the proxy runs: every complete change is applied, nothing broken ever is.

use std::{fs, path::PathBuf};

use cognito_auth_proxy::dev::User;
use tempfile::TempDir;

use crate::support::{
    door::Door,
    eventually, log,
    proxy::{Setup, staff},
    upstream::Upstream,
};

const STAFF: &str = r#"{"_comment": "the first", "allowed_groups": ["staff"]}"#;
const READERS: &str = r#"{"allowed_groups": ["readers"]}"#;

struct House {
    door: Door,
    path: PathBuf,
    directory: TempDir,
}

impl House {
    /// With a policy that admits `staff`.
    async fn new() -> Self {
        log::record();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.json");
        fs::write(&path, STAFF).unwrap();
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let proxy = setup
            .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
            .set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap())
            .start()
            .await;
        let house = Self { door: Door { upstream, proxy }, path, directory };
        house.admits_only_staff().await;
        house
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
    }

    fn rename_over(&self, text: &str) {
        let other = self.directory.path().join("policy.new");
        fs::write(&other, text).unwrap();
        fs::rename(other, &self.path).unwrap();
    }

    async fn logged(&self, message: &str) {
        let path = self.path.display().to_string();
        log::line(message, |line| line["message"].contains(message) && line.get("path") == Some(&path)).await;
    }

    /// The file was looked at, and not taken.
    async fn not_taken(&self) {
        self.logged("the last good policy stays in force").await;
    }

    async fn takes_readers(&self) {
        eventually("the new policy", async || self.door.ask_as(&readers()).await.status == 200).await;
        assert_eq!(self.door.upstream.next().await.claims()["groups"], serde_json::json!(["readers"]));
        let refused = self.door.proxy.issuer.tokens(&staff());
        self.door.refuses("staff", &refused.fields(), (403, "not_allowed")).await;
    }

    async fn admits_only_staff(&self) {
        let admitted = self.door.proxy.issuer.tokens(&staff());
        self.door.admits("staff", &admitted.fields()).await;
        let refused = self.door.proxy.issuer.tokens(&readers());
        self.door.refuses("readers", &refused.fields(), (403, "not_allowed")).await;
    }
}

fn readers() -> User {
    User::new("0f1e2d3c-0000-4000-8000-00000000000c", "rob@example.com").in_groups(&["readers"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_rewritten_in_place_is_applied() {
    let house = House::new().await;
    house.write(READERS);
    house.takes_readers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_renamed_over_is_applied() {
    let house = House::new().await;
    house.rename_over(READERS);
    house.takes_readers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_symbolic_link_is_followed() {
    let house = House::new().await;
    let target = house.directory.path().join("second.json");
    fs::write(&target, READERS).unwrap();
    fs::remove_file(&house.path).unwrap();
    std::os::unix::fs::symlink(target, &house.path).unwrap();
    house.takes_readers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_last_good_policy_and_the_next_good_one_is_applied() {
    let house = House::new().await;
    house.write(r#"{"allowed_groups": ["readers""#);
    house.not_taken().await;
    house.admits_only_staff().await;
    house.write(READERS);
    house.takes_readers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_leaves_the_last_good_policy() {
    let house = House::new().await;
    house.write(r#"{"allowed_groups": ["readers"], "allowed_gruops": ["x"]}"#);
    house.not_taken().await;
    house.admits_only_staff().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_without_a_rule_leaves_the_last_good_one() {
    let house = House::new().await;
    house.write(r#"{"allowed_groups": [], "require_all": true}"#);
    house.not_taken().await;
    house.admits_only_staff().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_leaves_the_last_good_policy() {
    let house = House::new().await;
    fs::remove_file(&house.path).unwrap();
    house.not_taken().await;
    house.admits_only_staff().await;
    house.write(READERS);
    house.takes_readers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_file_leaves_the_last_good_policy() {
    let house = House::new().await;
    house.write("");
    house.not_taken().await;
    house.admits_only_staff().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_says_nothing_leaves_the_last_good_one() {
    let house = House::new().await;
    house.write("{}");
    house.not_taken().await;
    house.admits_only_staff().await;
}
