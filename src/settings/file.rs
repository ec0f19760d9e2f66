//! The file of settings: lines of `NAME=value`, and comments.

use std::collections::HashMap;

use super::{SettingsError, table};

/// Values by name, each with the number of its line.
pub(super) type Lines = HashMap<&'static str, (usize, String)>;

/// Reads a file. An empty value is unset; a name twice, or one that is no setting, is an error.
pub(super) fn read(path: &str) -> Result<Lines, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| SettingsError::File { place: format!("{path:?}"), wrong: error.to_string() })?;
    let mut lines = Lines::new();
    for (number, line) in (1..).zip(text.lines()) {
        let wrong = |wrong: String| SettingsError::File { place: format!("{path:?} line {number}"), wrong };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // What the line says otherwise stays unsaid: it may be a secret.
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("expected NAME=value or a # comment".into()))?;
        let name = known(name.trim()).ok_or_else(|| {
            wrong(format!("{:?} is no setting for a file; ruang --help has their names", name.trim()))
        })?;
        let value = value.trim().to_owned();
        if lines.insert(name, (number, value)).is_some() {
            return Err(wrong(format!("{name} stands here for the second time")));
        }
    }
    Ok(lines)
}

fn known(name: &str) -> Option<&'static str> {
    let mut settings = table::ALL.iter().filter(|setting| setting.name != table::CONFIG.name);
    settings.find(|setting| setting.name == name).map(|setting| setting.name)
}
