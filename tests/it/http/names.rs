//! What may be a name, and how it is shown.

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines};

on_both_engines! {
    names_of_many_scripts_are_welcome,
    a_name_is_shown_composed_trimmed_and_with_single_spaces,
}

async fn names_of_many_scripts_are_welcome(engine: Engine) {
    let cluster = Cluster::of(engine).start().await;
    let longest = "x".repeat(32);
    for name in ["ꦱꦫꦶ", "Łukasz", "佐藤", "محمد", "O'Brien", "🙂", "👩‍🚀 Dewi", &longest] {
        let http_client = cluster.http_client(0);
        http_client.sign_in(name).await.leads_to("/chat");
        let guest = WsClient::join_as(&http_client).await;
        assert_eq!(guest.heard().welcomed()["you"], name);
    }
}

async fn a_name_is_shown_composed_trimmed_and_with_single_spaces(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let guest = cluster.guest(0, "  Rene\u{301}   Dewi ").await;
    assert_eq!(guest.heard().welcomed()["you"], "Ren\u{e9} Dewi");
}
