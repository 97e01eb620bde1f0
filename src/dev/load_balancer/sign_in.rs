//! The stand-in's own paths: the sign-in page, and the two forms on it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use url::form_urlencoded;

use super::{LoadBalancer, PREFIX, Trouble, pages, session::Presented};
use crate::{
    dev::{User, subject_of},
    ingress::{Addressee, LocalTarget, Received, Site},
};

/// The value of a ticked box.
pub(super) const ON: &str = "on";

/// The longest form: a few hundred groups fit.
const MAX_FORM: usize = 64 * 1024;

/// How long a form may take to come.
const FORM_PATIENCE: Duration = Duration::from_secs(10);

type Form = BTreeMap<String, String>;

impl LoadBalancer {
    /// Answers a request whose path begins with the stand-in's prefix; `path` is what follows it.
    pub(super) async fn own_pages(&self, path: &str, request: Request<Received>) -> Response<Bytes> {
        match (request.method(), path) {
            (&Method::GET | &Method::HEAD, "" | "/") => {
                let query = request.uri().query().unwrap_or_default().as_bytes();
                let form: Form = form_urlencoded::parse(query).into_owned().collect();
                self.sign_in_page(request.headers(), &return_to(&form))
            }
            (&Method::POST, "/sign-in" | "/trouble") => {
                if !is_own_page(&request) {
                    return refusal(
                        StatusCode::FORBIDDEN,
                        "Not from this page",
                        "Another site sent this form. Open the page here, and try again.",
                    );
                }
                let path = path.to_owned();
                match read_form(request).await {
                    Some(form) if path == "/trouble" => self.set_trouble(&form),
                    Some(form) => self.sign_in(&form),
                    None => bad_form(),
                }
            }
            _ => refusal(StatusCode::NOT_FOUND, "Not found", "There is nothing at this address."),
        }
    }

    fn sign_in_page(&self, fields: &HeaderMap, return_to: &LocalTarget) -> Response<Bytes> {
        let session = match self.sessions.of(fields) {
            Presented::Open(session) => Some(session),
            Presented::Ended | Presented::Nothing => None,
        };
        let page = pages::SignIn {
            personas: &self.personas,
            current: session.as_ref().map(|session| &session.user),
            return_to,
            trouble: self.trouble.active().trouble,
            sign_out: &self.sign_out,
            policy: &self.policy.load(),
        };
        html_page(StatusCode::OK, page.render())
    }

    fn sign_in(&self, form: &Form) -> Response<Bytes> {
        let Some(user) = self.user_of(form) else { return bad_form() };
        let Ok(cookies) = self.sessions.open(user) else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "Not signed in", "The system gives no random numbers.");
        };
        let mut response = see_other(return_to(form).into());
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// A persona as the form changed it, or somebody new.
    fn user_of(&self, form: &Form) -> Option<User> {
        let email = form.get("email").map(|email| email.trim()).filter(|email| !email.is_empty())?;
        let base = match form.get("persona") {
            Some(index) => self.personas.get(index.parse().ok()?)?.user.clone(),
            None => User::new(&subject_of(email), email),
        };
        let groups = form.get("groups").map(String::as_str).unwrap_or_default();
        Some(User {
            email: email.to_owned(),
            email_verified: form.get("email_verified").is_some_and(|value| value == ON),
            groups: groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect(),
            ..base
        })
    }

    fn set_trouble(&self, form: &Form) -> Response<Bytes> {
        let Some(trouble) = form.get("trouble").and_then(|value| Trouble::parse(value)) else { return bad_form() };
        self.trouble.set(trouble);
        see_other(sign_in_address(&return_to(form)))
    }
}

/// Where the sign-in page is that leads on to `return_to`.
pub(super) fn sign_in_address(return_to: &LocalTarget) -> HeaderValue {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("return", return_to.as_str()).finish();
    HeaderValue::try_from(format!("{PREFIX}/?{query}")).unwrap_or_else(|_| HeaderValue::from_static("/"))
}

fn return_to(form: &Form) -> LocalTarget {
    form.get("return").and_then(|text| LocalTarget::parse(text)).unwrap_or_else(LocalTarget::root)
}

/// Another site could otherwise sign a browser in, or make things go wrong.
fn is_own_page(request: &Request<Received>) -> bool {
    let fields = request.headers();
    let host = fields.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Site::of(request.method(), fields, Addressee { host, balancer_port: None, allowed: &[] }) == Site::Own
}

async fn read_form(request: Request<Received>) -> Option<Form> {
    let reading = Limited::new(request.into_body(), MAX_FORM).collect();
    let body = timeout(FORM_PATIENCE, reading).await.ok()?.ok()?.to_bytes();
    Some(form_urlencoded::parse(&body).into_owned().collect())
}

fn bad_form() -> Response<Bytes> {
    refusal(StatusCode::BAD_REQUEST, "Not understood", "The form is not complete. Go back, and try again.")
}

/// A page that says why there is nothing else to see.
pub(super) fn refusal(status: StatusCode, title: &str, advice: &str) -> Response<Bytes> {
    html_page(status, pages::message(title, advice))
}

pub(super) fn html_page(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The application is not to see where its user comes from; `no-referrer` would make the `Origin` of forms null.
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    // Its forms are answered with redirects to the application, which may lead anywhere, and browsers apply
    // `form-action` to these too.
    fields.insert(CONTENT_SECURITY_POLICY, crate::pages::form_security_policy("http: https:"));
    response
}

fn see_other(location: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
