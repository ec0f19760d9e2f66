//! Two clients that chat through two instances, and the invariants during any failure.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::time::sleep;

use super::speaker::Speaker;
use crate::kit::{Cluster, Engine, HttpClient, Proxy, Redis, SOON, Transcript, WsClient, cluster::ClusterBuilder};

/// Deadline of a reply to any request or message.
const REPLIED: Duration = Duration::from_secs(2);
/// Deadline of recovery once Redis is back.
const RESUMED: Duration = Duration::from_secs(3);
/// Deadline until an instance without a subscription is not ready.
const NOTICED: Duration = Duration::from_secs(5);
/// Tolerance of each deadline on a busy machine.
const TOLERANCE: Duration = Duration::from_millis(1500);
/// Pause between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(200);
/// Counter of the names that sign in.
static NEXT_NAME: AtomicU64 = AtomicU64::new(1);

/// Instances that reach Redis through a proxy, with sari at the first and budi at the second.
pub struct Scene {
    pub cluster: Cluster,
    pub proxy: Option<Proxy>,
    pub speakers: Vec<Speaker>,
}

impl Scene {
    /// Opens the room on a Redis with default settings.
    pub async fn open() -> Self {
        Self::on(Redis::start().await, "").await
    }

    /// Opens the room on this Redis; `user` comes before the host in the URL.
    pub async fn on(redis: Redis, user: &str) -> Self {
        let proxy = Proxy::start(redis.port()).await;
        let url = format!("redis://{user}127.0.0.1:{}", proxy.port());
        let cluster = instances().start_on(Some(redis), &url).await;
        Self::of(cluster, Some(proxy)).await
    }

    /// Starts the conversation.
    pub async fn of(cluster: Cluster, proxy: Option<Proxy>) -> Self {
        let sari = Speaker::enter(&cluster.http_client(0), "sari").await;
        let budi = Speaker::enter(&cluster.http_client(1), "budi").await;
        let mut scene = Self { cluster, proxy, speakers: vec![sari, budi] };
        for speaker in &mut scene.speakers {
            speaker.client.wait_for_members(&["budi", "sari"]).await;
            speaker.chat_until_acked(2, SOON, SOON).await;
        }
        scene.hear_all(SOON).await;
        scene
    }

    pub fn redis(&mut self) -> &mut Redis {
        self.cluster.redis()
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("there is a proxy")
    }

