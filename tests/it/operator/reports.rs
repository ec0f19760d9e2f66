//! Reports of messages, from the person to the moderator, over two instances.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON,
    engines::on_both_engines,
    operator::{TOKEN, act, log_in, token_file},
};

on_both_engines! {
    report_reaches_the_queue_with_its_surroundings,
}

async fn report(http_client: &HttpClient, body: Value) -> Response {
    Response::to(http_client.request(Method::POST, "/api/reports").json(&body)).await
}

async fn queue(base: &str, query: &str) -> Value {
    let path = format!("/api/operator/reports{query}");
    Response::to(HttpClient::new(base).request(Method::GET, &path).bearer_auth(TOKEN)).await.is(200).json()
}

async fn decide(base: &str, decision: Value) -> Response {
    let request = HttpClient::new(base).request(Method::POST, "/api/operator/reports").bearer_auth(TOKEN);
    Response::to(request.json(&decision)).await
}

async fn report_reaches_the_queue_with_its_surroundings(engine: Engine) {
    let token = token_file();
    let instances = if engine == Engine::Redis { 2 } else { 1 };
    let builder = Cluster::builder(engine).instances(instances).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let (here, there) = (cluster.base(0), cluster.base(instances - 1));
    let mut sari = cluster.join(0, "Sari").await;
    let budi = cluster.join(instances - 1, "Budi").await;
    let mut ids = vec![];
    for n in 0..15 {
        ids.push(sari.send_acked(&format!("pesan {n}")).await);
    }
    let first = report(&budi.http_client, json!({"id": ids[7], "reason": " <kasar> "})).await;
    assert_eq!(first.is(200).json(), json!({"reported": true}));
    report(&budi.http_client, json!({"id": ids[7]})).await.is(200);
    report(&sari.http_client, json!({"id": ids[7]})).await.is(200);
    report(&sari.http_client, json!({"id": ids[14]})).await.is(200);
    for base in [here, there] {
        let queue = queue(base, "").await;
        assert_eq!((&queue["open"], queue["reports"].as_array().unwrap().len()), (&json!(2), 2));
        let reported = &queue["reports"][0];
        let texts = |messages: &Value| -> Vec<Value> {
            messages.as_array().unwrap().iter().map(|message| message["text"].clone()).collect()
        };
        assert_eq!((&reported["message"]["id"], &reported["count"]), (&json!(ids[7]), &json!(2)));
        assert_eq!(texts(&reported["before"]), ["pesan 2", "pesan 3", "pesan 4", "pesan 5", "pesan 6"]);
        assert_eq!(texts(&reported["after"]), ["pesan 8", "pesan 9", "pesan 10", "pesan 11", "pesan 12"]);
        let reporters = &reported["reporters"];
        assert_eq!((&reporters[0]["name"], &reporters[0]["reason"]), (&json!("Budi"), &json!("<kasar>")));
        assert_eq!((&reporters[1]["name"], reporters[1].get("reason")), (&json!("Sari"), None));
        let last = &queue["reports"][1];
        assert_eq!((texts(&last["before"]).len(), texts(&last["after"]).len()), (5, 0));
    }
    assert_eq!(queue(there, "?limit=0").await, json!({"open": 2, "reports": []}));
    let log = cluster.instances.iter().map(crate::kit::Instance::log).collect::<String>();
    assert!(!log.contains("kasar"), "{log}");
}

#[tokio::test]
async fn each_decision_is_one_request_and_on_record() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).instances(2).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let (here, there) = (cluster.base(0), cluster.base(1));
    let mut sari = cluster.join(0, "Sari").await;
    let mut citra = cluster.join(1, "Citra").await;
    let budi = cluster.join(1, "Budi").await;
    let mut ids = vec![];
    for n in 0..3 {
        ids.push(sari.send_acked(&format!("pesan {n}")).await);
        report(&budi.http_client, json!({"id": ids[n]})).await.is(200);
    }
    decide(here, json!({"act": "dismiss", "id": ids[0], "why": "biasa"})).await.is(200);
    decide(there, json!({"act": "remove", "id": ids[1]})).await.is(200);
    citra.expect("the deletion", |transcript| transcript.removed == [ids[1].clone()]).await;
    decide(here, json!({"act": "mute", "id": ids[2], "for": "10m"})).await.is(200);
    citra.expect("the deletion", |transcript| transcript.removed.len() == 2).await;
    assert_eq!(queue(there, "").await, json!({"open": 0, "reports": []}));
    for id in &ids {
        decide(here, json!({"act": "dismiss", "id": id})).await.is(404);
    }
    decide(here, json!({"act": "ban", "id": ids[2], "for": "1h"})).await.is(404);
    sari.send_with_nonce("a", "halo").await;
    sari.expect("the refusal", |transcript| transcript.errors.iter().any(|error| error["code"] == "muted")).await;

    let id = citra.send_acked("spam").await;
    report(&budi.http_client, json!({"id": id})).await.is(200);
    decide(there, json!({"act": "ban", "id": id, "for": "1d"})).await.is(200);
    citra.wait_for_bye(SOON, "session_ended", 4001).await;
    cluster.http_client(0).sign_in("citra").await.is(403);
    let request = HttpClient::new(here).request(Method::GET, "/api/operator").bearer_auth(TOKEN);
    let record = Response::to(request).await.is(200).json();
    let acts: Vec<(&str, &Value)> =
        record["acts"].as_array().unwrap().iter().map(|act| (act["act"].as_str().unwrap(), &act["whom"][0])).collect();
    let (sari, citra) = (json!("Sari"), json!("Citra"));
    let expected = [
        ("remove", &citra),
        ("ban", &citra),
        ("remove", &sari),
        ("mute", &sari),
        ("remove", &sari),
        ("dismiss", &sari),
    ];
    assert_eq!(acts, expected);
    assert_eq!(record["acts"][5]["why"], "biasa");
}

