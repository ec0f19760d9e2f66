mod kit;

use std::sync::atomic::Ordering;

use self::kit::{DeafBackplane, Recorder, SOON, open, person};
use super::*;

#[tokio::test]
async fn panic_in_a_shard_fails_the_room() {
    let room = open(DeafBackplane::new());
    let client = Arc::new(Recorder::default());
    client.panics.store(true, Ordering::SeqCst);
    let failed = room.failed();
    let _joined = room.join(person("sari"), None, client).await;
    timeout(SOON, failed).await.expect("the room fails");
}

#[tokio::test]
async fn panic_in_the_hub_fails_the_room() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned()]).await;
    room.in_sync().await.unwrap();
    backplane.panics.store(true, Ordering::SeqCst);
    backplane.publish_as("budi", "halo").await;
    timeout(SOON, room.failed()).await.expect("the room fails");
    assert!(!room.ready());
}
