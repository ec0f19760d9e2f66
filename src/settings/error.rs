//! Why there are no settings to start with.

use thiserror::Error;

/// Why there are no settings to start with.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Not an error: the text of `--help` or `--version`.
    #[error("{0}")]
    Help(String),
    /// An unknown flag or command.
    #[error("{0}; see ruang --help")]
    Usage(String),
    /// The file of settings, or a line of it, cannot be read.
    #[error("{place}: {problem}")]
    File {
        /// The file, and the number of the line.
        place: String,
        /// The problem.
        problem: String,
    },
    /// An invalid value.
    #[error("{setting} {value}: expected {expected}")]
    Value {
        /// The setting as the operator named it: a flag, a variable, a line of the file.
        setting: String,
        /// The value, quoted; redacted if it is a secret.
        value: String,
        /// The accepted values.
        expected: String,
    },
}

impl SettingsError {
    /// The exit code of the process: 0 after help, else 2.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Help(_)) { 0 } else { 2 }
    }
}
