//! Authentication of moderators: by a token of the file, or by a session in a cookie.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue};
use hmac::{Hmac, Mac};
use parking_lot::RwLock;
use sha2::Sha256;
use tower_sessions::cookie::{SameSite, time};

use crate::{
    name::{Name, NameKey},
    origin::CookieScope,
    session::{ModeratorSession, ModeratorSessions, Unreadable},
    settings::{ModeratorToken, TokenFile, TokenLines},
};

/// The name of the cookie, without its prefix.
const COOKIE: &str = "ruang-operator";
/// How often the file is read: a line that is removed has no access after a second.
const READ_EVERY: Duration = Duration::from_millis(500);
/// The message that both tokens sign when they are compared.
const TOKEN: &[u8] = b"token";

/// A moderator who has proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderator {
    /// The name that is put on record.
    pub name: String,
}

/// Checks tokens and sessions of moderators.
pub struct OperatorAuth {
    /// The moderators of the file, as it was read last.
    moderators: RwLock<Arc<[ModeratorToken]>>,
    sessions: ModeratorSessions,
    cookies: CookieScope,
}

impl OperatorAuth {
    /// Reads the file again while this exists. Needs a runtime.
    pub fn watch(file: TokenFile, sessions: ModeratorSessions, cookies: CookieScope) -> Arc<Self> {
        let auth = Arc::new(Self::new(&file.moderators, sessions, cookies));
        tokio::spawn(follow(file, Arc::downgrade(&auth)));
        auth
    }

    fn new(moderators: &[ModeratorToken], sessions: ModeratorSessions, cookies: CookieScope) -> Self {
        Self { moderators: RwLock::new(moderators.into()), sessions, cookies }
    }

    /// Returns the moderator of a token. Compares it with each token in constant time.
    pub fn by_token(&self, token: &str) -> Option<Moderator> {
        let theirs = mac(token).chain_update(TOKEN).finalize().into_bytes();
        let is_theirs = |ours: &&ModeratorToken| mac(ours.token.expose()).chain_update(TOKEN).verify(&theirs).is_ok();
        let moderators = self.moderators();
        let mut found: Vec<&ModeratorToken> = moderators.iter().filter(is_theirs).collect();
        found.pop().map(|ours| Moderator { name: ours.name.clone() })
    }

    /// Returns the moderator whose name has this key.
    pub fn owner_of(&self, name_key: &NameKey) -> Option<String> {
        let is_theirs = |name: &&str| Name::parse(name).is_ok_and(|name| name.key() == name_key);
        let moderators = self.moderators();
        moderators.iter().map(|moderator| moderator.name.as_str()).find(is_theirs).map(str::to_owned)
    }

    /// Returns the moderator of a session, if it exists and the moderator's line is in the file unchanged.
    ///
    /// # Errors
    /// [`Unreadable`] if sessions cannot be read.
    pub async fn by_session(&self, id: &str) -> Result<Option<Moderator>, Unreadable> {
        let Some(session) = self.sessions.find(id).await? else { return Ok(None) };
        let moderators = self.moderators();
        let ours = moderators.iter().find(|ours| ours.name == session.name);
        Ok(ours.filter(|ours| proof(ours, id) == session.proof).map(|ours| Moderator { name: ours.name.clone() }))
    }

    /// Begins a session of a moderator. Returns the `Set-Cookie` with its id.
    ///
    /// # Errors
    /// [`Unreadable`] if the session could not be stored.
    pub async fn begin(&self, moderator: &Moderator) -> Result<HeaderValue, Unreadable> {
        let id = ModeratorSessions::new_id();
        let moderators = self.moderators();
        let ours = moderators.iter().find(|ours| ours.name == moderator.name).ok_or(Unreadable)?;
        let session = ModeratorSession { name: ours.name.clone(), proof: proof(ours, &id) };
        self.sessions.begin(&id, session).await?;
        Ok(self.set_cookie(&id, time::Duration::try_from(ModeratorSessions::LIFETIME).unwrap_or_default()))
    }

    /// Ends a session on every instance.
    ///
    /// # Errors
    /// [`Unreadable`] if it may still exist.
    pub async fn end(&self, id: &str) -> Result<(), Unreadable> {
        self.sessions.end(id).await
    }

    /// Returns the value of the first of the moderators' cookies in a request. Others are not looked at: a request is one
    /// attempt.
    pub fn sent_cookie(&self, headers: &HeaderMap) -> Option<String> {
        self.cookies.sent_cookie(COOKIE, headers)
    }

    /// Returns the `Set-Cookie` that removes the cookie.
    pub fn removal_cookie(&self) -> HeaderValue {
        self.set_cookie("", time::Duration::ZERO)
    }

    fn moderators(&self) -> Arc<[ModeratorToken]> {
        Arc::clone(&self.moderators.read())
    }

