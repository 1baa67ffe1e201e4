//! HTTP/1.1 with connections that are kept, and nothing that a measurement would have to pay for.

use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::drive::told;

pub(crate) struct Pool {
    address: String,
    free: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Pool {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), free: Mutex::default() }
    }

    /// Asks; what is not a 2xx is an error with what was said.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: String) -> Result<Bytes, String> {
        let taken = self.free.lock().map_err(told)?.pop();
        let mut connection = match taken {
            Some(connection) if !connection.is_closed() => connection,
            _ => self.connect().await?,
        };
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body.into())).map_err(told)?;
        connection.ready().await.map_err(told)?;
        let answer = connection.send_request(request).await.map_err(told)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(told)?.to_bytes();
        self.free.lock().map_err(told)?.push(connection);
        if status.is_success() {
            return Ok(body);
        }
        Err(format!("{method} {path}: {status}: {}", String::from_utf8_lossy(&body)))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(&self.address).await.map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(told)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
