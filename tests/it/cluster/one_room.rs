//! Clients of all instances see the same room.

use crate::kit::{Cluster, Engine, HttpClient, WsClient};

/// Messages that each of three clients sends at the same time.
const MESSAGES_EACH: usize = 100;

#[tokio::test]
async fn messages_of_all_instances_reach_all_in_one_order() {
    let cluster = three().await;
    let names = ["adi", "budi", "citra"];
    let mut clients = clients(&cluster, &names).await;
    let mut listener = cluster.join(1, "dewi").await;
    let speaking = clients.iter_mut().map(|client| async move {
        for i in 0..MESSAGES_EACH {
            client.send_text(&i.to_string()).await;
        }
    });
    futures_util::future::join_all(speaking).await;
    let all = MESSAGES_EACH * names.len();
    let transcript = listener.expect("everything", |transcript| transcript.messages.len() == all).await;
    for client in &mut clients {
        let own = client
            .expect("everything", |transcript| {
                transcript.messages.len() == all && transcript.acks.len() == MESSAGES_EACH
            })
            .await;
        assert_eq!(own.messages, transcript.messages, "one order everywhere");
        for (nonce, id) in &own.acks {
            let said = own.messages.iter().find(|said| said.id == *id).expect("an acknowledged message is present");
            assert_eq!(said.nonce, *nonce);
        }
    }
    for name in names {
        let texts = transcript.messages.iter().filter(|said| said.from == name).map(|said| said.text.clone());
        assert!(texts.eq((0..MESSAGES_EACH).map(|i| i.to_string())), "the order of each sender is kept: {name}");
    }
}

#[tokio::test]
async fn joins_and_leaves_reach_all_once_and_in_order() {
    let cluster = Cluster::builder(Engine::Redis).instances(3).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let names = ["adi", "budi", "citra"];
    let mut clients = clients(&cluster, &names).await;
    let dewi = cluster.join(2, "dewi").await;
    for client in &mut clients {
        client.wait_for_members(&["adi", "budi", "citra", "dewi"]).await;
    }
    dewi.leave().await;
    for client in &mut clients {
        let transcript = client.wait_for_members(&names).await;
        assert_eq!(transcript.changes_of("dewi"), ["joined", "left"]);
    }
}

#[tokio::test]
async fn session_of_one_instance_works_on_all() {
    let cluster = three().await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.redirects_to("/chat");
    let mut budi = cluster.join(0, "budi").await;
    for i in 0..3 {
        let elsewhere = sari.with_base(cluster.base(i));
        elsewhere.get("/chat").await.is(200);
        let mut tab = WsClient::connect_and_join(&elsewhere).await;
        tab.send_acked(&format!("dari {i}")).await;
        assert_eq!(budi.wait_for_text("sari", &format!("dari {i}")).await.members.len(), 2);
    }
}

#[tokio::test]
async fn name_claimed_three_times_at_once_is_granted_once() {
    let cluster = three().await;
    for round in 0..10 {
        let name = format!("sari {round}");
        let http_clients: Vec<HttpClient> = (0..3).map(|i| cluster.http_client(i)).collect();
        let responses =
            futures_util::future::join_all(http_clients.iter().map(|http_client| http_client.sign_in(&name))).await;
        let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409, 409], "round {round}");
    }
}

#[tokio::test]
async fn nonce_repeated_on_another_instance_returns_the_first_id() {
    let cluster = three().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_with_nonce("sekali", "halo").await;
    let id = sari.expect("the ack", |transcript| !transcript.acks.is_empty()).await.acks[0].1.clone();
    let mut second_tab = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(2))).await;
    second_tab.send_with_nonce("sekali", "halo").await;
    assert_eq!(
        second_tab.expect("the ack", |transcript| !transcript.acks.is_empty()).await.acks,
        [("sekali".to_owned(), id)]
    );
    second_tab.send_acked("akhir").await;
    assert_eq!(sari.wait_for_text("sari", "akhir").await.texts(), ["halo", "akhir"]);
}

#[tokio::test]
async fn rejoin_on_another_instance_recovers_exactly_the_missed() {
    let cluster = three().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    let seen = sari.send_acked("terakhir dilihat").await;
    budi.wait_for_text("sari", "terakhir dilihat").await;
    let http_client = sari.http_client.clone();
    drop(sari);
    for text in ["satu", "dua", "tiga"] {
        budi.send_acked(text).await;
    }
    let back = WsClient::rejoin(&http_client.with_base(cluster.base(2)), &seen).await;
    let transcript = back.transcript();
    assert_eq!(
        (transcript.last_welcome()["recovered"].as_bool(), transcript.texts()),
        (Some(true), vec!["satu", "dua", "tiga"])
    );
    assert!(budi.catch_up().await.changes_of("sari").is_empty(), "a reconnect is neither a leave nor a join");
}

#[tokio::test]
async fn sign_out_on_one_instance_closes_sockets_on_all() {
    let cluster = three().await;
    let mut here = cluster.join(0, "sari").await;
    let mut there = WsClient::connect_and_join(&here.http_client.with_base(cluster.base(1))).await;
    let mut budi = cluster.join(2, "budi").await;
    here.http_client.with_base(cluster.base(2)).log_out().await.redirects_to("/");
    for client in [&mut here, &mut there] {
        client.wait_for_bye(std::time::Duration::from_secs(1), "session_ended", 4001).await;
    }
    budi.wait_for_members(&["budi"]).await;
}

#[tokio::test]
async fn session_ended_elsewhere_is_refused_on_its_recent_instance() {
    let cluster = three().await;
    let sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let (http_client, cookie) = (sari.http_client.clone(), sari.http_client.cookie().expect("a session"));
    sari.leave().await;
    http_client.with_base(cluster.base(2)).log_out().await.redirects_to("/");
    // Their former instance has received it.
    budi.wait_for_members(&["budi"]).await;
    let refused = WsClient::try_connect(&cluster.http_client(0), &[("cookie", &cookie)]).await.err();
    assert_eq!(refused.expect("an ended session").status, 401);
}

#[tokio::test]
async fn typing_reaches_every_instance() {
    let cluster = three().await;
    let mut clients = clients(&cluster, &["adi", "budi", "citra"]).await;
    clients[0].send(serde_json::json!({"type": "typing", "active": true})).await;
    for client in &mut clients {
        client.expect("adi types", |transcript| transcript.typing == ["adi"]).await;
    }
}

async fn three() -> Cluster {
    Cluster::builder(Engine::Redis).instances(3).set("RUANG_MESSAGES_PER_SECOND", "0").start().await
}

/// Joins one client on each instance and waits until each sees all.
async fn clients(cluster: &Cluster, names: &[&str]) -> Vec<WsClient> {
    let mut clients = Vec::new();
    for (i, name) in names.iter().enumerate() {
        clients.push(cluster.join(i, name).await);
    }
    for client in &mut clients {
        client.wait_for_members(names).await;
    }
    clients
}