    /// Takes over the valid lines of the file.
    fn adopt(&self, text: &str) {
        let lines = TokenLines::parse(text);
        for (line, why) in &lines.invalid {
            tracing::error!(line, why, "a line of the file of moderators' tokens is not valid; it has no access");
        }
        if *lines.moderators != *self.moderators() {
            tracing::info!(moderators = lines.moderators.len(), "the file of moderators' tokens has changed");
            *self.moderators.write() = lines.moderators.into();
        }
    }

    fn set_cookie(&self, value: &str, max_age: time::Duration) -> HeaderValue {
        self.cookies.set_cookie(COOKIE, value, SameSite::Strict, Some(max_age))
    }
}

/// Reads the file until its moderators are no longer needed. One that cannot be read changes nothing: editors replace a file
/// by another.
async fn follow(file: TokenFile, auth: Weak<OperatorAuth>) {
    let mut every = tokio::time::interval(READ_EVERY);
    let mut known = None;
    loop {
        every.tick().await;
        let Some(auth) = auth.upgrade() else { return };
        let again = file.clone();
        let read = tokio::task::spawn_blocking(move || again.read_again()).await;
        let Ok(read) = read else { return };
        if known.as_ref() == Some(&read) {
            continue;
        }
        match &read {
            Ok(text) => auth.adopt(text),
            Err(why) => tracing::error!(why, "the file of moderators' tokens cannot be read; nothing changes"),
        }
        known = Some(read);
    }
}

/// Derives the proof of a session from the moderator's token: another token, another proof. The id is not in Redis, so the
/// token cannot be guessed from the proof.
fn proof(moderator: &ModeratorToken, id: &str) -> String {
    let tag = mac(moderator.token.expose()).chain_update(b"session").chain_update(id).finalize().into_bytes();
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.as_bytes()).expect("HMAC accepts keys of any length")
}

#[cfg(test)]
mod tests {
    use tower_sessions::cookie::Cookie;

    use super::*;

    const TOKENS: &str = "Sari:a token that is not guessed\nBudi:another one that is as long";

    fn auth() -> OperatorAuth {
        OperatorAuth::new(
            &TokenLines::parse(TOKENS).moderators,
            ModeratorSessions::local(),
            CookieScope { secure: true, ..CookieScope::default() },
        )
    }

    fn names(auth: &OperatorAuth) -> Vec<String> {
        auth.moderators().iter().map(|ours| ours.name.clone()).collect()
    }

    async fn session_of(auth: &OperatorAuth, token: &str) -> String {
        let cookie = auth.begin(&auth.by_token(token).unwrap()).await.unwrap();
        Cookie::parse(cookie.to_str().unwrap()).unwrap().value().to_owned()
    }

    #[test]
    fn token_matches_exactly_and_names_its_moderator() {
        let name = |token: &str| auth().by_token(token).map(|moderator| moderator.name);
        assert_eq!(name("a token that is not guessed").as_deref(), Some("Sari"));
        assert_eq!(name("another one that is as long").as_deref(), Some("Budi"));
        for other in ["", "a token", "a token that is not guessed ", "A token that is not guessed", "Sari"] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn session_ends_with_its_line_or_its_token() {
        let auth = auth();
        let sari = session_of(&auth, "a token that is not guessed").await;
        let budi = session_of(&auth, "another one that is as long").await;
        let name = async |id: &str| auth.by_session(id).await.unwrap().map(|moderator| moderator.name);
        assert_eq!((name(&sari).await.as_deref(), name(&budi).await.as_deref()), (Some("Sari"), Some("Budi")));
        for forged in ["", "x", &sari[1..], &format!("{sari}x")] {
            assert_eq!(name(forged).await, None, "{forged}");
        }
        auth.adopt("Sari:a token that is not guessed");
        assert_eq!((name(&sari).await.as_deref(), name(&budi).await), (Some("Sari"), None));
        auth.adopt("Sari:a new token that is not guessed");
        assert_eq!(name(&sari).await, None);
        auth.adopt(TOKENS);
        auth.end(&sari).await.unwrap();
        assert_eq!((name(&sari).await, name(&budi).await.as_deref()), (None, Some("Budi")));
    }

    #[test]
    fn invalid_lines_have_no_access_and_others_keep_theirs() {
        let auth = auth();
        auth.adopt("Sari:short\nBudi:another one that is as long");
        assert_eq!(names(&auth), ["Budi"]);
        auth.adopt("");
        assert_eq!(names(&auth), [""; 0]);
    }

    #[tokio::test]
    async fn cookie_is_bound_to_this_site() {
        let auth = auth();
        let moderator = auth.by_token("a token that is not guessed").unwrap();
        for cookie in [auth.begin(&moderator).await.unwrap(), auth.removal_cookie()] {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-ruang-operator="), "{cookie}");
            for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
                assert!(cookie.contains(part), "{cookie} lacks {part}");
            }
        }
    }
}
