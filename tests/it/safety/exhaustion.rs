//! A machine that has nothing left to give: who is inside talks on, and others come in once there is room again.

use tokio::net::TcpStream;

use crate::kit::{Cluster, Engine, SOON, engines::on_both_engines, eventually};

/// Descriptors that are left for new connections.
const LEFT: u64 = 8;

on_both_engines! {
    exhausted_descriptors_keep_clients_and_recover,
}

async fn exhausted_descriptors_keep_clients_and_recover(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let instance = &cluster.instances[0];
    instance.limit_open_files(instance.open_files() + LEFT);
    let mut idle = vec![];
    for _ in 0..LEFT * 4 {
        idle.push(TcpStream::connect(instance.address()).await.expect("the system accepts for it"));
    }
    let wanted = "cannot accept connections, retrying";
    eventually(SOON, "it runs out of descriptors", || async {
        let log = instance.log();
        if log.contains(wanted) { Ok(()) } else { Err(log) }
    })
    .await;
    for n in 0..3 {
        let text = format!("masih di sini {n}");
        sari.send_acked(&text).await;
        budi.wait_for_text("sari", &text).await;
    }
    drop(idle);
    let mut citra = cluster.join(0, "citra").await;
    citra.send_acked("sudah bisa masuk").await;
    budi.wait_for_text("citra", "sudah bisa masuk").await;
}
