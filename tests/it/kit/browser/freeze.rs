//! A browser that stands still, as on a device that sleeps.

use std::{collections::HashMap, fs};

use rustix::process::{Pid, Signal, kill_process};

use super::Browser;

impl Browser {
    /// Stops all processes of the browser; its driver runs on.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Has them go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let parents = parents();
        let driver = i32::try_from(self._driver.id()).expect("a process id");
        let descends =
            |pid: &i32| std::iter::successors(parents.get(pid), |pid| parents.get(pid)).any(|&pid| pid == driver);
        let browser: Vec<_> = parents.keys().copied().filter(descends).collect();
        assert!(!browser.is_empty(), "the driver has started a browser");
        for pid in browser.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// The parent of each process.
fn parents() -> HashMap<i32, i32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| Some((pid, parent(pid)?))).collect()
}

/// The second field after the name, which may contain spaces and parentheses.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
