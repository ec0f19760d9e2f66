//! How much memory the process may use.

use std::{fs, path::Path};

use rustix::process::{Resource, getrlimit};

/// The mount point of control groups (version 2).
const GROUPS: &str = "/sys/fs/cgroup";
/// Assumed if no limit can be read.
const UNKNOWN: u64 = 1024 * 1024 * 1024;

/// Returns the smallest of the limits of the control group, the process and the machine, in bytes.
pub fn available() -> usize {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    // In a container the own group is mounted as the root.
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
    fn memory_of_the_machine_is_the_upper_bound() {
        let machine = machine(Path::new("/proc/meminfo")).expect("a machine with memory");
        let available = available() as u64;
        assert!(available > 16 * 1024 * 1024 && available <= machine, "{available} of {machine}");
    }
}
