//! Named moderators: who is let in, and who is on record.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::kit::{Cluster, Engine, HttpClient, Response, engines::on_both_engines, eventually, operator::log_in};

const SARI: &str = "f2a9c07be41d5836";
const BUDI: &str = "0d9b3f6a7c1e8524";

on_both_engines! { action_is_on_record_with_who_where_whom_and_why }

fn tokens(lines: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), lines).expect("a file that can be written");
    file
}

fn both() -> NamedTempFile {
    tokens(&format!("Sari:{SARI}\nBudi:{BUDI}\n"))
}

async fn name(client: &HttpClient) -> Option<String> {
    let response = client.get("/api/operator/me").await;
    assert!(matches!(response.status, 200 | 401), "{response:?}");
    (response.status == 200).then(|| response.json()["name"].as_str().expect("a name").to_owned())
}

async fn bearer(base: &str, token: &str) -> u16 {
    Response::to(HttpClient::new(base).request(Method::GET, "/api/operator").bearer_auth(token)).await.status
}

async fn action_is_on_record_with_who_where_whom_and_why(engine: Engine) {
    let tokens = both();
    let cluster = Cluster::builder(engine).with_operator(&tokens).start().await;
    let moderator = cluster.http_client(0);
    log_in(&moderator, SARI).await.redirects_to("/operator");
    let mut citra = cluster.join(0, "citra").await;
    let id = citra.send_acked("kasar").await;
    let cookie = moderator.request(Method::POST, "/api/operator");
    Response::to(cookie.json(&json!({"act": "remove", "id": id, "why": "insults"}))).await.is(200);
    let token = HttpClient::new(cluster.base(0)).request(Method::POST, "/api/operator").bearer_auth(BUDI);
    Response::to(token.json(&json!({"act": "ban", "name": "Citra", "for": "1h"}))).await.is(200);
    let acts = moderator.get("/api/operator").await.is(200).json()["acts"].clone();
    let record = |n: usize| json!([acts[n]["act"], acts[n]["by"], acts[n]["from"], acts[n]["whom"], acts[n]["why"]]);
    assert_eq!(record(0), json!(["ban", "Budi", "127.0.0.0/24", ["Citra"], null]));
    assert_eq!(record(1), json!(["remove", "Sari", "127.0.0.0/24", ["citra"], "insults"]));
    let page = moderator.get("/operator?lang=en").await.body;
    for part in ["by Budi from 127.0.0.0/24", "by Sari from 127.0.0.0/24: insults", "(citra)"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn moderator_signed_out_has_no_access_anywhere() {
    let tokens = both();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&tokens).start().await;
    let here = cluster.http_client(0);
    log_in(&here, SARI).await.redirects_to("/operator");
    let there = here.with_base(cluster.base(1));
    // A browser that is signed out forgets the cookie; a stolen one is sent again.
    let stolen = here.cookie().expect("a cookie");
    let show = async |base: &str| {
        let request = HttpClient::new(base).request(Method::GET, "/api/operator/me").header("cookie", &stolen);
        Response::to(request).await.status
    };
    assert_eq!((name(&there).await.as_deref(), show(cluster.base(1)).await), (Some("Sari"), 200));
    Response::to(here.request(Method::POST, "/operator/leave")).await.redirects_to("/operator");
    assert_eq!((show(cluster.base(0)).await, show(cluster.base(1)).await), (401, 401));
}

#[tokio::test]
async fn line_removed_from_the_file_ends_access_everywhere() {
    let tokens = both();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&tokens).start().await;
    let (sari, budi) = (cluster.http_client(0), cluster.http_client(1));
    log_in(&sari, SARI).await.redirects_to("/operator");
    log_in(&budi, BUDI).await.redirects_to("/operator");
    std::fs::write(tokens.path(), format!("Budi:{BUDI}\n")).expect("a file that can be written");
    let began = Instant::now();
    for instance in 0..2 {
        let sari = sari.with_base(cluster.base(instance));
        eventually(Duration::from_secs(3), "her access ends", || async {
            name(&sari).await.map_or(Ok(()), |name| Err(format!("{name} on {instance}")))
        })
        .await;
        let budi = budi.with_base(cluster.base(instance));
        assert_eq!(name(&budi).await.as_deref(), Some("Budi"), "others keep theirs");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((bearer(cluster.base(0), SARI).await, bearer(cluster.base(1), BUDI).await), (401, 200));
    std::fs::write(tokens.path(), format!("Budi:{BUDI}\nSari:{SARI}\n")).expect("a file that can be written");
    // Polling by her token would count as guesses.
    eventually(Duration::from_secs(3), "the file is read again", || async {
        let log = cluster.instances[1].log();
        log.lines()
            .any(|line| line.contains("tokens has changed") && line.contains("moderators=2"))
            .then_some(())
            .ok_or(log)
    })
    .await;
    assert_eq!(bearer(cluster.base(1), SARI).await, 200);
}

#[tokio::test]
async fn right_tokens_at_once_are_accepted_and_guesses_are_not() {
    let tokens = both();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&tokens).start().await;
    let present = async |token: &'static str| {
        let attempts = (0..60).map(|n| bearer(cluster.base(n % 2), token));
        let mut statuses = join_all(attempts).await;
        statuses.sort_unstable();
        statuses
    };
    assert_eq!(present(SARI).await, vec![200; 60]);
    let statuses = present("a guess").await;
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    // One more may be admitted after six seconds.
    assert!((10..=13).contains(&looked_at), "{statuses:?}");
    assert!(statuses[looked_at..].iter().all(|status| *status == 429), "{statuses:?}");
    assert_eq!(bearer(cluster.base(0), SARI).await, 429, "no token is looked at any longer");
}

#[tokio::test]
async fn guesses_from_many_addresses_do_not_fill_the_log() {
    let tokens = both();
    let builder = Cluster::builder(Engine::Memory).with_operator(&tokens);
    let cluster = builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.1").start().await;
    for n in 0..100 {
        let guess = HttpClient::new(cluster.base(0)).request(Method::GET, "/api/operator").bearer_auth("a guess");
        Response::to(guess.header("x-forwarded-for", format!("203.0.113.{n}"))).await.is(401);
    }
    let logged = cluster.instances[0].log().matches("wrong operator token").count();
    assert!((20..80).contains(&logged), "{logged}: twenty, and one per second");
}

#[tokio::test]
async fn moderator_may_take_no_name_of_another_moderator() {
    let tokens = both();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&tokens).start().await;
    let sari = cluster.http_client(0);
    log_in(&sari, SARI).await.redirects_to("/operator");
    sari.sign_in("Budi").await.is(409);
    sari.sign_in("Sari").await.redirects_to("/chat");
}
