//! The export of a time span, and the moderators' record as a stream.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON,
    engines::on_both_engines,
    operator::{TOKEN, act, log_in, token_file},
    schema,
    wait::within,
};

on_both_engines! {
    export_has_messages_and_actions_of_the_span,
}

fn lines(response: &Response) -> Vec<Value> {
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"), "{response:?}");
    response.body.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

async fn as_operator(base: &str, path: &str) -> Response {
    Response::to(get(base, path)).await
}

fn get(base: &str, path: &str) -> RequestBuilder {
    HttpClient::new(base).request(Method::GET, path).bearer_auth(TOKEN)
}

async fn export_has_messages_and_actions_of_the_span(engine: Engine) {
    let token = token_file();
    let builder = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").set("RUANG_READS_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let base = cluster.base(0);
    let mut sari = cluster.join(0, "sari").await;
    let mut ids = vec![];
    for n in 0..450 {
        ids.push(sari.send_acked(&format!("pesan {n}")).await);
    }
    act(base, json!({"act": "remove", "id": ids[1], "why": "kasar"})).await.is(200);
    let all = lines(as_operator(base, "/api/operator/export").await.is(200));
    let (messages, rest) = all.split_at(450);
    let found: Vec<&str> = messages.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(found, ids);
    assert_eq!((&messages[0]["text"], &messages[1]["removed"]), (&json!("pesan 0"), &json!(true)));
    assert_eq!((rest.len(), &rest[0]["act"], &rest[0]["why"]), (2, &json!("remove"), &json!("kasar")));
    assert_eq!(rest[1], json!({"end": true, "messages": 450, "acts": 1}));
    for message in [&messages[0], &messages[449]] {
        schema::validate("message", message).expect("a message of the protocol");
    }

    let at = |n: usize| messages[n]["at"].as_u64().unwrap();
    let inside = messages.iter().filter(|message| (at(200)..=at(300)).contains(&message["at"].as_u64().unwrap()));
    let part = lines(as_operator(base, &format!("/api/operator/export?from={}&to={}", at(200), at(300))).await.is(200));
    assert!(part.iter().take(part.len() - 1).eq(inside), "{part:?}");
    assert_eq!(part.last().unwrap(), &json!({"end": true, "messages": part.len() - 1, "acts": 0}));
    let past = "/api/operator/export?from=2001-01-01T00:00:00Z&to=2001-01-01T07:00:00%2B07:00";
    assert_eq!(lines(as_operator(base, past).await.is(200)), [json!({"end": true, "messages": 0, "acts": 0})]);
}

#[tokio::test]
async fn export_needs_a_moderator_and_a_valid_span() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let base = cluster.base(0);
    for path in ["/api/operator/export", "/api/operator/log"] {
        HttpClient::new(base).get(path).await.is(401);
        let moderator = HttpClient::new(base);
        log_in(&moderator, TOKEN).await.redirects_to("/operator");
        moderator.get(path).await.is(200);
    }
    for query in ["from=x", "to=x", "from=2&to=1", "from=-1"] {
        let refused = as_operator(base, &format!("/api/operator/export?{query}")).await;
        assert!(refused.is(400).json()["error"].as_str().unwrap().contains("from and to are"), "{query}: {refused:?}");
    }
    as_operator(base, "/api/operator/log?after=x").await.is(400);
}

#[tokio::test]
async fn export_waits_for_its_share_of_reads() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.set("RUANG_READS_PER_SECOND", "1").with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    for n in 0..5 {
        sari.send_acked(&format!("pesan {n}")).await;
    }
    // An address has 200 reads at once and 50 per second; an export of three portions counts as 12, and its request as one.
    let began = Instant::now();
    let mut done = 0;
    while done < 24 {
        let response = as_operator(cluster.base(0), "/api/operator/export").await;
        if response.status != 429 {
            assert_eq!(lines(response.is(200)).last().unwrap()["messages"], 5);
            done += 1;
        }
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn log_is_read_from_any_place_and_followed() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let (here, there) = (cluster.base(0), cluster.base(1));
    for interval in ["1s", "2s", "3s"] {
        act(here, json!({"act": "slow", "interval": interval})).await.is(200);
    }
    let log = lines(as_operator(there, "/api/operator/log").await.is(200));
    let intervals: Vec<&Value> = log.iter().map(|act| &act["interval_ms"]).collect();
    assert_eq!(intervals, [1000, 2000, 3000]);
    let after = log[0]["id"].as_str().unwrap();
    let rest = lines(as_operator(here, &format!("/api/operator/log?after={after}")).await.is(200));
    assert_eq!(rest, log[1..]);

    let after = log[2]["id"].as_str().unwrap();
    let path = format!("/api/operator/log?after={after}&follow=true");
    let mut followed = within(SOON, "the head", get(there, &path).send()).await.unwrap();
    act(here, json!({"act": "slow", "interval": "4s"})).await.is(200);
    let chunk = within(SOON, "a line", followed.chunk()).await.unwrap().expect("the stream goes on");
    let line: Value = serde_json::from_slice(&chunk).unwrap();
    assert_eq!(line["interval_ms"], 4000);
    // Access ends with the line of the file.
    std::fs::write(token.path(), "lain:another-token-that-is-not-guessed\n").unwrap();
    assert_eq!(within(SOON, "the end", followed.chunk()).await.unwrap(), None);
}

#[tokio::test]
async fn export_ends_with_the_access_that_began_it() {
    const MESSAGES: usize = 4000;
    // As many as a client may send at once.
    const PORTION: usize = 100;
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.set("RUANG_READS_PER_SECOND", "1").with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    for n in 1..=MESSAGES {
        sari.send_text(&format!("pesan {n}")).await;
        if n % PORTION == 0 {
            sari.expect_within(SOON, "a portion", |transcript| transcript.messages.len() == n).await;
        }
    }
    // From here on an address has 50 reads per second, and a portion of 200 messages is four: 1.6 s for all.
    let client = cluster.http_client(0);
    let reads = join_all((0..600).map(|_| client.get("/rules"))).await;
    assert!(reads.iter().any(|read| read.status == 429));
    let export = async || get(cluster.base(0), "/api/operator/export").send().await.expect("a response");
    let mut response = export().await;
    while response.status() == 429 {
        response = export().await;
    }
    std::fs::write(token.path(), "lain:another-token-that-is-not-guessed\n").expect("a file that can be written");
    let mut received = 0;
    let cut = loop {
        match within(SOON, "a portion", response.chunk()).await {
            Ok(Some(chunk)) => received += chunk.len(),
            ended => break ended,
        }
    };
    assert!(cut.is_err() && received > 0, "{received} bytes, and the end of a whole response");
}
