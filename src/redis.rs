//! Redis as this program uses it: connections that come back, and the names of its keys.

mod keys;
mod link;

pub use keys::Keys;
pub use link::{Link, LinkError, Options};
