//! Endpoints outside are told what becomes of runs, by the real binary; and runs are judged.

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::crash::http::{Message, read};
use crate::place::{Place, Server};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const GRAPH: &str = "
version: 1
name: told
tasks:
  fine: { uses: moderate, with: { text: fine words } }
  ask: { uses: wait, needs: [fine], with: { for: approval, queue: legal, show: '${{ tasks.fine.output }}' } }
output: { by: '${{ tasks.ask.output.by }}' }
";

/// Somebody who listens: keeps what it is sent, and answers with this status.
struct Receiver {
    port: u16,
    status: Arc<AtomicU16>,
    heard: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (status, heard) = (Arc::new(AtomicU16::new(status)), Arc::<Mutex<Vec<Message>>>::default());
        let (answers, log) = (Arc::clone(&status), Arc::clone(&heard));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Ok(Some(message)) = read(&mut BufReader::new(stream.try_clone().unwrap())) else { continue };
                log.lock().unwrap().push(message);
                let status = answers.load(Ordering::SeqCst);
                // Where it sends to is nobody's to follow.
                let more = format!("Location: http://127.0.0.1:{port}/other\r\nContent-Length: 4\r\nConnection: close");
                let _gone = write!(stream, "HTTP/1.1 {status} Word\r\n{more}\r\n\r\nbody");
            }
        });
        Self { port, status, heard }
    }

    /// What was heard, once it is so much: type, id, data.
    fn until(&self, count: usize) -> Vec<(String, String, Json)> {
        let secrets = agendum_server::Secrets::read(SECRET).unwrap();
        for _ in 0..2_000 {
            let heard = self.heard.lock().unwrap();
            if heard.len() >= count {
                let told = |message: &Message| {
                    assert!(message.line.starts_with("POST /hook?token=hidden "), "{}", message.line);
                    let header = |name: &str| message.headers[name].clone();
                    let (id, sent) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap());
                    let right = secrets.sign(&id, sent, message.body.as_bytes());
                    assert_eq!(header("webhook-signature"), right, "signed as the standard has it");
                    let body: Json = serde_json::from_str(&message.body).unwrap();
                    (body["type"].as_str().unwrap().to_owned(), id, body["data"].clone())
                };
                return heard.iter().map(told).collect();
            }
            drop(heard);
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{count} were to come, and {} came", self.heard.lock().unwrap().len());
    }
}

fn place(receiver: &Receiver) -> Place {
    let place = Place::new(&[("told.yaml", GRAPH), ("hook.secret", SECRET)]);
    let url = format!("http://127.0.0.1:{}/hook?token=hidden", receiver.port);
    place.write(
        "agendum.toml",
        &format!("[notices.hook]\nurl = \"{url}\"\nsecret_file = \"hook.secret\"\non = [\"waiting\", \"answered\", \"done\"]\n"),
    );
    place
}

#[test]
fn what_becomes_of_a_run_is_told_over_restarts() {
    let receiver = Receiver::new(500);
    let place = place(&receiver);
    let (code, out, err) = place.run(&["config", "check"]);
    assert!(
        code == 0 && out.contains("hook: http://127.0.0.1:") && out.contains("on waiting, answered, done"),
        "{err}"
    );
    assert!(out.contains("for ever") && out.contains("400d"), "retention is told: {out}");
    let kept: Vec<Vec<&str>> =
        out.lines().filter(|line| line.starts_with("cache ")).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(kept, [["cache", "keep", "30d"], ["cache", "size_max", "1GiB"]]);
    let (code, _, err) = place.run(&["notices", "test", "hook"]);
    assert!(code == 1 && err.contains("hook: HTTP 500"), "{code} {err}");
    let mut server = Server::start(&place, &[]);
    let run = place.json(&["run", "told.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.write("other.toml", "[cache]\nsize_max = \"2MiB\"\n");
    let (_, out, _) = place.run(&["--config", "other.toml", "config", "check"]);
    assert!(out.contains("different: limit cache.size_max, notices hook"), "{out}");
    let heard = receiver.until(2);
    let told = (&*heard[1].0, &heard[1].2["run"], &heard[1].2["task"], &heard[1].2["for"], &heard[1].2["queue"]);
    assert_eq!(told, ("task.waiting", &json!(run), &json!("ask"), &json!("approval"), &json!("legal")));
    assert!(!heard[1].2.to_string().contains("fine words") && heard[1].2.get("show").is_none(), "no payload leaves");
    // It is known that it was not taken; then the server dies.
    let (_, out, _) = place.run(&["doctor"]);
    let failing = || place.json(&["notices"])["endpoints"][0].clone();
    while failing()["error"].is_null() {}
    server.kill();
    assert_eq!((&failing()["due"], &failing()["delivered"]), (&json!(1), &json!(0)), "{out}");
    let (_, out, _) = place.run(&["doctor"]);
    assert!(out.contains("notices.hook") && out.contains("HTTP 500"), "{out}");
    receiver.status.store(200, Ordering::SeqCst);
    let server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["approve", &run]);
    assert_eq!(code, 0, "{err}");
    let before = heard[1].1.clone();
    let told = loop {
        let heard = receiver.until(5);
        if heard.last().unwrap().0 == "run.done" {
            break heard;
        }
        receiver.until(heard.len() + 1);
    };
    let taken: Vec<_> = told.iter().rev().take(3).rev().collect();
    assert_eq!(taken.iter().map(|told| &*told.0).collect::<Vec<_>>(), ["task.waiting", "run.answered", "run.done"]);
    assert_eq!(taken[0].1, before, "one id for every try");
    assert_eq!((&taken[1].2["status"], &taken[1].2["degraded"]), (&json!("succeeded"), &json!(false)));
    while failing()["due"] != json!(0) {}
    let (code, out, _) = place.run(&["notices"]);
    assert!(code == 0 && out.contains("3 delivered, 0 due") && !out.contains("hidden"), "{out}");
    assert_eq!(place.json(&["notices", "test", "hook"]), json!({ "endpoint": "hook", "delivered": true }));
    assert_eq!(place.run(&["notices", "test", "other"]).0, 2);
    receiver.status.store(307, Ordering::SeqCst);
    let (_, _, err) = place.run(&["notices", "test", "hook"]);
    assert!(err.contains("follow no redirect"), "{err}");
    let said = server.stop();
    assert!(!said.contains("hidden") && !said.contains("MfKQ9r8"), "{said}");
}

