//! The `dev` command as a process, and a browser's cookies in front of it.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use url::form_urlencoded;

use super::{
    client::{Answer, Wire, request},
    process::{Ended, Process},
};

/// A running `cognito-auth-proxy dev`.
pub(crate) struct Dev {
    pub(crate) process: Process,
    /// Where the browser goes.
    pub(crate) address: SocketAddr,
    /// Every line before the page was told, that line included, and those up to the end of the text.
    pub(crate) banner: Vec<String>,
    directory: tempfile::TempDir,
}

/// Somebody who is signed in: the value of `Cookie`.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) String);

impl Dev {
    /// In front of `upstream`, on free ports, in an empty directory.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        Self::with(upstream, &[], &[]).await
    }

    /// The same with more arguments and variables.
    pub(crate) async fn with(upstream: SocketAddr, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let upstream = format!("http://{upstream}");
        let all: Vec<&str> = ["--upstream", &upstream].into_iter().chain(arguments.iter().copied()).collect();
        Self::run(&all, variables, &[]).await
    }

    /// Runs `dev --port 0` with these arguments, variables and files in its working directory.
    pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let all: Vec<&str> = ["--port", "0"].into_iter().chain(arguments.iter().copied()).collect();
        Self::run_exactly(&all, variables, files).await
    }

    /// Runs `dev` with these arguments and no others.
    pub(crate) async fn run_exactly(arguments: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let (mut process, directory) = Self::launch(arguments, variables, files);
        let mut banner = Vec::new();
        while banner.last().is_none_or(|line: &String| !line.contains("Ctrl-C")) {
            banner.push(process.line().await);
        }
        let line = banner.iter().find(|line| line.contains("http://")).expect("a page to open");
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        Self { process, address, banner, directory }
    }

    /// Runs `dev` with these arguments to its end.
    pub(crate) async fn refused(arguments: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> Ended {
        let (process, _directory) = Self::launch(arguments, variables, files);
        process.ended().await
    }

    fn launch(arguments: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> (Process, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let home = directory.path().display().to_string();
        let variables: BTreeMap<String, String> = [("HOME", home.as_str()), ("TMPDIR", home.as_str())]
            .into_iter()
            .chain(variables.iter().copied())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let all: Vec<&str> = ["dev"].into_iter().chain(arguments.iter().copied()).collect();
        (Process::start_in(directory.path(), &all, &variables), directory)
    }

    /// Where it runs: nothing else uses the directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A line of the banner that begins with this word, without it.
    pub(crate) fn told(&self, word: &str) -> &str {
        let line = self.banner.iter().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("{word} in {:#?}", self.banner)).trim()
    }

    /// A request to it, as text: `app.example` in it stands for its own host.
    pub(crate) fn text(&self, request: &str) -> String {
        request.replace("app.example", &self.address.to_string())
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        let mut wire = Wire::connect(self.address).await;
        wire.send(self.text(&request(line, fields))).await;
        if line.starts_with("HEAD ") { wire.head().await } else { wire.answer().await }
    }

    /// One request of somebody who is signed in.
    pub(crate) async fn send_as(&self, user: &SignedIn, line: &str, fields: &[(&str, &str)]) -> Answer {
        let all: Vec<(&str, &str)> = [("Cookie", user.0.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.send(line, &all).await
    }

    /// Posts a form, as the page does.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let length = body.len().to_string();
        let own = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", length.as_str())];
        let all: Vec<(&str, &str)> = own.into_iter().chain(fields.iter().copied()).collect();
        let mut wire = Wire::connect(self.address).await;
        wire.send(self.text(&request(&format!("POST {path}"), &all)) + &body).await;
        wire.answer().await
    }

    /// Signs in with what a form says.
    pub(crate) async fn sign_in_with(&self, form: &[(&str, &str)]) -> SignedIn {
        let answer = self.post("/.dev/sign-in", form, &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        SignedIn(cookies(&answer).join("; "))
    }

    /// Signs in somebody with a verified address, in these groups.
    pub(crate) async fn sign_in(&self, email: &str, groups: &str) -> SignedIn {
        self.sign_in_with(&[("email", email), ("groups", groups), ("email_verified", "on")]).await
    }

    /// Makes something go wrong.
    pub(crate) async fn make_trouble(&self, trouble: &str) {
        let answer = self.post("/.dev/trouble", &[("trouble", trouble), ("return", "/x")], &[]).await;
        assert_eq!((answer.status, answer.field("location")), (303, Some("/.dev/?return=%2Fx")));
    }
}

/// The cookies an answer sets, as a browser would send them.
pub(crate) fn cookies(answer: &Answer) -> Vec<String> {
    answer.all("set-cookie").iter().map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect()
}
