//! What an endpoint's answer means, and what it was sent.

use std::sync::Arc;

use agendum_ports::{Courier as _, Parcel, Receipt};
use agendum_types::Timestamp;
use bytes::Bytes;

use super::http::server;
use crate::Webhook;
use crate::courier::address;

#[tokio::test]
async fn an_answer_says_whether_the_notice_is_there() {
    let statuses = [
        "200 OK",
        "204 No Content",
        "302 Found",
        "400 Bad Request",
        "404 Not Found",
        "410 Gone",
        "422 Unprocessable",
        "429 Too Many Requests\r\nRetry-After: 7",
        "500 Internal Server Error",
        "503 Service Unavailable\r\nRetry-After: 90000",
    ];
    let answer = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:9/\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret"
        )
    };
    let (base, asked) = server(statuses.iter().map(|status| answer(status)).collect()).await;
    let sign = Arc::new(|id: &str, seconds: u64, body: &[u8]| format!("v1,{id}-{seconds}-{}", body.len()));
    let webhook = Webhook::new(address(&format!("{base}/hook?token=hidden"), false).unwrap(), sign).unwrap();
    let parcel = Parcel { id: "one".into(), at: Timestamp(7_900_000), body: Bytes::from_static(b"{}") };
    let mut told = String::new();
    for _ in statuses {
        told += &match webhook.send(parcel.clone()).await {
            Receipt::Delivered => "delivered\n".to_owned(),
            Receipt::Gone(message) => format!("gone: {message}\n"),
            Receipt::Failed { message, after, of_notice } => {
                let after = after.map_or(String::new(), |after| format!(", after {after}"));
                format!("{}: {message}{after}\n", if of_notice { "the notice" } else { "the endpoint" })
            }
        };
    }
    insta::assert_snapshot!(told, @"
    delivered
    delivered
    the endpoint: HTTP 302 Found: notices follow no redirect
    the notice: HTTP 400 Bad Request
    the endpoint: HTTP 404 Not Found
    gone: HTTP 410 Gone
    the notice: HTTP 422 Unprocessable Entity
    the endpoint: HTTP 429 Too Many Requests, after 7s
    the endpoint: HTTP 500 Internal Server Error
    the endpoint: HTTP 503 Service Unavailable, after 1h 00m
    ");
    let first = asked.lock().unwrap()[0].to_ascii_lowercase();
    for line in
        ["post /hook?token=hidden http/1.1", "webhook-id: one", "webhook-timestamp: 7", "webhook-signature: v1,one-7-2"]
    {
        assert!(first.lines().any(|said| said == line), "{line}: {first}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named_without_its_secrets() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = address(&format!("http://127.0.0.1:{port}/hook?token=hidden"), false).unwrap();
    let webhook = Webhook::new(url, Arc::new(|_: &str, _: u64, _: &[u8]| String::new())).unwrap();
    let parcel = Parcel { id: "one".into(), at: Timestamp(0), body: Bytes::new() };
    let Receipt::Failed { message, of_notice: false, after: None } = webhook.send(parcel).await else {
        panic!("it is there")
    };
    assert!(
        message.contains(&format!("no connection to 127.0.0.1:{port}")) && !message.contains("hidden"),
        "{message}"
    );
}
