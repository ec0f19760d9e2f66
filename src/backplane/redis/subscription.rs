//! One subscription, supervised: whatever may have been missed is said to be a gap.

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
use crate::{backplane::event_sender::EventSender, redis::RedisConnector};

/// How often an idle connection is asked whether it lives: a half-open one says nothing by itself.
const PROBE: Duration = Duration::from_secs(1);
/// How long SUBSCRIBE may take, and how long to wait before it is tried again.
const DEADLINE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until nobody listens.
pub(super) async fn run(link: RedisConnector, channel: String, mut event_sender: EventSender) {
    let Ok(client) = link.subscriber() else { return };
    follow(&client, &channel, &mut event_sender).await;
    // Nobody cares how the connection ends.
    let _ = timeout(DEADLINE, client.quit()).await;
}

async fn follow(client: &SubscriberClient, channel: &str, event_sender: &mut EventSender) {
    let mut messages = client.message_rx();
    let mut reconnects = client.reconnect_rx();
    let mut probes = interval(PROBE);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if !subscribe(client, channel, &mut reconnects, event_sender).await {
        return;
    }
    loop {
        tokio::select! {
            message = messages.recv() => {
                let listened = match message {
                    Ok(message) => hand_on(message.value.as_str().as_deref(), event_sender),
                    Err(RecvError::Lagged(_)) => event_sender.tell_gap(),
                    Err(RecvError::Closed) => false,
                };
                if !listened {
                    return;
                }
            }
            reconnected = reconnects.recv() => {
                let is_open = !matches!(reconnected, Err(RecvError::Closed));
                if !is_open || !subscribe(client, channel, &mut reconnects, event_sender).await {
                    return;
                }
            }
            _ = probes.tick() => {
                // The connection is dropped when this stays unanswered, and then comes back.
                let client = client.clone();
                tokio::spawn(async move { timeout(DEADLINE, client.ping::<()>(None)).await });
            }
            () = event_sender.closed() => return,
        }
    }
}

/// Subscribes until that is confirmed, then says that what came before may have been missed. Answers whether
/// anybody still listens.
async fn subscribe(
    client: &SubscriberClient,
    channel: &str,
    reconnects: &mut Receiver<Server>,
    event_sender: &mut EventSender,
) -> bool {
    let confirmed = async {
        // Connections made before the command is sent are no reason to send it again.
        let _ = timeout(DEADLINE, client.wait_for_connect()).await;
        while reconnects.try_recv().is_ok() {}
        while !matches!(timeout(DEADLINE, client.subscribe(channel)).await, Ok(Ok(()))) {
            sleep(PAUSE).await;
        }
    };
    let confirmed = pin!(confirmed);
    let is_confirmed = tokio::select! {
        () = confirmed => true,
        () = event_sender.closed() => false,
    };
    is_confirmed && event_sender.tell_gap()
}

fn hand_on(text: Option<&str>, event_sender: &mut EventSender) -> bool {
    match text.and_then(envelope::open) {
        Some(event) => event_sender.tell(event),
        None => {
            tracing::debug!("an envelope that this version cannot read");
            true
        }
    }
}
