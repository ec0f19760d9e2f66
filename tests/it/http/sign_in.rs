//! Sign-in and sign-out.

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, HttpClient, Response, WsClient,
    engines::on_both_engines,
    wait::{SOON, eventually},
};

on_both_engines! {
    valid_name_creates_a_session_and_redirects_to_chat,
    cookie_is_http_only_and_same_site,
    https_public_url_makes_a_secure_host_cookie,
    sign_in_page_with_a_session_redirects_to_chat,
    own_name_posted_again_is_no_conflict,
    sign_in_with_a_session_keeps_the_first_name,
    used_name_is_409_in_any_case_and_alphabet,
    invalid_name_is_422_and_keeps_the_input,
    rejected_input_is_escaped,
    sign_ins_over_the_limit_are_429_with_retry_after,
    sign_out_ends_the_session_and_frees_the_name,
    sign_out_without_a_session_redirects_to_sign_in,
    forged_cookie_is_no_session,
    oversized_form_is_413,
    form_sent_twice_signs_in_one_person,
    form_cookie_lasts_until_the_room_and_no_longer,
    form_without_its_cookie_asks_for_cookies,
    used_name_says_whether_its_person_is_here,
    ended_session_is_explained_in_both_languages,
}

async fn valid_name_creates_a_session_and_redirects_to_chat(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.get("/chat").await.is(200);
}

async fn cookie_is_http_only_and_same_site(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let response = cluster.http_client(0).sign_in("sari").await;
    let cookie = session_cookie(&response, "ruang");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(&flag.to_owned()), "{flag}: {cookie:?}");
    }
    assert!(!cookie.contains(&"Secure".to_owned()), "plain http would not send it back: {cookie:?}");
}

async fn https_public_url_makes_a_secure_host_cookie(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_PUBLIC_URL", "https://ruang.test").start().await;
    let cookie = session_cookie(&cluster.http_client(0).sign_in("sari").await, "__Host-ruang");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(cookie.contains(&flag.to_owned()), "{flag}: {cookie:?}");
    }
    assert!(!cookie.iter().any(|flag| flag.starts_with("Domain")), "__Host- forbids a domain: {cookie:?}");
}

async fn sign_in_page_with_a_session_redirects_to_chat(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.get("/").await.is(200);
    sari.sign_in("sari").await;
    sari.get("/").await.redirects_to("/chat");
}

async fn own_name_posted_again_is_no_conflict(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("SARI").await.redirects_to("/chat");
}

async fn sign_in_with_a_session_keeps_the_first_name(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("dewi").await.redirects_to("/chat");
    let client = WsClient::connect_and_join(&sari).await;
    assert_eq!(client.transcript().last_welcome()["you"], "sari");
    cluster.http_client(0).sign_in("dewi").await.redirects_to("/chat");
}

async fn used_name_is_409_in_any_case_and_alphabet(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    cluster.http_client(0).sign_in("Sari Dewi").await.redirects_to("/chat");
    // The last name has Cyrillic а and е.
    for name in ["Sari Dewi", "sari dewi", "SARI DEWI", "  Sari   Dewi ", "S\u{430}ri D\u{435}wi"] {
        let other = cluster.http_client(0);
        let response = other.sign_in(name).await;
        response.is(409);
        check_form_error(&response);
        assert!(other.cookie().is_none_or(|cookie| !cookie.contains("ruang=")), "no session: {name:?}");
    }
}

async fn invalid_name_is_422_and_keeps_the_input(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let long = "a".repeat(33);
    for name in ["", "   ", "\u{200b}\u{200d}", "\u{2800}", "\u{202e}iras", "sa\u{0}ri", "sa\nri", &long] {
        let response = cluster.http_client(0).sign_in(name).await;
        assert_eq!(response.status, 422, "{name:?}: {response:?}");
        check_form_error(&response);
    }
    let response = cluster.http_client(0).sign_in(&long).await;
    assert!(response.body.contains(&format!("value=\"{long}\"")), "the input is kept: {}", response.body);
    let without_the_field = cluster.http_client(0).request(Method::POST, "/").form(&[("name", "sari")]);
    Response::to(without_the_field).await.is(422);
}

