//! Names that a site hands in by tokens.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient,
    engines::on_both_engines,
    eventually,
    operator::{act, token_file},
    tokens::{AUDIENCE, SECRET, claims, now, post, secret_file, signed, signed_as, token},
};

on_both_engines! {
    token_starts_a_session_once,
    account_owns_its_name,
}

/// Cookies of an https site need https; here the test carries them.
fn session_cookie(response: &Response) -> String {
    let cookie = response.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let cookie = cookie.filter_map(|value| value.split(';').next()).find(|pair| pair.starts_with("__Host-ruang="));
    cookie.expect("a session's cookie").to_owned()
}

/// A person whom a site has handed in.
struct HandedIn {
    client: HttpClient,
    cookie: String,
}

impl HandedIn {
    async fn by(base: &str, claims: &Value) -> Self {
        let client = HttpClient::new(base);
        let cookie = session_cookie(post(&client, &signed(claims, SECRET)).await.is(201));
        Self { client, cookie }
    }

    fn at(&self, base: &str) -> Self {
        Self { client: HttpClient::new(base), cookie: self.cookie.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path).header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        Response::to(self.request(Method::POST, path).json(&body)).await
    }

    async fn moderator_name(&self) -> Option<String> {
        let response = self.get("/api/operator/me").await;
        (response.status == 200).then(|| response.json()["name"].as_str().expect("a name").to_owned())
    }
}

/// The claims of a user whom the site lets moderate.
fn moderator(name: &str, sub: &str) -> Value {
    let mut claims = claims(name, sub);
    claims["role"] = json!("moderator");
    claims
}

async fn join(base: &str, response: &Response) -> WsClient {
    let headers = [("origin", AUDIENCE), ("cookie", &session_cookie(response))];
    let mut client = WsClient::try_connect(&HttpClient::new(base), &headers).await.expect("a socket");
    client.join(None).await;
    client
}

async fn token_starts_a_session_once(engine: Engine) {
    let secret = secret_file();
    let cluster = Cluster::builder(engine).with_tokens("token", &secret).start().await;
    let client = cluster.http_client(0);
    let sari = token(" Sari ", "7");
    let response = post(&client, &sari).await;
    assert_eq!(response.is(201).json(), json!({"you": "Sari"}));
    let mut socket = join(cluster.base(0), &response).await;
    assert_eq!(socket.transcript().last_welcome()["you"], "Sari");
    socket.send_acked("halo").await;
    assert_eq!(post(&client, &sari).await.is(403).json()["code"], "token_replayed");
    // The same user on another device is the same person, at once.
    let second = post(&cluster.http_client(0), &token("Sari", "7")).await;
    let second = join(cluster.base(0), second.is(201)).await;
    socket.wait_for_members(&["Sari"]).await;
    drop(second);
    let form = client.request(Method::POST, "/").form(&[("token", &token("Adi", "8"))]);
    Response::to(form).await.redirects_to("/chat");
    let typed = cluster.http_client(0).sign_in("Budi").await;
    assert!(typed.is(403).body.contains("dari sana"), "{typed:?}");
    let page = cluster.http_client(0).get("/").await;
    assert!(!page.body.contains("<form id=\"sign-in\""), "{}", page.body);
}

async fn account_owns_its_name(engine: Engine) {
    let secret = secret_file();
    let cluster = Cluster::builder(engine).with_tokens("name,token", &secret).start().await;
    let guest = cluster.http_client(0).sign_in("Sari").await;
    guest.redirects_to("/chat");
    let mut guest = join(cluster.base(0), &guest).await;
    let account = post(&cluster.http_client(0), &token("Sari", "7")).await;
    let account = join(cluster.base(0), account.is(201)).await;
    guest.wait_for_bye(SOON, "session_ended", 4001).await;
    assert_eq!(post(&cluster.http_client(0), &token("sari", "8")).await.is(409).json()["code"], "of_account");
    account.leave().await;
    let typed = cluster.http_client(0).sign_in("S\u{430}ri").await;
    assert!(typed.is(409).body.contains("akun"), "{typed:?}");
    cluster.http_client(0).sign_in("Adi").await.redirects_to("/chat");
}

