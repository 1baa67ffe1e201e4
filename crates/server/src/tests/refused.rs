//! What is wrong with a request is a problem, says what to do, and has a kind for machines.

use serde_json::json;

use super::World;

#[tokio::test]
async fn refusals_are_problems_that_say_what_to_do() {
    let world = World::new().await;
    let nobody = world.http.get(format!("{}/v1/runs", world.base)).send().await.unwrap();
    assert_eq!(nobody.status().as_u16(), 401);
    let wrong = world.http.get(format!("{}/v1/runs", world.base)).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(wrong.status().as_u16(), 401);
    assert_eq!(world.http.get(format!("{}/healthz", world.base)).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(world.http.get(format!("{}/readyz", world.base)).send().await.unwrap().status().as_u16(), 200);
    let mut seen = String::new();
    for (method, path, body) in [
        ("GET", "/v1/runs/nonsense", None),
        ("GET", "/v1/runs/01K9ZZK3V5Q0T6M1F8A2B3C4D5", None),
        ("GET", "/v1/runs?status=odd", None),
        ("GET", "/v2", None),
        ("POST", "/v1/runs", Some(json!({ "dokument": {} }))),
        ("POST", "/v1/runs", Some(json!({ "document": "version: 1\nname: x\ntasks: { a: { uses: chatt } }" }))),
        (
            "POST",
            "/v1/runs",
            Some(
                json!({ "document": { "version": 1, "name": "x", "tasks": { "a": { "uses": "http", "with": { "url": "https://x" } } } } }),
            ),
        ),
    ] {
        let (status, media, body) = world.ask(method, path, body).await;
        assert_eq!(media, "application/problem+json", "{path}");
        seen.push_str(&format!(
            "{status} {} | {} {}\n",
            body["title"].as_str().unwrap(),
            body["detail"].as_str().unwrap_or_default(),
            body["diagnostics"][0]["help"]
        ));
    }
    insta::assert_snapshot!(seen, @r#"
    400 not a run id | "nonsense" is not a run id: expected 26 characters such as 01K9ZZK3V5Q0T6M1F8A2B3C4D5 null
    404 there is no such run | no run 01K9ZZK3V5Q0T6M1F8A2B3C4D5: `agendum runs ls` lists them null
    400 unknown status | "odd": use queued, running, succeeded, failed, cancelled, paused null
    404 there is no such address | see /v1/runs null
    422 the body does not fit | Failed to deserialize the JSON body into the target type: dokument: unknown field `dokument`, expected one of `document`, `inputs`, `priority`, `deadline_ms`, `budget_usd`, `strict` at line 1 column 11 null
    422 the document cannot be run | see diagnostics "did you mean `chat`?"
    422 the run was not accepted | no target can serve task "a": no target can http; targets are named in agendum.toml, see docs/configuration.md null
    "#);
}

#[tokio::test]
async fn whatever_is_wrong_is_a_problem_with_a_kind() {
    let world = World::new().await;
    let id = world.submit(json!({ "wait": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    let long = "x".repeat(17 << 20);
    let graph = json!({ "version": 1, "name": "g", "tasks": { "a": { "uses": "chat", "with": { "prompt": "x" } } } });
    let cyclic = json!({ "nodes": ["a", "b"], "links": [["a", "b"], ["b", "a"]] });
    let asked = [
        ("GET", "/v1/runs?limit=many".to_owned(), None, 400, "query"),
        ("GET", "/v1/runs?limit=0".to_owned(), None, 400, "limit"),
        ("GET", "/v1/runs?state=failed".to_owned(), None, 400, "query"),
        ("GET", format!("/v1/runs/{id}?tasks=a"), None, 400, "query"),
        ("GET", format!("/v1/runs/{id}/events?from=1"), None, 400, "query"),
        ("GET", "/v1/runs?status=odd".to_owned(), None, 400, "status"),
        ("GET", format!("/v1/runs/{id}/events?after=zzz"), None, 400, "query"),
        ("GET", format!("/v1/runs/{id}?limit=x"), None, 400, "query"),
        ("GET", format!("/v1/runs/{id}/answer?from=-1"), None, 400, "query"),
        ("GET", format!("/v1/runs/{id}/why?limit=x"), None, 400, "query"),
        ("GET", "/v1/runs/%ff".to_owned(), None, 400, "path"),
        ("GET", "/v1/nothing".to_owned(), None, 404, "no_route"),
        ("PUT", format!("/v1/runs/{id}"), None, 405, "method"),
        ("POST", "/v1/runs".to_owned(), Some(json!({ "document": long })), 413, "body"),
        ("POST", "/v1/runs".to_owned(), Some(json!({ "documents": 1 })), 422, "body"),
        ("POST", "/v1/runs".to_owned(), Some(json!([graph])), 422, "body"),
        ("POST", "/v1/runs".to_owned(), Some(json!([graph, {}, null, null, null, false])), 422, "body"),
        ("POST", "/v1/runs".to_owned(), Some(json!("x")), 422, "body"),
        ("POST", "/v1/runs".to_owned(), Some(json!({ "document": cyclic })), 422, "document"),
        (
            "POST",
            "/v1/runs".to_owned(),
            Some(json!({ "document": [{ "id": 1, "tool": "echo", "args": "" }] })),
            422,
            "no_target",
        ),
        ("POST", format!("/v1/runs/{id}/tasks"), Some(json!([{}])), 422, "document"),
        ("GET", format!("/v1/runs/{id}?limit=10001"), None, 400, "limit"),
        ("GET", format!("/v1/runs/{id}/answer?limit=10001"), None, 400, "limit"),
        ("GET", format!("/v1/runs/{id}/why?limit=10001"), None, 400, "limit"),
    ];
    for (method, path, body, status, kind) in asked {
        let (got, media, problem) = world.ask(method, &path, body).await;
        let told = (got, media.as_str(), problem["type"].as_str().unwrap_or_default());
        assert_eq!(told, (status, "application/problem+json", kind), "{method} {path}: {problem}");
    }
    let nobody = json!({ "tasks": { "web": { "uses": "http", "effect": "none", "with": { "url": "https://x" } } } });
    let (status, _, refused) = world.ask("POST", &format!("/v1/runs/{id}/tasks"), Some(nobody)).await;
    let told = (status, &refused["type"], &refused["title"]);
    assert_eq!(told, (422, &json!("no_target"), &json!("no tasks were added")), "{refused}");
    let odd = world.http.get(format!("{}/v1/runs/{id}/events", world.base)).bearer_auth("right");
    assert_eq!(odd.header("Last-Event-ID", "zzz").send().await.unwrap().status(), 400);
    let lower = world.http.get(format!("{}/v1/runs", world.base)).header("authorization", "bearer right");
    assert_eq!(lower.send().await.unwrap().status(), 200);
}
