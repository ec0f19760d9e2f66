//! From the form to a session, and back out.

use reqwest::Method;

use crate::kit::{
    Cluster, Engine, HttpClient, Response,
    engines::on_both_engines,
    wait::{SOON, eventually},
};

on_both_engines! {
    a_good_name_is_a_session_and_leads_to_the_room,
    the_cookie_is_kept_from_scripts_and_other_sites,
    with_an_https_public_url_the_cookie_is_secure_and_bound_to_the_host,
    who_is_signed_in_is_led_to_the_room,
    ones_own_name_posted_again_is_no_conflict,
    signed_in_under_another_name_the_first_one_stays,
    a_name_in_use_is_refused_in_any_case_and_alphabet,
    a_bad_name_is_refused_beside_the_field_with_what_was_typed_kept,
    what_was_typed_is_shown_as_text_not_as_markup,
    too_many_sign_ins_from_one_address_are_told_when_to_come_back,
    signing_out_ends_the_session_and_frees_the_name,
    signing_out_without_a_session_leads_to_the_form,
    a_cookie_that_was_made_up_is_no_session,
    a_form_larger_than_a_request_may_be_is_refused,
}

async fn a_good_name_is_a_session_and_leads_to_the_room(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.get("/chat").await.is(200);
}

async fn the_cookie_is_kept_from_scripts_and_other_sites(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let response = cluster.http_client(0).sign_in("sari").await;
    let cookie = session_cookie(&response, "ruang");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(&flag.to_owned()), "{flag}: {cookie:?}");
    }
    assert!(!cookie.contains(&"Secure".to_owned()), "plain http would not send it back: {cookie:?}");
}

async fn with_an_https_public_url_the_cookie_is_secure_and_bound_to_the_host(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_PUBLIC_URL", "https://ruang.test").start().await;
    let cookie = session_cookie(&cluster.http_client(0).sign_in("sari").await, "__Host-ruang");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(cookie.contains(&flag.to_owned()), "{flag}: {cookie:?}");
    }
    assert!(!cookie.iter().any(|flag| flag.starts_with("Domain")), "__Host- forbids a domain: {cookie:?}");
}

async fn who_is_signed_in_is_led_to_the_room(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.get("/").await.is(200);
    sari.sign_in("sari").await;
    sari.get("/").await.redirects_to("/chat");
}

async fn ones_own_name_posted_again_is_no_conflict(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("SARI").await.redirects_to("/chat");
}

async fn signed_in_under_another_name_the_first_one_stays(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    sari.sign_in("dewi").await.redirects_to("/chat");
    let client = crate::kit::WsClient::connect_and_join(&sari).await;
    assert_eq!(client.transcript().last_welcome()["you"], "sari");
    cluster.http_client(0).sign_in("dewi").await.redirects_to("/chat");
}

async fn a_name_in_use_is_refused_in_any_case_and_alphabet(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    cluster.http_client(0).sign_in("Sari Dewi").await.redirects_to("/chat");
    // The last is written with Cyrillic а and е.
    for name in ["Sari Dewi", "sari dewi", "SARI DEWI", "  Sari   Dewi ", "S\u{430}ri D\u{435}wi"] {
        let stranger = cluster.http_client(0);
        let response = stranger.sign_in(name).await;
        response.is(409);
        shows_the_form_with_a_reason(&response);
        assert!(stranger.cookie().is_none_or(|cookie| !cookie.contains("ruang=")), "no session: {name:?}");
    }
}

async fn a_bad_name_is_refused_beside_the_field_with_what_was_typed_kept(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let long = "a".repeat(33);
    for name in ["", "   ", "\u{200b}\u{200d}", "\u{2800}", "\u{202e}iras", "sa\u{0}ri", "sa\nri", &long] {
        let response = cluster.http_client(0).sign_in(name).await;
        assert_eq!(response.status, 422, "{name:?}: {response:?}");
        shows_the_form_with_a_reason(&response);
    }
    let response = cluster.http_client(0).sign_in(&long).await;
    assert!(response.body.contains(&format!("value=\"{long}\"")), "what was typed is kept: {}", response.body);
    let without_the_field = cluster.http_client(0).request(Method::POST, "/").form(&[("name", "sari")]);
    Response::to(without_the_field).await.is(422);
}

