//! Small text files that settings name.

use std::{fs, path::Path};

/// The largest file, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a file.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let length = fs::metadata(&path).map_err(|error| error.to_string())?.len();
    if length > MAX_BYTES {
        return Err("it is too long".to_owned());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The lines with their numbers, without empty ones and those that begin with `#`.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
