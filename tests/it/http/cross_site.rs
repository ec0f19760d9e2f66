//! Requests that another site's page makes in a person's name.

use reqwest::{Method, RequestBuilder};

use crate::kit::{Cluster, Engine, HttpClient, Response, engines::on_both_engines};

on_both_engines! {
    posts_that_other_sites_make_are_refused,
    posts_from_the_page_itself_and_from_programs_are_let_in,
    with_a_public_url_the_origin_must_be_that,
    the_forwarded_host_counts_only_from_a_trusted_proxy,
    a_refused_sign_out_leaves_the_session_alone,
}

async fn posts_that_other_sites_make_are_refused(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let port_off = cluster.base(0).replace("127.0.0.1:", "127.0.0.1:1");
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", &port_off),
    ];
    for (header, value) in foreign {
        for path in ["/", "/logout"] {
            let response = Response::to(form(&cluster.http_client(0), path).header(header, value)).await;
            assert_eq!(response.status, 403, "{path} with {header}: {value}: {response:?}");
        }
    }
}

async fn posts_from_the_page_itself_and_from_programs_are_let_in(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let (http_client, own) = (cluster.http_client(0), cluster.base(0).to_owned());
    Response::to(form(&http_client, "/")).await.redirects_to("/chat");
    for (header, value) in [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", own.as_str())] {
        Response::to(form(&http_client, "/").header(header, value)).await.redirects_to("/chat");
    }
    let both = form(&http_client, "/").header("sec-fetch-site", "same-origin").header("origin", "https://evil.example");
    Response::to(both).await.is(403);
}

async fn with_a_public_url_the_origin_must_be_that(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_PUBLIC_URL", "http://ruang.test").start().await;
    let (http_client, own) = (cluster.http_client(0), cluster.base(0).to_owned());
    Response::to(form(&http_client, "/").header("origin", "http://ruang.test")).await.redirects_to("/chat");
    for origin in [own.as_str(), "https://ruang.test", "http://ruang.test:8080", "http://ruang.test.evil.example"] {
        let response = Response::to(form(&http_client, "/").header("origin", origin)).await;
        assert_eq!(response.status, 403, "{origin}: {response:?}");
    }
}

async fn the_forwarded_host_counts_only_from_a_trusted_proxy(engine: Engine) {
    let forwarded = |http_client: &HttpClient| {
        form(http_client, "/").header("origin", "http://ruang.test").header("x-forwarded-host", "ruang.test")
    };
    let open = Cluster::builder(engine).start().await;
    Response::to(forwarded(&open.http_client(0))).await.is(403);
    let behind = Cluster::builder(engine).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    Response::to(forwarded(&behind.http_client(0))).await.redirects_to("/chat");
}

async fn a_refused_sign_out_leaves_the_session_alone(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    let foreign = sari.request(Method::POST, "/logout").header("origin", "https://evil.example");
    Response::to(foreign).await.is(403);
    sari.get("/chat").await.is(200);
}

fn form(http_client: &HttpClient, path: &str) -> RequestBuilder {
    http_client.request(Method::POST, path).form(&[("username", "sari")])
}
