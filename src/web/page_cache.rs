//! A bounded cache of encoded pages of one revision of the history.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::compression::Busy;

/// Why there is no page in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncached {
    /// It is not a page of recent history.
    NotRecent,
    /// See [`Busy`].
    Busy,
}

impl From<Busy> for Uncached {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

/// Pages by key, each made once. All are dropped when the history changes.
#[derive(Debug)]
pub struct PageCache<K, V> {
    capacity: usize,
    current: Mutex<Current<K, V>>,
}

#[derive(Debug)]
struct Current<K, V> {
    revision: u64,
    pages: HashMap<K, Arc<OnceCell<Arc<V>>>>,
}

impl<K: Hash + Eq, V> PageCache<K, V> {
    /// A cache of at most `capacity` pages.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, current: Mutex::new(Current { revision: 0, pages: HashMap::new() }) }
    }

    /// Returns a page of a revision or a later one. Of several calls for the same page one makes it, the others wait.
    ///
    /// # Errors
    /// Those of `make`: the next call tries again.
    pub async fn get<E>(&self, revision: u64, key: K, make: impl AsyncFnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let page = self.entry(revision, key);
        page.get_or_try_init(async || make().await.map(Arc::new)).await.cloned()
    }

    fn entry(&self, revision: u64, key: K) -> Arc<OnceCell<Arc<V>>> {
        let mut current = self.current.lock();
        if revision > current.revision {
            current.revision = revision;
            current.pages.clear();
        }
        if current.pages.len() >= self.capacity && !current.pages.contains_key(&key) {
            current.pages.clear();
        }
        Arc::clone(current.pages.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn page_is_made_once_per_revision() {
        let (cache, made) = (PageCache::new(2), AtomicUsize::new(0));
        let get = async |revision, key| {
            let make = async || {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(made.fetch_add(1, Ordering::Relaxed))
            };
            *cache.get(revision, key, make).await.unwrap()
        };
        let (first, second, other) = tokio::join!(get(1, "a"), get(1, "a"), get(1, "b"));
        assert!(first == second && first != other, "{first} {second} {other}");
        assert_eq!(get(1, "a").await, first);
        assert_eq!(get(2, "a").await, 2);
        assert_eq!(get(1, "a").await, 2, "a later revision is as good");
    }

    #[tokio::test]
    async fn cache_is_bounded_and_failures_are_not_kept() {
        let cache = PageCache::new(2);
        assert_eq!(cache.get(1, 0, async || Err::<(), _>("no")).await, Err("no"));
        for key in 0..10 {
            cache.get(1, key, async || Ok::<_, &str>(())).await.unwrap();
            assert!(cache.current.lock().pages.len() <= 2);
        }
    }
}
