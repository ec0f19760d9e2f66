//! The path under which the site is served. Handlers and routes know nothing of it: it is removed from requests before they
//! are routed, and added to redirects. Pages add [`root`] to the addresses in them, and scripts read it from `data-root`.

use std::{
    convert::Infallible,
    sync::OnceLock,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, Uri, header::LOCATION, uri::PathAndQuery},
    response::{IntoResponse, Redirect},
};
use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use crate::origin::BasePath;

static ROOT: OnceLock<BasePath> = OnceLock::new();

/// Sets the path. It stays for the life of the process: pages are compressed with it.
pub fn install(path: BasePath) {
    ROOT.get_or_init(|| path);
}

/// The path, without a slash at its end; empty: the site is at the root.
pub fn root() -> &'static str {
    ROOT.get_or_init(BasePath::default).as_str()
}

/// Serves a site under a path, and `elsewhere` for all others. Probes of a balancer reach it at the root as well.
pub fn mount(site: Router, elsewhere: Router, path: BasePath) -> Router {
    Router::new().fallback_service(Mount { site, elsewhere, path })
}

#[derive(Clone)]
struct Mount {
    site: Router,
    elsewhere: Router,
    path: BasePath,
}

/// Where a request belongs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// To the site, with this path and query.
    Site(PathAndQuery),
    /// To the site, unchanged.
    Probe,
    /// To the site's address, which has a slash at its end.
    Address(String),
    Elsewhere,
}

impl Service<Request<Body>> for Mount {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Self { site, elsewhere, path } = self.clone();
        Box::pin(async move {
            match place(request.uri(), path.as_str()) {
                Place::Site(inner) => {
                    let mut parts = request.uri().clone().into_parts();
                    parts.path_and_query = Some(inner);
                    let Ok(uri) = Uri::from_parts(parts) else { return Ok(StatusCode::BAD_REQUEST.into_response()) };
                    *request.uri_mut() = uri;
                    site.oneshot(request).await.map(|response| add_to_location(response, path.as_str()))
                }
                Place::Probe => site.oneshot(request).await,
                Place::Address(address) => Ok(Redirect::permanent(&address).into_response()),
                Place::Elsewhere => elsewhere.oneshot(request).await,
            }
        })
    }
}

fn place(uri: &Uri, path: &str) -> Place {
    if matches!(uri.path(), "/healthz" | "/readyz") {
        return Place::Probe;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match uri.path().strip_prefix(path) {
        Some("") => Place::Address(format!("{path}/{query}")),
        None if uri.path() == "/" => Place::Address(format!("{path}/{query}")),
        Some(inner) if inner.starts_with('/') => {
            format!("{inner}{query}").parse().map_or(Place::Elsewhere, Place::Site)
        }
        _ => Place::Elsewhere,
    }
}

/// Adds the path to a redirect within the site.
fn add_to_location(mut response: Response<Body>, path: &str) -> Response<Body> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let inner = location.filter(|location| location.starts_with('/') && !location.starts_with("//"));
    if let Some(Ok(location)) = inner.map(|inner| HeaderValue::try_from(format!("{path}{inner}"))) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_under_the_path_loses_it() {
        let of = |uri: &str| place(&uri.parse().unwrap(), "/chat");
        let site = |inner: &str| Place::Site(inner.parse().unwrap());
        for (uri, place) in [
            ("/chat/", site("/")),
            ("/chat/?lang=en", site("/?lang=en")),
            ("/chat/chat", site("/chat")),
            ("/chat/api/messages?limit=1", site("/api/messages?limit=1")),
            ("http://site.example/chat/ws", site("/ws")),
            ("/chat", Place::Address("/chat/".into())),
            ("/chat?lang=en", Place::Address("/chat/?lang=en".into())),
            ("/", Place::Address("/chat/".into())),
            ("/chatter", Place::Elsewhere),
            ("/api/messages", Place::Elsewhere),
            ("/healthz", Place::Probe),
            ("/readyz", Place::Probe),
            ("/chat/readyz", site("/readyz")),
        ] {
            assert_eq!(of(uri), place, "{uri}");
        }
    }

    #[test]
    fn addresses_in_pages_begin_with_the_path() {
        for (folder, of_the_root) in [
            ("templates", &["href=\"/", "action=\"/", "src=\"/"][..]),
            ("static", &["fetch(\"/", "href = \"/", "href: \"/"][..]),
        ] {
            for file in std::fs::read_dir(folder).unwrap() {
                let Ok(text) = std::fs::read_to_string(file.as_ref().unwrap().path()) else { continue };
                for address in of_the_root {
                    assert!(!text.contains(address), "{file:?} has {address}: the site may be under a path");
                }
            }
        }
    }

    #[test]
    fn no_page_or_script_has_an_address_without_the_path() {
        let bare =
            ["href=\"/", "src=\"/", "action=\"/", "fetch(\"/", "fetch(`/", "Beacon(\"/", "replace(\"/", "replace(`/"];
        for folder in ["templates", "static"] {
            for file in std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap() {
                let path = file.unwrap().path();
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                for bare in bare {
                    assert!(!text.contains(bare), "{}: {bare}", path.display());
                }
            }
        }
    }

    #[test]
    fn redirect_within_the_site_gets_the_path() {
        for (location, expected) in
            [("/", "/chat/"), ("/chat?x", "/chat/chat?x"), ("https://a.example/", "https://a.example/"), ("//a", "//a")]
        {
            let response = Response::builder().header(LOCATION, location).body(Body::empty()).unwrap();
            assert_eq!(add_to_location(response, "/chat").headers()[LOCATION], expected);
        }
    }
}
