//! Cookies of the site.

use http::{HeaderMap, HeaderValue, header::COOKIE};
use tower_sessions::cookie::{Cookie, SameSite, time::Duration};

use super::BasePath;

/// Where cookies are valid, which decides their names and attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CookieScope {
    /// They are sent over https only.
    pub secure: bool,
    /// They are sent under this path only.
    pub path: BasePath,
}

impl CookieScope {
    /// The full name of a cookie: with a prefix by which browsers accept it from this host alone, over https alone.
    pub fn name(self, name: &str) -> String {
        match self.cookie_path() {
            _ if !self.secure => name.to_owned(),
            "/" => format!("__Host-{name}"),
            // `__Host-` would require the path `/`.
            _ => format!("__Secure-{name}"),
        }
    }

    /// The value of `Path`.
    pub fn cookie_path(self) -> &'static str {
        if self.path.as_str().is_empty() { "/" } else { self.path.as_str() }
    }

    /// Returns the `Set-Cookie` of a cookie that scripts cannot read. Without `max_age` it ends with the browser; with zero the
    /// browser removes it, for which all attributes must be those that it was set with.
    pub fn set_cookie(self, name: &str, value: &str, same_site: SameSite, max_age: Option<Duration>) -> HeaderValue {
        let mut cookie = Cookie::build((self.name(name), value)).path(self.cookie_path()).http_only(true).build();
        cookie.set_secure(self.secure);
        cookie.set_same_site(same_site);
        cookie.set_max_age(max_age);
        // Values are hexadecimal digits or base64url.
        HeaderValue::try_from(cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Returns the value of the first cookie with this name in a request.
    pub fn sent_cookie(self, name: &str, headers: &HeaderMap) -> Option<String> {
        sent_cookie(&self.name(name), headers)
    }
}

/// Returns the value of the first cookie with this full name in a request.
pub fn sent_cookie(name: &str, headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::PublicUrls, *};

    #[test]
    fn cookie_is_bound_to_host_and_path() {
        let urls: PublicUrls = "https://site.example/chat".parse().unwrap();
        let scope = |secure, path| CookieScope { secure, path };
        for (scope, name, path) in [
            (scope(false, BasePath::default()), "ruang", "/"),
            (scope(true, BasePath::default()), "__Host-ruang", "/"),
            (scope(true, urls.path()), "__Secure-ruang", "/chat"),
            (scope(false, urls.path()), "ruang", "/chat"),
        ] {
            assert_eq!((scope.name("ruang").as_str(), scope.cookie_path()), (name, path));
        }
    }
}
