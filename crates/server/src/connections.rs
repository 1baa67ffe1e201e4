//! Connections: how many, how long they may dawdle, and how they end when the server stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Connections at once; the next waits until one ends.
const CONNECTIONS_MAX: usize = 512;
/// How long a request's head may take, idle time between requests included.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// How long requests under way may take once the server stops.
const STOP_MAX: Duration = Duration::from_secs(5);
/// The pause after the system refused a connection, for want of descriptors say.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Serves until told to stop; requests under way are finished, for a while.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
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
        let connection = graceful.watch(connection(stream, app.clone()));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(STOP_MAX) => tracing::warn!("requests were still under way when the server stopped"),
    }
}

type Service =
    TowerToHyperService<tower::util::BoxCloneService<Request<Incoming>, axum::response::Response, Infallible>>;

fn connection(stream: TcpStream, app: Router) -> http1::Connection<TokioIo<TcpStream>, Service> {
    let app = app.map_request(|request: Request<Incoming>| request.map(axum::body::Body::new));
    let service = TowerToHyperService::new(tower::util::BoxCloneService::new(app));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
