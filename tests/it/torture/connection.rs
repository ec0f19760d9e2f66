//! One connection of a tab. Nothing here panics, whatever the server sends.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message},
};

use crate::kit::{HttpClient, schema, transcript::ChatMessage, ws_client::upgrade_request};

use super::record::{EndReason, Event};

/// Limit of an upgrade, a sign-in or the write of a frame.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// The prefix of the participants' names; other clients are hostile or only read.
pub const NAME_PREFIX: &str = "orang";

/// An upgraded connection.
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
    frames: FrameReader,
}

/// Turns the frames of one connection into events.
#[derive(Default)]
pub struct FrameReader {
    said_bye: bool,
    /// Members who are not participants.
    others: BTreeSet<String>,
}

/// A received event.
pub enum Incoming {
    /// An event to record.
    Event(Event),
    /// A sign of life of the server.
    Sign,
    /// A `bye`, with the time to wait.
    Bye(Duration),
    /// The end.
    End(EndReason),
}

impl Connection {
    /// Connects; the error is the status of a refusal, or `None` without a response.
    pub async fn connect(http_client: &HttpClient) -> Result<Self, Option<u16>> {
        let (address, request) = upgrade_request(http_client, &[("origin", http_client.base())]);
        let upgrade = async {
            let stream = TcpStream::connect(address).await.map_err(tungstenite::Error::Io)?;
            client_async(request, stream).await
        };
        match time::timeout(TIMEOUT, upgrade).await {
            Ok(Ok((socket, _))) => Ok(Self { socket, frames: FrameReader::default() }),
            Ok(Err(tungstenite::Error::Http(response))) => Err(Some(response.status().as_u16())),
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }

    /// Sends a frame; a lost connection shows at the next read.
    pub async fn send(&mut self, frame: Value) {
        let _ = time::timeout(TIMEOUT, self.socket.send(Message::text(frame.to_string()))).await;
    }

    /// Sends `join`.
    pub async fn join(&mut self, since: Option<&str>) {
        self.send(match since {
            Some(since) => json!({"type": "join", "since": since}),
            None => json!({"type": "join"}),
        })
        .await;
    }

    /// Waits for the next event. Safe to cancel.
    pub async fn next(&mut self) -> Incoming {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => self.frames.read(&serde_json::from_str(&text).unwrap_or(Value::Null)),
            Some(Ok(Message::Close(frame))) => Incoming::End(self.frames.end(frame.map(|frame| u16::from(frame.code)))),
            Some(Ok(_)) => Incoming::Sign,
            Some(Err(_)) | None => Incoming::End(self.frames.end(None)),
        }
    }
}

impl FrameReader {
    /// Returns the reason of an end with this code.
    pub fn end(&self, code: Option<u16>) -> EndReason {
        match code {
            Some(1012) if self.said_bye => EndReason::Drained,
            Some(4001) => EndReason::SignedOut,
            code => EndReason::Closed(code),
        }
    }

    /// Reads one frame.
    pub fn read(&mut self, frame: &Value) -> Incoming {
        if let Err(violation) = schema::validate("server_frame", frame) {
            return Incoming::Event(Event::Error(violation));
        }
        Incoming::Event(match frame["type"].as_str() {
            Some("welcome") => {
                self.others = others(&frame["members"]["names"]).collect();
                Event::Welcome {
                    recovered: frame["recovered"] == true,
                    messages: frame["messages"].as_array().into_iter().flatten().map(ChatMessage::of).collect(),
                    members: participants_in(&frame["members"]["names"]).collect(),
                }
            }
            Some("message") => Event::Message(ChatMessage::of(frame)),
            Some("edited") => {
                let edited_at = frame["edited_at"].as_u64().unwrap_or_default();
                Event::Edited(string(frame, "id"), string(frame, "text"), edited_at)
            }
            // With a sender it stands in place of the message.
            Some("removed") if frame["from"].is_string() => Event::Message(ChatMessage::of(frame)),
            Some("removed") => Event::Removed(string(frame, "id")),
            Some("presence") => {
                self.others.extend(others(&frame["joined"]));
                for name in others(&frame["left"]) {
                    self.others.remove(&name);
                }
                let (joined, left): (Vec<_>, Vec<_>) =
                    (participants_in(&frame["joined"]).collect(), participants_in(&frame["left"]).collect());
                if joined.is_empty() && left.is_empty() {
                    return Incoming::Sign;
                }
                let count = frame["count"].as_u64().unwrap_or_default().saturating_sub(self.others.len() as u64);
                Event::Presence { joined, left, count }
            }
            Some("ack") => Event::Ack(string(frame, "nonce"), string(frame, "id")),
            Some("error") => Event::Error(string(frame, "code")),
            Some("bye") => {
                self.said_bye = frame["reason"] == "restart";
                return Incoming::Bye(Duration::from_millis(frame["retry_after_ms"].as_u64().unwrap_or_default()));
            }
            Some("pong" | "typing") => return Incoming::Sign,
            _ => Event::Error(format!("an unknown frame: {frame}")),
        })
    }
}

fn string(frame: &Value, field: &str) -> String {
    frame[field].as_str().unwrap_or_default().to_owned()
}

/// Returns the names of participants in a list.
pub fn participants_in(list: &Value) -> impl Iterator<Item = String> {
    names(list).filter(|name| name.starts_with(NAME_PREFIX)).map(str::to_owned)
}

fn others(list: &Value) -> impl Iterator<Item = String> {
    names(list).filter(|name| !name.starts_with(NAME_PREFIX)).map(str::to_owned)
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
