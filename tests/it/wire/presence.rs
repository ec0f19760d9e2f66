//! Who is here, told truly and without noise.

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines, transcript::Moved};

on_both_engines! {
    everybody_sees_who_comes_and_who_goes,
    a_join_is_told_before_the_first_message,
    a_second_tab_is_no_second_person,
    a_refresh_within_the_grace_is_not_told,
    who_goes_is_told_once_the_grace_has_passed,
    who_signs_out_is_gone_at_once,
    who_comes_back_after_leaving_is_told_again,
}

async fn everybody_sees_who_comes_and_who_goes(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(0, "budi").await;
    let citra = cluster.guest(0, "citra").await;
    for guest in [&mut sari, &mut budi] {
        guest.sees(&["budi", "citra", "sari"]).await;
    }
    citra.leave().await;
    for guest in [&mut sari, &mut budi] {
        let heard = guest.sees(&["budi", "sari"]).await;
        assert_eq!(moves_of(&heard.moves, "citra"), [Moved::In("citra".into()), Moved::Out("citra".into())]);
    }
}

async fn a_join_is_told_before_the_first_message(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(0, "budi").await;
    budi.say("halo").await;
    let heard = sari.hears("budi", "halo").await;
    assert!(heard.members.contains("budi"), "the message came before its sender: {:?}", heard.frames);
}

async fn a_second_tab_is_no_second_person(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let mut budi = cluster.guest(0, "budi").await;
    sari.sees(&["budi", "sari"]).await;
    let mut second = WsClient::join_as(&budi.http_client).await;
    assert_eq!(second.sees(&["budi", "sari"]).await.count, 2);
    second.leave().await;
    // A person who comes and goes in between shows that the tab would have been told by now.
    cluster.guest(0, "citra").await.leave().await;
    let gone = |heard: &crate::kit::Transcript| heard.moves.contains(&Moved::Out("citra".into()));
    let heard = sari.expect("citra came and went", gone).await;
    assert_eq!(moves_of(&heard.moves, "budi"), [Moved::In("budi".into())]);
    budi.say("masih di sini").await;
    sari.hears("budi", "masih di sini").await;
}

async fn a_refresh_within_the_grace_is_not_told(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "2s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let budi = cluster.guest(0, "budi").await;
    sari.sees(&["budi", "sari"]).await;
    let http_client = budi.http_client.clone();
    budi.leave().await;
    let mut back = WsClient::join_as(&http_client).await;
    // Longer than the grace of the first connection: its end would have been told by now.
    cluster.guest(0, "citra").await.leave().await;
    let gone = |heard: &crate::kit::Transcript| heard.moves.contains(&Moved::Out("citra".into()));
    let heard = sari.expect("citra came and went", gone).await;
    assert_eq!(moves_of(&heard.moves, "budi"), [Moved::In("budi".into())]);
    back.say("kembali").await;
    sari.hears("budi", "kembali").await;
}

async fn who_goes_is_told_once_the_grace_has_passed(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "1s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let budi = cluster.guest(0, "budi").await;
    sari.sees(&["budi", "sari"]).await;
    budi.leave().await;
    sari.say_kept("budi masih dihitung").await;
    let heard = sari.catch_up().await;
    assert!(heard.members.contains("budi"), "a grace is no absence: {:?}", heard.moves);
    sari.sees(&["sari"]).await;
}

async fn who_signs_out_is_gone_at_once(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "60s").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let budi = cluster.guest(0, "budi").await;
    sari.sees(&["budi", "sari"]).await;
    budi.http_client.log_out().await.leads_to("/");
    sari.sees(&["sari"]).await;
}

async fn who_comes_back_after_leaving_is_told_again(engine: Engine) {
    let cluster = Cluster::of(engine).set("RUANG_LEAVE_GRACE", "250ms").start().await;
    let mut sari = cluster.guest(0, "sari").await;
    let budi = cluster.guest(0, "budi").await;
    sari.sees(&["budi", "sari"]).await;
    let http_client = budi.http_client.clone();
    budi.leave().await;
    sari.sees(&["sari"]).await;
    let _back = WsClient::join_as(&http_client).await;
    let heard = sari.sees(&["budi", "sari"]).await;
    let expected = [Moved::In("budi".into()), Moved::Out("budi".into()), Moved::In("budi".into())];
    assert_eq!(moves_of(&heard.moves, "budi"), expected);
}

fn moves_of(moves: &[Moved], name: &str) -> Vec<Moved> {
    let of = |moved: &&Moved| matches!(moved, Moved::In(who) | Moved::Out(who) if who == name);
    moves.iter().filter(of).cloned().collect()
}
