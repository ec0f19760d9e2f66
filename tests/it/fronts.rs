//! The same room through nginx and through Caddy, as shipped.

use std::{net::IpAddr, time::Duration};

use reqwest::Method;

use crate::kit::{
    Answer, Cluster, Engine, Guest, Visitor,
    front::{Front, Kind},
};

/// Longer than the server's pings are apart.
const IDLE: Duration = Duration::from_secs(30);

macro_rules! through_each {
    ($($case:ident),+ $(,)?) => {
        mod nginx {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::kit::front::Kind::Nginx).await;
            })+
        }
        mod caddy {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::kit::front::Kind::Caddy).await;
            })+
        }
    };
}

through_each! {
    chat_goes_through_it_to_every_instance,
    a_socket_that_says_nothing_for_long_stays,
    an_instance_that_drains_is_left_alone_and_its_people_come_back_through_another,
    limits_go_by_the_address_that_it_saw_and_no_other_site_is_let_in,
}

async fn two() -> Cluster {
    let of = Cluster::of(Engine::Redis).instances(2).set("RUANG_TRUSTED_PROXIES", "127.0.0.1/32");
    of.set("RUANG_SIGN_INS_PER_MINUTE", "6").start().await
}

async fn chat_goes_through_it_to_every_instance(kind: Kind) {
    let cluster = two().await;
    let front = Front::before(&cluster, kind).await;
    let names = ["adi", "budi", "citra", "dewi"];
    let mut guests = vec![];
    for name in names {
        guests.push(Guest::enter(&Visitor::at(front.base()), name).await);
    }
    for guest in &mut guests {
        guest.sees(&names).await;
        guest.say("halo semua").await;
    }
    for guest in &mut guests {
        guest.expect("everybody's greeting", |heard| heard.messages.len() == names.len()).await;
    }
    guests[0].visitor.get("/chat").await.is(200);
    guests[0].visitor.get("/api/messages").await.is(200);
}

async fn a_socket_that_says_nothing_for_long_stays(kind: Kind) {
    let cluster = two().await;
    let front = Front::before(&cluster, kind).await;
    let mut sari = Guest::enter(&Visitor::at(front.base()), "sari").await;
    let mut budi = cluster.guest(0, "budi").await;
    // The pause is what is tried.
    tokio::time::sleep(IDLE).await;
    budi.say("masih ada?").await;
    let heard = sari.hears("budi", "masih ada?").await;
    assert_eq!(heard.welcomes.len(), 1, "on the same connection");
}

async fn an_instance_that_drains_is_left_alone_and_its_people_come_back_through_another(kind: Kind) {
    let mut cluster = two().await;
    let front = Front::before(&cluster, kind).await;
    let mut sari = Guest::enter(&Visitor::at(front.base()), "sari").await;
    let seen = sari.say_kept("sebelum").await;
    cluster.instances[0].terminate();
    cluster.instances[0].ended(IDLE).await;
    let visitor = Visitor::at(front.base());
    for _ in 0..20 {
        visitor.get("/").await.is(200);
    }
    let back = Guest::rejoin(&sari.visitor, &seen).await;
    assert_eq!(back.heard().welcomed()["recovered"], true);
}

async fn limits_go_by_the_address_that_it_saw_and_no_other_site_is_let_in(kind: Kind) {
    let cluster = two().await;
    let front = Front::before(&cluster, kind).await;
    let from = |last: u8| Visitor::from(front.base(), Some(IpAddr::from([127, 0, 0, last])));
    let mut refused = 0;
    for n in 0..20 {
        refused += u32::from(from(2).sign_in(&format!("adi {n}")).await.status == 429);
    }
    assert!(refused >= 8, "six a minute on each of two instances, and a little more as time goes by: {refused}");
    for n in 0..4 {
        let pretending = from(2).request(Method::POST, "/").header("x-forwarded-for", format!("127.0.0.{}", 9 + n));
        let answer = Answer::to(pretending.form(&[("username", format!("budi {n}"))])).await;
        assert!(answer.status == 429 || answer.status == 303, "{answer:?}");
        refused += u32::from(answer.status == 429);
    }
    assert!(refused >= 10, "what a client writes of its address does not count: {refused}");
    from(3).sign_in("citra").await.leads_to("/chat");
    let form = || from(4).request(Method::POST, "/").form(&[("username", "dewi")]);
    let foreign = form().header("origin", "http://evil.example").header("x-forwarded-host", "evil.example");
    Answer::to(foreign).await.is(403);
    Answer::to(form().header("origin", front.base())).await.leads_to("/chat");
}
