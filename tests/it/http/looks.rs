//! The look of an installation: title, greeting, logo, colour and languages.

use reqwest::Method;
use serde_json::json;

use crate::kit::{Cluster, Engine, HttpClient, Response};

const LOGO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/static/icon.png");

async fn branded() -> Cluster {
    Cluster::builder(Engine::Memory)
        .set("RUANG_TITLE", "Kelas <7B>")
        .set("RUANG_WELCOME", "Selamat datang & selamat belajar")
        .set("RUANG_LOGO_FILE", LOGO)
        .set("RUANG_ACCENT", "#7c3aed")
        .start()
        .await
}

/// Returns the addresses of a page's files.
fn files(page: &Response) -> Vec<String> {
    let links = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.starts_with("/static/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn look_of_the_installation_is_on_its_pages() {
    let cluster = branded().await;
    let client = cluster.http_client(0);
    let page = client.get("/").await;
    for part in ["· Kelas &#60;7B&#62;</title>", "<h1>Kelas &#60;7B&#62;</h1>", "Selamat datang &#38; selamat belajar"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let files = files(&page);
    let file =
        |name: &str| files.iter().find(|file| file.ends_with(name)).unwrap_or_else(|| panic!("{name} {files:?}"));
    let sheet = client.get(file("/brand.css")).await;
    assert_eq!(sheet.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(sheet.body.contains("--accent: #7c3aed;"), "{sheet:?}");
    assert!(sheet.header("cache-control").is_some_and(|caching| caching.contains("immutable")));
    let logo = Response::to(client.request(Method::GET, file("/logo.png"))).await;
    assert_eq!((logo.status, logo.header("content-type")), (200, Some("image/png")));
    let manifest: serde_json::Value = client.get(file("/ruang.webmanifest")).await.json();
    assert_eq!((&manifest["name"], &manifest["theme_color"]), (&json!("Kelas <7B>"), &json!("#7c3aed")));
    assert_eq!(manifest["icons"][0]["src"], "logo.png");
    client.get(file("/page.css")).await.is(200);
    assert!(!page.header("content-security-policy").unwrap_or_default().contains("unsafe"), "{page:?}");
    assert!(!page.body.contains("style="), "no inline style");
    client.sign_in("sari").await.redirects_to("/chat");
    let room = client.get("/chat").await;
    assert!(room.body.contains("<span>Kelas &#60;7B&#62;</span>") && room.body.contains("/brand.css"), "{}", room.body);
    assert!(client.get("/privacy").await.body.contains("Kelas &#60;7B&#62; hanya meminta nama"));
}

#[tokio::test]
async fn another_look_is_another_address_of_the_files() {
    let (own, other) = (Cluster::with_defaults(Engine::Memory).await, branded().await);
    let address = async |client: HttpClient| {
        let page = client.get("/").await;
        files(&page).into_iter().find(|file| file.ends_with("/page.css")).expect("a style sheet")
    };
    assert_ne!(address(own.http_client(0)).await, address(other.http_client(0)).await);
    assert!(!own.http_client(0).get("/").await.body.contains("brand.css"));
}

#[tokio::test]
async fn single_language_has_no_switch_and_ignores_others() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_LANGUAGES", "en").start().await;
    let request = cluster.http_client(0).request(Method::GET, "/?lang=id").header("accept-language", "id");
    let page = Response::to(request).await;
    assert!(page.body.contains("<html lang=\"en\"") && !page.body.contains("hreflang"), "{}", page.body);
}

#[tokio::test]
async fn first_language_is_for_readers_who_prefer_none() {
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_LANGUAGES", "en,id").start().await;
    let page = |accepted: &'static str| {
        Response::to(cluster.http_client(0).request(Method::GET, "/").header("accept-language", accepted))
    };
    assert!(page("de").await.body.contains("<html lang=\"en\""));
    let indonesian = page("id").await;
    assert!(indonesian.body.contains("<html lang=\"id\"") && indonesian.body.contains("hreflang=\"en\""));
}
