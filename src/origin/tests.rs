use super::*;

const STRANGER: &str = "203.0.113.5";
const PROXY: &str = "10.0.0.1";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    headers
}

fn policy(public_url: Option<&str>) -> SitePolicy {
    SitePolicy {
        embedders: vec![],
        public_urls: public_url.map(|url| url.parse().expect("an origin")),
        proxies: "10.0.0.0/8".parse().expect("a network"),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn without_a_public_url_origin_must_equal_the_host() {
    for (host, origin, own) in [
        ("localhost:8080", "http://localhost:8080", true),
        ("localhost:8080", "http://localhost:8081", false),
        ("localhost:8080", "http://localhost", false),
        ("localhost:8080", "http://127.0.0.1:8080", false),
        ("chat.example", "https://chat.example", true),
        ("chat.example", "http://chat.example", true),
        ("chat.example:443", "https://chat.example", true),
        ("chat.example:80", "http://chat.example", true),
        ("chat.example:80", "https://chat.example", false),
        ("chat.example", "https://chat.example:443", true),
        ("CHAT.example", "https://chat.Example", true),
        ("chat.example", "https://chat.example.evil", false),
        ("chat.example", "https://evil.example", false),
        ("chat.example", "https://chat.example@evil.example", false),
        ("evil@chat.example", "https://chat.example", false),
        ("chat.example/x", "https://chat.example", false),
        ("", "https://chat.example", false),
        ("[::1]:8080", "http://[::1]:8080", true),
        ("[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080", true),
        ("chat.example", "null", false),
        ("null", "null", false),
        ("chat.example", "", false),
        ("chat.example", "file://", false),
        ("chat.example", "chrome-extension://chat.example", false),
        ("chat.example", "https://chat.example/path", false),
    ] {
        let headers = headers(&[("host", host), ("origin", origin)]);
        assert_eq!(policy(None).allows_socket(&headers, ip(STRANGER)), own, "socket {host} {origin}");
        assert_eq!(policy(None).allows_post(&headers, ip(STRANGER)), own, "post {host} {origin}");
    }
}

#[test]
fn with_a_public_url_origin_must_equal_it() {
    for (url, origin, own) in [
        ("https://chat.example", "https://chat.example", true),
        ("https://chat.example/", "https://chat.example:443", true),
        ("https://chat.example", "http://chat.example", false),
        ("https://chat.example", "https://inner:8080", false),
        ("http://chat.example:8080", "http://chat.example:8080", true),
        ("http://chat.example:8080", "http://chat.example", false),
        ("https://kafé.example", "https://xn--kaf-dma.example", true),
        ("https://chat.example", "null", false),
    ] {
        let headers = headers(&[("host", "inner:8080"), ("x-forwarded-host", "inner:8080"), ("origin", origin)]);
        assert_eq!(policy(Some(url)).allows_socket(&headers, ip(PROXY)), own, "{url} {origin}");
    }
}

#[test]
fn forwarded_host_is_believed_from_trusted_proxies_only() {
    let lines = [("host", "inner:8080"), ("x-forwarded-host", "chat.example"), ("origin", "https://chat.example")];
    assert!(policy(None).allows_socket(&headers(&lines), ip(PROXY)));
    assert!(!policy(None).allows_socket(&headers(&lines), ip(STRANGER)));

    let own = [("host", "inner:8080"), ("x-forwarded-host", "chat.example"), ("origin", "http://inner:8080")];
    assert!(policy(None).allows_socket(&headers(&own), ip(STRANGER)));
    assert!(!policy(None).allows_socket(&headers(&own), ip(PROXY)));

    let chain = [("host", "x"), ("x-forwarded-host", "evil.example, chat.example"), ("origin", "https://chat.example")];
    assert!(policy(None).allows_socket(&headers(&chain), ip(PROXY)));

    let plain = [("host", "chat.example"), ("origin", "https://chat.example")];
    assert!(policy(None).allows_socket(&headers(&plain), ip(PROXY)));
}

#[test]
fn cross_site_post_is_refused() {
    let own = ("origin", "http://localhost:8080");
    for (site, allowed) in
        [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("", false), ("x", false)]
    {
        let alone = headers(&[("host", "localhost:8080"), ("sec-fetch-site", site)]);
        assert_eq!(policy(None).allows_post(&alone, ip(STRANGER)), allowed, "{site}");
        let with_origin = headers(&[("host", "localhost:8080"), own, ("sec-fetch-site", site)]);
        assert_eq!(policy(None).allows_post(&with_origin, ip(STRANGER)), allowed, "{site}, own origin");
    }
    let foreign =
        headers(&[("host", "localhost:8080"), ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")]);
    assert!(!policy(None).allows_post(&foreign, ip(STRANGER)));
    let twice = headers(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]);
    assert!(!policy(None).allows_post(&twice, ip(STRANGER)));
}

#[test]
fn programs_without_origin_are_allowed() {
    for lines in [&[][..], &[("host", "chat.example")]] {
        for url in [None, Some("https://chat.example")] {
            assert!(policy(url).allows_post(&headers(lines), ip(STRANGER)));
            assert!(policy(url).allows_socket(&headers(lines), ip(STRANGER)));
        }
    }
}

#[test]
fn several_origins_or_hosts_and_no_host_are_refused() {
    let own = ("origin", "http://localhost");
    for lines in [
        &[("host", "localhost"), own, own][..],
        &[("host", "localhost"), ("host", "localhost"), own],
        &[own],
        &[("host", "localhost"), ("origin", "http://localhost, http://localhost")],
        &[("host", "lo\u{fc}calhost"), own],
    ] {
        assert!(!policy(None).allows_socket(&headers(lines), ip(STRANGER)), "{lines:?}");
    }
}

#[test]
fn public_url_is_an_origin_only() {
    for (text, shown) in [
        ("https://chat.example", "https://chat.example"),
        ("HTTPS://Chat.Example:443/", "https://chat.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://10.0.0.1", "http://10.0.0.1"),
    ] {
        assert_eq!(text.parse::<PublicUrl>().expect(text).to_string(), shown);
    }
    for wrong in [
        "",
        "chat.example",
        "https:chat.example",
        "ftp://chat.example",
        "https://",
        "https://chat.example/chat",
        "https://chat.example//",
        "https://chat.example?x",
        "https://chat.example#x",
        "https://a:b@chat.example",
        "https://chat.example:",
        "https://chat.example:99999",
        "https://chat example",
        " https://chat.example",
    ] {
        assert_eq!(wrong.parse::<PublicUrl>(), Err(NotAnOrigin), "{wrong}");
    }
}

#[test]
fn site_is_https_if_its_public_url_is() {
    assert!(policy(Some("https://chat.example")).is_https());
    assert!(!policy(Some("http://chat.example")).is_https());
    assert!(!policy(None).is_https());
}
