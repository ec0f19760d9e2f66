//! The WebSocket, rule by rule, as its part of the protocol says; on both engines.

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
