use std::sync::{Arc, Mutex};
use std::time::Duration as Span;

use agendum_ports::{Adapter as _, Failed};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{attempt, line};
use crate::Http;
use crate::timeouts::Timeouts;

/// Gives these answers, one to a connection, and keeps the requests.
pub(super) async fn server(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 64 << 10];
            let count = socket.read(&mut head).await.unwrap();
            log.lock().unwrap().push(String::from_utf8_lossy(&head[..count]).into_owned());
            let answer = answers.next().unwrap_or_else(|| plain("200 OK", "late"));
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (base, asked)
}

/// Accepts connections, sends `head` and then `piece` again and again, as fast as it may or slowly.
pub(super) async fn endless(head: &str, piece: String, pause: Span) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let head = head.to_owned();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 64 << 10];
        let _count = socket.read(&mut asked).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        while socket.write_all(piece.as_bytes()).await.is_ok() {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    });
    base
}

pub(super) fn plain(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn to(status: &str, location: &str) -> String {
    plain(&format!("{status}\r\nlocation: {location}"), "")
}

fn local(private: bool) -> Http {
    Http::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()], private).unwrap()
}

async fn ask(http: &Http, input: Json) -> String {
    line(http.start(attempt(&input).0).await)
}

#[tokio::test]
async fn a_post_is_sent_once_wherever_it_is_redirected_to() {
    let post = async |status: &str| {
        let (base, asked) = server(vec![to(status, "http://127.0.0.1:9/there?token=1")]).await;
        let ended = ask(&local(true), json!({ "url": base, "method": "POST", "json": { "pay": 1 } })).await;
        assert_eq!(asked.lock().unwrap().len(), 1, "{status}");
        ended
    };
    insta::assert_snapshot!(post("303 See Other").await, @r#"{"status":303,"media":"","location":"http://127.0.0.1:9/there?token=1","text":""}"#);
    insta::assert_snapshot!(post("302 Found").await, @"permanent: HTTP 302 Found to http://127.0.0.1:9/there: no POST is sent on; if it was not carried out here, name that URL");
    insta::assert_snapshot!(post("307 Temporary Redirect").await, @"permanent: HTTP 307 Temporary Redirect to http://127.0.0.1:9/there: no POST is sent on; if it was not carried out here, name that URL");
    insta::assert_snapshot!(post("301 Moved Permanently").await, @"permanent: HTTP 301 Moved Permanently to http://127.0.0.1:9/there: no POST is sent on; if it was not carried out here, name that URL");
    insta::assert_snapshot!(post("308 Permanent Redirect").await, @"permanent: HTTP 308 Permanent Redirect to http://127.0.0.1:9/there: no POST is sent on; if it was not carried out here, name that URL");
}

#[tokio::test]
async fn a_followed_redirect_certifies_nothing() {
    let get = async |answers: Vec<String>| {
        let (base, asked) = server(answers).await;
        let ended = ask(&local(true), json!({ "url": base })).await;
        let count = asked.lock().unwrap().len();
        format!("{count} requests, {ended}")
    };
    let later = || plain("429 Too Many\r\nretry-after: 2", "slow down");
    insta::assert_snapshot!(get(vec![later()]).await, @"1 requests, rate_limited (no effect): HTTP 429: slow down");
    insta::assert_snapshot!(get(vec![to("302 Found", "/next"), later()]).await, @"2 requests, rate_limited: HTTP 429: slow down");
    let closed = get(vec![to("302 Found", "http://127.0.0.1:9/")]).await;
    assert!(closed.starts_with("1 requests, unavailable: "), "{closed}");
}

#[tokio::test]
async fn what_a_graph_says_to_one_host_is_not_for_another() {
    let (there, at_there) = server(vec![plain("200 OK", "found")]).await;
    let (here, at_here) = server(vec![to("307 Temporary Redirect", "/again"), to("302 Found", &there)]).await;
    let given = json!({ "url": here, "headers": { "X-Api-Key": "k1", "Accept": "text/plain" } });
    insta::assert_snapshot!(ask(&local(true), given).await, @r#"{"status":200,"media":"","text":"found"}"#);
    let (here, there) = (at_here.lock().unwrap().clone(), at_there.lock().unwrap().clone());
    assert!(here.len() == 2 && here.iter().all(|asked| asked.contains("x-api-key: k1")), "{here:?}");
    assert!(here[1].starts_with("GET /again ") && here[1].contains("idempotency-key: key-1"), "{here:?}");
    let [asked] = &there[..] else { panic!("{there:?}") };
    assert!(asked.contains("accept: text/plain"), "{asked}");
    assert!(!asked.contains("x-api-key") && !asked.contains("idempotency-key"), "{asked}");
}

#[tokio::test]
async fn redirects_lead_to_allowed_hosts_only() {
    let get = async |answers: Vec<String>, private: bool| {
        let (base, _) = server(answers).await;
        ask(&local(private), json!({ "url": base })).await
    };
    insta::assert_snapshot!(get(vec![to("302 Found", "https://user:pw@evil.net/x?secret=1#y")], true).await, @"permission_denied: HTTP 302 Found to https://evil.net/x: evil.net is not an allowed host; see `allow` of the target in agendum.toml");
    insta::assert_snapshot!(get(vec![to("302 Found", "http://127.0.0.1/x")], false).await, @"permission_denied: HTTP 302 Found to http://127.0.0.1/x: no redirect leads to a private address; `private = true` of the target allows it");
    insta::assert_snapshot!(get(vec![plain("302 Found", "")], true).await, @"permanent: HTTP 302 Found without a `Location`");
    insta::assert_snapshot!(get(vec![to("302 Found", "/"); 9], true).await, @"permanent: more than 5 redirects");
    insta::assert_snapshot!(get(vec![plain("304 Not Modified", "")], true).await, @"permanent: HTTP 304 Not Modified, without an explanation");
    insta::assert_snapshot!(ask(&local(false), json!({ "url": "http://localhost:9/" })).await, @"permission_denied (no effect): localhost has no public address; `private = true` of the target allows others");
}

#[tokio::test]
async fn the_server_says_when_to_come_back() {
    let asked = async |headers: &str| {
        let (base, _) = server(vec![plain(&format!("503 Busy\r\n{headers}"), "later")]).await;
        let ended: Result<_, Failed> = local(true).start(attempt(&json!({ "url": base })).0).await;
        ended.unwrap_err().retry_after.map_or_else(|| "nothing".to_owned(), |span| span.to_string())
    };
    const NOW: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT";
    insta::assert_snapshot!(asked(&format!("{NOW}\r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT")).await, @"30s");
    insta::assert_snapshot!(asked(&format!("{NOW}\r\nretry-after: Sunday, 06-Nov-94 08:49:00 GMT")).await, @"0µs");
    insta::assert_snapshot!(asked(&format!("{NOW}\r\nretry-after: Mon, 06 Nov 1995 08:49:37 GMT")).await, @"1h 00m");
    insta::assert_snapshot!(asked("retry-after: 2.5").await, @"2.5s");
    insta::assert_snapshot!(asked("retry-after: 9\r\nretry-after-ms: 120").await, @"120ms");
    insta::assert_snapshot!(asked("retry-after: soon").await, @"nothing");
    insta::assert_snapshot!(asked("retry-after: inf").await, @"nothing");
    let far = asked("retry-after: Tue, 31 Dec 2999 23:59:59 GMT").await;
    assert_eq!(far, asked("retry-after: 1e12").await, "without a date of the server, our clock counts");
}

#[tokio::test]
async fn a_server_cannot_keep_an_attempt() {
    let limits = |idle, whole| {
        let times = Timeouts { idle: Span::from_millis(idle), whole: Span::from_millis(whole), ..Timeouts::HTTP };
        local(true).with_timeouts(times).unwrap()
    };
    let silent = endless("", String::new(), Span::from_secs(600)).await;
    insta::assert_snapshot!(ask(&limits(50, 60_000), json!({ "url": silent })).await, @"timeout: nothing arrived for 50ms (`timeout.idle` of the target)");
    let stuck = endless("HTTP/1.1 200 OK\r\n\r\nha", String::new(), Span::from_secs(600)).await;
    insta::assert_snapshot!(ask(&limits(50, 60_000), json!({ "url": stuck })).await, @"timeout: nothing arrived for 50ms (`timeout.idle` of the target)");
    let drip = endless("HTTP/1.1 200 OK\r\n\r\n", "x".to_owned(), Span::from_millis(5)).await;
    insta::assert_snapshot!(ask(&limits(60_000, 100), json!({ "url": drip })).await, @"timeout: it did not end within 100ms (`timeout.whole` of the target)");
    let flood = endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(64 << 10), Span::ZERO).await;
    insta::assert_snapshot!(ask(&local(true), json!({ "url": flood })).await, @"permanent: the response is larger than 8388608 bytes");
    let flood = endless("HTTP/1.1 500 No\r\n\r\n", "x".repeat(64 << 10), Span::ZERO).await;
    let ended = ask(&local(true), json!({ "url": flood })).await;
    assert!(ended.starts_with("unavailable: HTTP 500: xxx") && ended.len() < 400, "{ended}");
}

#[tokio::test]
async fn a_call_that_may_have_been_made_has_its_price() {
    let used = async |url: String| {
        let ended = local(true).start(attempt(&json!({ "url": url })).0).await;
        let usage = ended.map_or_else(|failed| failed.usage, |finished| finished.usage);
        (usage.calls, usage.estimated)
    };
    let (base, _) = server(vec![plain("200 OK", ""), plain("500 No", ""), plain("429 Wait", "")]).await;
    assert_eq!(used(base.clone()).await, (1, false));
    assert_eq!(used(base.clone()).await, (1, true));
    assert_eq!(used(base).await, (0, false));
    assert_eq!(used("http://127.0.0.1:9/".to_owned()).await, (0, false));
}

#[tokio::test]
async fn a_graph_names_no_other_host_than_its_url() {
    let (base, asked) = server(Vec::new()).await;
    for name in ["Host", "host", " HOST", "Content-Length", "Transfer-Encoding", "connection", "Proxy-Authorization"] {
        let said = ask(&local(true), json!({ "url": base, "headers": { name: "1" } })).await;
        let expected = format!("permission_denied (no effect): the header {name:?} is not for graphs to set");
        assert!(said.starts_with(&expected), "{said}");
    }
    assert!(asked.lock().unwrap().is_empty());
}
