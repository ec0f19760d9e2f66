//! What strangers try, and what an operator's secrets are kept from.

mod abuse;
mod exhaustion;
mod floods;
mod logs;
mod redis_tls;
mod redis_user;
mod requests;
mod sign_ins;
mod stalled_clients;
