//! ruang: one public chat room that any number of stateless servers keep open together.
//!
//! The map, from the top. Each module imports only from those below it:
//!
//! | module | what it is |
//! |---|---|
//! | [`app`] | the composition root: choose the engine, wire, serve, drain |
//! | [`web`] | router, pages, sign-in, history API, health, assets, headers, languages |
//! | [`socket`] | upgrade, connection, limits of one WebSocket |
//! | [`room`] | the hub: recent messages, who is here, who hears what |
//! | [`session`] | the signed-in person and where sessions are kept |
//! | [`backplane`] | what instances share: the contract, and the engines `memory` and `redis` |
//! | [`redis`] | one supervised link to Redis, and the names of its keys |
//! | [`protocol`] | frames, ids and close codes of the wire |
//! | [`server`], [`settings`], [`telemetry`] | the listening socket, what people type, what operators see |
//! | [`name`], [`origin`], [`address`], [`rate`] | leaves: rules without I/O |
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod address;
pub mod app;
pub mod backplane;
pub mod name;
pub mod origin;
pub mod protocol;
pub mod rate;
pub mod redis;
pub mod room;
pub mod server;
pub mod session;
pub mod settings;
pub mod socket;
pub mod telemetry;
pub mod web;
pub mod websocket;
