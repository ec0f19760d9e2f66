//! Requests that the moderators' API refuses: each with its status and a sentence, and nothing is done.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::kit::{
    Cluster, Engine, HttpClient, Response, WsClient,
    bots::{self, bots_file},
    operator::{TOKEN, token_file},
};

/// The paths of the API, with the methods that each has.
const ROUTES: [(&str, &[&str]); 7] = [
    ("/api/operator", &["GET", "POST"]),
    ("/api/operator/me", &["GET"]),
    ("/api/operator/person?name=sari", &["GET"]),
    ("/api/operator/log", &["GET"]),
    ("/api/operator/export", &["GET"]),
    ("/api/operator/reports", &["GET", "POST"]),
    ("/api/reports", &["POST"]),
];
/// The path for people.
const REPORTS: &str = "/api/reports";

/// A room with a person and a message, and what moderators see of it.
struct Bench {
    cluster: Cluster,
    sari: WsClient,
    id: String,
    before: Value,
    _files: [NamedTempFile; 2],
}

impl Bench {
    async fn start() -> Self {
        let (token, bots) = (token_file(), bots_file());
        let cluster = Cluster::builder(Engine::Redis).with_operator(&token).with_bots(&bots).start().await;
        let mut sari = cluster.join(0, "sari").await;
        let id = sari.send_acked("halo").await;
        let mut bench = Self { cluster, sari, id, before: Value::Null, _files: [token, bots] };
        bench.before = bench.state().await;
        bench
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        HttpClient::new(self.cluster.base(0)).request(Method::from_bytes(method.as_bytes()).expect("a method"), path)
    }

    fn as_moderator(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(TOKEN)
    }

    /// A request of the person, with their session.
    fn as_person(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.sari.http_client.request(method, path)
    }

    /// The rules, bans, mutes, record, reports and messages.
    async fn state(&self) -> Value {
        let mut state = vec![];
        for path in ["/api/operator", "/api/operator/reports", "/api/operator/log", "/api/operator/export"] {
            state.push(Response::to(self.as_moderator("GET", path)).await.is(200).body.clone());
        }
        json!(state)
    }

    async fn is_unchanged(&self) {
        assert_eq!(self.state().await, self.before);
    }
}

/// Sends a request. The response must have this status and, in its sentence, this text.
async fn refuse(request: RequestBuilder, status: u16, sentence: &str, what: &str) -> Response {
    let response = Response::to(request).await;
    assert_eq!(response.status, status, "{what}: {response:?}");
    let error = serde_json::from_str::<Value>(&response.body).unwrap_or_default()["error"].clone();
    let error = error.as_str().unwrap_or_default();
    assert!(!error.is_empty() && error.contains(sentence), "{what}: {error:?} lacks {sentence:?}");
    response
}

#[tokio::test]
async fn api_is_for_moderators_and_its_methods_alone() {
    let bench = Bench::start().await;
    let body = json!({"act": "slow", "interval": "1h", "id": bench.id});
    for (path, methods) in ROUTES {
        for method in methods {
            let what = format!("{method} {path}");
            refuse(bench.request(method, path).json(&body), 401, "", &what).await;
            if path != REPORTS {
                refuse(bench.as_person(method, path).json(&body), 401, "a moderator's token is needed", &what).await;
                let forged = bench.request(method, path).header("cookie", "ruang-operator=").json(&body);
                assert!(matches!(Response::to(forged).await.status, 401 | 429), "{what}");
            }
        }
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"].iter().filter(|method| !methods.contains(method)) {
            let what = format!("{method} {path}");
            let response = refuse(bench.as_moderator(method, path), 405, "other methods", &what).await;
            assert!(methods.iter().all(|method| response.header("allow").is_some_and(|allow| allow.contains(method))));
        }
    }
    let program = bench.request("POST", "/api/operator").bearer_auth(bots::TOKEN).json(&body);
    refuse(program, 401, "a moderator's token is needed", "a program's token").await;
    bench.is_unchanged().await;
}

#[tokio::test]
async fn api_of_moderation_refuses_requests_of_other_sites() {
    let bench = Bench::start().await;
    let body = json!({"act": "slow", "interval": "1h", "id": bench.id});
    for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://other.example")] {
        for path in ["/api/operator", "/api/operator/reports"] {
            let request = bench.as_moderator("POST", path).header(header, value).json(&body);
            refuse(request, 403, "another site", path).await;
        }
        refuse(bench.as_person("POST", REPORTS).header(header, value).json(&body), 403, "another site", REPORTS).await;
    }
    bench.is_unchanged().await;
}

