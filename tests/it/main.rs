//! Black-box tests of the real binary, alone and with real Redis, HAProxy, Chromium and others.
//!
//! One test binary, so that it links once. `kit` starts and stops the processes a test needs. Each other module covers one
//! part of the program as `docs/protocol.md` describes it; `faults` injects Redis and network failures.
//! `conformance` checks both engines against the contract of the backplane.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod base_path;
mod bots;
mod browser;
mod cli;
mod clients;
mod cluster;
mod conformance;
mod deploy_a_server;
mod docs;
mod faults;
mod haproxy;
mod http;
mod kit;
mod nginx_caddy;
mod observability;
mod operator;
mod proxy_users;
mod safety;
mod schema;
mod sessions;
mod tokens;
mod torture;
mod versions;
mod wire;
