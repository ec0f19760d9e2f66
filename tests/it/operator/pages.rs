//! The operator's pages.

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, eventually,
    operator::{TOKEN, log_in, token_file},
};

async fn post(http_client: &HttpClient, fields: &[(&str, &str)]) -> Response {
    Response::to(http_client.request(Method::POST, "/operator").form(fields)).await
}

async fn moderation_page() -> (tempfile::NamedTempFile, Cluster, HttpClient) {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let operator = cluster.http_client(0);
    log_in(&operator, TOKEN).await.redirects_to("/operator");
    (token, cluster, operator)
}

#[tokio::test]
async fn operator_login_accepts_only_the_token() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let http_client = cluster.http_client(0);
    let login = http_client.get("/operator").await;
    assert!(login.is(200).body.contains(r#"type="password""#) && !login.body.contains(r#"value="ban""#), "{login:?}");
    let refused = log_in(&http_client, "a guess").await;
    assert!(refused.is(403).body.contains("Token ini tidak cocok.") && refused.header("set-cookie").is_none());
    post(&http_client, &[("act", "slow"), ("interval", "1h")]).await.redirects_to("/operator");
    let forged = http_client.request(Method::GET, "/operator").header("cookie", "ruang-operator=9999999999.00");
    assert!(Response::to(forged).await.is(200).body.contains(r#"type="password""#));
    let logged_in = log_in(&http_client, TOKEN).await;
    logged_in.redirects_to("/operator");
    let cookie = logged_in.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    assert!(http_client.get("/operator").await.is(200).body.contains(r#"value="ban""#));
    Response::to(http_client.request(Method::POST, "/operator/leave")).await.redirects_to("/operator");
    assert!(http_client.get("/operator").await.body.contains(r#"type="password""#));
}

#[tokio::test]
async fn operator_forms_perform_every_action() {
    let (_token, cluster, operator) = moderation_page().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let first = sari.send_acked("<b>kasar</b>").await;
    sari.send_acked("lagi").await;
    let page = operator.get("/operator").await.body;
    assert!(page.contains("&#60;b&#62;kasar") && page.contains(&first), "{page}");
    post(&operator, &[("act", "remove"), ("id", &first)]).await.redirects_to("/operator?said=done");
    budi.expect("the deletion", |transcript| transcript.removed == [first.clone()]).await;
    post(&operator, &[("act", "remove"), ("id", &first)]).await.redirects_to("/operator?said=nothing");
    post(&operator, &[("act", "ban"), ("name", "sari"), ("for", "1d"), ("messages", "on")])
        .await
        .redirects_to("/operator?said=done");
    sari.wait_for_bye(SOON, "session_ended", 4001).await;
    budi.expect("the deletion of the rest", |transcript| transcript.removed.len() == 2).await;
    let refused = cluster.http_client(0).sign_in("Sari").await;
    assert!(refused.is(403).body.contains("diblokir pengelola selama 1 hari lagi"), "{refused:?}");
    let page = operator.get("/operator?said=done").await.body;
    for part in ["Berhasil.", "sari dikeluarkan dan diblokir selama 1 hari", "Pesan dihapus: ", "Tidak ada pesan."] {
        assert!(page.contains(part), "{part}: {page}");
    }
    post(&operator, &[("act", "mute"), ("name", "citra"), ("for", "forever")])
        .await
        .redirects_to("/operator?said=done");
    let page = operator.get("/operator").await.body;
    for part in ["citra dibungkam untuk seterusnya", r#"value="unmute""#] {
        assert!(page.contains(part), "{part}: {page}");
    }
    post(&operator, &[("act", "closed"), ("for", "1h"), ("text", "Penuh.")]).await.redirects_to("/operator?said=done");
    post(&operator, &[("act", "read_only"), ("for", "forever"), ("text", "")])
        .await
        .redirects_to("/operator?said=done");
    // An instance learns of the rules by an event.
    eventually(SOON, "the doors on the page", || async {
        let page = operator.get("/operator").await.body;
        let parts = ["Tertutup selama 1 jam: Penuh.", r#"value="Penuh.""#, "sampai Anda matikan"];
        if parts.iter().all(|part| page.contains(part)) { Ok(()) } else { Err(page) }
    })
    .await;
    for door in ["closed", "read_only"] {
        post(&operator, &[("act", door), ("for", "0s")]).await.redirects_to("/operator?said=done");
    }
    post(&operator, &[("act", "unmute"), ("name", "citra")]).await.redirects_to("/operator?said=done");
    post(&operator, &[("act", "pardon"), ("name", "sari")]).await.redirects_to("/operator?said=done");
    cluster.http_client(0).sign_in("Sari").await.redirects_to("/chat");
    let invalid = post(&operator, &[("act", "ban"), ("name", "")]).await;
    assert!(invalid.is(422).body.contains("Isian tidak dapat dibaca"), "{invalid:?}");
}

#[tokio::test]
async fn cross_site_operator_post_is_403() {
    let (_token, _cluster, operator) = moderation_page().await;
    for path in ["/operator", "/operator/enter", "/operator/leave"] {
        let forged = operator.request(Method::POST, path).header("sec-fetch-site", "cross-site");
        Response::to(forged.form(&[("act", "slow"), ("interval", "1h"), ("token", TOKEN)])).await.is(403);
        let forged = operator.request(Method::POST, path).header("origin", "https://evil.example");
        Response::to(forged.form(&[("act", "slow"), ("interval", "1h"), ("token", TOKEN)])).await.is(403);
    }
    assert!(!operator.get("/operator").await.body.contains("Mode lambat: satu"), "no action was performed");
}
