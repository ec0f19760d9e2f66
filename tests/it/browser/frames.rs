//! The room in a frame of another site: three origins over TLS, with third-party cookies blocked.

use std::{sync::Mutex, time::Duration};

use reqwest::Method;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::{CONNECTION, TEXT, chooses, picture};
use crate::kit::{
    Browser, Cluster, Engine, HttpClient, Response, SOON,
    bots::{self, bots_file},
    eventually,
    operator::{TOKEN, token_file},
    tls_front::{Bases, TlsFront},
    tokens::{SECRET, now, secret_file, signed},
};

/// Records what the element says, and shows it in the page.
const SITE_SCRIPT: &str = "window.told = []; for (const kind of ['unread', 'mention', 'refused']) \
    addEventListener('ruang-' + kind, event => told.push([kind, event.detail]));";

/// A site with `<ruang-chat>` in its page, over TLS. `localhost` and `127.0.0.1` are different sites.
struct Site {
    url: String,
    _front: TlsFront,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    /// The site's page has this element, and a policy that allows no more than docs/embedding.md says.
    async fn start(room: &str, element: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (room, element) = (room.to_owned(), element.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (room, element) = (room.clone(), element.clone());
                tokio::spawn(async move {
                    let mut head = vec![0; 8192];
                    let length = socket.read(&mut head).await.unwrap_or_default();
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let _ = socket.write_all(answer(&head, &room, &element).as_bytes()).await;
                });
            }
        });
        let front = TlsFront::start(Bases::new(Mutex::new(vec![base]))).await;
        Self { url: front.url().replace("localhost", "127.0.0.1"), _front: front, serving }
    }
}

