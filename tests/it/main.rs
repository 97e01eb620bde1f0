//! Behaviour over real sockets: one binary, one file per topic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod alb_claims;
mod alb_encoding;
mod alb_fields;
mod alb_signature;
mod assertion;
mod attacks_credentials;
mod attacks_names;
mod attacks_refusals;
mod attacks_requests;
mod authoriser;
mod bad_days_application;
mod bad_days_crowds;
mod bad_days_descriptors;
mod bad_days_drain;
mod bad_days_flood;
mod bad_days_keys;
mod bad_days_policy;
mod bad_days_restarts;
mod bad_days_rotation;
mod binary;
mod build_commit;
mod cache;
mod check_order;
mod cognito;
mod connections;
mod cross_site;
mod dev_balancer;
mod dev_command;
mod dev_mode;
mod dev_sign_in;
mod doctor;
mod doctor_token;
mod drain;
mod endpoints;
mod explain;
mod flood;
mod forwarding;
mod headers;
mod hints;
mod http2;
mod keys;
mod limits_connections;
mod limits_frames;
mod limits_open_files;
mod limits_requests;
mod limits_silence;
mod logs;
mod logs_audit;
mod logs_keys;
mod logs_messages;
mod logs_output;
mod logs_schema;
mod malformed;
mod manual;
mod metrics;
mod metrics_emf;
mod metrics_table;
mod outgoing;
mod pages;
mod policy_aws;
mod policy_aws_credentials;
mod policy_aws_outgoing;
mod raw_classes;
mod raw_headers;
mod raw_headers_http2;
mod raw_http2;
mod raw_kinds;
mod raw_messages;
mod raw_origins;
mod raw_paths;
mod raw_redirects;
mod raw_secrets;
mod raw_smuggling;
mod raw_stage;
mod raw_tokens;
mod rejection;
mod reload;
mod routes;
mod signing_keys;
mod spans;
mod spans_outage;
mod spans_outgoing;
mod story;
mod streaming;
mod streams;
mod support;
mod tls;
mod tls_limits;
mod tls_reload;
mod trace_context;
mod trust;
mod upgrade;
mod websocket;
