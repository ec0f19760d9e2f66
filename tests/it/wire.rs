//! The WebSocket part of the protocol, rule by rule, on both engines.

mod attention;
mod changes;
mod closing;
mod empty_room;
mod framing;
mod joining;
mod messages;
mod mistakes;
mod presence;
mod retention;
mod typing;
mod upgrade;
