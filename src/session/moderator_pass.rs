//! The rights of a moderator on a connection.

use std::{fmt, sync::Arc};

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

    /// Whether the moderator is still signed in. False if that is unknown.
    pub async fn is_valid(&self) -> bool {
        (self.0)().await
    }
}

impl fmt::Debug for ModeratorPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModeratorPass").finish_non_exhaustive()
    }
}
