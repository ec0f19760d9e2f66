//! Actions against an address, through several instances. Clients name theirs in `X-Forwarded-For`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient,
    cluster::ClusterBuilder,
    eventually,
    operator::{TOKEN, act, log_in, token_file},
};

const HOME: &str = "203.0.113.7";
const OFFICE: &str = "203.0.113.8";

/// Instances that believe what a client on this machine says of its address.
fn behind_a_proxy(instances: usize, token: &tempfile::NamedTempFile) -> ClusterBuilder {
    let builder = Cluster::builder(Engine::Redis).instances(instances).with_operator(token);
    builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.1")
}

/// Posts the sign-in form from an address.
async fn sign_in_at(address: &str, client: &HttpClient, name: &str) -> Response {
    let form = client.request(Method::POST, "/").form(&[("username", name)]);
    Response::to(form.header("x-forwarded-for", address)).await
}

/// Opens a socket from an address.
async fn connect_at(address: &str, client: &HttpClient) -> WsClient {
    let headers = [("origin", client.base()), ("x-forwarded-for", address)];
    WsClient::try_connect(client, &headers).await.expect("a socket")
}

async fn join_at(address: &str, client: HttpClient, name: &str) -> WsClient {
    sign_in_at(address, &client, name).await.redirects_to("/chat");
    let mut socket = connect_at(address, &client).await;
    socket.join(None).await;
    socket
}

/// Asks how many others an action against a person's address would hit.
async fn others(base: &str, name: &str) -> Value {
    let path = format!("/api/operator/person?name={name}");
    let answer = Response::to(HttpClient::new(base).request(Method::GET, &path).bearer_auth(TOKEN)).await;
    answer.is(200).json()["others"].clone()
}

#[tokio::test]
async fn address_ban_holds_on_every_instance_until_lifted() {
    let token = token_file();
    let cluster = behind_a_proxy(2, &token).start().await;
    let mut sari = join_at(HOME, cluster.http_client(0), "Sari").await;
    let mut budi = join_at(HOME, cluster.http_client(1), "budi").await;
    let mut citra = join_at(OFFICE, cluster.http_client(1), "citra").await;
    let eko = cluster.http_client(0);
    sign_in_at(OFFICE, &eko, "eko").await.redirects_to("/chat");
    assert_eq!(others(cluster.base(1), "SARI").await, json!(1));
    act(cluster.base(1), json!({"act": "ban", "name": "sari", "for": "1h", "address": true})).await.is(200);
    for client in [&mut sari, &mut budi] {
        let transcript = client.wait_for_bye(SOON, "session_ended", 4001).await;
        assert_eq!(transcript.byes[0]["cause"], "banned");
    }
    citra.wait_for_members(&["citra"]).await;
    citra.send_acked("tenang").await;
    for instance in 0..2 {
        sign_in_at(HOME, &cluster.http_client(instance), "dewi").await.is(403);
        sign_in_at(OFFICE, &cluster.http_client(instance), "sari").await.is(403);
    }
    // He signed in at the office.
    let mut eko_at_home = connect_at(HOME, &eko).await;
    eko_at_home.send(json!({"type": "join"})).await;
    let transcript = eko_at_home.wait_for_bye(SOON, "session_ended", 4001).await;
    assert_eq!(transcript.byes[0]["cause"], "banned");
    sign_in_at(OFFICE, &cluster.http_client(1), "budi").await.redirects_to("/chat");
    act(cluster.base(0), json!({"act": "pardon", "name": "Sari"})).await.is(200);
    sign_in_at(HOME, &cluster.http_client(1), "dewi").await.redirects_to("/chat");
    sign_in_at(HOME, &cluster.http_client(0), "sari").await.redirects_to("/chat");
}

#[tokio::test]
async fn second_tab_at_a_banned_address_is_closed() {
    let token = token_file();
    let cluster = behind_a_proxy(2, &token).start().await;
    let _sari = join_at(HOME, cluster.http_client(0), "sari").await;
    let mut people = vec![];
    for (instance, name) in [(1, "budi"), (0, "citra")] {
        people.push(join_at(OFFICE, cluster.http_client(instance), name).await);
    }
    let mut tab = connect_at(HOME, &people[0].http_client).await;
    tab.join(None).await;
    assert_eq!(others(cluster.base(0), "sari").await, json!(1), "budi, by his second tab");
    act(cluster.base(0), json!({"act": "ban", "name": "sari", "for": "1h", "address": true})).await.is(200);
    people[0].wait_for_bye(SOON, "session_ended", 4001).await;
    assert_eq!(tab.wait_for_bye(SOON, "session_ended", 4001).await.byes[0]["cause"], "banned");
    // A tab that is opened after the ban.
    let mut tab = connect_at(HOME, &people[1].http_client).await;
    tab.send(json!({"type": "join"})).await;
    assert_eq!(tab.wait_for_bye(SOON, "session_ended", 4001).await.byes[0]["cause"], "banned");
}

#[tokio::test]
async fn person_who_signed_out_does_not_return_renamed() {
    let token = token_file();
    let cluster = behind_a_proxy(2, &token).set("RUANG_LEAVE_GRACE", "0s").start().await;
    let sari = join_at(HOME, cluster.http_client(0), "sari").await;
    let mut citra = join_at(OFFICE, cluster.http_client(0), "citra").await;
    sari.http_client.log_out().await.redirects_to("/");
    citra.wait_for_members(&["citra"]).await;
    eventually(SOON, "her address is known", || async {
        let others = others(cluster.base(1), "sari").await;
        if others == json!(0) { Ok(()) } else { Err(others.to_string()) }
    })
    .await;
    act(cluster.base(1), json!({"act": "ban", "name": "sari", "for": "1h", "address": true})).await.is(200);
    sign_in_at(HOME, &cluster.http_client(0), "S4ri").await.is(403);
}

