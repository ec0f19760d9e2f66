//! The black-box tests: the real binary, spoken to as anybody would, alone and among real Redis, HAProxy and Chromium.
//!
//! One binary, so that it links once. `kit` starts and stops what a test needs; each other module is one side of the
//! program as `docs/protocol.md` promises it; `faults` takes Redis away in every way we know.
//! `conformance` holds the engines to the contract of the backplane.

#![allow(clippy::unwrap_used, reason = "in a test that is how it fails")]

mod browser;
mod cli;
mod clients;
mod cluster;
mod conformance;
mod docs;
mod faults;
mod haproxy;
mod http;
mod kit;
mod nginx_caddy;
mod observability;
mod operator;
mod safety;
mod sessions;
mod torture;
mod versions;
mod wire;
