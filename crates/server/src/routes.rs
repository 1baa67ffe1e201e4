//! The routes, who may use them, and the socket.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::connections::{Caller, Door};
use crate::reply::Refused;
use crate::{
    Service, again, backup, cache, connections, export, feedback, hooks, notices, plans, raise, reconcile, runs, spend,
    stream, submit, targets, waits,
};

/// Streams of events at once: fewer than connections, so that requests find one.
const STREAMS_MAX: usize = 256;
/// Bytes of a request body at most: a document with its files, and inputs.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of a webhook, which is read before it is known who sends it.
const HOOK_BYTES_MAX: usize = 1 << 20;
/// How long a pause in a request's body may last.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// What streams of events hang on.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    /// Ends them.
    pub(crate) stop: CancellationToken,
    /// Places for them.
    pub(crate) places: Arc<Semaphore>,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// Listens on this address; on a busy port, on any other, unless `exact`.
///
/// # Errors
///
/// If no port is to be had.
pub async fn bind(address: SocketAddr, exact: bool) -> std::io::Result<Server> {
    let listener = match TcpListener::bind(address).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && !exact => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await?
        }
        bound => bound?,
    };
    let address = listener.local_addr()?;
    Ok(Server { listener, address })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop: open streams end, requests under way are finished.
    pub async fn serve(self, service: Arc<Service>, stop: CancellationToken) {
        let app = router(service, stop.clone());
        connections::serve(self.listener, app, Door::Token, stop).await;
    }

    /// Serves any router, such as the offline provider's, until told to stop.
    pub async fn serve_router(self, app: Router, stop: CancellationToken) {
        connections::serve(self.listener, app, Door::Open, stop).await;
    }
}

fn router(service: Arc<Service>, stop: CancellationToken) -> Router {
    let streams = Streams { stop, places: Arc::new(Semaphore::new(STREAMS_MAX)) };
    let guarded = Router::new()
        .route("/v1/backup", post(backup::backup))
        .route("/v1/runs", post(submit::submit).get(runs::list))
        .route("/v1/spend", get(spend::spend))
        .route("/v1/spend/lost", get(reconcile::lost))
        .route("/v1/spend/reconcile", post(reconcile::reconcile))
        .route("/v1/cache", get(cache::list).delete(cache::forget))
        .route("/v1/runs/{id}", get(runs::show).delete(runs::forget))
        .route("/v1/runs/{id}/status", get(runs::status))
        .route("/v1/runs/{id}/events", get(stream::events))
        .route("/v1/runs/{id}/export", get(export::export))
        .route("/v1/runs/{id}/why", get(runs::why))
        .route("/v1/runs/{id}/answer", get(runs::answer))
        .route("/v1/runs/{id}/tasks", post(submit::add))
        .route("/v1/runs/{id}/signals", post(waits::signal))
        .route("/v1/runs/{id}/decisions", post(waits::decide))
        .route("/v1/runs/{id}/effects", post(waits::tell))
        .route("/v1/waits", get(waits::list))
        .route("/v1/targets", get(targets::list))
        .route("/v1/plans", get(plans::list).post(plans::publish).delete(plans::withdraw))
        .route("/v1/runs/{id}/budget", post(raise::raise))
        .route("/v1/runs/{id}/retry", post(again::retry))
        .route("/v1/runs/{id}/fork", post(again::fork))
        .route("/v1/runs/{id}/feedback", post(feedback::give))
        .route("/v1/feedback", get(feedback::report))
        .route("/v1/feedback/all", get(feedback::list))
        .route("/v1/notices", get(notices::list))
        .route("/v1/notices/{name}/test", post(notices::test))
        .route("/v1/runs/{id}/{command}", post(runs::command))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), authorised));
    let hook = post(hooks::receive).layer(DefaultBodyLimit::max(HOOK_BYTES_MAX));
    let open = Router::new().route("/v1/hooks/{id}/{name}", hook);
    let open = open.route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready));
    open.merge(guarded)
        .fallback(async || Refused::new(StatusCode::NOT_FOUND, "no_route", "there is no such address", "see /v1/runs"))
        .method_not_allowed_fallback(async || {
            let detail = "this address knows other methods: see docs/api.md";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the method is not known here", detail)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIME_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::Extension(streams))
        .with_state(service)
}

/// What it said is in the log, and nobody else's business.
fn panicked(_said: Box<dyn Any + Send>) -> Response {
    let detail = "this is a bug of agendum's; its log says where";
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", "the request was not finished", detail).into_response()
}

async fn authorised(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown =
        shown.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let shown = shown.map(|(_, token)| token.trim()).unwrap_or_default();
    if bool::from(shown.as_bytes().ct_eq(service.token.as_bytes())) {
        if let Some(connection) = request.extensions().get::<Caller>() {
            connection.becomes_known();
        }
        return next.run(request).await;
    }
    let detail = "send `Authorization: Bearer TOKEN`; the token is in owner.json of the data directory";
    Refused::new(StatusCode::UNAUTHORIZED, "unauthorised", "who are you?", detail).into_response()
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    use agendum_engine::Health;
    let (status, said) = match service.engine.as_ref().map(|engine| engine.health()) {
        Some(Health::Ready) => (StatusCode::OK, "ready".to_owned()),
        Some(health) => (StatusCode::SERVICE_UNAVAILABLE, health.to_string()),
        None => (StatusCode::SERVICE_UNAVAILABLE, "it only reads".to_owned()),
    };
    (status, Json(serde_json::json!({ "status": said }))).into_response()
}
