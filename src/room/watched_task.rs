//! Tasks without which the process cannot serve.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::machine::Machine;

/// Spawns a task. If it panics, `failed` is cancelled.
pub(super) fn spawn_watched(
    machine: &dyn Machine,
    failed: CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) {
    machine.spawn(Box::pin(async move {
        // Its state is dropped with it, so none is seen half changed.
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            failed.cancel();
        }
    }));
}
