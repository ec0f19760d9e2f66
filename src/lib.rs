//! ruang: one public chat room, served by any number of stateless instances.
//!
//! The layers, from the top. A module imports only from modules in rows below its own, which `tests/layers.rs` checks
//! against this table:
//!
//! | modules | what they are |
//! |---|---|
//! | `main` | settings, telemetry, exit code |
//! | [`app`] | the composition root: chooses the engine, wires the modules, serves, drains; `ruang check` |
//! | [`web`], [`socket`] | pages, sign-in, history API, moderation; the life of one WebSocket |
//! | [`room`], [`settings`] | the hub: history cache, roster, fan-out; flags, environment and file |
//! | [`session`] | the signed-in person, and the store of sessions |
//! | [`backplane`] | what instances share: a contract, and the engines `memory` and `redis` |
//! | [`redis`], [`origin`] | one supervised connection and the names of all keys; allowed origins |
//! | [`server`], [`telemetry`], [`protocol`], [`automod`] | the listening socket; log, metrics and traces; frames, ids and close codes; rules for texts and names |
//! | [`name`], [`address`], [`brand`], [`rate`], [`transition`], [`websocket`], [`queue_memory`] | rules without I/O; RFC 6455 is one of them |
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod address;
pub mod app;
pub mod automod;
pub mod backplane;
pub mod brand;
pub mod name;
pub mod origin;
pub mod protocol;
pub mod queue_memory;
pub mod rate;
pub mod redis;
pub mod room;
pub mod server;
pub mod session;
pub mod settings;
pub mod socket;
pub mod telemetry;
pub mod transition;
pub mod web;
pub mod websocket;
