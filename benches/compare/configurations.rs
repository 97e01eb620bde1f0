//! The configurations of nginx and HAProxy, as somebody would write them who wants them fast.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rsa::PublicEncryptingKey,
    signature::RsaPublicKeyComponents,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use cognito_auth_proxy::dev::Issuer;
use serde_json::Value;

use super::Outcome;

/// Whether nginx writes an access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Off,
    File,
}

/// What HAProxy checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    Nothing,
    BothTokens,
}

/// nginx as the application: 64 bytes.
pub(crate) fn application(folder: &Path, port: u16) -> Outcome<PathBuf> {
    let answer = "a".repeat(64);
    let server = format!(
        "server {{ listen 127.0.0.1:{port} backlog=4096; default_type text/plain; location / {{ return 200 \"{answer}\"; }} }}"
    );
    nginx(folder, "application", "access_log off;", &server)
}

/// nginx as a reverse proxy. Nothing of an upload or of events is held back.
pub(crate) fn proxy(folder: &Path, port: u16, upstream: u16, log: Log) -> Outcome<PathBuf> {
    let server = format!(
        "upstream app {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
         server {{
           listen 127.0.0.1:{port} backlog=4096;
           proxy_http_version 1.1;
           proxy_set_header Connection \"\";
           proxy_set_header Host $host;
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
           location / {{ proxy_pass http://app; }}
           location /events {{ proxy_pass http://app; proxy_buffering off; proxy_read_timeout 1h; }}
           location /upload {{ proxy_pass http://app; proxy_request_buffering off; client_max_body_size 0; }}
         }}"
    );
    let log = match log {
        Log::Off => "access_log off;".to_owned(),
        Log::File => format!("access_log {}/access-{port}.log combined;", folder.display()),
    };
    nginx(folder, &format!("nginx-{port}"), &log, &server)
}

fn nginx(folder: &Path, name: &str, log: &str, server: &str) -> Outcome<PathBuf> {
    let base = folder.join(name);
    let base = base.display();
    let mut text = format!(
        "worker_processes 1; daemon off; master_process off; pid {base}.pid; error_log {base}.log warn;
         events {{ worker_connections 19000; }}
         http {{
         {log}
         keepalive_requests 1000000000; keepalive_timeout 75s; large_client_header_buffers 8 32k;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {base}.{kind};")?;
    }
    text += server;
    text += "\n}\n";
    write(folder, &format!("{name}.conf"), &text)
}

/// HAProxy. Its `jwt_verify` looks at the signature alone; when the access token expires is asked besides, and the groups
/// are not.
///
/// It cannot decode base64 with padding, which a load balancer's token has in all three parts. Header and payload are
/// signed as text and need no decoding for that; only the signature's padding goes.
pub(crate) fn haproxy(folder: &Path, port: u16, upstream: u16, checks: Checks) -> Outcome<PathBuf> {
    let folder_name = folder.display();
    let checks = match checks {
        Checks::Nothing => String::new(),
        Checks::BothTokens => format!(
            r#"  http-request set-var(txn.alb) req.hdr(x-amzn-oidc-data),regsub('=+$','')
  http-request deny deny_status 401 unless {{ var(txn.alb),jwt_verify("ES256","{folder_name}/alb.pem") 1 }}
  http-request set-var(txn.access) req.hdr(x-amzn-oidc-accesstoken)
  http-request deny deny_status 401 unless {{ var(txn.access),jwt_verify("RS256","{folder_name}/pool.pem") 1 }}
  http-request set-var(txn.exp) var(txn.access),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
"#
        ),
    };
    let text = format!(
        "global
  nbthread 1
  maxconn 8000
  tune.bufsize 32768
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 1h
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend in
  bind 127.0.0.1:{port} backlog 4096
{checks}  default_backend app
backend app
  option forwardfor
  server app 127.0.0.1:{upstream}
"
    );
    write(folder, &format!("haproxy-{port}.cfg"), &text)
}

/// Leaves the issuer's public keys where HAProxy reads them.
pub(crate) fn write_keys(folder: &Path, issuer: &Issuer) -> Outcome {
    write(folder, "alb.pem", issuer.alb_pem())?;
    write(folder, "pool.pem", &pool_pem(&serde_json::from_str(&issuer.jwks())?)?)?;
    Ok(())
}

fn pool_pem(jwks: &Value) -> Outcome<String> {
    let member = |name: &str| {
        let text =
            jwks.pointer(&format!("/keys/0/{name}")).and_then(Value::as_str).ok_or("no such member in the key set")?;
        Outcome::Ok(BASE64_URL_SAFE_NO_PAD.decode(text)?)
    };
    let components = RsaPublicKeyComponents { n: member("n")?, e: member("e")? };
    let key: PublicEncryptingKey = components.try_into()?;
    let der: PublicKeyX509Der<'_> = key.as_der()?;
    let text = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
}

fn write(folder: &Path, name: &str, text: &str) -> Outcome<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}
