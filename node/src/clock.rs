//! The wall clock, for records; durations come from `Instant`, which never jumps. And waits that
//! are bounded without a timer where there is nothing to wait for.

use std::pin::pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use tokio::time::error::Elapsed;
use tokio::time::{timeout, timeout_at};

/// Microseconds since 1970 UTC.
pub(crate) fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 UTC.
pub(crate) fn unix_ms() -> u64 {
    u64::try_from(unix_us() / 1000).unwrap_or_default()
}

/// What a future gives, if it does within a time. One that is ready at once sets no timer and reads
/// no clock.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match once(future.as_mut()).await {
        Some(output) => Ok(output),
        None => timeout(limit, future).await,
    }
}

/// As [`within`], until a point in time.
pub(crate) async fn until<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match once(future.as_mut()).await {
        Some(output) => Ok(output),
        None => timeout_at(deadline.into(), future).await,
    }
}

/// What a future gives where it is ready when it is polled once.
async fn once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|task| match future.poll_unpin(task) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
