//! How much memory the process may use.

use std::{fs, path::Path};

use rustix::process::{Resource, getrlimit};

/// Where control groups (version 2) are found.
const GROUPS: &str = "/sys/fs/cgroup";
/// Assumed where nothing is known.
const UNKNOWN: u64 = 1024 * 1024 * 1024;

/// Bytes: the least of what the control group, the resource limit and the machine allow.
pub fn available() -> usize {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    // In a container its own group is the root of what it sees.
    let own = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let groups = [format!("{GROUPS}{own}/memory.max"), format!("{GROUPS}/memory.max")];
    let limits = groups.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    let least = limits.chain(machine(Path::new("/proc/meminfo"))).chain(getrlimit(Resource::As).current).min();
    usize::try_from(least.unwrap_or(UNKNOWN)).unwrap_or(usize::MAX)
}

fn machine(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_bounds_what_there_is() {
        let machine = machine(Path::new("/proc/meminfo")).expect("a machine with memory");
        let available = available() as u64;
        assert!(available > 16 * 1024 * 1024 && available <= machine, "{available} of {machine}");
    }
}
