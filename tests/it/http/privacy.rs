//! The privacy page.

use reqwest::Method;

use crate::kit::{Cluster, Engine, Response};

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
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let page = in_language(&cluster, "en").await;
    assert!(page.contains("About 10,000 of the newest messages are stored; older ones are deleted."), "{page}");
    assert!(!page.contains('{'), "no placeholder is left: {page}");
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
