//! A proxy with its application behind it, and what both say to one presented credential.

use cognito_auth_proxy::dev::{Tokens, User};

use super::{
    client::Answer,
    draft::Draft,
    proxy::{Proxy, Setup, staff},
    upstream::{Seen, Upstream},
};

pub(crate) struct Door {
    pub(crate) upstream: Upstream,
    pub(crate) proxy: Proxy,
}

impl Door {
    /// Admits the group `staff`.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with these variables set; empty takes one away.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let proxy = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value)).start().await;
        Self { upstream, proxy }
    }

    /// What a member of `staff` would carry now.
    pub(crate) fn draft(&self) -> Draft {
        Draft::of(&self.proxy.issuer, &staff())
    }

    /// The draft, signed by the proxy's own issuer.
    pub(crate) fn sign(&self, draft: &Draft) -> Tokens {
        draft.signed(&self.proxy.issuer)
    }

    /// A page asked for by a script that carries these fields.
    pub(crate) async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        let script = ("Accept", "application/json");
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([script]).collect();
        self.proxy.send("GET /page", &all).await
    }

    /// The same for a user with tokens of now.
    pub(crate) async fn ask_as(&self, user: &User) -> Answer {
        self.ask(&self.proxy.issuer.tokens(user).fields()).await
    }

    /// Asserts that these fields are refused like this, and that the application was not asked.
    pub(crate) async fn refuses(&self, what: &str, fields: &[(&str, &str)], (status, code): (u16, &str)) -> Answer {
        let answer = self.ask(fields).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(answer.code(), code, "{what}");
        assert_eq!(self.upstream.unasked().len(), 0, "{what} reached the application");
        assert_keeps_secrets(what, fields, &answer);
        answer
    }

    /// Asserts that these fields are good; what the application saw.
    pub(crate) async fn admits(&self, what: &str, fields: &[(&str, &str)]) -> Seen {
        let answer = self.ask(fields).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{what}");
        self.upstream.next().await
    }
}

/// Nothing of a credential is in a refusal (attack class 6.32).
fn assert_keeps_secrets(what: &str, fields: &[(&str, &str)], answer: &Answer) {
    let said = format!("{:?} {}", answer.fields, answer.text());
    for (name, value) in fields.iter().filter(|(name, value)| name.starts_with("x-amzn-oidc-") && value.len() > 8) {
        let segments = value.split('.').filter(|segment| segment.len() > 8);
        for part in segments.chain([*value]) {
            assert!(!said.contains(part), "{what}: the refusal repeats {name}");
        }
    }
}

/// The fields of the ALB token `data` beside the access token and identity of `tokens`.
pub(crate) fn with_data<'a>(tokens: &'a Tokens, data: &'a str) -> [(&'static str, &'a str); 3] {
    let [_, access_token, identity] = tokens.fields();
    [("x-amzn-oidc-data", data), access_token, identity]
}

/// The fields of the access token `access_token` beside the rest of `tokens`.
pub(crate) fn with_access<'a>(tokens: &'a Tokens, access_token: &'a str) -> [(&'static str, &'a str); 3] {
    let [data, _, identity] = tokens.fields();
    [data, ("x-amzn-oidc-accesstoken", access_token), identity]
}

/// Asserts that the ALB token `data` is refused with this code, beside an access token and an identity that are good.
pub(crate) async fn refuses_data(door: &Door, what: &str, data: &str, code: &str) {
    let tokens = door.sign(&door.draft());
    door.refuses(what, &with_data(&tokens, data), (401, code)).await;
}

/// The same of what a member of `staff` would carry, bent in one thing and signed.
pub(crate) async fn refuses_draft(door: &Door, what: &str, code: &str, bend: impl FnOnce(&mut Draft)) {
    let tokens = door.sign(&door.draft().but(bend));
    door.refuses(what, &tokens.fields(), (401, code)).await;
}