    /// Lets both clients chat and request pages for this time; every reply must be in time.
    pub async fn chat_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let requests = self.speakers.iter().map(|speaker| speaker.client.http_client.clone()).collect::<Vec<_>>();
        let requests = join_all(requests.into_iter().map(|http_client| request_until(http_client, end)));
        let chatting = self.speakers.iter_mut().map(|speaker| speaker.chat_until(end, REPLIED + TOLERANCE));
        let (slowest, _) = tokio::join!(requests, join_all(chatting));
        let replies = self.speakers.iter().map(|speaker| (speaker.slowest, speaker.unavailable)).collect::<Vec<_>>();
        println!("slowest pages {slowest:?}, slowest replies to messages and number of `unavailable` {replies:?}");
    }

    /// Waits until every instance is not ready, within the deadline.
    pub async fn wait_until_not_ready(&self) {
        let began = Instant::now();
        for instance in &self.cluster.instances {
            instance.wait_for_readyz(503, (NOTICED + TOLERANCE).saturating_sub(began.elapsed())).await;
        }
        println!("noticed after {:?}", began.elapsed());
    }

    /// Checks the recovery after Redis is back: on the same sockets, in time, without a loss.
    pub async fn check_recovery(mut self) {
        let (began, limit) = (Instant::now(), RESUMED + TOLERANCE);
        let chatting = self.speakers.iter_mut().map(|speaker| speaker.chat_until_acked(2, limit, REPLIED + TOLERANCE));
        join_all(chatting).await;
        self.hear_all(limit.saturating_sub(began.elapsed())).await;
        for instance in &self.cluster.instances {
            instance.wait_for_readyz(200, limit.saturating_sub(began.elapsed())).await;
        }
        println!("resumed after {:?}", began.elapsed());
        self.check_messages().await;
        self.check_members().await;
    }

    /// Waits until both clients have received all acknowledged messages.
    pub async fn hear_all(&mut self, limit: Duration) {
        let began = Instant::now();
        let acked: Vec<(String, String)> = self.speakers.iter().flat_map(|speaker| speaker.acked.clone()).collect();
        for speaker in &mut self.speakers {
            let all = |transcript: &Transcript| {
                let transcript: HashSet<_> = transcript.messages.iter().map(|said| (&said.text, &said.id)).collect();
                acked.iter().all(|(text, id)| transcript.contains(&(text, id)))
            };
            let left = limit.saturating_sub(began.elapsed());
            speaker.client.expect_within(left, "all acknowledged messages with their ids", all).await;
        }
    }

    async fn check_messages(&mut self) {
        let first = self.speakers[0].client.catch_up().await;
        for speaker in &mut self.speakers {
            let transcript = speaker.client.catch_up().await;
            assert_eq!(transcript.messages, first.messages, "one order for all");
            let once: HashSet<_> = transcript.messages.iter().map(|said| &said.text).collect();
            assert_eq!(once.len(), transcript.messages.len(), "no duplicates: {:?}", transcript.texts());
            assert_eq!(transcript.welcomes.len(), 1, "no gap is announced without a loss: {:?}", transcript.welcomes);
            let log = speaker.client.http_client.get("/api/messages?limit=200").await.is(200).json();
            let ids: Vec<_> = log["messages"].as_array().expect("a page").iter().map(|said| &said["id"]).collect();
            assert_eq!(ids, transcript.ids(), "received messages equal the stored ones");
        }
    }

    async fn check_members(&mut self) {
        for speaker in &mut self.speakers {
            let transcript = speaker.client.wait_for_members(&["budi", "sari"]).await;
            assert!(
                transcript.leaves().is_empty() && transcript.changes.len() <= 2,
                "no join or leave: {:?}",
                transcript.changes
            );
            let members = speaker.client.http_client.get("/api/members").await.is(200).json();
            assert_eq!(members["members"], serde_json::json!(["budi", "sari"]), "both see the same members");
        }
        for instance in &self.cluster.instances {
            assert!(!instance.log().contains("panicked"), "{}", instance.log());
        }
    }
}

/// Builds two instances without a limit on messages.
pub fn instances() -> ClusterBuilder {
    Cluster::builder(Engine::Redis).instances(2).set("RUANG_MESSAGES_PER_SECOND", "0")
}

/// Requests every kind of page until `end`; returns the longest duration.
async fn request_until(http_client: HttpClient, end: Instant) -> Duration {
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        for path in ["/chat", "/api/members", "/api/messages", "/readyz", "/healthz"] {
            let began = Instant::now();
            let response = http_client.get(path).await;
            slowest = slowest.max(check_duration(path, began, &response));
            assert!(response.status == 200 || (response.status == 503 && path != "/healthz"), "{path}: {response:?}");
        }
        let began = Instant::now();
        let second_tab = open_second_tab(&http_client).await;
        slowest = slowest.max(check_duration("/ws", began, &second_tab));
        let began = Instant::now();
        let name = format!("tamu {}", NEXT_NAME.fetch_add(1, Ordering::Relaxed));
        let response = HttpClient::new(http_client.base()).sign_in(&name).await;
        slowest = slowest.max(check_duration("POST /", began, &response));
        assert!([303, 503].contains(&response.status), "{response:?}");
        sleep(PAUSE).await;
    }
    slowest
}

/// Opens a second tab; it is welcomed or refused, both in time.
async fn open_second_tab(http_client: &HttpClient) -> &'static str {
    match WsClient::try_connect(http_client, &[("origin", http_client.base())]).await {
        Err(refused) => {
            assert_eq!(refused.status, 503, "{refused:?}");
            "refused"
        }
        Ok(mut tab) => {
            tab.send(serde_json::json!({"type": "join"})).await;
            let is_answered = |transcript: &Transcript| transcript.welcomes.len() + transcript.errors.len() > 0;
            let transcript = tab.expect_within(SOON, "a reply to a join", is_answered).await;
            assert!(transcript.errors.iter().all(|error| error["code"] == "unavailable"), "{:?}", transcript.errors);
            if transcript.errors.is_empty() { "welcomed" } else { "unavailable" }
        }
    }
}

fn check_duration(what: &str, began: Instant, response: &impl std::fmt::Debug) -> Duration {
    let took = began.elapsed();
    assert!(took <= REPLIED + TOLERANCE, "{what} took {took:?}: {response:?}");
    took
}
