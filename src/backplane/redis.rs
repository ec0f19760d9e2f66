//! The engine for many instances: scripts keep each rule atomic in Redis, pub/sub carries what is new, a stream
//! fills what was missed.

mod answer;
mod body;
mod clock;
mod envelope;
mod history;
mod moderation;
mod presence;
mod scripts;
mod subscription;

use std::time::Duration;

use async_trait::async_trait;
use fred::{clients::Client, interfaces::MetricsInterface};
use tokio::sync::mpsc;

use self::{
    clock::Clock,
    scripts::{Call, Scripts},
};
use super::{
    Act, Acted, Backplane, Beat, BeatError, Beaten, CLOSED, Claim, Cursor, Event, Inc, Keeping, Ledger, NONCE_MEMORY,
    Pace, Page, Post, PublishError, Reading, Reaped, SessionTag, Typing, Unavailable, outlet::Outlet,
};
use crate::{
    protocol::Id,
    redis::{Complaints, Keys, Link, LinkError},
};

/// A room in Redis.
pub struct Redis {
    link: Link,
    keys: Keys,
    keeping: Keeping,
    /// Everything that writes goes through one connection, so that one sender's messages stay in order.
    scripts: Scripts,
    /// Pages of history, which may be long, do not stand in their way.
    reads: Client,
    complaints: Complaints,
    clock: Clock,
}

impl Redis {
    /// A room under a namespace. Connects in the background: until then everything is [`Unavailable`].
    ///
    /// # Errors
    /// [`LinkError`] if the link's options cannot be used.
    pub fn new(link: Link, namespace: &str, keeping: Keeping) -> Result<Self, LinkError> {
        let scripts = Scripts::new(link.client()?);
        let reads = link.client()?;
        let complaints = Complaints::of(scripts.client());
        Ok(Self { keys: Keys::new(namespace), link, keeping, scripts, reads, complaints, clock: Clock::default() })
    }

    /// The room's keys, then the claims of these names.
    fn keys_and_names<'a>(&self, whos: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut keys = self.keys.room();
        keys.extend(whos.into_iter().map(|who| self.keys.name(who)));
        keys
    }

    /// How old a kept message gets, in ms; empty for any age.
    fn history_age_ms(&self) -> String {
        self.keeping.history_age.map(|age| age.as_millis().to_string()).unwrap_or_default()
    }

    fn name_hold_ms(&self) -> String {
        self.keeping.name_hold.as_millis().to_string()
    }
}

#[async_trait]
impl Backplane for Redis {
    async fn publish(&self, post: Post) -> Result<Id, PublishError> {
        let mut keys = self.keys_and_names([post.who.as_str()]);
        keys.push(self.keys.pace(&post.who));
        let pace = Pace::of(self.keeping.messages);
        let (fingerprint, body) = (post.fingerprint(), body::write(&post));
        let Post { inc, session, who, nonce, .. } = post;
        let args = vec![
            inc.as_str().to_owned(),
            session.as_str().to_owned(),
            who,
            nonce.as_str().to_owned(),
            fingerprint,
            body,
            self.keeping.history.to_string(),
            NONCE_MEMORY.as_micros().to_string(),
            pace.every.to_string(),
            pace.ahead.to_string(),
        ];
        answer::published(&self.scripts.run(Call::Publish, keys, args).await?)
    }

    async fn beat(&self, beat: Beat) -> Result<Beaten, BeatError> {
        self.beat_once(beat).await
    }

    async fn reap(&self, inc: &Inc, k: u64) -> Result<Reaped, Unavailable> {
        self.reap_all(inc, k).await
    }

    async fn end(&self, session: &SessionTag, who: &str) -> Result<(), Unavailable> {
        let args = vec![session.as_str().to_owned(), who.to_owned(), CLOSED.as_millis().to_string()];
        self.scripts.run(Call::End, self.keys_and_names([who]), args).await.map(drop)
    }

    async fn read(&self, since: Option<Id>) -> Result<Reading, Unavailable> {
        self.read_room(since).await
    }

    async fn locate(&self, id: Id) -> Result<Option<u64>, Unavailable> {
        self.locate_message(id).await
    }

    async fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, Unavailable> {
        self.read_page(cursor, limit).await
    }

    async fn claim(&self, who: &str, session: &SessionTag) -> Result<Claim, Unavailable> {
        let hold_ms = self.keeping.claim().as_millis().to_string();
        let args = vec![session.as_str().to_owned(), who.to_owned(), hold_ms];
        answer::claimed(&self.scripts.run(Call::Claim, self.keys_and_names([who]), args).await?)
    }

    async fn typing(&self, typing: Typing) -> Result<(), Unavailable> {
        self.scripts.tell(self.keys.live(), envelope::typing(&typing)).await
    }

    async fn act(&self, act: Act) -> Result<Acted, Unavailable> {
        self.moderate(&act).await
    }

    async fn ledger(&self) -> Result<Ledger, Unavailable> {
        self.read_ledger().await
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn waiting(&self) -> usize {
        self.scripts.client().command_queue_len() + self.reads.command_queue_len()
    }

    fn complaint(&self) -> Option<String> {
        self.complaints.last().map(|complaint| complaint.to_string())
    }

    fn subscribe(&self) -> mpsc::Receiver<Event> {
        let (outlet, events) = Outlet::new();
        tokio::spawn(subscription::run(self.link.clone(), self.keys.live(), outlet));
        events
    }
}
