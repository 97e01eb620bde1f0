//! `explain`: may this user do that, and which rule decides? Asks the routes and the policy themselves, and says why.

use http::{Method, Uri};

use super::{ExitStatus, blocking, complain, failed, policy, refused, say};
use crate::{
    authenticator::Profile,
    authoriser::{Authoriser, Standing},
    config::{Config, EmailAddress, Environment, Flags, PolicySource},
    ingress::{Endpoint, Route, Routes, Safety, origin_form},
};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The configuration file and the settings given as flags.
    pub flags: Flags,
    /// The user's e-mail address.
    pub email: Option<String>,
    /// The groups the user is in.
    pub groups: Vec<String>,
    /// Whether the identity provider verified the address.
    pub email_verified: bool,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
}

/// What was asked, as a request would have it.
struct Asked {
    method: Method,
    path: String,
    profile: Profile,
}

/// An answer: `allow`, `deny` or `public`, the rule, and what else there is to say.
struct Answer {
    word: &'static str,
    because: String,
    notes: Vec<String>,
}

/// Answers on standard output. Exits 0 whatever the answer is: the question was answered.
#[must_use]
pub fn execute(question: &Question, environment: &Environment) -> ExitStatus {
    let config = match Config::load(&question.flags, environment) {
        Ok(config) => config,
        Err(errors) => return refused(&errors),
    };
    let asked = match Asked::from_question(question) {
        Ok(asked) => asked,
        Err(problem) => {
            complain(format_args!("error: {problem}"));
            return ExitStatus::Usage;
        }
    };
    let live = match blocking(policy::load(&config)) {
        Err(error) => return failed(&error),
        Ok(Ok(live)) => live,
        Ok(Err(error)) => {
            let _status = failed(&error);
            return ExitStatus::Usage;
        }
    };
    let Answer { word, because, notes } = answer(&config, &live.load(), &asked);
    say(format_args!("{word} {because}"));
    for note in notes {
        say(format_args!("  {note}"));
    }
    ExitStatus::Fine
}

impl Asked {
    fn from_question(question: &Question) -> Result<Self, &'static str> {
        let method =
            Method::from_bytes(question.method.as_bytes()).map_err(|_| "--method is not a method; write GET")?;
        let target = question.path.parse::<Uri>().ok().filter(|_| question.path.starts_with('/'));
        let target = target.ok_or("--path is not a path; write it as in the request, beginning with /")?;
        let email_address = match &question.email {
            None => None,
            Some(text) => {
                Some(EmailAddress::parse(text).map_err(|_| "--email is not an address; write ann@example.com")?)
            }
        };
        let profile = Profile {
            subject: "explained".to_owned(),
            client: String::new(),
            email: question.email.clone(),
            email_address,
            email_verified: Some(question.email_verified),
            username: None,
            name: None,
            given_name: None,
            family_name: None,
            groups: question.groups.clone(),
            expires_at: u64::MAX,
            session_expires_at: u64::MAX,
        };
        Ok(Self { method, path: target.path().to_owned(), profile })
    }
}

fn answer(config: &Config, policy: &Authoriser, asked: &Asked) -> Answer {
    let Asked { method, path, .. } = asked;
    if origin_form(method, &path.parse().unwrap_or_default()).is_err() {
        return Answer { word: "deny", because: format!("{method} is never forwarded (405)"), notes: Vec::new() };
    }
    let routes = Routes::new(config.server.reserved_prefix.clone(), config.authoriser.public_paths.clone());
    match routes.classify(path) {
        Route::Own(endpoint) => own(config, policy, endpoint, asked),
        Route::Public(_) => Answer {
            word: "public",
            because: format!("authoriser.public_paths{} lists {path}", layer(config, "authoriser.public_paths")),
            notes: vec!["forwarded without a user, whoever is signed in".to_owned()],
        },
        Route::Protected => by_policy(config, policy, asked),
    }
}

/// Our own endpoints: most need no user.
fn own(config: &Config, policy: &Authoriser, endpoint: Endpoint, asked: &Asked) -> Answer {
    let prefix = config.server.reserved_prefix.as_str();
    let answered = |word, because| Answer {
        word,
        because,
        notes: vec![format!("nothing under {prefix} (server.reserved_prefix) reaches the application")],
    };
    if !endpoint.allows(&asked.method) {
        return answered("deny", format!("{} answers {} only (405)", asked.path, endpoint.allow()));
    }
    match endpoint {
        Endpoint::Unknown => answered("deny", format!("nothing is at {} (404)", asked.path)),
        Endpoint::Health | Endpoint::Jwks | Endpoint::Logout | Endpoint::Ready => {
            answered("public", format!("the proxy answers {} itself, to anybody", asked.path))
        }
        Endpoint::Me => by_policy(config, policy, asked),
    }
}

fn by_policy(config: &Config, policy: &Authoriser, asked: &Asked) -> Answer {
    let profile = &asked.profile;
    let mut notes: Vec<String> = Vec::new();
    let (word, because) = match policy.grant(profile) {
        Some(grant) => {
            let deciding = policy.rules().filter(|rule| rule.grant(profile).is_some());
            let names: Vec<String> = deciding.map(|rule| place(config, rule.name())).collect();
            if grant.standing() == Standing::Admin {
                notes.push("as an admin: passes every rule, and the application is told is_admin".to_owned());
            }
            notes.push(format!("rules that admit this user: {}", names.join(", ")));
            ("allow", grant.to_string())
        }
        None => ("deny", "no rule admits this user (403 not_allowed)".to_owned()),
    };
    for rule in policy.rules().filter(|rule| rule.grant(profile).is_none()) {
        let verified = Profile { email_verified: Some(true), ..profile.clone() };
        let why = if rule.grant(&verified).is_some() {
            "would, if the address were verified (authoriser.require_verified_email)"
        } else {
            "does not name this user"
        };
        notes.push(format!("{} {why}", place(config, rule.name())));
    }
    if Safety::of(&asked.method) == Safety::Unsafe {
        notes.push(format!(
            "a {} that another site's page sends is refused all the same (403 cross_site)",
            asked.method
        ));
    }
    Answer { word, because, notes }
}

/// The rule, and where it is kept.
fn place(config: &Config, rule: &str) -> String {
    let key = format!("authoriser.{rule}");
    // That one is no part of a kept policy.
    if rule == "allow_any_authenticated" {
        return format!("{key}{}", layer(config, &key));
    }
    match &config.authoriser.policy {
        PolicySource::Aws { kept, .. } => format!("{rule} of the policy at AWS ({})", kept.store().key()),
        PolicySource::File(path) => format!("{rule} of the policy file {path:?}"),
        PolicySource::Inline(_) => format!("{key}{}", layer(config, &key)),
    }
}

fn layer(config: &Config, key: &str) -> String {
    let setting = config.settings.iter().find(|setting| setting.key == key);
    setting.map_or_else(String::new, |setting| format!(" ({})", setting.layer))
}
