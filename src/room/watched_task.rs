//! Tasks without which the process cannot serve.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

/// Spawns a task on the current runtime. If it panics, `failed` is cancelled.
pub(super) fn spawn_watched(failed: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        // Its state is dropped with it, so none is seen half changed.
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            failed.cancel();
        }
    });
}
