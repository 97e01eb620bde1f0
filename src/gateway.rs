//! Step 2: the life of a request, top to bottom.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, header::SET_COOKIE};

use crate::{
    access::{AccessPolicy, Decision, Record},
    authenticator::{AuthenticationError, Authenticator, Credential, Identity},
    authoriser::{Authorised, LiveAuthoriser, Permit},
    endpoints::{Endpoints, Logout, Relogins, for_method},
    hints::Hints,
    ingress::{
        Arrival, Connection, Endpoint, Hygiene, Inbound, Progress, REQUEST_ID, Received, RequestBody, RequestIds, Room,
        Route, Routes, Site, Uploads,
    },
    rejection::{Petitioner, Reason, Refusals, Rejection},
    response::{Content, RecordedBody},
    server::Answer,
    spans::Spans,
    upstream::Upstream,
};

/// Everything a request meets.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) hygiene: Hygiene,
    pub(crate) routes: Routes,
    pub(crate) authenticator: Authenticator,
    pub(crate) authoriser: Arc<LiveAuthoriser>,
    pub(crate) uploads: Uploads,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) logout: Logout,
    pub(crate) relogins: Relogins,
    pub(crate) refusals: Refusals,
    pub(crate) request_ids: RequestIds,
    pub(crate) access: AccessPolicy,
    pub(crate) spans: Spans,
    pub(crate) hints: Hints,
}

impl Gateway {
    /// Answers one request. Never fails: a refusal is an answer too.
    ///
    /// What needs no waiting is done when this is called, so that the future, which every connection keeps room for, holds
    /// nothing of the request as it came.
    pub fn handle(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        connection: Connection,
    ) -> impl Future<Output = Response<RecordedBody>> + Send + use<> {
        let gateway = Arc::clone(self);
        let request_id = self.request_ids.assign(request.headers());
        let petitioner = Petitioner::of(&request, request_id.clone());
        let (method, target) = (request.method().clone(), request.uri().clone());
        let mut record = Record::begin(self.access.clone(), request_id.clone(), method.clone(), target);
        let arrival = Arrival { connection, request_id: request_id.clone() };
        let received = self.receive(request, arrival, &mut record);
        async move {
            let answered = match received {
                Ok((inbound, route)) => gateway.respond(inbound, route, &petitioner, &mut record).await,
                Err(rejection) => Err(rejection),
            };
            let mut response = answered.unwrap_or_else(|rejection| {
                record.refused(&rejection);
                gateway.hints.hear(&rejection);
                for_method(&method, gateway.refusals.answer(&rejection, &petitioner)).map(Content::Own)
            });
            response.headers_mut().insert(&REQUEST_ID, request_id);
            record.answered(response.status());
            response.map(|content| RecordedBody::new(content, record))
        }
    }

    /// What comes in, and where it goes.
    fn receive(
        &self,
        request: Request<RequestBody>,
        arrival: Arrival,
        record: &mut Record,
    ) -> Result<(Box<Inbound>, Route), Rejection> {
        let room = arrival.connection.room;
        let inbound = Box::new(Inbound::sanitise(request, arrival, &self.hygiene)?);
        record.client = inbound.forwarded.client();
        record.traced(&inbound.trace, self.spans.begin(&inbound));
        match self.routes.classify(inbound.head.target.path()) {
            // Only what is ours is answered, a load balancer's health checks above all.
            Route::Protected | Route::Public(_) if room == Room::None => Err(Rejection::Crowded),
            route @ (Route::Own(_) | Route::Protected | Route::Public(_)) => Ok((inbound, route)),
        }
    }

    async fn respond(
        &self,
        mut inbound: Box<Inbound>,
        route: Route,
        petitioner: &Petitioner,
        record: &mut Record,
    ) -> Result<Response<Content>, Rejection> {
        let permit = match route {
            // Boxed: the way of most requests is not to make room for it.
            Route::Own(endpoint) => return Box::pin(self.answer_own(endpoint, &inbound, record)).await.map(own),
            Route::Public(route) => Permit::Public(route),
            Route::Protected => match self.admit(&inbound, record).await {
                Ok(authorised) => Permit::User(authorised),
                Err(rejection) => {
                    let Some(relogin) = self.relogins.offer(&rejection, &inbound, petitioner.caller) else {
                        return Err(rejection);
                    };
                    // The browser sees no refusal; the operator has to hear of a clock that is off all the same.
                    self.hints.hear(&rejection);
                    record.refusal = Some(Reason::TokenExpired);
                    record.decided(Decision::Deny);
                    return Ok(own(relogin));
                }
            },
        };
        self.uploads.limit(&mut inbound)?;
        record.decided(match &permit {
            Permit::Public(_) => Decision::Public,
            Permit::User(_) => Decision::Allow,
        });
        let progress = inbound.body.progress();
        let call = record.span.call(&mut inbound.head);
        let answered = self.upstream.forward(permit, inbound).await;
        call.end(answered.as_ref());
        let response = answered?;
        record.answering = progress.map(Progress::answering);
        Ok(response.map(|body| Content::Answer(Box::new(body))))
    }

    /// The whole decision: who is it, does the request come from the application's own pages, may they?
    async fn admit(&self, inbound: &Inbound, record: &mut Record) -> Result<Authorised, Rejection> {
        let identity = self.authenticate(inbound, record).await?;
        if inbound.site == Site::Foreign {
            return Err(Rejection::CrossSite);
        }
        let authorised = self.authoriser.load().authorise(identity)?;
        record.granted_by = Some(authorised.granted_by().clone());
        Ok(authorised)
    }

    async fn authenticate(&self, inbound: &Inbound, record: &mut Record) -> Result<Identity, AuthenticationError> {
        let credential = Credential::from_presented(&inbound.presented)?;
        let identity = self.authenticator.authenticate(credential).await?;
        record.profile = Some(Arc::clone(identity.profile()));
        Ok(identity)
    }

    async fn answer_own(
        &self,
        endpoint: Endpoint,
        inbound: &Inbound,
        record: &mut Record,
    ) -> Result<Response<Bytes>, Rejection> {
        if !endpoint.allows(&inbound.head.method) {
            return Err(Rejection::MethodNotAllowed { allow: endpoint.allow() });
        }
        if endpoint == Endpoint::Ready {
            // "Not ready" is an answer, not a refusal.
            record.decision = Decision::Own;
        }
        let response = match endpoint {
            Endpoint::Health => self.endpoints.health(),
            Endpoint::Jwks => self.endpoints.jwks(),
            Endpoint::Logout => {
                // Whoever is not admitted may still sign out, and at the client they signed in with.
                let user = self.authenticate(inbound, record).await.ok();
                let answer = self.logout.answer(inbound, user.as_ref().map(|user| user.profile().client.as_str()))?;
                if answer.headers().contains_key(SET_COOKIE) {
                    record.signed_out();
                }
                answer
            }
            Endpoint::Me => Endpoints::me(&self.admit(inbound, record).await?)?,
            Endpoint::Ready => self.endpoints.ready().await?,
            Endpoint::Unknown => return Err(Rejection::NotFound),
        };
        record.decision = Decision::Own;
        Ok(for_method(&inbound.head.method, response))
    }
}

fn own(response: Response<Bytes>) -> Response<Content> {
    response.map(Content::Own)
}

impl Answer for Gateway {
    type Body = RecordedBody;

    fn answer(
        self: Arc<Self>,
        request: Request<Received>,
        connection: Connection,
    ) -> impl Future<Output = Response<RecordedBody>> + Send {
        self.handle(request.map(RequestBody::Received), connection)
    }
}
