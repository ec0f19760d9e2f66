//! The programs of the tests: their file, and what they post.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{Response, WsClient, cluster::ClusterBuilder, http_client::HttpClient};

/// The token of the program `CI`.
pub const TOKEN: &str = "Zq7mW2xk9TfLbV4dRn8sHc3Y";

/// A file with the programs `CI` and `Cuaca`; dropping it deletes it.
pub fn bots_file() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    let lines = format!("# programs\nCI:{TOKEN}\nCuaca:pX5vK1jGt6ByQ0eZuA9wMh2N\n");
    std::fs::write(file.path(), lines).expect("a file that can be written");
    file
}

impl ClusterBuilder {
    /// Sets the file of programs.
    pub fn with_bots(self, file: &NamedTempFile) -> Self {
        self.set("RUANG_BOTS_FILE", &file.path().display().to_string())
    }
}

/// A request of the program `CI`, without a cookie.
pub fn request(base: &str, method: Method, path: &str) -> RequestBuilder {
    HttpClient::new(base).request(method, path).bearer_auth(TOKEN)
}

/// Posts a message as `CI`.
pub async fn post(base: &str, key: &str, message: &Value) -> Response {
    let request = request(base, Method::POST, "/api/messages");
    Response::to(request.header("idempotency-key", key).json(message)).await
}

/// Connects as `CI` without a cookie or an Origin, and joins.
pub async fn join(base: &str) -> WsClient {
    let bearer = format!("Bearer {TOKEN}");
    let connected = WsClient::try_connect(&HttpClient::new(base), &[("authorization", &bearer)]).await;
    let mut client = connected.unwrap_or_else(|refused| panic!("the upgrade was refused: {refused:?}"));
    client.join(None).await;
    client
}
