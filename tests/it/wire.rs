//! The WebSocket, rule by rule, as its part of the protocol says; on both engines.

mod ageing;
mod closing;
mod framing;
mod joining;
mod messages;
mod mistakes;
mod presence;
mod typing;
mod upgrade;
