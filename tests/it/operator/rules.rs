//! Rules that apply by themselves, set through the API, hold on every instance.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient,
    bots::{bots_file, request},
    engines::on_both_engines,
    operator::{TOKEN, act, log_in, token_file},
};

on_both_engines! {
    rules_are_in_the_report_and_on_record,
    invalid_rules_change_nothing,
    moderator_is_exempt_from_all_rules,
}

/// Two instances, and a moderator's token.
async fn two() -> (Cluster, tempfile::NamedTempFile) {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).instances(2).with_operator(&token);
    (builder.set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await, token)
}

/// Sets rules through one instance, and waits until the other has them.
async fn set(cluster: &Cluster, mut rules: Value) {
    rules["act"] = json!("rules");
    act(cluster.base(0), rules).await.is(200);
    let of = async |i| report(cluster.base(i)).await["auto"].clone();
    let expected = of(0).await;
    crate::kit::eventually(SOON, "the other instance has the rules", || async {
        let found = of(1).await;
        if found == expected { Ok(()) } else { Err(format!("{found}")) }
    })
    .await;
}

async fn report(base: &str) -> Value {
    let request = HttpClient::new(base).request(Method::GET, "/api/operator").bearer_auth(TOKEN);
    Response::to(request).await.is(200).json()
}

/// Sends a text that a rule refuses. Returns the error.
async fn refused(client: &mut WsClient, text: &str) -> Value {
    let nonce = client.send_text(text).await;
    error_of(client, &nonce).await
}

async fn error_of(client: &mut WsClient, nonce: &str) -> Value {
    let transcript = client
        .expect("a refusal", |transcript| {
            transcript.acked(nonce).is_some() || transcript.errors.iter().any(|error| error["nonce"] == nonce)
        })
        .await;
    let error = transcript.errors.iter().find(|error| error["nonce"] == nonce);
    error.unwrap_or_else(|| panic!("{nonce} is stored")).clone()
}

/// Sends a text until it is accepted: a rule refuses it for a second.
async fn accepted(client: &mut WsClient, text: &str) {
    let began = std::time::Instant::now();
    let acks = client.transcript().acks.len();
    while client.transcript().acks.len() == acks {
        assert!(began.elapsed() < SOON, "{:?}", client.transcript().errors);
        let nonce = client.send_text(text).await;
        let answered = |transcript: &crate::kit::Transcript| {
            transcript.acked(&nonce).is_some() || transcript.errors.iter().any(|error| error["nonce"] == nonce)
        };
        client.expect("an answer", answered).await;
    }
}

fn rule(error: &Value) -> (&str, &str) {
    (error["code"].as_str().unwrap_or_default(), error["rule"].as_str().unwrap_or_default())
}

