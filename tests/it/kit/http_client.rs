//! An HTTP client with a cookie jar.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Method, RequestBuilder, Url,
    cookie::{CookieStore, Jar},
    header::HeaderMap,
    redirect,
};
use rustls::crypto::{CryptoProvider, ring};
use serde_json::Value;

use super::schema;

/// An HTTP client of one person: stores cookies and does not follow redirects.
#[derive(Clone)]
pub struct HttpClient {
    base: String,
    jar: Arc<Jar>,
    http: Client,
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl HttpClient {
    /// Creates a client without a session for an instance or a proxy.
    pub fn new(base: &str) -> Self {
        Self::from_address(base, None)
    }

    /// Creates a client without a session that connects from this local address.
    pub fn from_address(base: &str, local: Option<std::net::IpAddr>) -> Self {
        // An error means that a provider is installed already.
        let _ = CryptoProvider::install_default(ring::default_provider());
        let jar = Arc::new(Jar::default());
        let http = Client::builder()
            .tls_certs_only([])
            .cookie_provider(Arc::clone(&jar))
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .local_address(local)
            .build()
            .expect("a client");
        Self { base: base.to_owned(), jar, http }
    }

    /// Returns a client with the same cookies for another instance.
    pub fn with_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Returns the base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the value of the `Cookie` header that the client sends.
    pub fn cookie(&self) -> Option<String> {
        let url = Url::parse(&self.base).expect("an address");
        Some(self.jar.cookies(&url)?.to_str().expect("a cookie of ASCII").to_owned())
    }

    /// Builds a request without sending it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    /// Sends a GET request to a server that may be down.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<Response> {
        Response::try_to(self.request(Method::GET, path)).await
    }

    /// Posts the sign-in form.
    pub async fn sign_in(&self, username: &str) -> Response {
        Response::to(self.request(Method::POST, "/").form(&[("username", username)])).await
    }

    /// Posts the sign-out form.
    pub async fn log_out(&self) -> Response {
        Response::to(self.request(Method::POST, "/logout")).await
    }
}

impl Response {
    /// Sends a request and waits for the complete response.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.unwrap_or_else(|error| panic!("no response: {error:?}"))
    }

    /// Sends a request; an error if there is no complete response.
    pub async fn try_to(request: RequestBuilder) -> reqwest::Result<Self> {
        let (client, request) = request.build_split();
        let request = request?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let response = Self { status, headers, body: response.text().await? };
        response.validate(method.as_str(), &path);
        Ok(response)
    }

    /// Fails if this answer of the API violates the schema. Errors of a proxy and of methods have no JSON.
    fn validate(&self, method: &str, path: &str) {
        let is_json =
            self.header("content-type") == Some("application/json") && self.header("content-encoding").is_none();
        if is_json && let Some(definition) = schema::answer(method, path, self.status) {
            schema::validate(definition, &self.json()).unwrap_or_else(|why| panic!("{why}"));
        }
    }

    /// Returns the value of a header, if present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of ASCII"))
    }

    /// Parses the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Fails unless this is a 303 to this path.
    #[track_caller]
    pub fn redirects_to(&self, path: &str) {
        assert_eq!((self.status, self.header("location")), (303, Some(path)), "{self:?}");
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// Appends one percent-encoded query parameter to a path.
pub fn with_query(path: &str, name: &str, value: &str) -> String {
    let url = Url::parse_with_params(&format!("http://localhost{path}"), [(name, value)]).expect("an address");
    format!("{path}?{}", url.query().unwrap_or_default())
}