#[tokio::test]
async fn address_mute_holds_for_other_names_there() {
    let token = token_file();
    let cluster = behind_a_proxy(2, &token).start().await;
    let mut budi = join_at(HOME, cluster.http_client(1), "budi").await;
    let mut citra = join_at(OFFICE, cluster.http_client(1), "citra").await;
    let _sari = join_at(HOME, cluster.http_client(0), "sari").await;
    act(cluster.base(1), json!({"act": "mute", "name": "sari", "for": "10m", "address": "on"})).await.is(200);
    budi.send_with_nonce("a", "halo").await;
    let errors = budi.expect("the refusal", |transcript| !transcript.errors.is_empty()).await.errors;
    assert_eq!((&errors[0]["code"], &errors[0]["nonce"]), (&json!("muted"), &json!("a")));
    citra.send_acked("halo").await;
    budi.wait_for_text("citra", "halo").await;
    act(cluster.base(0), json!({"act": "unmute", "name": "sari"})).await.is(200);
    budi.send_acked("boleh lagi").await;
}

#[tokio::test]
async fn address_of_a_proxy_or_a_moderator_is_not_known() {
    let token = token_file();
    let cluster = behind_a_proxy(1, &token).start().await;
    // The proxy itself: everybody would be hit.
    let mut sari = cluster.join(0, "sari").await;
    let moderator = cluster.http_client(0);
    log_in(&moderator, TOKEN).await.redirects_to("/operator");
    let _moderator = join_at(HOME, moderator, "moderator").await;
    for name in ["sari", "moderator", "absent"] {
        assert_eq!(others(cluster.base(0), name).await, Value::Null, "{name}");
        for act_with in [json!({"act": "ban", "for": "1h"}), json!({"act": "mute", "for": "1h"})] {
            let mut action = act_with;
            action["name"] = json!(name);
            action["address"] = json!(true);
            act(cluster.base(0), action).await.is(409);
        }
    }
    sari.send_acked("masih di sini").await;
    let without_end = json!({"act": "ban", "name": "sari", "for": "0s", "address": true});
    act(cluster.base(0), without_end).await.is(400);
    let bad = HttpClient::new(cluster.base(0)).request(Method::GET, "/api/operator/person").bearer_auth(TOKEN);
    Response::to(bad).await.is(400);
    cluster.http_client(0).get("/api/operator/person?name=sari").await.is(401);
}

#[tokio::test]
async fn twenty_names_of_an_address_share_slow_mode() {
    let token = token_file();
    let builder = behind_a_proxy(2, &token).set("RUANG_SIGN_INS_PER_MINUTE", "0");
    let cluster = builder.set("RUANG_SENDERS_PER_ADDRESS", "0").start().await;
    let mut crowd = vec![];
    for n in 0..20 {
        crowd.push(join_at(HOME, cluster.http_client(n % 2), &format!("orang{n}")).await);
    }
    let mut citra = join_at(OFFICE, cluster.http_client(1), "citra").await;
    act(cluster.base(0), json!({"act": "slow", "interval": "10m"})).await.is(200);
    let (mut admitted, mut refused) = (0, 0);
    for (n, client) in crowd.iter_mut().enumerate() {
        let nonce = format!("n{n}");
        client.send_with_nonce(&nonce, "halo").await;
        let transcript = client
            .expect("an answer", |transcript| transcript.acked(&nonce).is_some() || !transcript.errors.is_empty())
            .await;
        if transcript.acked(&nonce).is_some() {
            admitted += 1;
        } else {
            refused += 1;
            assert_eq!(transcript.error_codes(), ["rate_limited"]);
        }
    }
    assert_eq!((admitted, refused), (3, 17));
    citra.send_acked("dari tempat lain").await;
}

#[tokio::test]
async fn moderators_speak_in_a_read_only_room() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let client = cluster.http_client(1);
    log_in(&client, TOKEN).await.redirects_to("/operator");
    let mut moderator = WsClient::sign_in_and_join(&client, "moderator").await;
    act(cluster.base(0), json!({"act": "read_only"})).await.is(200);
    for client in [&mut sari, &mut moderator] {
        client.expect("the rules", |transcript| transcript.rules["read_only"].is_object()).await;
    }
    let id = moderator.send_acked("sebentar, ya").await;
    sari.wait_for_text("moderator", "sebentar, ya").await;
    moderator.send(json!({"type": "edit", "nonce": "e1", "id": id, "text": "sudah"})).await;
    moderator.expect("the edit", |transcript| transcript.acked("e1").is_some()).await;
    sari.send_with_nonce("a", "halo").await;
    sari.expect("the refusal", |transcript| transcript.error_codes() == ["read_only"]).await;
    // Signed out at another instance: the connection stays, and its right ends.
    let elsewhere = client.with_base(cluster.base(0));
    Response::to(elsewhere.request(Method::POST, "/operator/leave")).await.redirects_to("/operator");
    moderator.send_with_nonce("b", "masih bisa?").await;
    moderator.expect("the refusal", |transcript| transcript.error_codes() == ["read_only"]).await;
}
