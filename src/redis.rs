//! Redis as this program uses it: connections that come back, how full it is, and the names of its keys.

mod complaint;
mod fullness;
mod keys;
mod link;

pub use complaint::{Complaint, Complaints, kind};
pub use fullness::{Fullness, Memory};
pub use keys::Keys;
pub use link::{Link, LinkError, Options};
