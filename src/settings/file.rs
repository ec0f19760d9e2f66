//! The file of settings: lines of `NAME=value`, and comments.

use std::collections::HashMap;

use super::{SettingsError, command::SETTINGS};

/// Values by name, each with the number of its line.
pub(super) type FileLines = HashMap<&'static str, (usize, String)>;

/// Reads a file. A name that is no setting, or a name twice, is an error.
pub(super) fn read(path: &str) -> Result<FileLines, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| SettingsError::File { place: format!("{path:?}"), problem: error.to_string() })?;
    let mut lines = FileLines::new();
    for (number, line) in (1..).zip(text.lines()) {
        let error = |problem: String| SettingsError::File { place: format!("{path:?} line {number}"), problem };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself may be a secret: errors show the name only.
        let (name, value) = line.split_once('=').ok_or_else(|| error("expected NAME=value or a # comment".into()))?;
        let name = known(name.trim())
            .ok_or_else(|| error(format!("{:?} is not a setting for a file; ruang --help lists them", name.trim())))?;
        if lines.insert(name, (number, value.trim().to_owned())).is_some() {
            return Err(error(format!("{name} is set a second time")));
        }
    }
    Ok(lines)
}

fn known(name: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|setting| setting.name).find(|known| *known == name && *known != super::CONFIG)
}