#[tokio::test]
async fn token_used_at_one_instance_is_refused_by_another() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_tokens("token", &secret).start().await;
    let sari = token("Sari", "7");
    let (first, second) = (cluster.http_client(0), cluster.http_client(1));
    let (one, two) = tokio::join!(post(&first, &sari), post(&second, &sari));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403]);
}

#[tokio::test]
async fn token_of_a_moderator_moderates_on_all_instances() {
    let (secret, operators) = (secret_file(), token_file());
    let builder = Cluster::builder(Engine::Redis).instances(2).with_tokens("name,token", &secret);
    let cluster = builder.with_operator(&operators).start().await;
    let sari = HandedIn::by(cluster.base(0), &moderator("Sari", "7")).await;
    let there = sari.at(cluster.base(1));
    assert_eq!((sari.moderator_name().await, there.moderator_name().await), (Some("Sari".into()), Some("Sari".into())));
    assert!(sari.get("/chat").await.body.contains("data-moderates=\"true\""));
    let mut budi = join(cluster.base(1), &cluster.http_client(1).sign_in("Budi").await).await;
    there.post("/api/operator", json!({"act": "ban", "name": "Budi", "for": "1h", "why": "spam"})).await.is(200);
    budi.wait_for_bye(SOON, "session_ended", 4001).await;
    let acts = sari.get("/api/operator").await.is(200).json()["acts"].clone();
    assert_eq!(json!([acts[0]["act"], acts[0]["by"], acts[0]["why"]]), json!(["ban", "Sari", "spam"]));
    assert_eq!(there.get("/operator?lang=en").await.is(200).body.matches("by Sari from").count(), 1);
    let foreign = sari.request(Method::POST, "/api/operator").header("origin", "https://evil.example");
    Response::to(foreign.json(&json!({"act": "pardon", "name": "Budi"}))).await.is(403);
    Response::to(sari.request(Method::POST, "/logout")).await.redirects_to("/");
    assert_eq!((sari.moderator_name().await, there.moderator_name().await), (None, None));
}

#[tokio::test]
async fn token_without_the_role_does_not_moderate() {
    let (secret, operators) = (secret_file(), token_file());
    let builder = Cluster::builder(Engine::Memory).with_tokens("token", &secret);
    let cluster = builder.with_operator(&operators).start().await;
    let mut sari = HandedIn::by(cluster.base(0), &moderator("Sari", "7")).await;
    assert_eq!(sari.moderator_name().await.as_deref(), Some("Sari"));
    // The next token has no role any more: the session has none either.
    sari.cookie = session_cookie(sari.post("/api/session", json!({"token": token("Sari", "7")})).await.is(201));
    assert_eq!(sari.moderator_name().await, None);
    assert!(sari.get("/chat").await.body.contains("data-moderates=\"false\""));
    for role in [json!("member"), json!(["moderator"]), json!(null)] {
        let mut claims = claims("Adi", "8");
        claims["role"] = role.clone();
        let adi = HandedIn::by(cluster.base(0), &claims).await;
        assert_eq!(adi.moderator_name().await, None, "{role}");
        adi.post("/api/operator", json!({"act": "slow", "interval": "5s"})).await.is(401);
    }
}

#[tokio::test]
async fn handed_in_moderator_enters_a_closed_room() {
    let (secret, operators) = (secret_file(), token_file());
    let builder = Cluster::builder(Engine::Memory).with_tokens("token", &secret);
    let cluster = builder.with_operator(&operators).start().await;
    act(cluster.base(0), json!({"act": "closed"})).await.is(200);
    eventually(SOON, "the door is closed", || async {
        let refused = post(&cluster.http_client(0), &token("Adi", "8")).await;
        if refused.status == 403 && refused.json()["code"] == "closed" { Ok(()) } else { Err(refused.body) }
    })
    .await;
    let sari = HandedIn::by(cluster.base(0), &moderator("Sari", "7")).await;
    assert_eq!(sari.moderator_name().await.as_deref(), Some("Sari"));
}

#[tokio::test]
async fn role_without_moderation_is_logged_once() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    for sub in ["7", "8"] {
        let sari = HandedIn::by(cluster.base(0), &moderator(&format!("Sari {sub}"), sub)).await;
        sari.get("/api/operator/me").await.is(404);
    }
    let log = cluster.instances[0].log();
    assert_eq!(log.matches("a token has the role moderator, which has no effect").count(), 1, "{log}");
}

