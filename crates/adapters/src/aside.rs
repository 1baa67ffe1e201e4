//! Computations, away from the threads that drive every timeout and every cancel.

use agendum_ports::Failed;
use agendum_types::Class;

/// Computes on a thread that may be busy. An attempt that is over does not wait for it; what it costs has a bound of its own.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failed::new(Class::Unavailable, format!("it was not computed to its end: {error}")))
}
