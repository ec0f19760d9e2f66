//! An instance is killed while two people talk. With `RUANG_FRAMES`, the frames of docs/pictures/killed.webp are written there:
//! see docs/pictures/animate.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::{ROW, TEXT, signs_in};
use crate::kit::{Browser, Cluster, Engine, Haproxy, SOON, eventually};

/// Size of each of the two pages, and the height of the line below them.
const SIZE: (u32, u32) = (420, 520);
const CAPTION: u32 = 44;

/// Notes each change of the page's connection.
const WATCH: &str = "window.changes = 0; new MutationObserver(() => { window.changes += 1; }) \
    .observe(document.body, { attributeFilter: ['data-connection'] })";
const CHANGES: &str = "return window.changes";

#[tokio::test]
async fn instance_killed_while_people_talk_goes_unnoticed() {
    let settings = Cluster::builder(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8");
    let mut cluster = settings.start().await;
    let haproxy = Haproxy::start(&cluster).await;
    let (sari, budi) = tokio::join!(Browser::start("en"), Browser::start("en"));
    let mut film = Film::new(&sari, &budi).await;
    for (page, name) in [(&sari, "sari"), (&budi, "budi")] {
        signs_in(page, haproxy.base(), name).await;
        page.script(WATCH, vec![]).await;
    }
    sari.shows("#members", "budi").await;

    let before = "Two instances behind HAProxy, one Redis";
    film.say(&sari, "Hi Budi! Did the bus come?", before).await;
    film.say(&budi, "Just got on. You?", before).await;
    film.say(&sari, "Ten minutes away", before).await;
    let killed = cluster.instances.iter().position(|instance| instance.log().contains("/ws")).expect("a socket");
    film.show("kill -9 of an instance …", 1000).await;
    cluster.instances[killed].kill();
    let after = "kill -9 of an instance: its people are on the other one";
    film.say(&budi, "Keep me a seat", after).await;
    film.say(&sari, "Sure. Window or aisle?", after).await;
    film.say(&budi, "Window, please", after).await;

    eventually(SOON, "a page has changed its instance", || async {
        let changes = [sari.script(CHANGES, vec![]).await, budi.script(CHANGES, vec![]).await];
        if changes.iter().any(|count| count.as_u64() >= Some(2)) { Ok(()) } else { Err(format!("{changes:?}")) }
    })
    .await;
    film.show("No one has left, and every message came once", 3500).await;
    for page in [&sari, &budi] {
        assert_eq!(page.texts(TEXT).await.len(), 6, "each message once");
        assert!(!page.texts(ROW).await.iter().any(|row| row.contains("has left")), "no one was seen to leave");
    }
    film.cut().await;
}

/// Pictures of two pages side by side, taken only if `RUANG_FRAMES` names a folder.
struct Film<'a> {
    pages: [&'a Browser; 2],
    folder: Option<PathBuf>,
    /// Captions, and how long each frame is shown, in milliseconds.
    frames: Vec<(String, u32)>,
}

impl<'a> Film<'a> {
    async fn new(left: &'a Browser, right: &'a Browser) -> Self {
        let folder = std::env::var_os("RUANG_FRAMES").map(PathBuf::from);
        for page in [left, right] {
            page.screen(SIZE.0, SIZE.1, false).await;
        }
        Self { pages: [left, right], folder, frames: vec![] }
    }

    /// Sends a text from one page, until both show it.
    async fn say(&mut self, page: &Browser, text: &str, caption: &str) {
        for typed in [&text[..text.len() / 2], &text[text.len() / 2..]] {
            page.types("#text", typed).await;
            self.show(caption, 250).await;
        }
        page.enter("#text", "").await;
        for page in self.pages {
            page.shows(TEXT, text).await;
        }
        self.show(caption, 1100).await;
    }

    async fn show(&mut self, caption: &str, ms: u32) {
        let Some(folder) = &self.folder else { return };
        for (page, side) in self.pages.into_iter().zip(["left", "right"]) {
            page.comes_to("return document.getAnimations().length", 0).await;
            page.picture(&folder.join(format!("{:03}-{side}.png", self.frames.len()))).await;
        }
        self.frames.push((caption.to_owned(), ms));
    }

    /// Joins the pictures of each moment, and writes the list of frames for img2webp.
    async fn cut(self) {
        let Some(folder) = &self.folder else { return };
        let stage = Browser::start("en").await;
        let width = 2 * SIZE.0 + 12;
        stage.screen(width, SIZE.1 + CAPTION, false).await;
        let mut list = String::from("-loop 0 -lossy -q 60 -m 6\n");
        for (number, (caption, ms)) in self.frames.iter().enumerate() {
            let page = folder.join(format!("{number:03}.html"));
            let markup = format!(
                "<!doctype html><meta charset=utf-8><style>body{{margin:0;background:#223;color:#fff;\
                 font:600 19px/{CAPTION}px system-ui,sans-serif;text-align:center}}div{{display:flex;gap:12px}}</style>\
                 <div><img src={number:03}-left.png><img src={number:03}-right.png></div>{caption}"
            );
            fs::write(&page, markup).expect("a page");
            stage.open(&format!("file://{}", page.display())).await;
            let ready = "return [...document.images].every(image => image.complete && image.naturalWidth > 0)";
            stage.comes_to(ready, json!(true)).await;
            stage.picture(&folder.join(format!("{number:03}.png"))).await;
            list += &format!("-d {ms} {}/{number:03}.png\n", folder.display());
        }
        fs::write(folder.join("frames.txt"), list).expect("a list");
    }
}
