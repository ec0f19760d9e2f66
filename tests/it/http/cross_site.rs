//! Cross-site requests.

use reqwest::{Method, RequestBuilder};

use crate::kit::{Cluster, Engine, HttpClient, Response, SOON, engines::on_both_engines};

on_both_engines! {
    cross_site_post_is_403,
    same_origin_post_and_program_post_are_accepted,
    origin_must_equal_the_public_url,
    forwarded_host_counts_only_from_a_trusted_proxy,
    refused_sign_out_keeps_the_session,
    second_address_leads_to_the_public_url,
    changed_host_header_names_the_missing_setting,
}

async fn cross_site_post_is_403(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let other_port = cluster.base(0).replace("127.0.0.1:", "127.0.0.1:1");
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", &other_port),
    ];
    for (header, value) in foreign {
        for path in ["/", "/logout"] {
            let response = Response::to(form(&cluster.http_client(0), path).header(header, value)).await;
            assert_eq!(response.status, 403, "{path} with {header}: {value}: {response:?}");
        }
    }
}

async fn same_origin_post_and_program_post_are_accepted(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let (http_client, own) = (cluster.http_client(0), cluster.base(0).to_owned());
    Response::to(form(&http_client, "/")).await.redirects_to("/chat");
    for (header, value) in [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", own.as_str())] {
        Response::to(form(&http_client, "/").header(header, value)).await.redirects_to("/chat");
    }
    let both = form(&http_client, "/").header("sec-fetch-site", "same-origin").header("origin", "https://evil.example");
    Response::to(both).await.is(403);
}

async fn origin_must_equal_the_public_url(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_PUBLIC_URL", "http://ruang.test").start().await;
    let (http_client, own) = (cluster.http_client(0), cluster.base(0).to_owned());
    Response::to(form(&http_client, "/").header("origin", "http://ruang.test")).await.redirects_to("/chat");
    for origin in [own.as_str(), "https://ruang.test", "http://ruang.test:8080", "http://ruang.test.evil.example"] {
        let response = Response::to(form(&http_client, "/").header("origin", origin)).await;
        assert_eq!(response.status, 403, "{origin}: {response:?}");
    }
}

async fn forwarded_host_counts_only_from_a_trusted_proxy(engine: Engine) {
    let forwarded = |http_client: &HttpClient| {
        form(http_client, "/").header("origin", "http://ruang.test").header("x-forwarded-host", "ruang.test")
    };
    let open = Cluster::builder(engine).start().await;
    Response::to(forwarded(&open.http_client(0))).await.is(403);
    let behind = Cluster::builder(engine).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    Response::to(forwarded(&behind.http_client(0))).await.redirects_to("/chat");
}

async fn refused_sign_out_keeps_the_session(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    let foreign = sari.request(Method::POST, "/logout").header("origin", "https://evil.example");
    Response::to(foreign).await.is(403);
    sari.get("/chat").await.is(200);
}

async fn second_address_leads_to_the_public_url(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_PUBLIC_URL", "https://ruang.test").start().await;
    let (http_client, own) = (cluster.http_client(0), cluster.base(0).to_owned());
    let response = Response::to(form(&http_client, "/").header("origin", &own)).await;
    assert!(response.is(403).body.contains(r#"href="https://ruang.test""#), "{}", response.body);
    for part in ["opened at another address than RUANG_PUBLIC_URL", &own] {
        cluster.instances[0].wait_for_log(part, SOON).await;
    }
    let other = Response::to(form(&http_client, "/").header("origin", "https://evil.example")).await;
    assert!(!other.is(403).body.contains("https://ruang.test"), "{}", other.body);
    assert!(!cluster.instances[0].log().contains("evil.example"));
}

/// As behind a proxy that sends its own name as `Host`.
async fn changed_host_header_names_the_missing_setting(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let behind = |site| {
        let request = form(&cluster.http_client(0), "/").header("origin", "https://ruang.test");
        request.header("sec-fetch-site", site)
    };
    let other = Response::to(behind("cross-site")).await;
    assert!(other.is(403).body.contains("dari situs lain"), "{}", other.body);
    assert!(!cluster.instances[0].log().contains("RUANG_PUBLIC_URL"));
    let response = Response::to(behind("same-origin")).await;
    assert!(response.is(403).body.contains("pengaturan yang kurang"), "{}", response.body);
    cluster.instances[0].wait_for_log("Set RUANG_PUBLIC_URL to the address that people use", SOON).await;
    Response::to(behind("same-origin")).await.is(403);
    assert_eq!(cluster.instances[0].log().matches("Set RUANG_PUBLIC_URL").count(), 1, "once a minute");
}

fn form(http_client: &HttpClient, path: &str) -> RequestBuilder {
    http_client.request(Method::POST, path).form(&[("username", "sari")])
}
