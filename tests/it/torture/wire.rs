//! One connection of somebody who must not mind that servers go away: nothing here panics on what a server does.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message},
};

use crate::kit::{HttpClient, transcript::ChatMessage, ws_client::upgrade_request};

use super::record::{Event, How};

/// How long an upgrade, a sign-in or a frame written may take before somebody tries elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What all names begin with of those who chat; the others mean harm, or only read.
pub const OURS: &str = "orang";

/// An upgraded connection.
pub struct Wire {
    socket: WebSocketStream<TcpStream>,
    said_bye: bool,
    /// People who are not ours, and are here.
    others: BTreeSet<String>,
}

/// What came.
pub enum Came {
    /// Something to remember.
    Event(Event),
    /// Something that only shows that the server is there.
    Sign,
    /// A `bye`: come back after so long.
    Bye(Duration),
    /// The end.
    End(How),
}

impl Wire {
    /// Connects; the status if the upgrade was refused, none if nobody answered.
    pub async fn connect(http_client: &HttpClient) -> Result<Self, Option<u16>> {
        let (address, request) = upgrade_request(http_client, &[("origin", http_client.base())]);
        let upgrade = async {
            let stream = TcpStream::connect(address).await.map_err(tungstenite::Error::Io)?;
            client_async(request, stream).await
        };
        match time::timeout(PATIENCE, upgrade).await {
            Ok(Ok((socket, _))) => Ok(Self { socket, said_bye: false, others: BTreeSet::new() }),
            Ok(Err(tungstenite::Error::Http(response))) => Err(Some(response.status().as_u16())),
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }

    /// Sends a frame; that the connection is gone shows when reading.
    pub async fn send(&mut self, frame: Value) {
        let _ = time::timeout(PATIENCE, self.socket.send(Message::text(frame.to_string()))).await;
    }

    /// Sends `join`.
    pub async fn join(&mut self, since: Option<&str>) {
        self.send(match since {
            Some(since) => json!({"type": "join", "since": since}),
            None => json!({"type": "join"}),
        })
        .await;
    }

    /// What comes next. Safe to cancel.
    pub async fn next(&mut self) -> Came {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => self.frame(&serde_json::from_str(&text).unwrap_or(Value::Null)),
            Some(Ok(Message::Close(frame))) => Came::End(self.end(frame.map(|frame| u16::from(frame.code)))),
            Some(Ok(_)) => Came::Sign,
            Some(Err(_)) | None => Came::End(self.end(None)),
        }
    }

    fn end(&self, code: Option<u16>) -> How {
        match code {
            Some(1012) if self.said_bye => How::Drained,
            Some(4001) => How::SignedOut,
            code => How::Closed(code),
        }
    }

    fn frame(&mut self, frame: &Value) -> Came {
        Came::Event(match frame["type"].as_str() {
            Some("welcome") => {
                self.others = others(&frame["members"]["names"]).collect();
                Event::Welcome {
                    recovered: frame["recovered"] == true,
                    messages: frame["messages"].as_array().into_iter().flatten().map(said).collect(),
                    members: ours(&frame["members"]["names"]).collect(),
                }
            }
            Some("message") => Event::Message(said(frame)),
            Some("presence") => {
                self.others.extend(others(&frame["joined"]));
                for gone in others(&frame["left"]) {
                    self.others.remove(&gone);
                }
                let (joined, left): (Vec<_>, Vec<_>) =
                    (ours(&frame["joined"]).collect(), ours(&frame["left"]).collect());
                if joined.is_empty() && left.is_empty() {
                    return Came::Sign;
                }
                let count = frame["count"].as_u64().unwrap_or_default().saturating_sub(self.others.len() as u64);
                Event::Presence { joined, left, count }
            }
            Some("ack") => Event::Ack(string(frame, "nonce"), string(frame, "id")),
            Some("error") => Event::Error(string(frame, "code")),
            Some("bye") => {
                self.said_bye = frame["reason"] == "restart";
                return Came::Bye(Duration::from_millis(frame["retry_after_ms"].as_u64().unwrap_or_default()));
            }
            Some("pong" | "typing") => return Came::Sign,
            _ => Event::Error(format!("an unknown frame: {frame}")),
        })
    }
}

/// A message as JSON has it.
pub fn said(frame: &Value) -> ChatMessage {
    ChatMessage {
        id: string(frame, "id"),
        nonce: string(frame, "nonce"),
        from: string(frame, "from"),
        text: string(frame, "text"),
        at: frame["at"].as_u64().unwrap_or_default(),
    }
}

fn string(frame: &Value, field: &str) -> String {
    frame[field].as_str().unwrap_or_default().to_owned()
}

/// The names in a list that are of people who chat here.
pub fn ours(list: &Value) -> impl Iterator<Item = String> {
    names(list).filter(|name| name.starts_with(OURS)).map(str::to_owned)
}

fn others(list: &Value) -> impl Iterator<Item = String> {
    names(list).filter(|name| !name.starts_with(OURS)).map(str::to_owned)
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
