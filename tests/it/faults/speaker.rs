//! Somebody who goes on speaking, as a page does: one message at a time, the same nonce until it is acknowledged.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::kit::{HttpClient, Transcript, WsClient};

/// Between an answer and what is said, or tried, next.
const BREATH: Duration = Duration::from_millis(250);

/// A guest with an outbox.
pub struct Speaker {
    pub name: &'static str,
    pub client: WsClient,
    said: usize,
    pending: Option<String>,
    /// Texts that were acknowledged, with their ids.
    pub kept: Vec<(String, String)>,
    /// The longest that any answer, ack or `unavailable`, took.
    pub slowest: Duration,
    /// How often an answer was `unavailable`.
    pub unavailable: usize,
}

impl Speaker {
    pub async fn enter(http_client: &HttpClient, name: &'static str) -> Self {
        let client = WsClient::sign_in_and_join(http_client, name).await;
        Self { name, client, said: 0, pending: None, kept: Vec::new(), slowest: Duration::ZERO, unavailable: 0 }
    }

    /// Speaks until then; every answer must come within `patience`. What is not acknowledged stays in the outbox.
    pub async fn speak_until(&mut self, end: Instant, patience: Duration) {
        while Instant::now() < end {
            self.try_once(patience).await;
            sleep(BREATH).await;
        }
    }

    /// Speaks until this many more messages are kept, and answers how long that took.
    pub async fn speak_kept(&mut self, count: usize, limit: Duration, patience: Duration) -> Duration {
        let (began, enough) = (Instant::now(), self.kept.len() + count);
        while self.kept.len() < enough {
            let waited = began.elapsed();
            assert!(
                waited < limit,
                "{} is not heard {waited:?} on: {:?}",
                self.name,
                self.client.transcript().errors.last()
            );
            if !self.try_once(patience).await {
                sleep(BREATH).await;
            }
        }
        began.elapsed()
    }

    /// Sends what is in the outbox, or something new. Answers whether it was kept.
    async fn try_once(&mut self, patience: Duration) -> bool {
        let text = self.pending.take().unwrap_or_else(|| {
            self.said += 1;
            format!("{}-{}", self.name, self.said)
        });
        // The text is its own nonce: whoever hears it twice was told twice.
        let errors = self.client.transcript().errors.len();
        self.client.send_with_nonce(&text, &text).await;
        let began = Instant::now();
        let answered = |transcript: &Transcript| transcript.acked(&text).is_some() || transcript.errors.len() > errors;
        let transcript = self.client.expect_within(patience, &format!("an answer to {text}"), answered).await;
        self.slowest = self.slowest.max(began.elapsed());
        if let Some(id) = transcript.acked(&text) {
            self.kept.push((text, id.to_owned()));
            return true;
        }
        let error = transcript.errors.last().expect("just seen");
        assert_eq!((error["code"].as_str(), error["nonce"].as_str()), (Some("unavailable"), Some(text.as_str())));
        self.unavailable += 1;
        self.pending = Some(text);
        false
    }
}
