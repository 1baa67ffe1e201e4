//! A few threads for computations that callers bring: neither the shard nor anybody who serves requests waits for one.
//!
//! A thread cannot be stopped from outside. Whoever waits is told after a while that it took too long; the thread itself is free
//! again when the computation ends, so every computation has a bound of its own: fuel, or the size of what it walks.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_types::Limits;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Why a computation gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// It still runs.
    #[error("it took longer than {0:?}: let it look at less data, or leave the work to a task")]
    TooLong(Span),
    /// As many wait already as may.
    #[error("{0} others wait already: try again in a moment")]
    Full(u32),
    /// It panicked, or the pool has ended.
    #[error("it broke off: this is a bug in Agendum")]
    Broken,
}

/// The threads; they end when this is dropped.
pub(crate) struct Pool {
    jobs: SyncSender<Job>,
    time_max: Span,
    waiting_max: u32,
}

impl Pool {
    pub(crate) fn start(limits: &Limits) -> std::io::Result<Self> {
        let (jobs, taken) = sync_channel(limits.evaluations_waiting_max as usize);
        let taken = Arc::new(Mutex::new(taken));
        for number in 0..limits.evaluation_threads.max(1) {
            let taken = Arc::clone(&taken);
            std::thread::Builder::new().name(format!("evaluate-{number}")).spawn(move || work(&taken))?;
        }
        Ok(Self { jobs, time_max: limits.evaluation_time_max.to_std(), waiting_max: limits.evaluations_waiting_max })
    }

    /// Computes on one of the threads. The time counts from when a thread begins.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        let (begins, begun) = oneshot::channel();
        let (gives, given) = oneshot::channel();
        let job: Job = Box::new(move || {
            if begins.send(()).is_ok() {
                let _gone = gives.send(computation());
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Unfinished::Full(self.waiting_max),
            TrySendError::Disconnected(_) => Unfinished::Broken,
        })?;
        begun.await.map_err(|_| Unfinished::Broken)?;
        match tokio::time::timeout(self.time_max, given).await {
            Ok(given) => given.map_err(|_| Unfinished::Broken),
            Err(_) => Err(Unfinished::TooLong(self.time_max)),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a computation panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration as Span;

    use agendum_types::{Duration, Limits};

    use super::{Pool, Unfinished};

    fn pool(threads: u32, waiting: u32) -> Pool {
        let limits = Limits {
            evaluation_threads: threads,
            evaluations_waiting_max: waiting,
            evaluation_time_max: Duration::millis(20),
            ..Limits::STANDARD
        };
        Pool::start(&limits).unwrap()
    }

    #[tokio::test]
    async fn who_waits_is_told_and_others_go_on() {
        let pool = pool(2, 8);
        let (release, held) = channel::<()>();
        let long = pool.compute(move || held.recv().is_ok()).await;
        assert_eq!(long, Err(Unfinished::TooLong(Span::from_millis(20))));
        let other = pool.compute(|| 7).await;
        assert!(matches!(other, Ok(7) | Err(Unfinished::TooLong(_))), "{other:?}");
        drop(release);
    }

    #[tokio::test]
    async fn a_panic_ends_one_computation_only() {
        let pool = Pool::start(&Limits::STANDARD).unwrap();
        assert_eq!(pool.compute(|| -> u8 { panic!("on purpose") }).await, Err(Unfinished::Broken));
        assert_eq!(pool.compute(|| 8).await, Ok(8));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let pool = pool(1, 1);
        let (release, held) = channel::<()>();
        let (begins, begun) = tokio::sync::oneshot::channel();
        let job = move || {
            let _told = begins.send(());
            held.recv().is_err()
        };
        let (first, second, third) = tokio::join!(
            biased;
            pool.compute(job),
            async {
                begun.await.unwrap();
                pool.compute(|| 2).await
            },
            async {
                while pool.jobs.try_send(Box::new(|| {})).is_ok() {
                    tokio::task::yield_now().await;
                }
                let third = pool.compute(|| 3).await;
                drop(release);
                third
            },
        );
        assert_eq!(third, Err(Unfinished::Full(1)));
        assert!(matches!(first, Ok(true) | Err(Unfinished::TooLong(_))), "{first:?}");
        assert!(matches!(second, Ok(2) | Err(Unfinished::Full(1))), "{second:?}");
    }
}
