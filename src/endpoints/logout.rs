//! Signing out: ends the load balancer's session, then Cognito's, then shows the landing page.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE},
};
use url::form_urlencoded;

use super::{html, relogin::expired_cookies};
use crate::{
    config::{self, CognitoLogout, RefusedNavigation},
    ingress::{FetchSite, Inbound, Site},
    pages,
    rejection::Rejection,
};

/// Answers `/.auth/logout`.
#[derive(Debug)]
pub struct Logout {
    cognito: CognitoLogout,
    landing: RefusedNavigation,
    cookie_name: String,
    /// Path of this endpoint, for the form of the question.
    action: String,
    /// The client id Cognito is told where the request names none.
    client_id: String,
}

impl Logout {
    /// `client_id` is the first configured app client; empty where none is.
    #[must_use]
    pub fn from_config(logout: &config::Logout, action: String, client_id: String) -> Self {
        Self {
            cognito: logout.cognito.clone(),
            landing: logout.landing.clone(),
            cookie_name: logout.cookie_name.clone(),
            action,
            client_id,
        }
    }

    /// Signs out, or asks first where another site may have sent the browser here. `client_id` is the verified one of
    /// the user, where there is a user.
    pub fn answer(&self, inbound: &Inbound, client_id: Option<&str>) -> Result<Response<Bytes>, Rejection> {
        if inbound.head.method == Method::POST {
            if inbound.site == Site::Foreign {
                return Err(Rejection::CrossSite);
            }
        } else if inbound.fetch_site == FetchSite::Foreign {
            let mut question = html(StatusCode::OK, pages::confirm_logout(&self.action));
            let policy = pages::form_security_policy(&self.form_targets());
            question.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            return Ok(question);
        }
        let mut response = match self.next(client_id.unwrap_or(&self.client_id)) {
            Some(location) => {
                let mut response = super::own(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
                response.headers_mut().insert(LOCATION, location);
                response
            }
            None => html(StatusCode::OK, pages::signed_out()),
        };
        for cookie in expired_cookies(&self.cookie_name, &inbound.cookies.names) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// The origins the form's answer leads through.
    fn form_targets(&self) -> String {
        let cognito = match &self.cognito {
            CognitoLogout::At(domain) => format!("https://{domain} "),
            CognitoLogout::Off => String::new(),
        };
        match &self.landing {
            RefusedNavigation::BuiltInPage => cognito,
            RefusedNavigation::Redirect(url) => cognito + &url.source(),
        }
    }

    /// Where the browser goes next; nowhere: the built-in page.
    fn next(&self, client_id: &str) -> Option<HeaderValue> {
        let landing = match &self.landing {
            RefusedNavigation::BuiltInPage => None,
            RefusedNavigation::Redirect(url) => Some(url.as_str()),
        };
        match (&self.cognito, landing) {
            (CognitoLogout::At(domain), Some(landing)) => {
                let query: String = form_urlencoded::Serializer::new(String::new())
                    .append_pair("client_id", client_id)
                    .append_pair("logout_uri", landing)
                    .finish();
                HeaderValue::try_from(format!("https://{domain}/logout?{query}")).ok()
            }
            (CognitoLogout::At(_) | CognitoLogout::Off, landing) => {
                landing.and_then(|landing| HeaderValue::from_str(landing).ok())
            }
        }
    }
}
