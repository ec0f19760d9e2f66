//! Which names are accepted, and how they are shown.

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines};

on_both_engines! {
    names_of_many_scripts_are_accepted,
    name_is_normalised_trimmed_and_single_spaced,
}

async fn names_of_many_scripts_are_accepted(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let longest = "x".repeat(32);
    for name in ["ꦱꦫꦶ", "Łukasz", "佐藤", "محمد", "O'Brien", "🙂", "👩‍🚀 Dewi", &longest] {
        let http_client = cluster.http_client(0);
        http_client.sign_in(name).await.redirects_to("/chat");
        let client = WsClient::connect_and_join(&http_client).await;
        assert_eq!(client.transcript().last_welcome()["you"], name);
    }
}

async fn name_is_normalised_trimmed_and_single_spaced(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let client = cluster.join(0, "  Rene\u{301}   Dewi ").await;
    assert_eq!(client.transcript().last_welcome()["you"], "Ren\u{e9} Dewi");
}
