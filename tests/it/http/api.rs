//! History and members, page by page.

use serde_json::{Value, json};

use crate::kit::{Cluster, Engine, HttpClient, WsClient, engines::on_both_engines};

on_both_engines! {
    request_without_a_session_is_401_in_json,
    history_is_paged_in_both_directions,
    empty_room_has_an_empty_history,
    page_limit_is_50_by_default,
    invalid_limits_and_cursors_are_400,
    unknown_cursor_returns_stored_messages_as_trimmed,
    members_are_paged_by_folded_name,
    members_are_searched_by_the_beginnings_of_words,
    member_within_the_grace_is_listed,
}

async fn request_without_a_session_is_401_in_json(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    for path in ["/api/messages", "/api/members", "/api/members?limit=1"] {
        let response = cluster.http_client(0).get(path).await;
        assert!(response.is(401).json()["error"].is_string(), "{response:?}");
    }
}

async fn history_is_paged_in_both_directions(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let ids = send_many(&mut sari, 7).await;
    let newest = page(&sari.http_client, "limit=3").await;
    assert_eq!((texts(&newest), newest["more"].as_bool()), (vec!["5", "6", "7"], Some(true)));
    let before = page(&sari.http_client, &format!("before={}&limit=3", ids[4])).await;
    assert_eq!((texts(&before), before["more"].as_bool()), (vec!["2", "3", "4"], Some(true)));
    let first = page(&sari.http_client, &format!("before={}&limit=3", ids[1])).await;
    assert_eq!((texts(&first), first["more"].as_bool()), (vec!["1"], Some(false)));
    let after = page(&sari.http_client, &format!("after={}&limit=3", ids[1])).await;
    assert_eq!((texts(&after), after["more"].as_bool()), (vec!["3", "4", "5"], Some(true)));
    let last = page(&sari.http_client, &format!("after={}&limit=3", ids[3])).await;
    assert_eq!((texts(&last), last["more"].as_bool()), (vec!["5", "6", "7"], Some(false)));
    let message = &newest["messages"][2];
    assert_eq!((&message["id"], &message["from"]), (&json!(ids[6]), &json!("sari")));
    assert!(message["at"].is_u64(), "{message}");
}

async fn empty_room_has_an_empty_history(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.join(0, "sari").await;
    let page = page(&sari.http_client, "").await;
    assert_eq!((&page["messages"], &page["more"]), (&json!([]), &json!(false)), "{page}");
}

async fn page_limit_is_50_by_default(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    send_many(&mut sari, 60).await;
    assert_eq!(texts(&page(&sari.http_client, "").await).len(), 50);
    assert_eq!(texts(&page(&sari.http_client, "limit=200").await).len(), 60);
    assert_eq!(texts(&page(&sari.http_client, "limit=1").await), ["60"]);
}

async fn invalid_limits_and_cursors_are_400(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("halo").await;
    let both = format!("before={id}&after={id}");
    for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "before=x", "after=7", "before=", &both] {
        let response = sari.http_client.get(&format!("/api/messages?{query}")).await;
        assert_eq!(response.status, 400, "{query}: {response:?}");
        assert!(response.json()["error"].is_string(), "{query}: {response:?}");
    }
    for query in ["limit=0", "limit=201", "limit=x"] {
        let response = sari.http_client.get(&format!("/api/members?{query}")).await;
        assert_eq!(response.status, 400, "{query}: {response:?}");
    }
}

async fn unknown_cursor_returns_stored_messages_as_trimmed(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_acked("halo").await;
    // Of an epoch long before this one.
    let after = page(&sari.http_client, "after=1-1").await;
    assert_eq!((texts(&after), &after["trimmed"]), (vec!["halo"], &json!(true)), "{after}");
    let before = page(&sari.http_client, "before=1-1").await;
    assert_eq!(before["trimmed"], json!(true), "{before}");
    let known = page(&sari.http_client, "").await;
    assert_ne!(known["trimmed"], json!(true), "{known}");
}

async fn members_are_paged_by_folded_name(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let mut clients = Vec::new();
    for name in ["Dewi", "adi", "Budi", "citra"] {
        clients.push(cluster.join(0, name).await);
    }
    clients[0].wait_for_members(&["Budi", "Dewi", "adi", "citra"]).await;
    let http_client = &clients[0].http_client;
    let all = http_client.get("/api/members").await.json();
    assert_eq!(all, json!({"members": ["adi", "Budi", "citra", "Dewi"], "count": 4, "more": false}));
    let first = http_client.get("/api/members?limit=3").await.json();
    assert_eq!(first, json!({"members": ["adi", "Budi", "citra"], "count": 4, "more": true}));
    let rest = http_client.get("/api/members?after=citra&limit=3").await.json();
    assert_eq!(rest, json!({"members": ["Dewi"], "count": 4, "more": false}));
    let absent = http_client.get("/api/members?after=C&limit=3").await.json();
    assert_eq!(absent["members"], json!(["citra", "Dewi"]));
}

async fn members_are_searched_by_the_beginnings_of_words(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let mut clients = Vec::new();
    for name in ["Dewi Lestari", "Lena", "budi"] {
        clients.push(cluster.join(0, name).await);
    }
    clients[0].wait_for_members(&["Dewi Lestari", "Lena", "budi"]).await;
    let http_client = &clients[0].http_client;
    let found = async |query: &str| http_client.get(&format!("/api/members?{query}")).await.json();
    assert_eq!(found("search=le").await, json!({"members": ["Lena", "Dewi Lestari"], "count": 3, "more": false}));
    assert_eq!(found("search=L%C3%89&limit=1").await, json!({"members": ["Lena"], "count": 3, "more": true}));
    assert_eq!(found("search=le&after=Lena").await["members"], json!(["Dewi Lestari"]));
    assert_eq!(found("search=stari").await["members"], json!([]));
    assert_eq!(found("search=").await["members"], json!(["budi", "Dewi Lestari", "Lena"]), "everybody");
}

async fn member_within_the_grace_is_listed(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "30s").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    budi.leave().await;
    let members = sari.http_client.get("/api/members").await.json();
    assert_eq!(members["members"], json!(["budi", "sari"]), "a member within the grace is present");
}

/// Sends the texts "1" to "count" and returns their ids.
async fn send_many(client: &mut WsClient, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 1..=count {
        ids.push(client.send_acked(&i.to_string()).await);
    }
    // Pages show what the instance has received, as the head does: a message is acknowledged before that.
    while client.catch_up().await.pongs.last() != Some(&ids.last().cloned()) {}
    ids
}

async fn page(http_client: &HttpClient, query: &str) -> Value {
    let response = http_client.get(&format!("/api/messages?{query}")).await;
    response.is(200).json()
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().expect("a list").iter();
    messages.map(|message| message["text"].as_str().expect("a text")).collect()
}