#[tokio::test]
async fn report_that_cannot_be_taken_has_a_sentence() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let base = cluster.base(0);
    let mut sari = cluster.join(0, "Sari").await;
    let budi = cluster.join(0, "Budi").await;
    let mut ids = vec![];
    for n in 0..6 {
        ids.push(sari.send_acked(&format!("pesan {n}")).await);
    }
    report(&HttpClient::new(base), json!({"id": ids[0]})).await.is(401);
    for (body, reason) in [
        (json!([1]), "a JSON object"),
        (json!({"id": "7"}), "id is"),
        (json!({"id": ids[0], "reason": "x".repeat(201)}), "reason is"),
    ] {
        let response = report(&budi.http_client, body.clone()).await;
        assert!(response.is(400).json()["error"].as_str().unwrap().contains(reason), "{body}: {response:?}");
    }
    let forged = budi.http_client.request(Method::POST, "/api/reports").header("sec-fetch-site", "cross-site");
    Response::to(forged.json(&json!({"id": ids[0]}))).await.is(403);
    for id in &ids[..5] {
        report(&budi.http_client, json!({"id": id})).await.is(200);
    }
    let limited = report(&budi.http_client, json!({"id": ids[5]})).await;
    assert!(limited.is(429).header("retry-after").is_some(), "{limited:?}");
    act(base, json!({"act": "remove", "id": ids[0]})).await.is(200);
    report(&sari.http_client, json!({"id": ids[0]})).await.is(404);
    for path in ["/api/operator/reports", "/api/operator/reports?limit=51"] {
        let status = if path.contains("limit") { 400 } else { 401 };
        let request = HttpClient::new(base).request(Method::GET, path);
        let request = if status == 400 { request.bearer_auth(TOKEN) } else { request };
        Response::to(request).await.is(status);
    }
}

#[tokio::test]
async fn page_decides_on_reports_by_forms() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let operator = cluster.http_client(0);
    log_in(&operator, TOKEN).await.redirects_to("/operator");
    assert!(operator.get("/operator").await.body.contains("Tidak ada laporan."));
    let mut sari = cluster.join(0, "Sari").await;
    let budi = cluster.join(0, "Budi").await;
    let id = sari.send_acked("<b>kasar</b>").await;
    report(&budi.http_client, json!({"id": id, "reason": "<i>tidak sopan</i>"})).await.is(200);
    let page = operator.get("/operator").await.body;
    for part in
        ["&#60;i&#62;tidak sopan", "Dilaporkan oleh 1 orang", "Hapus dan bungkam 1 jam", "Hapus dan blokir 1 hari"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let form = [("act", "ban"), ("id", &id), ("for", "1d")];
    let decided = Response::to(operator.request(Method::POST, "/operator").form(&form)).await;
    decided.redirects_to("/operator?said=done");
    sari.wait_for_bye(SOON, "session_ended", 4001).await;
    let page = operator.get("/operator").await.body;
    assert!(
        page.contains("Tidak ada laporan.") && page.contains("Sari dikeluarkan dan diblokir selama 1 hari"),
        "{page}"
    );
    Response::to(operator.request(Method::POST, "/operator").form(&form)).await.redirects_to("/operator?said=nothing");
}

#[tokio::test]
async fn reports_without_moderators_are_404() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let sari = cluster.join(0, "sari").await;
    report(&sari.http_client, json!({"id": "7-42"})).await.is(404);
}
