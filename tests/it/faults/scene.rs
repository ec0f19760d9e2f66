//! Two people who chat through two instances, and what must hold for them whatever happens to Redis.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::time::sleep;

use super::speaker::Speaker;
use crate::kit::{
    Cluster, Engine, HttpClient, Proxy, Redis, SOON, Transcript, WsClient, cluster::ClusterBuilder,
    transcript::PresenceChange,
};

/// Within what a request, or a message, is answered whatever happens.
const ANSWERED: Duration = Duration::from_secs(2);
/// Within what all goes on once Redis is back.
const RESUMED: Duration = Duration::from_secs(3);
/// Within what a deaf instance is out of `/readyz`.
const NOTICED: Duration = Duration::from_secs(5);
/// What a busy machine may add to each.
const ALLOWANCE: Duration = Duration::from_millis(1500);
/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(200);
/// People who signed in to see whether that is answered.
static SIGNED_IN: AtomicU64 = AtomicU64::new(1);

/// Instances that reach Redis through a proxy, with sari at the first and budi at the second.
pub struct Scene {
    pub cluster: Cluster,
    pub proxy: Option<Proxy>,
    pub speakers: Vec<Speaker>,
}

impl Scene {
    /// Opens the room on a Redis as it comes.
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

    /// Begins the conversation.
    pub async fn of(cluster: Cluster, proxy: Option<Proxy>) -> Self {
        let sari = Speaker::enter(&cluster.http_client(0), "sari").await;
        let budi = Speaker::enter(&cluster.http_client(1), "budi").await;
        let mut scene = Self { cluster, proxy, speakers: vec![sari, budi] };
        for speaker in &mut scene.speakers {
            speaker.client.wait_for_members(&["budi", "sari"]).await;
            speaker.speak_kept(2, SOON, SOON).await;
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

    /// Has everybody chat and ask for pages for this long: whatever happens, everything is answered in time.
    pub async fn lasts(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let asking = self.speakers.iter().map(|speaker| speaker.client.http_client.clone()).collect::<Vec<_>>();
        let asking = join_all(asking.into_iter().map(|http_client| ask_until(http_client, end)));
        let speaking = self.speakers.iter_mut().map(|speaker| speaker.speak_until(end, ANSWERED + ALLOWANCE));
        let (slowest, _) = tokio::join!(asking, join_all(speaking));
        let said = self.speakers.iter().map(|speaker| (speaker.slowest, speaker.unavailable)).collect::<Vec<_>>();
        println!("slowest pages {slowest:?}, slowest answers to messages and how many were unavailable {said:?}");
    }

    /// Every instance says in time that it is not fit for new people.
    pub async fn is_noticed(&self) {
        let began = Instant::now();
        for instance in &self.cluster.instances {
            instance.wait_for_readyz(503, (NOTICED + ALLOWANCE).saturating_sub(began.elapsed())).await;
        }
        println!("noticed after {:?}", began.elapsed());
    }

    /// Redis is back, by now: soon all goes on, on the same sockets, as if nothing had happened.
    pub async fn goes_on(mut self) {
        let (began, limit) = (Instant::now(), RESUMED + ALLOWANCE);
        let speaking = self.speakers.iter_mut().map(|speaker| speaker.speak_kept(2, limit, ANSWERED + ALLOWANCE));
        join_all(speaking).await;
        self.hear_all(limit.saturating_sub(began.elapsed())).await;
        for instance in &self.cluster.instances {
            instance.wait_for_readyz(200, limit.saturating_sub(began.elapsed())).await;
        }
        println!("resumed after {:?}", began.elapsed());
        self.nothing_was_lost_or_doubled().await;
        self.nobody_left().await;
    }

    /// Waits until everybody hears everything that was acknowledged.
    pub async fn hear_all(&mut self, limit: Duration) {
        let began = Instant::now();
        let kept: Vec<(String, String)> = self.speakers.iter().flat_map(|speaker| speaker.kept.clone()).collect();
        for speaker in &mut self.speakers {
            let all = |transcript: &Transcript| {
                let transcript: HashSet<_> = transcript.messages.iter().map(|said| (&said.text, &said.id)).collect();
                kept.iter().all(|(text, id)| transcript.contains(&(text, id)))
            };
            let left = limit.saturating_sub(began.elapsed());
            speaker.client.expect_within(left, "everything acknowledged is heard, under its id", all).await;
        }
    }

    async fn nothing_was_lost_or_doubled(&mut self) {
        let first = self.speakers[0].client.catch_up().await;
        for speaker in &mut self.speakers {
            let transcript = speaker.client.catch_up().await;
            assert_eq!(transcript.messages, first.messages, "one order everywhere");
            let once: HashSet<_> = transcript.messages.iter().map(|said| &said.text).collect();
            assert_eq!(once.len(), transcript.messages.len(), "once each: {:?}", transcript.texts());
            assert_eq!(
                transcript.welcomes.len(),
                1,
                "nothing was lost, so nothing is to be noticed: {:?}",
                transcript.welcomes
            );
            let log = speaker.client.http_client.get("/api/messages?limit=200").await.is(200).json();
            let ids: Vec<_> = log["messages"].as_array().expect("a page").iter().map(|said| &said["id"]).collect();
            assert_eq!(ids, transcript.ids(), "what was heard is what is kept");
        }
    }

    async fn nobody_left(&mut self) {
        for speaker in &mut self.speakers {
            let transcript = speaker.client.wait_for_members(&["budi", "sari"]).await;
            let gone = transcript.changes.iter().any(|moved| matches!(moved, PresenceChange::Left(_)));
            assert!(!gone && transcript.changes.len() <= 2, "nobody came or went: {:?}", transcript.changes);
            let members = speaker.client.http_client.get("/api/members").await.is(200).json();
            assert_eq!(members["members"], serde_json::json!(["budi", "sari"]), "the rosters are equal");
        }
        for instance in &self.cluster.instances {
            assert!(!instance.log().contains("panicked"), "{}", instance.log());
        }
    }
}

/// Two instances without a limit on messages.
pub fn instances() -> ClusterBuilder {
    Cluster::builder(Engine::Redis).instances(2).set("RUANG_MESSAGES_PER_SECOND", "0")
}

/// Asks for every kind of page until then, and answers how long the slowest took.
async fn ask_until(http_client: HttpClient, end: Instant) -> Duration {
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        for path in ["/chat", "/api/members", "/api/messages", "/readyz", "/healthz"] {
            let began = Instant::now();
            let response = http_client.get(path).await;
            slowest = slowest.max(in_time(path, began, &response));
            assert!(response.status == 200 || (response.status == 503 && path != "/healthz"), "{path}: {response:?}");
        }
        let began = Instant::now();
        let second_tab = joins(&http_client).await;
        slowest = slowest.max(in_time("/ws", began, &second_tab));
        let began = Instant::now();
        let name = format!("tamu {}", SIGNED_IN.fetch_add(1, Ordering::Relaxed));
        let response = HttpClient::new(http_client.base()).sign_in(&name).await;
        slowest = slowest.max(in_time("POST /", began, &response));
        assert!([303, 503].contains(&response.status), "{response:?}");
        sleep(PAUSE).await;
    }
    slowest
}

/// Opens a second tab: it is let in or told why not, each time at once.
async fn joins(http_client: &HttpClient) -> &'static str {
    match WsClient::try_connect(http_client, &[("origin", http_client.base())]).await {
        Err(refused) => {
            assert_eq!(refused.status, 503, "{refused:?}");
            "refused"
        }
        Ok(mut tab) => {
            tab.send(serde_json::json!({"type": "join"})).await;
            let answered = |transcript: &Transcript| transcript.welcomes.len() + transcript.errors.len() > 0;
            let transcript = tab.expect_within(SOON, "an answer to a join", answered).await;
            assert!(transcript.errors.iter().all(|error| error["code"] == "unavailable"), "{:?}", transcript.errors);
            if transcript.errors.is_empty() { "welcomed" } else { "unavailable" }
        }
    }
}

fn in_time(what: &str, began: Instant, response: &impl std::fmt::Debug) -> Duration {
    let took = began.elapsed();
    assert!(took <= ANSWERED + ALLOWANCE, "{what} took {took:?}: {response:?}");
    took
}
