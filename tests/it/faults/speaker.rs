//! A client that keeps sending as a page does: one message at a time, with the same nonce until it is acknowledged.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::kit::{HttpClient, Transcript, WsClient};

/// Pause between a reply and the next send.
const PAUSE: Duration = Duration::from_millis(250);

/// A client with an outbox.
pub struct Speaker {
    pub name: &'static str,
    pub client: WsClient,
    sent: usize,
    pending: Option<String>,
    /// Texts that were acknowledged, with their ids.
    pub acked: Vec<(String, String)>,
    /// The longest time until a reply, ack or `unavailable`.
    pub slowest: Duration,
    /// Number of `unavailable` replies.
    pub unavailable: usize,
}

impl Speaker {
    pub async fn enter(http_client: &HttpClient, name: &'static str) -> Self {
        let client = WsClient::sign_in_and_join(http_client, name).await;
        Self { name, client, sent: 0, pending: None, acked: Vec::new(), slowest: Duration::ZERO, unavailable: 0 }
    }

    /// Chats until `end`; every reply must come within `limit`. An unacknowledged message stays in the outbox.
    pub async fn chat_until(&mut self, end: Instant, reply_limit: Duration) {
        while Instant::now() < end {
            self.try_once(reply_limit).await;
            sleep(PAUSE).await;
        }
    }

    /// Chats until this many more messages are acknowledged; returns the duration.
    pub async fn chat_until_acked(&mut self, count: usize, limit: Duration, reply_limit: Duration) -> Duration {
        let (began, enough) = (Instant::now(), self.acked.len() + count);
        while self.acked.len() < enough {
            let waited = began.elapsed();
            assert!(
                waited < limit,
                "{} is not acknowledged after {waited:?}: {:?}",
                self.name,
                self.client.transcript().errors.last()
            );
            if !self.try_once(reply_limit).await {
                sleep(PAUSE).await;
            }
        }
        began.elapsed()
    }

    /// Sends the pending message or a new one; returns whether it was acknowledged.
    async fn try_once(&mut self, reply_limit: Duration) -> bool {
        let text = self.pending.take().unwrap_or_else(|| {
            self.sent += 1;
            format!("{}-{}", self.name, self.sent)
        });
        // The text is its own nonce, so that a duplicate shows.
        let errors = self.client.transcript().errors.len();
        self.client.send_with_nonce(&text, &text).await;
        let began = Instant::now();
        let is_answered =
            |transcript: &Transcript| transcript.acked(&text).is_some() || transcript.errors.len() > errors;
        let transcript = self.client.expect_within(reply_limit, &format!("a reply to {text}"), is_answered).await;
        self.slowest = self.slowest.max(began.elapsed());
        if let Some(id) = transcript.acked(&text) {
            self.acked.push((text, id.to_owned()));
            return true;
        }
        let error = transcript.errors.last().expect("an error");
        assert_eq!((error["code"].as_str(), error["nonce"].as_str()), (Some("unavailable"), Some(text.as_str())));
        self.unavailable += 1;
        self.pending = Some(text);
        false
    }
}
