//! A word to whoever waits longer than a still screen is looked at.

use std::time::Duration;

use tokio::time::timeout;

use crate::hosting::tell;

/// What takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(500);

/// Waits for something, and says so if it takes long. Machines are told nothing.
pub(super) async fn patiently<T>(json: bool, what: &str, work: impl Future<Output = T>) -> T {
    if json { work.await } else { told(UNTOLD, || tell(&format!("  … {what}")), work).await }
}

async fn told<T>(untold: Duration, tell: impl FnOnce(), work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = timeout(untold, &mut work).await {
        return done;
    }
    tell();
    work.await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::told;

    #[tokio::test]
    async fn what_takes_long_is_told_while_it_does() {
        let (tell, heard) = oneshot::channel();
        told(Duration::ZERO, || tell.send(()).unwrap(), heard).await.unwrap();
        told(Duration::MAX, || panic!("it is done at once"), async {}).await;
    }
}
