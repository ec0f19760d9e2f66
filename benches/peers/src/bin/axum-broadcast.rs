//! A chat like axum's example with Redis in between: one broadcast channel and two tasks per socket.

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    routing::get,
};
use fanout_peers::{Failure, redis_url, serve};
use futures_util::{SinkExt, StreamExt};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::sync::broadcast::{self, error::RecvError};

const CHANNEL: &str = "chat";
/// Number of messages that a slow client may lag behind.
const CAPACITY: usize = 1024;

#[derive(Clone)]
struct Chat {
    redis: MultiplexedConnection,
    room: broadcast::Sender<Utf8Bytes>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let client = redis::Client::open(redis_url()?)?;
    let redis = client.get_multiplexed_async_connection().await?;
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    let room = broadcast::channel(CAPACITY).0;
    let sender = room.clone();
    tokio::spawn(async move {
        let mut messages = subscription.on_message();
        while let Some(message) = messages.next().await {
            if let Ok(text) = message.get_payload::<String>() {
                // The room may be empty.
                let _ = sender.send(text.into());
            }
        }
    });
    serve(Router::new().route("/ws", get(open)).with_state(Chat { redis, room })).await
}

async fn open(upgrade: WebSocketUpgrade, State(chat): State<Chat>) -> axum::response::Response {
    upgrade.on_upgrade(|socket| talk(socket, chat))
}

async fn talk(socket: WebSocket, mut chat: Chat) {
    let (mut out, mut input) = socket.split();
    // The first frame is the join.
    if !matches!(input.next().await, Some(Ok(_))) {
        return;
    }
    let mut room = chat.room.subscribe();
    if out.send(Message::text(r#"{"type":"welcome"}"#)).await.is_err() {
        return;
    }
    let mut writing = tokio::spawn(async move {
        loop {
            let sent = match room.recv().await {
                Ok(text) => out.send(Message::Text(text)).await,
                Err(RecvError::Lagged(_)) => Ok(()),
                Err(RecvError::Closed) => return,
            };
            if sent.is_err() {
                return;
            }
        }
    });
    let mut reading = tokio::spawn(async move {
        while let Some(Ok(Message::Text(text))) = input.next().await {
            if chat.redis.publish::<_, _, ()>(CHANNEL, text.as_str()).await.is_err() {
                return;
            }
        }
    });
    tokio::select! {
        _ = &mut writing => reading.abort(),
        _ = &mut reading => writing.abort(),
    }
}
