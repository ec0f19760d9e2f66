//! The way out of one connection: every write has a deadline.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

use crate::{
    protocol::{CloseCode, FRAME_BYTES, ServerFrame},
    room::Farewell,
};

/// How long a client may leave everything unread that is written to it.
const BEHIND: Duration = Duration::from_secs(10);
/// How long goodbyes may take.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of a client that are read and thrown away so that it gets to see our close frame.
const LINGER_BYTES: usize = 256 * 1024;
/// Frames are never split: each is written whole.
const WHOLE_FRAMES: usize = 16 * 1024 * 1024;

/// A WebSocket on an upgraded connection.
pub(super) type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// The client is gone, or too far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The connection broke.
    Broken,
    /// The client has not read for too long.
    Behind,
}

/// Speaks WebSocket on an upgraded connection.
pub(super) fn speak(upgraded: hyper::upgrade::Upgraded) -> Socket {
    ServerBuilder::new()
        .config(Config::default().frame_size(WHOLE_FRAMES))
        .limits(Limits::default().max_payload_len(Some(FRAME_BYTES)))
        .serve(TokioIo::new(upgraded))
}

/// Puts a frame in line; [`flush`] sends what is in line.
pub(super) async fn feed(socket: &mut Socket, frame: Bytes) -> Result<(), Lost> {
    bounded(socket.feed(Message::text(frame_payload(frame)))).await
}

/// Sends what is in line.
pub(super) async fn flush(socket: &mut Socket) -> Result<(), Lost> {
    bounded(socket.flush()).await
}

/// Sends one frame.
pub(super) async fn send(socket: &mut Socket, frame: &ServerFrame<'_>) -> Result<(), Lost> {
    feed(socket, frame.encode()).await?;
    flush(socket).await
}

/// Sends a ping.
pub(super) async fn ping(socket: &mut Socket) -> Result<(), Lost> {
    bounded(socket.send(Message::ping(Bytes::new()))).await
}

/// Says why, and closes.
pub(super) async fn bid_farewell(mut socket: Socket, farewell: Farewell) {
    let Farewell { reason, retry_after_ms } = farewell;
    let bye = ServerFrame::Bye { reason, retry_after_ms };
    let said = async {
        let _ = socket.feed(Message::text(frame_payload(bye.encode()))).await;
        close_with(&mut socket, reason.code()).await;
    };
    let _ = timeout(LINGER, said).await;
    let_go(socket).await;
}

/// Closes with a code, unless the WebSocket library has said it already.
pub(super) async fn close(mut socket: Socket, code: CloseCode) {
    let _ = timeout(LINGER, close_with(&mut socket, code)).await;
    let_go(socket).await;
}

/// Sends the close frame that answers the client's, or a violation.
pub(super) async fn finish(mut socket: Socket) {
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = socket.next().await {} }).await;
    let _ = timeout(LINGER, socket.flush()).await;
    let_go(socket).await;
}

async fn close_with(socket: &mut Socket, code: CloseCode) {
    if let Ok(code) = (code as u16).try_into() {
        // It fails where a close frame was sent before, and then what is in line still has to go.
        let _ = socket.feed(Message::close(Some(code), "")).await;
    }
    let _ = socket.flush().await;
}

/// Closing a TCP connection with input unread resets it, and the client may lose what we said last: so our side is
/// closed first, and input is thrown away for a moment.
async fn let_go(socket: Socket) {
    let mut connection = socket.into_inner();
    let _ = timeout(LINGER, connection.shutdown()).await;
    let mut waste = [0; 1024];
    let discard = async {
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = connection.read(&mut waste).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER, discard).await;
}

/// What was encoded from strings is UTF-8.
fn frame_payload(frame: Bytes) -> tokio_websockets::Payload {
    frame.into()
}

async fn bounded(write: impl Future<Output = Result<(), tokio_websockets::Error>>) -> Result<(), Lost> {
    match timeout(BEHIND, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Lost::Broken),
        Err(_) => Err(Lost::Behind),
    }
}
