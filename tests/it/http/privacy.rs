//! The privacy page.

use reqwest::Method;

use crate::kit::{Cluster, Engine, Response, operator::token_file};

#[tokio::test]
async fn privacy_page_states_retention_in_both_languages() {
    let settings = [
        ("RUANG_HISTORY", "5000"),
        ("RUANG_HISTORY_AGE", "30d"),
        ("RUANG_NAME_HOLD", "10m"),
        ("RUANG_SESSION_IDLE", "2h"),
        ("RUANG_SESSION_MAX", "1d"),
    ];
    let builder =
        settings.iter().fold(Cluster::builder(Engine::Memory), |builder, (name, value)| builder.set(name, value));
    let cluster = builder.start().await;
    let page = in_language(&cluster, "en").await;
    for part in [
        "5,000 of the newest messages",
        "for 30 days at most",
        "yours for 10 minutes",
        "away for 2 hours",
        "after 1 day in",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = in_language(&cluster, "id").await;
    for part in ["5.000 pesan", "paling lama 30 hari", "selama 10 menit", "selama 2 jam", "setelah 1 hari"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn privacy_page_without_an_age_promises_none() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_HISTORY_AGE", "forever").start().await;
    let page = in_language(&cluster, "en").await;
    assert!(page.contains("About 10,000 of the newest messages are stored; older ones are deleted."), "{page}");
    assert!(!page.contains('{'), "no placeholder is left: {page}");
}

#[tokio::test]
async fn privacy_page_says_what_moderation_and_copies_keep() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let page = in_language(&cluster, "en").await;
    assert!(page.contains("for 30 days at most") && page.contains("Backups have it until"), "{page}");
    assert!(!page.contains("Reports and moderation") && !page.contains("Whom to write to"), "{page}");
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).with_operator(&token).set("RUANG_CONTACT", "sari@example.org");
    let cluster = builder.start().await;
    for (language, parts) in [
        ("en", ["about 1,000 actions", "Whom to write to", r#"<a href="mailto:sari@example.org" translate="no">"#]),
        ("id", ["sekitar 1.000 tindakan", "Kepada siapa", "mailto:sari@example.org"]),
    ] {
        let page = in_language(&cluster, language).await;
        for part in parts {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains('{'), "no placeholder is left: {page}");
    }
}

#[tokio::test]
async fn rules_are_shown_as_text_and_linked() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let http_client = cluster.http_client(0);
    http_client.get("/rules").await.is(404);
    assert!(!http_client.get("/").await.body.contains("/rules"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "1. Sopan\n2. <script>alert(1)</script>\n\nSalam\n").unwrap();
    let path = file.path().display().to_string();
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_RULES_FILE", &path).start().await;
    let http_client = cluster.http_client(0);
    let page = http_client.get("/rules").await;
    let lines = "1. Sopan<br>2. &#60;script&#62;alert(1)&#60;/script&#62;</p>";
    assert!(page.is(200).body.contains(lines) && page.body.contains(">Salam</p>"), "{page:?}");
    for path in ["/", "/chat"] {
        let page = http_client.get(path).await;
        assert!(page.body.contains(r#"<a href="/rules">Aturan ruang obrolan</a>"#), "{path}: {}", page.body);
        http_client.sign_in("sari").await;
    }
}

#[tokio::test]
async fn sign_in_and_chat_link_to_privacy() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let http_client = cluster.http_client(0);
    for path in ["/", "/chat"] {
        let page = http_client.get(path).await;
        assert!(page.body.contains("href=\"/privacy\""), "{path}: {}", page.body);
        http_client.sign_in("sari").await;
    }
}

async fn in_language(cluster: &Cluster, language: &str) -> String {
    let request = cluster.http_client(0).request(Method::GET, "/privacy").header("accept-language", language);
    let response = Response::to(request).await;
    response.is(200);
    response.body
}
