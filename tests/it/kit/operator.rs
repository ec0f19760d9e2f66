//! The operator of the tests: the token, and calls of the operator API.

use reqwest::Method;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{HttpClient, Response, cluster::ClusterBuilder};

/// The operator's token.
pub const TOKEN: &str = "a-token-that-nobody-guesses";

/// A file with the token; dropping it deletes it.
pub fn token_file() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{TOKEN}\n")).expect("a file that can be written");
    file
}

impl ClusterBuilder {
    /// Sets the operator's token.
    pub fn with_operator(self, token: &NamedTempFile) -> Self {
        self.set("RUANG_OPERATOR_TOKEN_FILE", &token.path().display().to_string())
    }
}

/// Signs a moderator in on the operator's page.
pub async fn log_in(http_client: &HttpClient, token: &str) -> Response {
    Response::to(http_client.request(Method::POST, "/operator/enter").form(&[("token", token)])).await
}

/// Posts a moderation action as the operator.
pub async fn act(base: &str, action: Value) -> Response {
    Response::to(HttpClient::new(base).request(Method::POST, "/api/operator").bearer_auth(TOKEN).json(&action)).await
}
