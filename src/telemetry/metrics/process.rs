//! CPU time, memory and file descriptors of the process, from `/proc`.

use std::fs;

use opentelemetry::{KeyValue, metrics::Meter};

/// Clock ticks per second in `/proc`, the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

/// Registers the instruments.
pub(super) fn observe(meter: &Meter) {
    let cpu = meter.f64_observable_counter("process.cpu.time").with_unit("s");
    cpu.with_description("CPU seconds used.")
        .with_callback(|observer| {
            for (mode, seconds) in cpu_seconds().into_iter().flatten() {
                observer.observe(seconds, &[KeyValue::new("cpu.mode", mode)]);
            }
        })
        .build();
    let memory = meter.i64_observable_up_down_counter("process.memory.usage").with_unit("By");
    memory
        .with_description("Resident memory.")
        .with_callback(|observer| resident_bytes().into_iter().for_each(|bytes| observer.observe(bytes, &[])))
        .build();
    let files =
        meter.i64_observable_up_down_counter("process.unix.file_descriptor.count").with_unit("{file_descriptor}");
    files
        .with_description("Open descriptors.")
        .with_callback(|observer| open_files().into_iter().for_each(|count| observer.observe(count, &[])))
        .build();
}

/// CPU time by mode: fields 14 and 15 of `stat` in proc(5). The indexes count from the end of the name in parentheses.
fn cpu_seconds() -> Option<[(&'static str, f64); 2]> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS);
    Some([("user", seconds(11)?), ("system", seconds(12)?)])
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<i64>().ok()? * 1024)
}

fn open_files() -> Option<i64> {
    fs::read_dir("/proc/self/fd").ok()?.count().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_some_of_each() {
        assert!(cpu_seconds().is_some());
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1024 * 1024));
        assert!(open_files().is_some_and(|count| count > 2));
    }
}
