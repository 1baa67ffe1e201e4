//! Connections: how many, how long they may dawdle, who gives way, and how they end when the server stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Connections at once. For the next, the oldest stranger goes; where all have shown the token, it waits until one ends.
const CONNECTIONS_MAX: usize = 512;
/// How long a request's head may take, idle time between requests included.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// How long requests under way may take once the server stops.
const STOP_MAX: Duration = Duration::from_secs(5);
/// The pause after the system refused a connection, for want of descriptors say.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of a connection: a stranger, until the token was shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    known: Arc<AtomicBool>,
    gives_way: CancellationToken,
}

impl Caller {
    /// The token was shown.
    pub(crate) fn becomes_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    /// True if the connection is there and the token was not shown.
    fn is_stranger(&self) -> bool {
        // Whoever else has a hold of it is the connection.
        !self.known.load(Ordering::Relaxed) && Arc::strong_count(&self.known) > 1
    }
}

/// What it takes to be no stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Nothing.
    Open,
    /// The token.
    Token,
}

/// Serves until told to stop; requests under way are finished, for a while.
pub(crate) async fn serve(listener: TcpListener, app: Router, door: Door, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut places = Places::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken now");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let caller = Caller::default();
        if door == Door::Open {
            caller.becomes_known();
        }
        let place = tokio::select! {
            place = places.take(&caller) => place,
            () = stop.cancelled() => break,
        };
        let gives_way = caller.gives_way.clone();
        let connection = graceful.watch(connection(stream, app.clone(), caller));
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                },
                () = gives_way.cancelled() => tracing::debug!("a connection without the token gave way"),
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(STOP_MAX) => tracing::warn!("requests were still under way when the server stopped"),
    }
}

/// The places for connections, and those who may have to give theirs up.
struct Places {
    free: Arc<Semaphore>,
    /// The oldest first. Some have left, or are strangers no more.
    strangers: VecDeque<Caller>,
}

impl Places {
    fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(CONNECTIONS_MAX)), strangers: VecDeque::new() }
    }

    async fn take(&mut self, caller: &Caller) -> Option<OwnedSemaphorePermit> {
        if self.strangers.len() >= CONNECTIONS_MAX {
            self.strangers.retain(Caller::is_stranger);
        }
        let mut place = Arc::clone(&self.free).try_acquire_owned().ok();
        if place.is_none() {
            while let Some(oldest) = self.strangers.pop_front() {
                if oldest.is_stranger() {
                    oldest.gives_way.cancel();
                    break;
                }
            }
            place = Arc::clone(&self.free).acquire_owned().await.ok();
        }
        self.strangers.push_back(caller.clone());
        place
    }
}

type Service =
    TowerToHyperService<tower::util::BoxCloneService<Request<Incoming>, axum::response::Response, Infallible>>;

fn connection(stream: TcpStream, app: Router, caller: Caller) -> http1::Connection<TokioIo<TcpStream>, Service> {
    let app = app.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(caller.clone());
        request
    });
    let service = TowerToHyperService::new(tower::util::BoxCloneService::new(app));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
