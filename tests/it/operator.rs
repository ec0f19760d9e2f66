//! The operator keeps order: on a page and by HTTP, everywhere at once.

pub mod api;
mod desk;
mod everywhere;

use crate::kit::cluster::Builder;

/// What the operator of the tests is known by.
pub const TOKEN: &str = "a-token-that-nobody-guesses";

/// A file with the token, for as long as it is held.
pub fn token_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{TOKEN}\n")).expect("a file that can be written");
    file
}

/// Has an operator.
pub trait WithOperator {
    fn with_operator(self, token: &tempfile::NamedTempFile) -> Self;
}

impl WithOperator for Builder {
    fn with_operator(self, token: &tempfile::NamedTempFile) -> Self {
        self.set("RUANG_OPERATOR_TOKEN_FILE", &token.path().display().to_string())
    }
}