async fn rejected_input_is_escaped(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let typed = format!("\"><script>alert(1)</script>{}", "a".repeat(40));
    let response = cluster.http_client(0).sign_in(&typed).await;
    response.is(422);
    assert!(!response.body.contains("<script>alert"), "{}", response.body);
}

async fn sign_ins_over_the_limit_are_429_with_retry_after(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_SIGN_INS_PER_MINUTE", "3").start().await;
    for i in 0..3 {
        cluster.http_client(0).sign_in(&format!("guest {i}")).await.redirects_to("/chat");
    }
    let response = cluster.http_client(0).sign_in("one more").await;
    response.is(429);
    let seconds: u64 = response.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    check_form_error(&response);
    assert!(response.body.contains("value=\"one more\""), "the input is kept: {}", response.body);
}

async fn sign_out_ends_the_session_and_frees_the_name(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    let (cookie, response) = (sari.cookie().expect("a cookie"), sari.log_out().await);
    response.redirects_to("/");
    let removal = session_cookie(&response, "ruang");
    assert!(removal.iter().any(|part| part == "Max-Age=0" || part.starts_with("Expires=")), "{removal:?}");
    // The old cookie is no session any more.
    let replayed = cluster.http_client(0).request(Method::GET, "/chat").header("cookie", cookie);
    Response::to(replayed).await.redirects_to("/?why=expired");
    cluster.http_client(0).sign_in("sari").await.redirects_to("/chat");
}

async fn sign_out_without_a_session_redirects_to_sign_in(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).log_out().await.redirects_to("/");
}

async fn forged_cookie_is_no_session(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let unknown = cluster.http_client(0).request(Method::GET, "/chat").header("cookie", "ruang=AAAAAAAAAAAAAAAAAAAAAA");
    Response::to(unknown).await.redirects_to("/?why=expired");
    for cookie in ["ruang=", "ruang=\"; drop", "ruang=../../etc", "=;=;ruang"] {
        let request = cluster.http_client(0).request(Method::GET, "/chat").header("cookie", cookie);
        Response::to(request).await.redirects_to("/");
    }
}

async fn oversized_form_is_413(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).sign_in(&"a".repeat(33 * 1024)).await.is(413);
}

/// As when a button is pressed twice on a slow network, or the answer is lost: both carry the form's cookie and no session.
async fn form_sent_twice_signs_in_one_person(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let form = form_cookie(&cluster.http_client(0)).await;
    let posts = [cluster.http_client(0), cluster.http_client(0)];
    let (first, second) =
        tokio::join!(post_form(&posts[0], Some(&form), "sari"), post_form(&posts[1], Some(&form), "Sari"));
    first.redirects_to("/chat");
    second.redirects_to("/chat");
    let _first = WsClient::connect_and_join(&posts[0]).await;
    let second = WsClient::connect_and_join(&posts[1]).await;
    assert_eq!(second.transcript().count, 1);
    let stranger = cluster.http_client(0);
    let other = form_cookie(&stranger).await;
    assert_ne!(form, other);
    post_form(&stranger, Some(&other), "sari").await.is(409);
}

async fn form_cookie_lasts_until_the_room_and_no_longer(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let sari = cluster.http_client(0);
    let cookie = form_cookie(&sari).await;
    assert!(!sari.get("/").await.headers.contains_key("set-cookie"), "a form that is loaded again keeps it");
    post_form(&sari, None, "sari").await.redirects_to("/chat");
    let removal = session_cookie(&sari.get("/chat").await, "ruang-form");
    assert!(removal.contains(&"Max-Age=0".to_owned()), "{removal:?}");
    assert!(!sari.cookie().expect("a session").contains(&cookie));
    assert!(!sari.get("/chat").await.headers.contains_key("set-cookie"));
}

async fn form_without_its_cookie_asks_for_cookies(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let sari = cluster.http_client(0);
    let response = post_form(&sari, None, "sari").await;
    response.is(400);
    check_form_error(&response);
    assert!(response.body.contains("tidak menyimpan kuki"), "{}", response.body);
    assert!(response.body.contains("value=\"sari\""), "the input is kept: {}", response.body);
    // That answer has set the cookie: a browser that lost it signs in now.
    post_form(&sari, None, "sari").await.redirects_to("/chat");
}