#[test]
fn a_host_that_ends_with_its_run_tells_of_it_before() {
    let receiver = Receiver::new(204);
    let place = place(&receiver);
    place.write(
        "told.yaml",
        &GRAPH
            .replace(
                "uses: wait, needs: [fine], with: { for: approval, queue: legal, show: '${{ tasks.fine.output }}' }",
                "uses: wait, needs: [fine], with: { for: time, after: 1ms }",
            )
            .replace("output: { by: '${{ tasks.ask.output.by }}' }", ""),
    );
    let (code, _, err) = place.run(&["run", "told.yaml"]);
    assert_eq!(code, 0, "{err}");
    let told: Vec<String> = receiver.until(2).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(told, ["run.answered", "run.done"]);
    assert_eq!(place.json(&["notices"])["endpoints"][0]["delivered"], json!(2));
}

#[test]
fn what_people_think_of_an_answer_is_kept_and_added_up() {
    let place = Place::new(&[("told.yaml", GRAPH)]);
    let server = Server::start(&place, &[]);
    let run = place.json(&["run", "told.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    let (code, _, err) = place.run(&["runs", "feedback", &run, "--score", "0.5"]);
    assert!(code == 2 && err.contains("not answered yet"), "{code} {err}");
    while place.run(&["approve", &run]).0 != 0 {}
    assert_eq!(place.run(&["runs", "watch", &run]).0, 0);
    assert_eq!(place.run(&["runs", "feedback", &run, "--score", "0.25", "--label", "m\neh", "--comment", "dull"]).0, 0);
    assert_eq!(place.run(&["runs", "feedback", &run, "--score", "1", "--task", "fine"]).0, 0);
    for (wrong, code, said) in [
        (vec![&*run, "--score", "1.5"], 2, "from 0 to 1"),
        (vec![&*run, "--score", "1", "--task", "nothing"], 2, "has no task"),
        (vec!["01ARZ3NDEKTSV4RRFFQ69G5FAV", "--score", "1"], 2, "no run"),
    ] {
        let (found, _, err) = place.run(&[vec!["runs", "feedback"], wrong].concat());
        assert!(found == code && err.contains(said), "{found} {err}");
    }
    while place.run(&["runs", "delete", &run]).0 != 0 {}
    server.stop();
    let by = |by: &str| place.json(&["feedback", "--graph", "told", "--by", by])["lines"].clone();
    assert_eq!(by("graph"), json!([{ "name": "told", "count": 2, "mean": 0.625, "min": 0.25, "max": 1.0 }]));
    let names = |by: &Json| by.as_array().unwrap().iter().map(|line| line["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&by("label")), [json!(""), json!("m\neh")]);
    assert_eq!(names(&by("target")), [json!(""), json!("offline/moderate")]);
    assert!(by("version")[0]["version"].as_str().unwrap().len() > 20);
    let (_, out, _) = place.run(&["feedback", "--by", "label"]);
    assert!(out.contains("0.250") && out.contains("m eh"), "{out}");
}