#[tokio::test]
async fn each_bad_token_has_a_code_and_a_sentence() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    let client = cluster.http_client(0);
    let with = |field: &str, value: Value| {
        let mut claims = claims("Sari", "7");
        claims[field] = value;
        signed(&claims, SECRET)
    };
    let used = token("Sari", "7");
    post(&cluster.http_client(0), &used).await.is(201);
    let cases = [
        ("a.b.c".to_owned(), 403, "token_malformed"),
        (with("exp", json!(now() - 62)), 403, "token_expired"),
        (with("exp", json!(now() + 600)), 403, "token_early"),
        (with("aud", json!("https://chat.example.com")), 403, "token_audience"),
        (signed(&claims("Sari", "7"), "another secret of the site"), 403, "token_signature"),
        (signed_as("HS512", &claims("Sari", "7"), SECRET), 403, "token_algorithm"),
        (used, 403, "token_replayed"),
        (with("name", json!("\u{200b}")), 422, "bad_name"),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (token, status, code) in &cases {
        let answer = post(&client, token).await;
        assert_eq!(answer.is(*status).json()["code"], *code);
        let sentence = answer.json()["error"].as_str().expect("a sentence").to_owned();
        let page = Response::to(client.request(Method::POST, "/").form(&[("token", token)])).await;
        assert!(page.is(*status).body.contains(&sentence), "{page:?}");
        sentences.insert(sentence);
    }
    assert_eq!(sentences.len(), cases.len(), "each has its own");
    let log = cluster.instances[0].log();
    assert!(log.contains("sign-in token refused code=\"token_audience\""), "{log}");
    for (token, ..) in &cases[1..] {
        assert!(!log.contains(&token[token.len() - 43..]) && !log.contains("Sari"), "{log}");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    let expiring = async |at: u64| {
        let mut claims = claims("Sari", "7");
        claims["exp"] = json!(at);
        post(&cluster.http_client(0), &signed(&claims, SECRET)).await.status
    };
    let now = now();
    assert_eq!([expiring(now - 50).await, expiring(now + 350).await], [201, 201]);
    assert_eq!([expiring(now - 70).await, expiring(now + 380).await], [403, 403]);
}

#[tokio::test]
async fn token_from_another_site_is_refused() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    let request = cluster.http_client(0).request(Method::POST, "/api/session").header("origin", "https://evil.example");
    let response = Response::to(request.json(&json!({"token": token("Sari", "7")}))).await;
    assert_eq!(response.is(403).json()["code"], "foreign");
}

#[tokio::test]
async fn session_ends_when_its_token_says_so() {
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    let mut claims = claims("Sari", "7");
    claims["session_exp"] = json!(now() - 1);
    let response = post(&cluster.http_client(0), &signed(&claims, SECRET)).await;
    let cookie = response.is(201).headers.get("set-cookie").expect("a cookie").to_str().expect("ASCII");
    let cookie = cookie.split(';').next().expect("a pair");
    let request = cluster.http_client(0).request(Method::GET, "/api/members").header("cookie", cookie);
    Response::to(request).await.is(401);
}

#[tokio::test]
async fn closed_door_refuses_a_token_without_using_it_up() {
    let (secret, operator) = (secret_file(), token_file());
    let builder = Cluster::builder(Engine::Redis).instances(2).with_tokens("token", &secret).with_operator(&operator);
    let cluster = builder.start().await;
    act(cluster.base(0), json!({"act": "closed", "text": "Penuh."})).await.is(200);
    let sari = token("Sari", "7");
    eventually(SOON, "the door is closed", || async {
        let refused = post(&cluster.http_client(1), &token("Budi", "8")).await;
        if refused.status == 403 && refused.json()["code"] == "closed" { Ok(()) } else { Err(refused.body) }
    })
    .await;
    assert_eq!(post(&cluster.http_client(1), &sari).await.is(403).json()["code"], "closed");
    let form = cluster.http_client(1).request(Method::POST, "/").form(&[("token", &sari)]);
    assert!(Response::to(form).await.is(403).body.contains("Penuh."));
    act(cluster.base(0), json!({"act": "closed", "for": "0s"})).await.is(200);
    eventually(SOON, "the door is open", || async {
        let admitted = post(&cluster.http_client(1), &sari).await;
        if admitted.status == 201 { Ok(()) } else { Err(admitted.body) }
    })
    .await;
}