async fn rules_are_in_the_report_and_on_record(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let none =
        json!({"words": [], "links": "free", "newcomers": null, "repeats": false, "reserved": [], "quiet": false});
    assert_eq!(report(cluster.base(0)).await["auto"], none);
    let rules =
        json!({"act": "rules", "words": ["spam", "jual obat"], "links": "10m", "newcomers": "5m", "quiet": true});
    act(cluster.base(0), rules).await.is(200);
    let after = report(cluster.base(0)).await;
    let expected = json!({"words": ["spam", "jual obat"], "links": {"after_ms": 600_000},
        "newcomers": {"for_ms": 300_000, "interval_ms": 30_000}, "repeats": false, "reserved": [], "quiet": true});
    assert_eq!(after["auto"], expected);
    let record = &after["acts"][0];
    assert_eq!((&record["act"], &record["word_count"], &record["words"]), (&json!("rules"), &json!(2), &Value::Null));
    let moderator = cluster.http_client(0);
    log_in(&moderator, TOKEN).await.redirects_to("/operator");
    let form = [("act", "rules"), ("words", "scam\r\nspam"), ("why", "iklan")];
    Response::to(moderator.request(Method::POST, "/operator").form(&form)).await.redirects_to("/operator?said=done");
    let page = moderator.get("/operator?lang=en").await.body;
    for part in ["Rules: words: 2", ": iklan", "scam\nspam</textarea>", "newcomers: for 5 minutes one message every"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

async fn invalid_rules_change_nothing(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let before = report(cluster.base(0)).await;
    let many: Vec<String> = (0..501).map(|n| format!("w{n}")).collect();
    for (rules, sentence) in [
        (json!({"act": "rules"}), "rules needs words"),
        (json!({"act": "rules", "links": "some", "quiet": true}), "links is free, none"),
        (json!({"act": "rules", "words": many, "repeats": true}), "a list has at most 500"),
        (json!({"act": "rules", "words": ["!?"]}), "a word has"),
        (json!({"act": "rules", "reserved": ["\u{202e}"]}), "a reserved name"),
        (json!({"act": "rules", "newcomers": "90d"}), "newcomers is a duration"),
    ] {
        let answer = act(cluster.base(0), rules).await;
        let error = answer.is(400).json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.starts_with(sentence), "{error}");
    }
    assert_eq!(report(cluster.base(0)).await, before);
}

#[tokio::test]
async fn listed_words_are_refused_in_texts_edits_and_names() {
    let (cluster, _token) = two().await;
    let mut sari = cluster.join(1, "sari").await;
    set(&cluster, json!({"words": ["spam", "jual obat"]})).await;
    let error = refused(&mut sari, "Ini SPАM!").await;
    assert_eq!(rule(&error), ("refused", "word"));
    assert_eq!(error.get("retry_after_ms"), None);
    let id = sari.send_acked("spamming is another word").await;
    sari.send(json!({"type": "edit", "nonce": "e1", "id": id, "text": "jual  obat"})).await;
    assert_eq!(rule(&error_of(&mut sari, "e1").await), ("refused", "word"));
    for i in 0..2 {
        let page = cluster.http_client(i).sign_in("Raja Spam").await;
        assert!(page.is(422).body.contains("Ada kata dalam nama ini"), "{}", page.body);
        cluster.http_client(i).sign_in(&format!("spamela {i}")).await.redirects_to("/chat");
    }
    set(&cluster, json!({"words": []})).await;
    sari.send_acked("spam").await;
}

#[tokio::test]
async fn links_are_refused_until_the_person_was_here_for_a_while() {
    let (cluster, _token) = two().await;
    let mut sari = cluster.join(1, "sari").await;
    set(&cluster, json!({"links": "10m"})).await;
    let error = refused(&mut sari, "lihat www.contoh.id/a").await;
    assert_eq!(rule(&error), ("refused", "link"));
    let left = error["retry_after_ms"].as_u64().expect("a time");
    assert!((540_000..=600_001).contains(&left), "{left}");
    sari.send_acked("contoh.id").await;
    // The instant of the sign-in comes from the session: another socket does not begin anew.
    set(&cluster, json!({"links": "1s"})).await;
    let mut tab = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(0))).await;
    accepted(&mut tab, "https://contoh.id").await;
    set(&cluster, json!({"links": "none"})).await;
    let error = refused(&mut sari, "https://contoh.id").await;
    assert_eq!((rule(&error), error.get("retry_after_ms")), (("refused", "link"), None));
}

#[tokio::test]
async fn newcomers_have_one_slower_pace_on_all_instances() {
    let (cluster, _token) = two().await;
    let mut sari = cluster.join(0, "sari").await;
    set(&cluster, json!({"newcomers": "10m", "newcomer_interval": "1s"})).await;
    accepted(&mut sari, "satu").await;
    set(&cluster, json!({"newcomers": "10m", "newcomer_interval": "1m"})).await;
    let mut tab = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(1))).await;
    let error = refused(&mut tab, "dua").await;
    assert_eq!(rule(&error), ("refused", "newcomer"));
    let left = error["retry_after_ms"].as_u64().expect("a time");
    assert!((30_000..=60_001).contains(&left), "{left}");
    set(&cluster, json!({"newcomers": "0s"})).await;
    tab.send_acked("dua").await;
}

