//! The rights of a moderator on a connection.

use std::sync::Arc;

use futures_util::future::BoxFuture;

/// Shows that a signed-in moderator opened a connection. Their session may end meanwhile, so it is looked up at each use. Cheap
/// to clone.
#[derive(Clone)]
pub struct ModeratorPass(Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>);

impl ModeratorPass {
    /// A pass of a session that `check` looks up.
    pub fn new(check: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// A pass that ends with the person's session, and so with the connection.
    pub fn of_session() -> Self {
        Self::new(|| Box::pin(std::future::ready(true)))
    }

    /// Whether the moderator is still signed in. False if that is unknown.
    pub async fn is_valid(&self) -> bool {
        (self.0)().await
    }
}

/// Marks a request whose session is a moderator's if the token that began it says so.
#[derive(Clone, Copy, Debug)]
pub struct TokensModerate;