fn answer(head: &str, room: &str, element: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path {
        "/" => {
            let script = format!("<script src=\"{room}/embed.js\" async></script>");
            let page =
                format!("<!doctype html><title>Situs</title><script src=\"/site.js\"></script>{script}{element}");
            (200, "text/html", page)
        }
        "/site.js" => (200, "text/javascript", SITE_SCRIPT.to_owned()),
        "/token" | "/moderator" | "/of-two-seconds" => {
            let role = path.trim_start_matches('/');
            let mut claims = json!({"name": "Sari", "sub": "7", "exp": now() / 2 * 2 + 60, "aud": room, "role": role});
            if path != "/of-two-seconds" {
                claims["jti"] = json!(format!("{:032x}", rand::random::<u128>()));
            }
            (200, "application/json", json!({"token": signed(&claims, SECRET)}).to_string())
        }
        _ => (404, "text/plain", String::new()),
    };
    let origin = room.split('/').take(3).collect::<Vec<_>>().join("/");
    let policy = format!("default-src 'none'; script-src 'self' {origin}; frame-src {origin}; connect-src 'self'");
    format!(
        "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Security-Policy: {policy}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A room at an https address, for frames of one site.
struct Framed {
    cluster: Cluster,
    site: Site,
    url: String,
    _front: TlsFront,
    _files: [NamedTempFile; 3],
}

async fn framed(ways: &str, element: &str) -> Framed {
    framed_with(ways, element, "", &[]).await
}

/// The same under a path, with further settings.
async fn framed_with(ways: &str, element: &str, path: &str, settings: &[(&str, &str)]) -> Framed {
    let bases = Bases::new(Mutex::new(vec![]));
    let front = TlsFront::start(Bases::clone(&bases)).await;
    let (url, secret, bots, operators) = (front.url() + path, secret_file(), bots_file(), token_file());
    let site = Site::start(&url, element).await;
    let builder =
        Cluster::builder(Engine::Memory).with_tokens(ways, &secret).with_bots(&bots).with_operator(&operators);
    let builder = settings.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let cluster = builder.set("RUANG_PUBLIC_URL", &url).set("RUANG_EMBED_ORIGINS", &site.url).start().await;
    *bases.lock().unwrap() = vec![cluster.base(0).to_owned()];
    Framed { cluster, site, url, _front: front, _files: [secret, bots, operators] }
}

#[tokio::test]
async fn framed_room_works_without_third_party_cookies() {
    let element = "<ruang-chat token-url=\"/token\" theme=\"auto\" compact></ruang-chat>";
    let framed = framed("token", element).await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    page.comes_to("return document.querySelector('iframe') !== null", true).await;
    let narrow = "document.querySelector('ruang-chat').style.width = '340px'";
    page.script(narrow, vec![]).await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    page.comes_to("return document.body.dataset.you", "Sari").await;
    page.comes_to("return document.body.className", "room embedded compact").await;
    page.enter("#text", "halo dari bingkai").await;
    page.shows(TEXT, "halo dari bingkai").await;
    bots::post(framed.cluster.base(0), "a", &json!({"text": "@Sari siaran dimulai", "as": "Siaran"})).await.is(201);
    page.shows(TEXT, "siaran dimulai").await;
    assert_eq!(page.script("return document.documentElement.scrollWidth - innerWidth", vec![]).await, 0);
    page.leaves_frame().await;
    page.comes_to("return told.filter(([kind]) => kind === 'mention').length", 1).await;
    page.comes_to("return told.find(([kind]) => kind === 'mention')[1].from", "CI").await;
    // The same user comes back: a fresh token, the same person.
    page.reload().await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    page.shows(TEXT, "halo dari bingkai").await;
    let log = framed.cluster.instances[0].log();
    assert!(!log.contains("refused"), "{log}");
}

#[tokio::test]
async fn frame_of_an_unlisted_site_is_refused_and_logged() {
    let framed = framed("token", "").await;
    let stranger = Site::start(&framed.url, "<ruang-chat token-url=\"/token\"></ruang-chat>").await;
    let page = Browser::start("id").await;
    page.open(&stranger.url).await;
    let line = "a site that RUANG_EMBED_ORIGINS does not list has the room in a frame";
    framed.cluster.instances[0].wait_for_log(line, SOON).await;
    framed.cluster.instances[0].wait_for_log(&format!("site={}", stranger.url), SOON).await;
    page.reload().await;
    page.comes_to("return document.querySelector('iframe') !== null", true).await;
    assert_eq!(page.script("return told.length", vec![]).await, 0);
    let log = framed.cluster.instances[0].log();
    assert_eq!(log.matches(line).count(), 1, "{log}");
    assert!(!log.contains("/api/session"), "{log}");
}

#[tokio::test]
async fn element_without_a_token_says_why() {
    let without = framed("token", "<ruang-chat></ruang-chat>").await;
    let page = Browser::start("en").await;
    page.open(&without.site.url).await;
    page.enters_frame().await;
    page.shows("main", "open the room from there").await;
    let wrong = framed("token", "<ruang-chat token-url=\"/nowhere\"></ruang-chat>").await;
    page.open(&wrong.site.url).await;
    page.shows("ruang-chat", "/nowhere answered with status 404").await;
}

#[tokio::test]
async fn room_under_a_path_works_in_a_frame() {
    let element = "<ruang-chat token-url=\"/token\" compact></ruang-chat>";
    let framed = framed_with("token", element, "/ruang", &[]).await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    page.comes_to("return location.pathname", "/ruang/chat").await;
    page.enter("#text", "halo dari jalur").await;
    page.shows(TEXT, "halo dari jalur").await;
    page.reload().await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    page.shows(TEXT, "halo dari jalur").await;
}

#[tokio::test]
async fn frame_asks_again_for_a_token_that_was_used() {
    let framed = framed("token", "<ruang-chat token-url=\"/of-two-seconds\"></ruang-chat>").await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    for _ in 0..3 {
        page.enters_frame().await;
        page.comes_to(CONNECTION, "online").await;
        page.reload().await;
    }
    let log = framed.cluster.instances[0].log();
    assert!(log.contains("token_replayed"), "no two tokens were the same: {log}");
}

/// Most bytes from the site's page until the first message is shown: it is in the page, before any module.
const FIRST_MESSAGE: u64 = 20_000;
/// Most bytes until the room is live.
const LIVE: u64 = 60_000;
/// What browsers count for the head of a response.
const HEAD: u64 = 300;

/// The files of the element and of the frame's first page are measured one by one: the frame leaves that page at once. A
/// frame has no icon and no manifest.
#[tokio::test]
async fn first_message_in_a_frame_takes_few_bytes() {
    let framed = framed("token", "<ruang-chat token-url=\"/token\" compact></ruang-chat>").await;
    bots::post(framed.cluster.base(0), "a", &json!({"text": "selamat datang"})).await.is(201);
    let client = HttpClient::new(framed.cluster.base(0));
    let size = async |path: &str| {
        let request = client.request(Method::GET, path).header("accept-encoding", "gzip, br");
        let body = request.send().await.expect("a response").bytes().await.expect("a body");
        (path.to_owned(), body.len() as u64 + HEAD)
    };
    let door = client.get("/embed").await.body;
    let file = |name: &str| door.split('"').find(|part| part.ends_with(name)).expect("a file of the page").to_owned();
    let mut all = vec![size("/embed.js").await, size("/embed").await, size(&file("/embed_door.js")).await];
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    page.shows(TEXT, "selamat datang").await;
    let room = page
        .script("return performance.getEntries().map(({ name, transferSize }) => [name, transferSize ?? 0])", vec![]);
    all.extend(serde_json::from_value::<Vec<(String, u64)>>(room.await).expect("files with their sizes"));
    // Here it is from the cache: the first page has loaded it.
    if all.iter().any(|(name, bytes)| name.ends_with("/page.css") && *bytes == 0) {
        all.push(size(&file("/page.css")).await);
    }
    let bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    let is_first = |name: &str| name.starts_with('/') || name.contains("/chat?") || name.ends_with(".css");
    let first: u64 = all.iter().filter(|(name, _)| is_first(name)).map(|(_, bytes)| bytes).sum();
    println!("in a frame: {first} bytes to the first message, {bytes} until the room is live");
    assert!(all.len() > 20 && first < FIRST_MESSAGE && bytes < LIVE, "{first} of {bytes} bytes: {all:#?}");
}

#[tokio::test]
async fn frame_has_the_look_of_the_room_in_the_dark() {
    let element = "<ruang-chat token-url=\"/token\" compact></ruang-chat>";
    let own = [("RUANG_TITLE", "Siaran Kopi"), ("RUANG_ACCENT", "#7c3aed")];
    let framed = framed_with("token", element, "", &own).await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.screen(356, 528, false).await;
    for (theme, name) in [("dark", "embedded-dark"), ("light", "embedded-light")] {
        page.prefers("prefers-color-scheme", theme).await;
        page.open(&framed.site.url).await;
        page.script("document.querySelector('ruang-chat').style.width = '340px'", vec![]).await;
        page.enters_frame().await;
        page.comes_to(CONNECTION, "online").await;
        if theme == "dark" {
            bots::post(framed.cluster.base(0), "a", &json!({"text": "Siaran dimulai pukul 19.30.", "as": "Siaran"}))
                .await;
            page.enter("#text", "Halo semua, salam dari Bandung!").await;
        }
        page.shows(TEXT, "Bandung").await;
        page.shows("h1", "Siaran Kopi").await;
        page.leaves_frame().await;
        picture(&page, name).await;
    }
}

#[tokio::test]
async fn handed_in_moderator_has_the_menu_in_a_frame() {
    let framed = framed("token", "<ruang-chat token-url=\"/moderator\" compact></ruang-chat>").await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    page.enters_frame().await;
    page.comes_to(CONNECTION, "online").await;
    bots::post(framed.cluster.base(0), "a", &json!({"text": "salah kirim"})).await.is(201);
    page.shows(TEXT, "salah kirim").await;
    page.click("#timeline .message:not(.own) .more").await;
    chooses(&page, "Hapus untuk semua").await;
    page.shows(TEXT, "Pesan ini dihapus.").await;
    // It is sent when it can no longer be taken back.
    eventually(Duration::from_secs(20), "the deletion is on record", || async {
        let record = HttpClient::new(framed.cluster.base(0)).request(Method::GET, "/api/operator").bearer_auth(TOKEN);
        let act = Response::to(record).await.is(200).json()["acts"][0].clone();
        if json!([act["act"], act["by"]]) == json!(["remove", "Sari"]) { Ok(()) } else { Err(act.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn typed_name_works_in_a_frame() {
    let framed = framed("name,token", "<ruang-chat></ruang-chat>").await;
    let page = Browser::start_without_foreign_cookies("id").await;
    page.open(&framed.site.url).await;
    page.enters_frame().await;
    page.enter("#username", "Tamu").await;
    page.comes_to(CONNECTION, "online").await;
    page.comes_to("return document.body.classList.contains('embedded')", true).await;
}
