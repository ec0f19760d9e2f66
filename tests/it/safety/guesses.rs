//! Guesses of the operator's token and cookie.

use std::net::IpAddr;

use reqwest::Method;
use tokio::task::JoinSet;

use crate::kit::{
    Cluster, Engine, HttpClient, Response,
    engines::on_both_engines,
    operator::{TOKEN, log_in, token_file},
    prometheus::{metrics_address, value},
};

/// Wrong tokens that one address may present at once.
const GUESSES: usize = 10;

on_both_engines! {
    simultaneous_guesses_are_counted_before_they_are_compared,
    right_tokens_and_cookies_are_not_counted,
    guesser_does_not_lock_out_a_signed_in_moderator,
}

/// The ways to present a secret, each a wrong one.
async fn guess(client: &HttpClient, door: usize) -> Response {
    let forged = "ruang-operator=9999999999.00";
    Response::to(match door % 4 {
        0 => client.request(Method::GET, "/api/operator").bearer_auth("a guess"),
        1 => client.request(Method::POST, "/operator/enter").form(&[("token", "a guess")]),
        2 => client.request(Method::GET, "/operator").header("cookie", forged),
        _ => client.request(Method::POST, "/operator").header("cookie", forged).form(&[("act", "slow")]),
    })
    .await
}

async fn report(client: &HttpClient) -> Response {
    Response::to(client.request(Method::GET, "/api/operator").bearer_auth(TOKEN)).await
}

#[tokio::test]
async fn guesses_are_counted_over_all_instances_and_doors() {
    let token = token_file();
    let settings = Cluster::builder(Engine::Redis).instances(2).with_operator(&token);
    let cluster = settings.set("RUANG_METRICS_LISTEN", "127.0.0.1:0").start().await;
    for n in 0..GUESSES {
        let response = guess(&cluster.http_client(n % 2), n / 2).await;
        assert_ne!(response.status, 429, "{n}: {response:?}");
    }
    for instance in 0..2 {
        let client = cluster.http_client(instance);
        for door in 0..4 {
            let refused = guess(&client, door).await;
            let wait: u64 = refused.is(429).header("retry-after").expect("a time").parse().expect("seconds");
            assert!((1..=7).contains(&wait), "{wait}");
        }
        // Right ones are not looked at either, from here.
        report(&client).await.is(429);
        log_in(&client, TOKEN).await.is(429);
        let other = HttpClient::from_address(cluster.base(instance), Some(IpAddr::from([127, 0, 0, 2])));
        report(&other).await.is(200);
        log_in(&other, TOKEN).await.redirects_to("/operator");
        assert!(other.get("/operator").await.is(200).body.contains(r#"value="ban""#));
    }
    let log = cluster.instances[0].log();
    assert!(log.contains("wrong operator token or cookie") && log.contains("127.0.0.1"), "{log}");
    assert!(!log.contains("a guess") && !log.contains(TOKEN), "{log}");
    let metrics = HttpClient::new(&format!("http://{}", metrics_address(&cluster.instances[0]))).get("/metrics").await;
    for (outcome, least) in [("wrong", 5.0), ("too_many", 6.0), ("accepted", 3.0)] {
        let found = value(&metrics.body, "ruang_operator_attempts_total", &format!(r#"outcome="{outcome}""#));
        assert!(found >= least, "{outcome}: {found}");
    }
}

async fn simultaneous_guesses_are_counted_before_they_are_compared(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let mut guesses = JoinSet::new();
    for _ in 0..200 {
        let client = cluster.http_client(0);
        guesses.spawn(async move { guess(&client, 0).await.status });
    }
    let statuses = guesses.join_all().await;
    let compared = statuses.iter().filter(|status| **status == 401).count();
    // The limit recovers by one every 6 s.
    assert!((GUESSES..=GUESSES + 3).contains(&compared), "{compared}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    report(&cluster.http_client(0)).await.is(429);
}

async fn right_tokens_and_cookies_are_not_counted(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let operator = cluster.http_client(0);
    for _ in 0..GUESSES * 2 {
        report(&operator).await.is(200);
        log_in(&operator, TOKEN).await.redirects_to("/operator");
        operator.get("/operator").await.is(200);
    }
}

async fn guesser_does_not_lock_out_a_signed_in_moderator(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let moderator = cluster.http_client(0);
    log_in(&moderator, TOKEN).await.redirects_to("/operator");
    for _ in 0..GUESSES * 2 {
        guess(&cluster.http_client(0), 0).await;
    }
    guess(&cluster.http_client(0), 2).await.is(429);
    assert!(moderator.get("/operator").await.is(200).body.contains(r#"value="ban""#));
    assert_eq!(moderator.get("/api/operator/me").await.is(200).json()["name"], "operator");
    Response::to(moderator.request(Method::POST, "/operator/leave")).await.redirects_to("/operator");
    log_in(&moderator, TOKEN).await.is(429);
}

#[tokio::test]
async fn one_operator_cookie_of_a_request_is_looked_at() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let operator = cluster.http_client(0);
    log_in(&operator, TOKEN).await.redirects_to("/operator");
    let valid = operator.cookie().expect("a cookie");
    let show = async |cookies: String| {
        let stranger = cluster.http_client(0);
        Response::to(stranger.request(Method::GET, "/operator").header("cookie", cookies)).await
    };
    assert!(show(valid.clone()).await.is(200).body.contains(r#"value="ban""#));
    let many = format!("{}{valid}", "ruang-operator=9999999999.00; ".repeat(149));
    let refused = show(many).await;
    assert!(refused.is(200).body.contains(r#"type="password""#));
    assert!(refused.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{refused:?}");
}
