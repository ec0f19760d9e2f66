//! An instance without free descriptors: present clients chat on, new ones join once descriptors are free.

use tokio::net::TcpStream;

use crate::kit::{Cluster, Engine, SOON, engines::on_both_engines, eventually};

/// Number of free descriptors.
const FREE: u64 = 8;

on_both_engines! {
    exhausted_descriptors_keep_clients_and_recover,
}

async fn exhausted_descriptors_keep_clients_and_recover(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let instance = &cluster.instances[0];
    instance.limit_open_files(instance.open_files() + FREE);
    let mut idle = vec![];
    for _ in 0..FREE * 4 {
        idle.push(TcpStream::connect(instance.address()).await.expect("the system's queue accepts"));
    }
    let line = "cannot accept connections, retrying";
    eventually(SOON, "it runs out of descriptors", || async {
        let log = instance.log();
        if log.contains(line) { Ok(()) } else { Err(log) }
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
