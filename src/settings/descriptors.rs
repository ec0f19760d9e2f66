//! How many files and sockets the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any process needs here, where the system sets no limit.
const UNLIMITED: u64 = 1_048_576;

/// Raises the soft limit to the hard one, which any process may, and answers what holds then.
pub fn raised() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, what was allowed before still is.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED).min(UNLIMITED);
    usize::try_from(current).unwrap_or(usize::MAX)
}
