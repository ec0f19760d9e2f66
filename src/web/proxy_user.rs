//! Sign-in with names that a proxy hands in by a header, for a room behind an identity-aware proxy.

use std::time::Duration;

use axum::{
    http::HeaderName,
    response::{IntoResponse, Redirect, Response},
};
use tower_sessions::Session;

use super::{Web, client::Client, locale::Locale, sign_in::SignInRefusal};
use crate::{
    backplane::SessionTag,
    name::{Name, NameError},
    session::{Account, SignedIn},
};

/// The room's address after a sign-in by the proxy: a second one means that cookies are refused.
pub const SIGNED_IN: &str = "/chat?by=proxy";

impl Web {
    /// The user whom a trusted proxy names, if people sign in so and this one has.
    fn proxy_user<'a>(&self, client: &'a Client) -> Option<&'a str> {
        let header: &HeaderName = self.accounts.user_header.as_ref().filter(|_| self.ways.proxy)?;
        if !self.site.proxies.trusts(client.peer) {
            return None;
        }
        let mut values = client.headers.get_all(header).iter();
        let user = std::str::from_utf8(values.next()?.as_bytes()).ok()?.trim();
        // Two values: a client's own may have come through.
        (values.next().is_none() && !user.is_empty()).then_some(user)
    }

    /// Whether the proxy names another user than this session's, or one where there is no session.
    pub fn has_new_proxy_user(&self, client: &Client, signed_in: Option<&SignedIn>) -> bool {
        let user = self.proxy_user(client);
        user.is_some_and(|user| signed_in.is_none_or(|signed_in| signed_in.person.session != tag_of(user)))
    }

    /// Signs in the user whom the proxy names.
    pub(super) async fn sign_in_proxy_user(&self, locale: Locale, client: &Client, session: &Session) -> Response {
        match self.admit_proxy_user(client, session).await {
            Ok(_) => Redirect::to(SIGNED_IN).into_response(),
            Err(refusal) => refusal.respond(self, locale, ""),
        }
    }

    async fn admit_proxy_user(&self, client: &Client, session: &Session) -> Result<String, SignInRefusal> {
        self.count_sign_in(client).map_err(SignInRefusal::too_many)?;
        self.check_door(client).await?;
        let user = self.proxy_user(client).ok_or(SignInRefusal::Name(NameError::Empty))?;
        let name = Name::parse(user).map_err(SignInRefusal::Name)?;
        self.sign_in_gate.admit(client.address).await?;
        let account =
            Account { name, session: tag_of(user), until: None, moderates: false, replayable_for: Duration::ZERO };
        let address = self.address_hash(client).await?;
        self.begin_account(session, account, address).await
    }
}

/// Users of a proxy are other accounts than those of tokens.
fn tag_of(user: &str) -> SessionTag {
    SessionTag::of_account(&format!("proxy:{user}"))
}
