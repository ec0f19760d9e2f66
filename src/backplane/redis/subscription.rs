//! One supervised subscription: after every interruption it sends a gap.

use std::{pin::pin, time::Duration};

use fred::{
    clients::SubscriberClient,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::config::Server,
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::envelope;
use crate::{
    backplane::event_sender::EventSender,
    redis::{PubSub, RedisConnector},
};

/// Time between two PINGs: nothing else detects a half-open connection that is idle.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// Time between two attempts to subscribe.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// Runs until the receiver is dropped.
pub(super) async fn run(connector: RedisConnector, pubsub: PubSub, channel: String, mut event_sender: EventSender) {
    let Ok(client) = connector.subscriber() else { return };
    follow(&client, pubsub, &channel, &mut event_sender).await;
    // The connection is dropped in any case.
    let _ = timeout(DEADLINE, client.quit()).await;
}

async fn follow(client: &SubscriberClient, pubsub: PubSub, channel: &str, event_sender: &mut EventSender) {
    let mut messages = client.message_rx();
    let mut reconnects = client.reconnect_rx();
    let mut probes = interval(PROBE_EVERY);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if !subscribe(client, pubsub, channel, &mut reconnects, event_sender).await {
        return;
    }
    loop {
        tokio::select! {
            message = messages.recv() => {
                let is_open = match message {
                    Ok(message) => forward(message.value.as_str().as_deref(), event_sender),
                    Err(RecvError::Lagged(_)) => event_sender.send_gap(),
                    Err(RecvError::Closed) => false,
                };
                if !is_open {
                    return;
                }
            }
            reconnected = reconnects.recv() => {
                let is_open = !matches!(reconnected, Err(RecvError::Closed));
                if !is_open || !subscribe(client, pubsub, channel, &mut reconnects, event_sender).await {
                    return;
                }
            }
            _ = probes.tick() => {
                // fred drops a connection that does not reply, and reconnects.
                let client = client.clone();
                tokio::spawn(async move { timeout(DEADLINE, client.ping::<()>(None)).await });
            }
            () = event_sender.closed() => return,
        }
    }
}

/// Subscribes, repeatedly until that is confirmed, then sends a gap. Returns whether the receiver exists.
async fn subscribe(
    client: &SubscriberClient,
    pubsub: PubSub,
    channel: &str,
    reconnects: &mut Receiver<Server>,
    event_sender: &mut EventSender,
) -> bool {
    let confirmed = async {
        // Only a reconnect after SUBSCRIBE was sent requires another SUBSCRIBE.
        let _ = timeout(DEADLINE, client.wait_for_connect()).await;
        while reconnects.try_recv().is_ok() {}
        while pubsub.is_classic() && !matches!(timeout(DEADLINE, client.subscribe(channel)).await, Ok(Ok(()))) {
            sleep(RETRY_EVERY).await;
        }
        while pubsub.is_sharded() && !matches!(timeout(DEADLINE, client.ssubscribe(channel)).await, Ok(Ok(()))) {
            sleep(RETRY_EVERY).await;
        }
    };
    let confirmed = pin!(confirmed);
    let is_confirmed = tokio::select! {
        () = confirmed => true,
        () = event_sender.closed() => false,
    };
    is_confirmed && event_sender.send_gap()
}

/// Returns whether the receiver exists.
fn forward(text: Option<&str>, event_sender: &mut EventSender) -> bool {
    match text.and_then(envelope::open) {
        Some(event) => event_sender.send(event),
        None => {
            tracing::debug!("unknown envelope ignored");
            true
        }
    }
}
