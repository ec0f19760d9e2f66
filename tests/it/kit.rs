//! Building blocks of the black-box tests: real processes that end with their test, clients that use public routes only, and
//! waits with a deadline and a description.

pub mod authority;
pub mod bots;
pub mod browser;
pub mod caddy_tls;
pub mod cluster;
pub mod collector;
pub mod dns;
pub mod engines;
pub mod front;
pub mod gateway;
pub mod haproxy;
pub mod http_client;
pub mod https;
pub mod instance;
pub mod nginx_caddy;
pub mod operator;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod redis_cluster;
pub mod schema;
pub mod sentinel;
pub mod tls_front;
pub mod tokens;
pub mod transcript;
pub mod wait;
pub mod ws_client;

pub use browser::Browser;
pub use cluster::{Cluster, Engine};
pub use haproxy::Haproxy;
pub use http_client::{HttpClient, Response};
pub use https::Https;
pub use instance::Instance;
pub use proxy::Proxy;
pub use redis::Redis;
pub use transcript::Transcript;
pub use wait::{SOON, eventually};
pub use ws_client::WsClient;