#[tokio::test]
async fn invalid_command_is_refused_and_nothing_is_done() {
    let bench = Bench::start().await;
    let long = "x".repeat(201);
    for (command, sentence) in [
        (json!({}), "act is"),
        (json!({"act": "explode"}), "act is"),
        (json!({"act": 7}), "wrong type"),
        (json!("slow"), "wrong type"),
        (json!(null), "wrong type"),
        (json!({"act": "remove"}), "id is"),
        (json!({"act": "remove", "id": 7}), "wrong type"),
        (json!({"act": "remove", "id": "7-"}), "id is"),
        (json!({"act": "dismiss", "id": ""}), "id is"),
        (json!({"act": "remove", "id": bench.id, "why": long}), "why is"),
        (json!({"act": "remove", "id": bench.id, "why": ["spam"]}), "wrong type"),
        (json!({"act": "purge"}), "name is"),
        (json!({"act": "purge", "name": "x".repeat(500)}), "name is"),
        (json!({"act": "mute", "name": "sari"}), "for is"),
        (json!({"act": "mute", "name": "sari", "for": "0s"}), "for is"),
        (json!({"act": "mute", "name": "sari", "for": "366d"}), "for is"),
        (json!({"act": "mute", "name": "sari", "for": 600}), "wrong type"),
        (json!({"act": "mute", "id": "nothing", "for": "1h"}), "id is"),
        (json!({"act": "ban", "name": "\u{200b}", "for": "1h"}), "name is"),
        (json!({"act": "ban", "name": "sari", "for": "1h", "messages": 1}), "wrong type"),
        (json!({"act": "ban", "name": "sari", "for": "soon", "messages": true}), "for is"),
        (json!({"act": "ban", "name": "sari", "for": "0s", "address": true}), "address is"),
        (json!({"act": "unmute", "name": ""}), "name is"),
        (json!({"act": "pardon"}), "name is"),
        (json!({"act": "slow"}), "interval is"),
        (json!({"act": "slow", "interval": "-1s"}), "interval is"),
        (json!({"act": "slow", "interval": 30}), "wrong type"),
        (json!({"act": "read_only", "for": "soon"}), "for is"),
        (json!({"act": "closed", "text": long}), "text of a door"),
        (json!({"act": "announce", "text": "x".repeat(2001)}), "text is"),
        (json!({"act": "rules"}), "rules needs"),
        (json!({"act": "rules", "quiet": true, "words": [7]}), "wrong type"),
        (json!({"act": "rules", "quiet": true, "words": ["!"]}), "a word has"),
        (json!({"act": "rules", "repeats": true, "links": "sometimes"}), "links is"),
        (json!({"act": "rules", "quiet": true, "newcomers": "10m", "newcomer_interval": "2h"}), "newcomers is"),
        (json!({"act": "rules", "quiet": true, "newcomer_interval": "1m"}), "newcomers is"),
    ] {
        for path in ["/api/operator", "/api/operator/reports"] {
            refuse(bench.as_moderator("POST", path).json(&command), 400, sentence, &command.to_string()).await;
        }
    }
    bench.is_unchanged().await;
}

#[tokio::test]
async fn command_about_nothing_is_404() {
    let bench = Bench::start().await;
    for command in [
        json!({"act": "remove", "id": "7-42"}),
        json!({"act": "dismiss", "id": bench.id}),
        json!({"act": "purge", "name": "absent"}),
        json!({"act": "mute", "id": "7-42", "for": "1h"}),
        json!({"act": "ban", "id": "7-42", "for": "1h"}),
        json!({"act": "ban", "name": "absent", "for": "0s"}),
        json!({"act": "unmute", "name": "sari"}),
        json!({"act": "pardon", "name": "sari"}),
    ] {
        refuse(bench.as_moderator("POST", "/api/operator").json(&command), 404, "no such", &command.to_string()).await;
    }
    bench.is_unchanged().await;
}

#[tokio::test]
async fn body_that_is_no_json_or_too_long_is_refused() {
    let bench = Bench::start().await;
    let slow = json!({"act": "slow", "interval": "1h"}).to_string();
    let big = json!({"act": "announce", "text": "x".repeat(40_000)}).to_string();
    let cut = slow[..10].to_owned();
    for (content_type, body, status, sentence) in [
        ("application/json", String::new(), 400, "a JSON object"),
        ("application/json", cut, 400, "a JSON object"),
        ("text/plain", slow.clone(), 400, "application/json"),
        ("application/x-www-form-urlencoded", "act=slow&interval=1h".to_owned(), 400, "application/json"),
    ] {
        for path in ["/api/operator", "/api/operator/reports"] {
            let request = bench.as_moderator("POST", path).header("content-type", content_type).body(body.clone());
            refuse(request, status, sentence, &body).await;
        }
        let request = bench.as_person("POST", REPORTS).header("content-type", content_type).body(body.clone());
        refuse(request, status, sentence, &body).await;
    }
    for request in [bench.as_moderator("POST", "/api/operator"), bench.as_person("POST", REPORTS)] {
        let response = Response::to(request.header("content-type", "application/json").body(big.clone())).await;
        assert_eq!(response.status, 413, "{response:?}");
    }
    bench.is_unchanged().await;
}

#[tokio::test]
async fn invalid_query_of_the_api_is_400() {
    let bench = Bench::start().await;
    let long = format!("/api/operator/person?name={}", "x".repeat(500));
    for (path, sentence) in [
        ("/api/operator/person", "name is"),
        ("/api/operator/person?name=", "name is"),
        ("/api/operator/person?name=%E2%80%8B", "name is"),
        (long.as_str(), "name is"),
        ("/api/operator/log?after=7", "after is"),
        ("/api/operator/log?follow=perhaps", "after is"),
        ("/api/operator/export?from=yesterday", "from and to"),
        ("/api/operator/export?from=2&to=1", "from and to"),
        ("/api/operator/export?to=-1", "from and to"),
        ("/api/operator/reports?limit=51", "limit is"),
        ("/api/operator/reports?limit=-1", "limit is"),
        ("/api/operator/reports?limit=many", "limit is"),
    ] {
        refuse(bench.as_moderator("GET", path), 400, sentence, path).await;
    }
}

#[tokio::test]
async fn invalid_report_is_refused_and_not_stored() {
    let bench = Bench::start().await;
    for (report, status, sentence) in [
        (json!({}), 400, "a field is missing"),
        (json!({"id": 7}), 400, "wrong type"),
        (json!({"id": "7"}), 400, "id is"),
        (json!({"id": bench.id, "reason": "x".repeat(201)}), 400, "reason is"),
        (json!({"id": bench.id, "reason": 7}), 400, "wrong type"),
        (json!({"id": "7-42"}), 404, "no longer stored"),
    ] {
        refuse(bench.as_person("POST", REPORTS).json(&report), status, sentence, &report.to_string()).await;
    }
    bench.is_unchanged().await;
}
