//! What we state to the application. Runs last: everything that removes fields has run before.

use http::{HeaderValue, Request, header::HOST};

use super::{UpstreamError, assertion::Asserter};
use crate::{
    authoriser::Permit,
    config::{self, AlbHeaders, Preset},
    ingress::{Field, Handshake, Inbound, Presented, RequestBody},
};

/// How requests are dressed for the application.
#[derive(Debug)]
pub(super) struct Outbound {
    host: HostPolicy,
    alb_headers: AlbHeaders,
}

#[derive(Debug)]
enum HostPolicy {
    /// The client's `Host` goes on.
    Unchanged,
    /// The application's own address stands there.
    Own(HeaderValue),
}

impl Outbound {
    /// Takes what it needs of the configuration.
    pub(super) fn from_config(upstream: &config::Upstream) -> Self {
        let host = match upstream.preset {
            // With the public host in `Host`, Gradio answers any `Origin` with credentials (upstreams.md).
            Preset::Gradio => {
                HeaderValue::try_from(upstream.address.authority()).map_or(HostPolicy::Unchanged, HostPolicy::Own)
            }
            Preset::FastApi | Preset::Generic | Preset::Streamlit => HostPolicy::Unchanged,
        };
        Self { host, alb_headers: upstream.alb_headers }
    }

    /// The request as the application gets it, and what its connection is to become.
    pub(super) fn dress(
        &self,
        permit: &Permit,
        inbound: Box<Inbound>,
        asserter: &Asserter,
    ) -> Result<(Box<Request<RequestBody>>, Handshake), UpstreamError> {
        let Inbound { head, body, presented, forwarded, handshake, request_id, .. } = *inbound;
        let mut fields = head.fields;
        forwarded.set(&mut fields, &head.host);
        let host = match &self.host {
            HostPolicy::Unchanged => head.host,
            HostPolicy::Own(own) => own.clone(),
        };
        fields.insert(HOST, host);
        fields.insert(&crate::ingress::REQUEST_ID, request_id);
        if let Handshake::WebSocket { .. } = &handshake {
            fields.insert(http::header::CONNECTION, HeaderValue::from_static("Upgrade"));
            fields.insert(http::header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        match permit {
            Permit::Public(_) => {}
            Permit::User(authorised) => {
                match self.alb_headers {
                    AlbHeaders::Drop => {}
                    AlbHeaders::PassVerified => put_back(presented, &mut fields),
                    AlbHeaders::PassVerifiedData => put_back(presented.without_access_token(), &mut fields),
                }
                let statement = asserter.sign(authorised, std::time::SystemTime::now())?;
                fields.insert(asserter.header(), statement);
            }
        }
        let mut request = Box::new(Request::new(body));
        *request.method_mut() = head.method;
        *request.uri_mut() = head.target;
        *request.headers_mut() = fields;
        Ok((request, handshake))
    }
}

/// Only for an authorised user, and only what was verified on the way to being one.
fn put_back(presented: Presented, fields: &mut http::HeaderMap) {
    for (name, field) in [
        ("x-amzn-oidc-data", presented.data),
        ("x-amzn-oidc-accesstoken", presented.access_token),
        ("x-amzn-oidc-identity", presented.identity),
    ] {
        match field {
            Field::Once(value) => {
                fields.insert(name, value);
            }
            Field::Absent | Field::Repeated => {}
        }
    }
}