#[tokio::test]
async fn newcomer_reads_before_the_first_message() {
    let (cluster, _token) = two().await;
    set(&cluster, json!({"newcomers": "1m", "newcomer_interval": "1h"})).await;
    for i in 0..2 {
        let mut newcomer = cluster.join(i, &format!("baru {i}")).await;
        let error = refused(&mut newcomer, "halo").await;
        assert_eq!(rule(&error), ("refused", "newcomer"));
        let left = error["retry_after_ms"].as_u64().expect("a time");
        assert!((30_000..=60_000).contains(&left), "{left}");
    }
    set(&cluster, json!({"newcomers": "1s", "newcomer_interval": "1h"})).await;
    let mut newcomer = cluster.join(0, "baru saja").await;
    accepted(&mut newcomer, "halo").await;
}

#[tokio::test]
async fn repeats_of_one_address_are_refused_on_all_instances() {
    let (cluster, _token) = two().await;
    set(&cluster, json!({"repeats": true})).await;
    let mut people = vec![];
    for (i, name) in ["sari", "budi", "citra", "dewi"].into_iter().enumerate() {
        people.push(join_from(&cluster, i % 2, name, "203.0.113.7").await);
    }
    let mut stranger = join_from(&cluster, 0, "eka", "203.0.113.8").await;
    for (person, text) in people.iter_mut().zip(["Beli di sini!", "beli DI sini", "beli, di sini"]) {
        person.send_acked(text).await;
    }
    let error = refused(&mut people[3], "beli di sini...").await;
    assert_eq!(rule(&error), ("refused", "repeat"));
    assert!(error["retry_after_ms"].as_u64().is_some_and(|left| left <= 60_001), "{error}");
    stranger.send_acked("beli di sini").await;
    people[3].send_acked("beli di sana").await;
    let keys = crate::kit::redis::command(cluster.redis.as_ref().expect("Redis"), &["KEYS", "*repeat:*"]).await;
    let keys = format!("{keys:?}");
    assert!(!keys.contains("203.0.113") && !keys.contains("beli"), "{keys}");
}

#[tokio::test]
async fn repeats_are_not_counted_at_the_address_of_a_proxy() {
    let (cluster, _token) = two().await;
    set(&cluster, json!({"repeats": true})).await;
    // The trusted proxy names no client: its own address is everybody's.
    let mut sari = cluster.join(0, "sari").await;
    for _ in 0..4 {
        sari.send_acked("selamat pagi").await;
    }
}

/// Joins through a proxy that names this address.
async fn join_from(cluster: &Cluster, i: usize, name: &str, address: &str) -> WsClient {
    let http_client = cluster.http_client(i);
    let form = http_client.request(Method::POST, "/").header("x-forwarded-for", address).form(&[("username", name)]);
    Response::to(form).await.redirects_to("/chat");
    let headers = [("origin", http_client.base()), ("x-forwarded-for", address)];
    let mut client = WsClient::try_connect(&http_client, &headers).await.unwrap_or_else(|error| panic!("{error:?}"));
    client.join(None).await;
    client
}

#[tokio::test]
async fn reserved_names_are_for_moderators_and_their_holders() {
    let (cluster, _token) = two().await;
    let holder = cluster.join(0, "Ibu Sari").await;
    set(&cluster, json!({"reserved": ["Ibu Sari", "Pengurus"]})).await;
    for (i, name) in [(0, "PENGURUS"), (1, "реngurus"), (1, "operator")] {
        let page = cluster.http_client(i).sign_in(name).await;
        assert!(page.is(409).body.contains("hanya boleh dipakai moderator"), "{name}: {}", page.body);
    }
    let moderator = cluster.http_client(1);
    log_in(&moderator, TOKEN).await.redirects_to("/operator");
    moderator.sign_in("Pengurus").await.redirects_to("/chat");
    let again = cluster.http_client(0);
    log_in(&again, TOKEN).await.redirects_to("/operator");
    again.sign_in("Operator").await.redirects_to("/chat");
    let mut back = WsClient::connect_and_join(&holder.http_client.with_base(cluster.base(1))).await;
    back.send_acked("masih di sini").await;
}

