//! A chat through whatever is up at `RUANG_URL`: several instances behind a balancer. Run by `tests/compose`, by name,
//! and by anybody against an installation of their own: `RUANG_URL=http://localhost:8080 cargo test --test outside`.

#![allow(dead_code, reason = "the kit is shared with the tests that use all of it")]

#[path = "../it/kit/http_client.rs"]
mod http_client;
mod talk;
#[path = "../it/kit/transcript.rs"]
mod transcript;
#[path = "../it/kit/wait.rs"]
mod wait;
#[path = "../it/kit/ws_client.rs"]
mod ws_client;

use std::{path::Path, process};

use http_client::HttpClient;
use wait::{SOON, eventually};
use ws_client::WsClient;

#[tokio::test]
async fn four_clients_chat_in_one_order() {
    let url = the_chat().await;
    let url = url.as_str();
    let names = names();
    let mut clients = Vec::new();
    for name in &names {
        clients.push(WsClient::sign_in_and_join(&HttpClient::new(url), name).await);
    }
    for (client, name) in clients.iter_mut().zip(&names) {
        let here = |transcript: &transcript::Transcript| names.iter().all(|name| transcript.members.contains(name));
        client.expect("everybody is here", here).await;
        client.send_acked(&format!("halo dari {name}")).await;
    }
    let mut orders = Vec::new();
    for client in &mut clients {
        let all = |transcript: &transcript::Transcript| {
            names.iter().all(|name| transcript.shows(name, &format!("halo dari {name}")))
        };
        let transcript = client.expect("everybody's greeting", all).await;
        orders.push(transcript.ids().split_off(transcript.messages.len() - names.len()).join(" "));
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "one order everywhere: {orders:?}");
    for client in clients {
        client.http_client.log_out().await.redirects_to("/");
    }
}

#[tokio::test]
#[ignore = "asks to be told until when: it makes the file RUANG_WHILE, and ends when that is gone"]
async fn clients_chat_until_the_file_is_removed() {
    let url = the_chat().await;
    let file = variable("RUANG_WHILE", "a file: it is made when people begin to talk, and they end when it is gone");
    talk::talk(&url, &names(), Path::new(&file)).await;
}

#[tokio::test]
#[ignore = "asks to be told what to say: RUANG_LINE"]
async fn line_is_sent_and_acked() {
    let mut client = WsClient::sign_in_and_join(&HttpClient::new(&the_chat().await), &names()[0]).await;
    client.send_acked(&line()).await;
    client.http_client.log_out().await.redirects_to("/");
}

#[tokio::test]
#[ignore = "asks to be told what was said: RUANG_LINE"]
async fn earlier_line_is_still_stored() {
    let mut client = WsClient::sign_in_and_join(&HttpClient::new(&the_chat().await), &names()[0]).await;
    let line = line();
    client.expect("what was said before", |transcript| transcript.messages.iter().any(|said| said.text == line)).await;
    client.http_client.log_out().await.redirects_to("/");
}

fn line() -> String {
    variable("RUANG_LINE", "what is said, or was")
}

/// Names of this run's own.
fn names() -> [String; 4] {
    ["adi", "budi", "citra", "dewi"].map(|name| format!("{name} {}", process::id()))
}

/// Where the chat is, once it answers.
async fn the_chat() -> String {
    let url = variable("RUANG_URL", "where the chat is, for example http://localhost:8080");
    let url = url.trim_end_matches('/').to_owned();
    eventually(SOON, "the chat answers", || async {
        let response = HttpClient::new(&url).try_get("/readyz").await.map_err(|error| error.to_string())?;
        if response.status == 200 { Ok(()) } else { Err(format!("{response:?}")) }
    })
    .await;
    url
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings: where the chat is comes with the command")]
fn variable(name: &str, what: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: {what}"))
}
