//! Security headers of every response.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

use super::embed;
use crate::origin::{PublicUrls, SitePolicy};

/// The default: pages and API responses are for one person, and no proxy rewrites what people wrote.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store, no-transform");

/// The security headers of a site.
#[derive(Clone)]
pub struct SecurityHeaders {
    policy: HeaderValue,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Pages may be in frames of other sites.
    is_embedded: bool,
}

impl SecurityHeaders {
    /// Computes the headers; HSTS and the WebSocket's origin depend on the public URL.
    pub fn new(site: &SitePolicy) -> Self {
        let mut headers = vec![
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            named(
                "permissions-policy",
                "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
            ),
            named("cross-origin-opener-policy", "same-origin"),
            named("cross-origin-resource-policy", "same-origin"),
        ];
        if site.is_https() {
            headers.push((header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")));
        }
        Self { policy: content_security_policy(site), headers, is_embedded: !site.embedders.is_empty() }
    }

    /// Adds the headers to a response.
    pub fn add_to(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        // Browsers keep to all policies of a response: one that a page has of its own can only forbid more.
        headers.append(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in &self.headers {
            // The script that other sites include has a policy of its own.
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if self.is_embedded {
            embed::partition_cookies(headers);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, NO_STORE);
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language, cookie"));
        }
        response
    }
}

fn content_security_policy(site: &SitePolicy) -> HeaderValue {
    // In older browsers 'self' does not include the WebSocket of the same origin.
    let own = site.public_urls.iter().flat_map(PublicUrls::origins);
    let sockets: String = own.map(|url| format!(" {}", url.to_string().replacen("http", "ws", 1))).collect();
    let embedders: Vec<String> = site.embedders.iter().map(ToString::to_string).collect();
    let ancestors = if embedders.is_empty() { "'none'".to_owned() } else { embedders.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{sockets}; img-src 'self' data:; manifest-src 'self'; worker-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; trusted-types notifier"
    );
    // An origin consists of characters that are valid in a header.
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

fn named(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_names_the_sites_socket_and_nothing_unsafe() {
        let site = SitePolicy {
            public_urls: "https://chat.example.org,https://c.example/".parse().ok(),
            ..SitePolicy::default()
        };
        let policy = content_security_policy(&site);
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("connect-src 'self' wss://chat.example.org wss://c.example;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let embedders = ["https://site.example", "https://www.site.example"].map(|site| site.parse().unwrap()).into();
        let policy = content_security_policy(&SitePolicy { embedders, ..SitePolicy::default() });
        let ancestors = "frame-ancestors https://site.example https://www.site.example;";
        assert!(policy.to_str().unwrap().contains(ancestors), "{policy:?}");
        let policy = content_security_policy(&SitePolicy::default());
        assert!(policy.to_str().unwrap().contains("frame-ancestors 'none';"), "{policy:?}");
        assert!(policy.to_str().unwrap().contains("connect-src 'self';"));
    }
}
