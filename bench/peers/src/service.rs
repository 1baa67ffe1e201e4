//! The user's code that Agendum calls over HTTP: `/add/A/B` and `/slow/A/1`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::drive::{Steps, told};

pub(crate) async fn serve(address: &str) -> Result<(), String> {
    let listener = TcpListener::bind(address).await.map_err(told)?;
    let steps = Arc::new(Steps::open());
    loop {
        let (stream, _) = listener.accept().await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        let steps = Arc::clone(&steps);
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(request, Arc::clone(&steps)));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // A connection that breaks is its client's affair.
            let _broken = connection.await;
        });
    }
}

async fn answer<B>(request: Request<B>, steps: Arc<Steps>) -> Result<Response<Full<Bytes>>, Infallible> {
    let given = result(request.uri().path(), &steps).await;
    let (status, body) = given.map_or_else(|wrong| (400, wrong), |value| (200, value.to_string()));
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn result(path: &str, steps: &Steps) -> Result<u64, String> {
    let mut parts = path.split('/').skip(1);
    let what = parts.next();
    let mut number = || parts.next().unwrap_or_default().parse::<u64>().map_err(told);
    let (one, other) = (number()?, number()?);
    match what {
        Some("add") => Ok(one + other),
        Some("slow") => steps.slow(one).await,
        _ => Err(format!("no such step: {path}")),
    }
}
