//! Whoever is in the room sees the same room.

use crate::kit::{Cluster, Engine, HttpClient, WsClient, transcript::Moved};

/// What each of three people says at the same time as the others.
const EACH: usize = 100;

#[tokio::test]
async fn messages_of_all_instances_reach_everyone_in_one_order() {
    let cluster = three().await;
    let names = ["adi", "budi", "citra"];
    let mut guests = guests(&cluster, &names).await;
    let mut listener = cluster.guest(1, "dewi").await;
    let speaking = guests.iter_mut().map(|guest| async move {
        for i in 0..EACH {
            guest.say(&i.to_string()).await;
        }
    });
    futures_util::future::join_all(speaking).await;
    let all = EACH * names.len();
    let heard = listener.expect("everything", |heard| heard.messages.len() == all).await;
    for guest in &mut guests {
        let own = guest.expect("everything", |heard| heard.messages.len() == all && heard.acks.len() == EACH).await;
        assert_eq!(own.messages, heard.messages, "one order everywhere");
        for (nonce, id) in &own.acks {
            let said = own.messages.iter().find(|said| said.id == *id).expect("what was acknowledged is there");
            assert_eq!(said.nonce, *nonce);
        }
    }
    for name in names {
        let texts = heard.messages.iter().filter(|said| said.from == name).map(|said| said.text.clone());
        assert!(texts.eq((0..EACH).map(|i| i.to_string())), "each sender's own order is kept: {name}");
    }
}

#[tokio::test]
async fn joins_and_leaves_reach_everyone_once_and_in_turn() {
    let cluster = Cluster::of(Engine::Redis).instances(3).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let names = ["adi", "budi", "citra"];
    let mut guests = guests(&cluster, &names).await;
    let dewi = cluster.guest(2, "dewi").await;
    for guest in &mut guests {
        guest.sees(&["adi", "budi", "citra", "dewi"]).await;
    }
    dewi.leave().await;
    for guest in &mut guests {
        let heard = guest.sees(&names).await;
        let of_dewi: Vec<_> = heard.moves.iter().filter(|moved| is_of(moved, "dewi")).collect();
        assert_eq!(of_dewi, [&Moved::In("dewi".into()), &Moved::Out("dewi".into())]);
    }
}

#[tokio::test]
async fn a_session_begun_on_one_instance_is_good_on_all() {
    let cluster = three().await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.leads_to("/chat");
    let mut budi = cluster.guest(0, "budi").await;
    for i in 0..3 {
        let moved = sari.moved_to(cluster.base(i));
        moved.get("/chat").await.is(200);
        let mut tab = WsClient::join_as(&moved).await;
        tab.say_kept(&format!("dari {i}")).await;
        assert_eq!(budi.hears("sari", &format!("dari {i}")).await.members.len(), 2);
    }
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_exactly_one_gets_it() {
    let cluster = three().await;
    for round in 0..10 {
        let name = format!("sari {round}");
        let visitors: Vec<HttpClient> = (0..3).map(|i| cluster.http_client(i)).collect();
        let answers =
            futures_util::future::join_all(visitors.iter().map(|http_client| http_client.sign_in(&name))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409, 409], "round {round}");
    }
}

#[tokio::test]
async fn a_nonce_repeated_on_another_instance_is_the_first_id_again() {
    let cluster = three().await;
    let mut sari = cluster.guest(0, "sari").await;
    sari.say_as("sekali", "halo").await;
    let id = sari.expect("the ack", |heard| !heard.acks.is_empty()).await.acks[0].1.clone();
    let mut moved = WsClient::join_as(&sari.http_client.moved_to(cluster.base(2))).await;
    moved.say_as("sekali", "halo").await;
    assert_eq!(moved.expect("the ack", |heard| !heard.acks.is_empty()).await.acks, [("sekali".to_owned(), id)]);
    moved.say_kept("akhir").await;
    assert_eq!(sari.hears("sari", "akhir").await.texts(), ["halo", "akhir"]);
}

#[tokio::test]
async fn a_move_to_another_instance_recovers_exactly_what_was_missed() {
    let cluster = three().await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(1, "budi").await;
    let seen = sari.say_kept("terakhir dilihat").await;
    budi.hears("sari", "terakhir dilihat").await;
    let http_client = sari.http_client.clone();
    drop(sari);
    for text in ["satu", "dua", "tiga"] {
        budi.say_kept(text).await;
    }
    let back = WsClient::rejoin(&http_client.moved_to(cluster.base(2)), &seen).await;
    let heard = back.heard();
    assert_eq!((heard.welcomed()["recovered"].as_bool(), heard.texts()), (Some(true), vec!["satu", "dua", "tiga"]));
    let noise: Vec<_> = budi.catch_up().await.moves.into_iter().filter(|moved| is_of(moved, "sari")).collect();
    assert!(noise.is_empty(), "a reconnect is neither a leave nor a join: {noise:?}");
}

#[tokio::test]
async fn signing_out_on_one_instance_closes_the_sockets_on_all() {
    let cluster = three().await;
    let mut here = cluster.guest(0, "sari").await;
    let mut there = WsClient::join_as(&here.http_client.moved_to(cluster.base(1))).await;
    let mut budi = cluster.guest(2, "budi").await;
    here.http_client.moved_to(cluster.base(2)).log_out().await.leads_to("/");
    for guest in [&mut here, &mut there] {
        guest.is_sent_away(std::time::Duration::from_secs(1), "session_ended", 4001).await;
    }
    budi.sees(&["budi"]).await;
}

#[tokio::test]
async fn who_signs_out_elsewhere_is_not_let_in_again_where_they_were_a_moment_ago() {
    let cluster = three().await;
    let sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(0, "budi").await;
    let (http_client, cookie) = (sari.http_client.clone(), sari.http_client.cookie().expect("a session"));
    sari.leave().await;
    http_client.moved_to(cluster.base(2)).log_out().await.leads_to("/");
    // The instance they were on has heard of it.
    budi.sees(&["budi"]).await;
    let refused = WsClient::try_connect(&cluster.http_client(0), &[("cookie", &cookie)]).await.err();
    assert_eq!(refused.expect("a session that is over").status, 401);
}

#[tokio::test]
async fn typing_reaches_every_instance() {
    let cluster = three().await;
    let mut guests = guests(&cluster, &["adi", "budi", "citra"]).await;
    guests[0].send(serde_json::json!({"type": "typing", "active": true})).await;
    for guest in &mut guests {
        guest.expect("adi types", |heard| heard.typing == ["adi"]).await;
    }
}

async fn three() -> Cluster {
    Cluster::of(Engine::Redis).instances(3).set("RUANG_MESSAGES_PER_SECOND", "0").start().await
}

/// One person on each instance, each seeing all.
async fn guests(cluster: &Cluster, names: &[&str]) -> Vec<WsClient> {
    let mut guests = Vec::new();
    for (i, name) in names.iter().enumerate() {
        guests.push(cluster.guest(i, name).await);
    }
    for guest in &mut guests {
        guest.sees(names).await;
    }
    guests
}

fn is_of(moved: &Moved, name: &str) -> bool {
    matches!(moved, Moved::In(who) | Moved::Out(who) if who == name)
}
