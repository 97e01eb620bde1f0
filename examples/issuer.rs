//! A stand-in for AWS as a process of its own, for tests in other languages: it serves the keys and mints tokens.
//!
//! Prints one line of JSON, the addresses and what to configure the proxy with, then serves until it is killed:
//!
//! ```text
//! GET <mint_url>?email=a@example.com&sub=a&groups=staff,admins&ttl=120&access_ttl=3600
//! ```
//!
//! answers the three identity fields by name. `client` and `iss` are what the load balancer's token says in the place of the
//! usual ones, for an access token of somebody else's pool. `ttl` and `access_ttl` are the seconds until the load balancer's and the
//! access token expire, negative for expired ones; `access_ttl` is `ttl` unless given.

use std::{
    convert::Infallible,
    error::Error,
    io::{self, Write},
    net::Ipv4Addr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, Tokens, User};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::form_urlencoded;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::generate(Parties::default())?;
    let (keys, serve_keys) = KeyEndpoint::bind(&issuer).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let Parties { signer, client, issuer: iss, access_issuer: _ } = issuer.parties();
    let facts = json!({
        "alb_arn": signer,
        "client_id": client,
        "user_pool_id": iss.rsplit('/').next(),
        "keys_url": keys.alb_url(),
        "jwks_url": keys.jwks_url(),
        "mint_url": format!("http://{}/mint", listener.local_addr()?),
    });
    writeln!(io::stdout(), "{facts}")?;
    tokio::join!(serve_keys, serve(listener, Arc::new(issuer)));
    Ok(())
}

async fn serve(listener: TcpListener, issuer: Arc<Issuer>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(converse(stream, Arc::clone(&issuer)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, issuer: Arc<Issuer>) {
    let answer = |request: Request<Incoming>| {
        let answer = answer(&issuer, &request);
        async { Ok::<_, Infallible>(answer) }
    };
    // A client that hangs up has what it wanted.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

fn answer(issuer: &Issuer, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = match request.uri().path() {
        "/mint" => match Order::parse(request.uri().query().unwrap_or_default()) {
            Ok(order) => (StatusCode::OK, order.fill(issuer)),
            Err(name) => (StatusCode::BAD_REQUEST, json!({ "unknown or malformed parameter": name })),
        },
        _ => (StatusCode::NOT_FOUND, json!({ "unknown path": request.uri().path() })),
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

/// What a caller wants: for whom, and how long it is good.
struct Order {
    user: User,
    ttl: i64,
    access_ttl: Option<i64>,
    /// What the load balancer's token says otherwise, by claim.
    otherwise: Map<String, Value>,
}

impl Order {
    /// Reads a query; fails with the name of the parameter that makes no sense.
    fn parse(query: &str) -> Result<Self, String> {
        let user = User::new("user-1", "user@example.com");
        let mut order = Self { user, ttl: 120, access_ttl: None, otherwise: Map::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "email" => order.user.email = value.into_owned(),
                "email_verified" => order.user.email_verified = value.parse().map_err(|_| name.into_owned())?,
                // Cognito's user name is usually the subject.
                "sub" => (order.user.sub, order.user.username) = (value.clone().into_owned(), value.into_owned()),
                "name" => order.user.name = Some(value.into_owned()),
                "groups" => {
                    order.user.groups = value.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect()
                }
                "client" | "iss" => {
                    order.otherwise.insert(name.into_owned(), value.into_owned().into());
                }
                "ttl" => order.ttl = value.parse().map_err(|_| name.into_owned())?,
                "access_ttl" => order.access_ttl = Some(value.parse().map_err(|_| name.into_owned())?),
                _ => return Err(name.into_owned()),
            }
        }
        Ok(order)
    }

    fn fill(&self, issuer: &Issuer) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let data_expires = now.saturating_add_signed(self.ttl);
        let access_expires = now.saturating_add_signed(self.access_ttl.unwrap_or(self.ttl));
        let tokens = Tokens {
            data: issuer.sign_alb(
                &self.changed(&issuer.alb_header(data_expires)),
                &self.changed(&issuer.alb_payload(&self.user, data_expires)),
            ),
            access_token: issuer
                .sign_access(&issuer.access_header(), &self.access_payload(issuer, now, access_expires)),
            identity: self.user.sub.clone(),
        };
        Value::Object(tokens.fields().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// The same claims, with what is wanted otherwise.
    fn changed(&self, text: &str) -> String {
        let mut claims: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        for (name, value) in &self.otherwise {
            claims.entry(name.clone()).and_modify(|claim| *claim = value.clone());
        }
        Value::Object(claims).to_string()
    }

    /// The issuer's payload with another end.
    fn access_payload(&self, issuer: &Issuer, now: u64, expires: u64) -> String {
        let text = issuer.access_payload(&self.user, now);
        let mut claims: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
        claims.insert("exp".to_owned(), expires.into());
        Value::Object(claims).to_string()
    }
}
