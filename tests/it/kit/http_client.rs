//! Somebody with a cookie jar, who has the pages only.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Method, RequestBuilder, Url,
    cookie::{CookieStore, Jar},
    header::HeaderMap,
    redirect,
};
use rustls::crypto::{CryptoProvider, ring};
use serde_json::Value;

/// A browser without a window: cookies are kept, redirects are shown rather than followed.
#[derive(Clone)]
pub struct HttpClient {
    base: String,
    jar: Arc<Jar>,
    http: Client,
}

/// What came back.
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
    /// Somebody new, at an instance or a balancer.
    pub fn new(base: &str) -> Self {
        Self::from_address(base, None)
    }

    /// Somebody new who comes from this local address.
    pub fn from_address(base: &str, local: Option<std::net::IpAddr>) -> Self {
        // There may be one already.
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

    /// The same person, with the same cookies, at another instance.
    pub fn with_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Where they are.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The value of the `Cookie` header they would send.
    pub fn cookie(&self) -> Option<String> {
        let url = Url::parse(&self.base).expect("an address");
        Some(self.jar.cookies(&url)?.to_str().expect("a cookie of ASCII").to_owned())
    }

    /// A request still to be sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    /// GET from a server that may not be there.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<Response> {
        Response::try_to(self.request(Method::GET, path)).await
    }

    /// POST of the sign-in form.
    pub async fn sign_in(&self, username: &str) -> Response {
        Response::to(self.request(Method::POST, "/").form(&[("username", username)])).await
    }

    /// POST of the sign-out form.
    pub async fn log_out(&self) -> Response {
        Response::to(self.request(Method::POST, "/logout")).await
    }
}

impl Response {
    /// Sends a request, and waits for all of the answer.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Sends a request; an error where there is no whole answer.
    pub async fn try_to(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// A header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of ASCII"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Fails unless it is a 303 to this path.
    #[track_caller]
    pub fn redirects_to(&self, path: &str) {
        assert_eq!((self.status, self.header("location")), (303, Some(path)), "{self:?}");
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// A path with one parameter, whatever is in it.
pub fn with_query(path: &str, name: &str, value: &str) -> String {
    let url = Url::parse_with_params(&format!("http://localhost{path}"), [(name, value)]).expect("an address");
    format!("{path}?{}", url.query().unwrap_or_default())
}
