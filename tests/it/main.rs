//! The black-box tests: the real binary, spoken to as anybody would, alone and among real Redis, HAProxy and Chromium.
//!
//! One binary, so that it links once. `kit` starts and stops what a test needs; each other module is one side of the
//! program as `docs/protocol.md` promises it.

mod balancer;
mod browser;
mod cluster;
mod http;
mod kit;
mod wire;