#[tokio::test]
async fn quiet_room_shows_no_one_who_never_spoke() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).instances(2).with_operator(&token);
    let cluster = builder.set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    budi.send_acked("pagi").await;
    set(&cluster, json!({"quiet": true})).await;
    let mut citra = cluster.join(1, "citra").await;
    let dewi = cluster.join(0, "dewi").await;
    sari.expect("the count", |transcript| transcript.count == 4).await;
    dewi.leave().await;
    sari.expect("the count", |transcript| transcript.count == 3).await;
    citra.send_acked("halo").await;
    let transcript = sari.wait_for_text("citra", "halo").await;
    let joined = transcript.frames.iter().position(|frame| frame["joined"] == json!(["citra"]));
    let spoke = transcript.frames.iter().position(|frame| frame["from"] == "citra");
    assert!(joined.is_some() && joined < spoke, "{joined:?} {spoke:?}");
    assert!(transcript.changes_of("dewi").is_empty());
    budi.leave().await;
    citra.leave().await;
    let transcript = sari.expect("the leaves", |transcript| transcript.count == 1).await;
    assert_eq!(
        (transcript.changes_of("budi"), transcript.changes_of("citra")),
        (vec!["joined", "left"], vec!["joined", "left"])
    );
    let newcomer = cluster.join(1, "eka").await.transcript();
    assert_eq!(newcomer.last_welcome()["members"]["names"], json!(["eka", "sari"]), "a welcome has everybody");
}

#[tokio::test]
async fn rules_hold_after_a_restart_and_on_a_new_instance() {
    let (mut cluster, _token) = two().await;
    set(&cluster, json!({"words": ["spam"], "links": "none"})).await;
    cluster.add().await;
    let mut sari = cluster.join(2, "sari").await;
    assert_eq!(rule(&refused(&mut sari, "spam").await), ("refused", "word"));
    cluster.instances[0].kill();
    cluster.instances[1].kill();
    assert_eq!(rule(&refused(&mut sari, "https://a.id").await), ("refused", "link"));
}

#[tokio::test]
async fn program_keeps_to_words_and_links_alone() {
    let token = token_file();
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Redis).with_operator(&token).with_bots(&bots).start().await;
    let rules = json!({"act": "rules", "words": ["spam"], "links": "10m", "newcomers": "10m", "repeats": true});
    act(cluster.base(0), rules).await.is(200);
    let base = cluster.base(0);
    let post = async |text: &str| {
        Response::to(request(base, Method::POST, "/api/messages").json(&json!({"text": text}))).await
    };
    for _ in 0..3 {
        post("https://contoh.id").await.is(201);
    }
    post("https://contoh.id").await.is(201);
    assert_eq!(post("spam").await.is(403).json()["code"], "refused");
    act(cluster.base(0), json!({"act": "rules", "links": "none"})).await.is(200);
    assert_eq!(post("https://contoh.id").await.is(403).json()["code"], "refused");
}

async fn moderator_is_exempt_from_all_rules(engine: Engine) {
    let token = token_file();
    let cluster = Cluster::builder(engine).with_operator(&token).start().await;
    let rules = json!({"act": "rules", "words": ["spam"], "links": "none", "newcomers": "10m", "repeats": true});
    act(cluster.base(0), rules).await.is(200);
    let http_client = cluster.http_client(0);
    log_in(&http_client, TOKEN).await.redirects_to("/operator");
    let mut operator = WsClient::sign_in_and_join(&http_client, "operator").await;
    for _ in 0..5 {
        operator.send_acked("spam: https://contoh.id").await;
    }
}