async fn used_name_says_whether_its_person_is_here(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let sari = cluster.join(0, "sari").await;
    let refused = cluster.http_client(0).sign_in("sari").await;
    assert!(refused.is(409).body.contains("sedang dipakai di ruang obrolan"), "{}", refused.body);
    sari.leave().await;
    eventually(SOON, "the page says until when", || async {
        let refused = cluster.http_client(0).sign_in("sari").await;
        if refused.is(409).body.contains("masih disimpan selama 15 menit") { Ok(()) } else { Err(refused.body) }
    })
    .await;
}

async fn ended_session_is_explained_in_both_languages(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    for (why, indonesian, english) in [
        ("banned", "memblokir nama Anda", "banned your name"),
        ("expired", "sudah berakhir", "has expired"),
        ("name_lost", "dipakai orang lain", "was taken by another person"),
        ("ended", "dari tab lain", "in another tab"),
    ] {
        for (lang, sentence) in [("id", indonesian), ("en", english)] {
            let body = cluster.http_client(0).get(&format!("/?why={why}&lang={lang}")).await.body;
            assert!(body.contains(sentence) && body.contains("class=\"lead why\""), "{why}: {body}");
        }
    }
    for path in ["/", "/?why=", "/?why=%3Cb%3E", "/?why=a&why=b"] {
        let response = cluster.http_client(0).get(path).await;
        assert!(!response.is(200).body.contains("class=\"lead why\""), "{path}: {}", response.body);
    }
    let gone = cluster.http_client(0).request(Method::GET, "/").header("cookie", "ruang=AAAAAAAAAAAAAAAAAAAAAA");
    let response = Response::to(gone).await;
    assert!(response.is(200).body.contains("sudah berakhir"), "{}", response.body);
}

/// Loads the form; returns its cookie as a browser sends it.
async fn form_cookie(http_client: &HttpClient) -> String {
    let response = http_client.get("/").await;
    assert!(response.is(200).body.contains("name=\"form\""), "{}", response.body);
    session_cookie(&response, "ruang-form").swap_remove(0)
}

/// Posts the form as the page does, with this cookie.
async fn post_form(http_client: &HttpClient, cookie: Option<&str>, username: &str) -> Response {
    let request = http_client.request(Method::POST, "/").form(&[("username", username), ("form", "1")]);
    Response::to(match cookie {
        Some(cookie) => request.header("cookie", cookie),
        None => request,
    })
    .await
}

/// Returns the parts of the cookie of this name that a response sets.
#[track_caller]
fn session_cookie(response: &Response, name: &str) -> Vec<String> {
    let set = response.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("ASCII"));
    let cookie = set.into_iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie {name}: {response:?}"));
    cookie.split(';').map(|part| part.trim().to_owned()).collect()
}

/// Fails unless the page is the form with an error message linked to its field.
#[track_caller]
fn check_form_error(response: &Response) {
    assert!(
        response.header("content-type").is_some_and(|content_type| content_type.starts_with("text/html")),
        "{response:?}"
    );
    assert!(response.body.contains("name=\"username\""), "{}", response.body);
    let ids = response.body.split("aria-describedby=\"").nth(1).and_then(|rest| rest.split('"').next());
    let ids = ids.unwrap_or_else(|| panic!("the field has no error message: {}", response.body));
    for id in ids.split_whitespace() {
        assert!(response.body.contains(&format!("id=\"{id}\"")), "no element has the id {id:?}: {}", response.body);
    }
    assert!(response.body.contains("aria-invalid=\"true\""), "the field is not marked as invalid: {}", response.body);
}

/// A name stays reserved for a while after its session's last socket, then it is free.
#[tokio::test]
async fn name_is_free_after_the_name_hold() {
    let cluster = Cluster::builder(Engine::Redis).set("RUANG_NAME_HOLD", "1s").set("RUANG_LEAVE_GRACE", "250ms");
    let cluster = cluster.start().await;
    cluster.join(0, "sari").await.leave().await;
    let second: HttpClient = cluster.http_client(0);
    second.sign_in("sari").await.is(409);
    eventually(SOON, "the name is free", || async {
        let response = second.sign_in("sari").await;
        if response.status == 303 { Ok(()) } else { Err(response.status.to_string()) }
    })
    .await;
}
