//! A chat through an installation at `RUANG_URL`, for example several instances behind a balancer. `tests/compose` runs it;
//! for your own installation: `RUANG_URL=http://localhost:8080 cargo test --test outside`.

#![allow(dead_code, reason = "the kit is shared with the tests that use all of it")]

#[path = "../it/kit/http_client.rs"]
mod http_client;
#[path = "../it/kit/schema.rs"]
mod schema;
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
    let url = chat_url().await;
    let url = url.as_str();
    let names = names();
    let mut clients = Vec::new();
    for name in &names {
        clients.push(WsClient::sign_in_and_join(&HttpClient::new(url), name).await);
    }
    for (client, name) in clients.iter_mut().zip(&names) {
        let all_joined =
            |transcript: &transcript::Transcript| names.iter().all(|name| transcript.members.contains(name));
        client.expect("all members", all_joined).await;
        client.send_acked(&format!("halo dari {name}")).await;
    }
    let mut orders = Vec::new();
    for client in &mut clients {
        let all = |transcript: &transcript::Transcript| {
            names.iter().all(|name| transcript.shows(name, &format!("halo dari {name}")))
        };
        let transcript = client.expect("all greetings", all).await;
        orders.push(transcript.ids().split_off(transcript.messages.len() - names.len()).join(" "));
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "one order for all: {orders:?}");
    for client in clients {
        client.http_client.log_out().await.redirects_to("/");
    }
}

#[tokio::test]
#[ignore = "needs RUANG_WHILE: the file it creates, and whose removal ends it"]
async fn clients_chat_until_the_file_is_removed() {
    let url = chat_url().await;
    let file = variable("RUANG_WHILE", "a file: created at the start of the chat; its removal ends the chat");
    talk::talk(&url, &names(), Path::new(&file)).await;
}

#[tokio::test]
#[ignore = "needs RUANG_LINE: the text to send"]
async fn line_is_sent_and_acked() {
    let mut client = WsClient::sign_in_and_join(&HttpClient::new(&chat_url().await), &names()[0]).await;
    client.send_acked(&line()).await;
    client.http_client.log_out().await.redirects_to("/");
}

#[tokio::test]
#[ignore = "needs RUANG_LINE: the text sent earlier"]
async fn earlier_line_is_still_stored() {
    let mut client = WsClient::sign_in_and_join(&HttpClient::new(&chat_url().await), &names()[0]).await;
    let line = line();
    client
        .expect("the earlier line", |transcript| transcript.messages.iter().any(|message| message.text == line))
        .await;
    client.http_client.log_out().await.redirects_to("/");
}

fn line() -> String {
    variable("RUANG_LINE", "the text to send or to find")
}

/// Returns names unique to this run.
fn names() -> [String; 4] {
    ["adi", "budi", "citra", "dewi"].map(|name| format!("{name} {}", process::id()))
}

/// Returns the URL of the chat once it is ready.
async fn chat_url() -> String {
    let url = variable("RUANG_URL", "the URL of the chat, for example http://localhost:8080");
    let url = url.trim_end_matches('/').to_owned();
    eventually(SOON, "the chat is ready", || async {
        let response = HttpClient::new(&url).try_get("/readyz").await.map_err(|error| error.to_string())?;
        if response.status == 200 { Ok(()) } else { Err(format!("{response:?}")) }
    })
    .await;
    url
}

#[expect(clippy::disallowed_methods, reason = "settings of the test, not of the program")]
fn variable(name: &str, what: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: {what}"))
}
