//! People who talk through whatever is done to the installation, and come back as a page does when they are sent away.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    http_client::HttpClient,
    transcript::{ChatMessage, Transcript},
    ws_client::WsClient,
};

/// Between an answer and what is said, or tried, next.
const BREATH: Duration = Duration::from_millis(200);
/// Longer than any answer takes, and than a failover.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody with an outbox, and a memory over all their connections.
pub struct Person {
    name: String,
    http_client: HttpClient,
    client: WsClient,
    transcript: Vec<ChatMessage>,
    gone: Vec<String>,
    said: usize,
    pending: Option<(String, Instant)>,
    kept: Vec<(String, String)>,
    longest: Duration,
    moved: usize,
}

/// Has these people talk, beginning with a file that is made, for as long as it is there; nothing may be lost, doubled or
/// out of order, and nobody may be seen to come or go.
pub async fn talk(url: &str, names: &[String], file: &Path) {
    let mut people = Vec::new();
    for name in names {
        people.push(Person::enter(url, name).await);
    }
    for person in &mut people {
        let all = |transcript: &Transcript| names.iter().all(|name| transcript.members.contains(name));
        person.client.expect("everybody is here", all).await;
    }
    std::fs::write(file, "").expect("a file to begin with");
    join_all(people.iter_mut().map(|person| person.talk_while(file))).await;
    for person in &mut people {
        person.finish().await;
    }
    let kept: HashSet<(String, String)> = people.iter().flat_map(|person| person.kept.clone()).collect();
    for person in &mut people {
        person.hear(&kept).await;
        person.judge(names, &kept);
    }
    assert!(people.iter().all(|person| !person.kept.is_empty()), "everybody has said something");
    let orders: Vec<Vec<&str>> = people.iter().map(|person| person.ids_of(&kept)).collect();
    assert!(orders.iter().all(|order| *order == orders[0]), "one order everywhere");
    let moved: Vec<usize> = people.iter().map(|person| person.moved).collect();
    let longest = people.iter().map(|person| person.longest).max().unwrap_or_default();
    println!(
        "{} messages kept and heard by {} people, who came back {moved:?} times; the longest that one took to be kept: {longest:.1?}",
        kept.len(),
        people.len()
    );
}

impl Person {
    async fn enter(url: &str, name: &str) -> Self {
        let http_client = HttpClient::new(url);
        let client = WsClient::sign_in_and_join(&http_client, name).await;
        Self {
            name: name.to_owned(),
            http_client,
            client,
            transcript: Vec::new(),
            gone: Vec::new(),
            said: 0,
            pending: None,
            kept: Vec::new(),
            longest: Duration::ZERO,
            moved: 0,
        }
    }

    async fn talk_while(&mut self, file: &Path) {
        while file.exists() {
            self.say_something().await;
            sleep(BREATH).await;
        }
    }

    /// Sends what is in the outbox, or something new, once.
    async fn say_something(&mut self) {
        if self.client.transcript().closed.is_some() {
            self.come_back().await;
        }
        let (text, began) = self.pending.take().unwrap_or_else(|| {
            self.said += 1;
            (format!("{} {}", self.name, self.said), Instant::now())
        });
        let errors = self.client.transcript().errors.len();
        // The text is its own nonce: whoever hears it twice was told twice.
        self.client.send_with_nonce(&text.replace(' ', "-"), &text).await;
        let nonce = text.replace(' ', "-");
        let answered = |transcript: &Transcript| {
            transcript.acked(&nonce).is_some() || transcript.errors.len() > errors || transcript.closed.is_some()
        };
        let transcript = self.client.expect_within(PATIENCE, "an answer", answered).await;
        match transcript.acked(&nonce) {
            Some(id) => {
                self.longest = self.longest.max(began.elapsed());
                self.kept.push((text, id.to_owned()));
            }
            None => self.pending = Some((text, began)),
        }
    }

    /// Comes back on a new connection, after where the last one was.
    async fn come_back(&mut self) {
        let transcript = self.client.transcript();
        let asked_to_wait = transcript.byes.last().and_then(|bye| bye["retry_after_ms"].as_u64()).unwrap_or(0);
        self.remember(&transcript);
        sleep(Duration::from_millis(asked_to_wait)).await;
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "{} cannot come back", self.name);
            if self.tries_to_join().await {
                self.moved += 1;
                return;
            }
            sleep(BREATH).await;
        }
    }

    async fn tries_to_join(&mut self) -> bool {
        let origin = self.http_client.base().to_owned();
        let Ok(mut client) = WsClient::try_connect(&self.http_client, &[("origin", &origin)]).await else {
            return false;
        };
        let since = self.transcript.last().map(|said| said.id.clone());
        client.send(json!({"type": "join", "since": since})).await;
        let answered = |transcript: &Transcript| {
            transcript.welcomes.len() + transcript.errors.len() > 0 || transcript.closed.is_some()
        };
        let transcript = client.expect_within(PATIENCE, "an answer to a join", answered).await;
        let Some(welcome) = transcript.welcomes.first() else { return false };
        assert!(since.is_none() || welcome["recovered"] == true, "{} missed something: {welcome}", self.name);
        self.client = client;
        true
    }

    fn remember(&mut self, transcript: &Transcript) {
        self.transcript.extend(transcript.messages.clone());
        self.gone.extend(transcript.leaves().into_iter().map(str::to_owned));
    }

    /// Says what is still to be said.
    async fn finish(&mut self) {
        let began = Instant::now();
        while self.pending.is_some() || self.client.transcript().closed.is_some() {
            assert!(began.elapsed() < PATIENCE, "{} cannot say {:?}", self.name, self.pending);
            self.say_something().await;
        }
    }

    /// Waits until everything that was kept is heard here.
    async fn hear(&mut self, kept: &HashSet<(String, String)>) {
        let before: HashSet<&String> = self.transcript.iter().map(|said| &said.id).collect();
        let all = |transcript: &Transcript| {
            let now: HashSet<&String> = transcript.messages.iter().map(|said| &said.id).collect();
            kept.iter().all(|(_, id)| before.contains(id) || now.contains(id))
        };
        let transcript = self.client.expect("everything that was kept is heard", all).await;
        self.remember(&transcript);
    }

    fn judge(&self, names: &[String], kept: &HashSet<(String, String)>) {
        let ours: Vec<&ChatMessage> = self.transcript.iter().filter(|said| names.contains(&said.from)).collect();
        let once: HashSet<&str> = ours.iter().map(|said| said.text.as_str()).collect();
        assert_eq!(once.len(), ours.len(), "{} heard something twice", self.name);
        assert_eq!(
            ours.len(),
            kept.len(),
            "{} heard what nobody was told is kept, or did not hear what was",
            self.name
        );
        let left: Vec<&String> = self.gone.iter().filter(|name| names.contains(name)).collect();
        assert!(left.is_empty(), "{} saw {left:?} leave", self.name);
    }

    fn ids_of(&self, kept: &HashSet<(String, String)>) -> Vec<&str> {
        let kept: HashSet<&String> = kept.iter().map(|(_, id)| id).collect();
        self.transcript.iter().filter(|said| kept.contains(&said.id)).map(|said| said.id.as_str()).collect()
    }
}