async fn what_was_typed_is_shown_as_text_not_as_markup(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let typed = format!("\"><script>alert(1)</script>{}", "a".repeat(40));
    let response = cluster.http_client(0).sign_in(&typed).await;
    response.is(422);
    assert!(!response.body.contains("<script>alert"), "{}", response.body);
}

async fn too_many_sign_ins_from_one_address_are_told_when_to_come_back(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_SIGN_INS_PER_MINUTE", "3").start().await;
    for i in 0..3 {
        cluster.http_client(0).sign_in(&format!("guest {i}")).await.redirects_to("/chat");
    }
    let response = cluster.http_client(0).sign_in("one more").await;
    response.is(429);
    let seconds: u64 = response.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    shows_the_form_with_a_reason(&response);
    assert!(response.body.contains("value=\"one more\""), "what was typed is kept: {}", response.body);
}

async fn signing_out_ends_the_session_and_frees_the_name(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    let (cookie, response) = (sari.cookie().expect("a cookie"), sari.log_out().await);
    response.redirects_to("/");
    let removal = session_cookie(&response, "ruang");
    assert!(removal.iter().any(|part| part == "Max-Age=0" || part.starts_with("Expires=")), "{removal:?}");
    // The old cookie, kept by a thief, is worth nothing.
    let stolen = cluster.http_client(0).request(Method::GET, "/chat").header("cookie", cookie);
    Response::to(stolen).await.redirects_to("/");
    cluster.http_client(0).sign_in("sari").await.redirects_to("/chat");
}

async fn signing_out_without_a_session_leads_to_the_form(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).log_out().await.redirects_to("/");
}

async fn a_cookie_that_was_made_up_is_no_session(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    for cookie in ["ruang=", "ruang=AAAAAAAAAAAAAAAAAAAAAA", "ruang=\"; drop", "ruang=../../etc", "=;=;ruang"] {
        let request = cluster.http_client(0).request(Method::GET, "/chat").header("cookie", cookie);
        Response::to(request).await.redirects_to("/");
    }
}

async fn a_form_larger_than_a_request_may_be_is_refused(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).sign_in(&"a".repeat(33 * 1024)).await.is(413);
}

/// The parts of the cookie of this name that an answer sets.
#[track_caller]
fn session_cookie(response: &Response, name: &str) -> Vec<String> {
    let set = response.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("ASCII"));
    let cookie = set.into_iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie {name}: {response:?}"));
    cookie.split(';').map(|part| part.trim().to_owned()).collect()
}

/// Fails unless the page is the form, its field tied to a reason.
#[track_caller]
fn shows_the_form_with_a_reason(response: &Response) {
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{response:?}");
    assert!(response.body.contains("name=\"username\""), "{}", response.body);
    let reason = response.body.split("aria-describedby=\"").nth(1).and_then(|rest| rest.split('"').next());
    let reason = reason.unwrap_or_else(|| panic!("the field names no reason: {}", response.body));
    for id in reason.split_whitespace() {
        assert!(response.body.contains(&format!("id=\"{id}\"")), "nothing has the id {id:?}: {}", response.body);
    }
    assert!(response.body.contains("aria-invalid=\"true\""), "the field is not marked: {}", response.body);
}

/// A name is held for a while when its session has no socket any more, then anybody may have it.
#[tokio::test]
async fn a_name_is_free_again_once_its_hold_has_passed() {
    let cluster = Cluster::builder(Engine::Redis).set("RUANG_NAME_HOLD", "1s").set("RUANG_LEAVE_GRACE", "250ms");
    let cluster = cluster.start().await;
    cluster.join(0, "sari").await.leave().await;
    let late: HttpClient = cluster.http_client(0);
    late.sign_in("sari").await.is(409);
    eventually(SOON, "the name is free", || async {
        let response = late.sign_in("sari").await;
        if response.status == 303 { Ok(()) } else { Err(response.status.to_string()) }
    })
    .await;
}
