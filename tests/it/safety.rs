//! Hostile clients, exhausted resources, secrets in logs, and access to Redis.

mod abuse;
mod exhaustion;
mod floods;
mod guesses;
mod logs;
mod reads;
mod redis_tls;
mod redis_user;
mod requests;
mod sign_ins;
mod slow_lines;
mod stalled_clients;
mod texts;
