//! The operator API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response,
    engines::on_both_engines,
    operator::{TOKEN, act, token_file},
};

on_both_engines! {
    action_is_confirmed_listed_and_logged_without_texts,
}

async fn moderation_log(base: &str) -> Value {
    let response = Response::to(HttpClient::new(base).request(Method::GET, "/api/operator").bearer_auth(TOKEN)).await;
    response.is(200).json()
}

async fn action_is_confirmed_listed_and_logged_without_texts(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let base = cluster.base(0);
    let mut sari = cluster.join(0, "Sari").await;
    let id = sari.send_acked("kata kasar").await;
    let actions = [
        json!({"act": "remove", "id": id}),
        json!({"act": "slow", "interval": "1s"}),
        json!({"act": "announce", "text": "Besok mati"}),
        json!({"act": "ban", "name": " SARI ", "for": "1h"}),
    ];
    for action in &actions {
        assert_eq!(act(base, action.clone()).await.is(200).json(), json!({"done": true}));
    }
    act(base, json!({"act": "remove", "id": id})).await.is(404);
    let log = moderation_log(base).await;
    assert_eq!(log["rules"], json!({"slow_ms": 1000, "notice": "Besok mati"}));
    assert_eq!(log["bans"][0]["name"], "SARI");
    let names: Vec<&str> =
        log["acts"].as_array().unwrap().iter().map(|action| action["act"].as_str().unwrap()).collect();
    assert_eq!(names, ["ban", "announce", "slow", "remove"]);
    assert_eq!(log["acts"][3]["ids"], json!([id]));
    let instance_log = cluster.instances[0].log();
    assert!(instance_log.contains("moderation action"), "{instance_log}");
    for forbidden in ["Besok mati", "kata kasar", TOKEN, "SARI"] {
        assert!(!instance_log.contains(forbidden), "{forbidden}: {instance_log}");
    }
}

#[tokio::test]
async fn wrong_operator_tokens_are_401_then_429() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).with_operator(&token);
    let cluster = builder.start().await;
    let sari = cluster.join(0, "sari").await;
    let http_client = &sari.http_client;
    let request =
        |method: Method| http_client.request(method, "/api/operator").json(&json!({"act": "slow", "interval": "1h"}));
    let response = Response::to(request(Method::POST)).await;
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
    Response::to(request(Method::GET)).await.is(401);
    Response::to(request(Method::POST).bearer_auth("a guess")).await.is(401);
    Response::to(request(Method::POST).header("authorization", format!("Basic {TOKEN}"))).await.is(401);
    act(cluster.base(0), json!({"act": "slow", "interval": "0s"})).await.is(200);
    for _ in 1..10 {
        Response::to(request(Method::POST).bearer_auth("a guess")).await.is(401);
    }
    let response = Response::to(request(Method::POST).bearer_auth("another guess")).await;
    assert_eq!((response.status, response.header("retry-after").is_some()), (429, true), "{response:?}");
    act(cluster.base(0), json!({"act": "slow", "interval": "0s"})).await.is(429);
}

#[tokio::test]
async fn malformed_action_is_400_with_a_reason() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    for (action, reason) in [
        (json!({}), "act is"),
        (json!([1]), "a JSON object"),
        (json!({"act": "ban", "name": "", "for": "1h"}), "name is"),
        (json!({"act": "ban", "name": "sari", "for": "soon"}), "for is"),
        (json!({"act": "remove", "id": "7"}), "id is"),
        (json!({"act": "slow", "interval": "2h"}), "interval is"),
    ] {
        let response = act(cluster.base(0), action.clone()).await;
        assert!(response.is(400).json()["error"].as_str().unwrap().contains(reason), "{action}: {response:?}");
    }
}

#[tokio::test]
async fn operator_routes_without_a_token_are_404() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let http_client = cluster.http_client(0);
    http_client.get("/operator").await.is(404);
    act(cluster.base(0), json!({"act": "slow", "interval": "1h"})).await.is(404);
    Response::to(http_client.request(Method::POST, "/operator/enter").form(&[("token", "")])).await.is(404);
}
