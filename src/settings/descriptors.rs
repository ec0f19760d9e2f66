//! The number of files and sockets that the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Used if the system sets no limit.
const UNLIMITED: u64 = 1_048_576;

/// Raises the soft limit to the hard one, and returns the limit in force.
pub fn raised() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // If this is refused, the previous limit stays.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED).min(UNLIMITED);
    usize::try_from(current).unwrap_or(usize::MAX)
}
