//! An instance that stands still for longer than a client may be silent.

use std::time::Duration;

use crate::kit::{Cluster, Engine, SOON};

/// Longer than the 60 s that a client may be silent.
const STANDSTILL: Duration = Duration::from_secs(65);

#[tokio::test]
async fn standstill_of_the_server_is_no_silence_of_its_clients() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let mut clients = vec![];
    for n in 0..20 {
        clients.push(cluster.join(0, &format!("orang{n}")).await);
    }
    cluster.instances[0].pause();
    tokio::time::sleep(STANDSTILL).await;
    cluster.instances[0].resume();
    // The instance stood still for longer than its lease, so it begins a new incarnation.
    for client in &mut clients {
        client.wait_for_bye(SOON, "restart", 1012).await;
    }
}
