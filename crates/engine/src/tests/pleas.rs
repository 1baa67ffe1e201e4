//! What asks for money is told outside: once, over restarts, and anew where the raise did not do.

use agendum_core::Raise;
use agendum_types::{Money, NoticeKind, Principal, RunId, Tenant};
use serde_json::{Value as Json, json};

use super::fixture::{World, request};
use super::notices::{Scripted, engine, to};

/// Two that ask at once, and nothing of what is in them.
const POOR: &str = "
version: 1
name: poor
budget: { tokens: 10, on_exceeded: ask }
tasks:
  a: { uses: chat, with: { prompt: secret words, give: 1, max_tokens: 64 } }
  b: { uses: chat, with: { prompt: secret words, give: 2, max_tokens: 64 } }
output: '${{ tasks.a.output }}'
";

fn raise(run: RunId, tokens: u64) -> Raise {
    Raise { run, task: None, money: Money::ZERO, tokens, by: Principal::new("ada"), refused: false }
}

#[tokio::test]
async fn a_plea_is_told_once_over_restarts_and_anew_where_a_raise_does_not_do() {
    let (world, courier) = (World::new(), Scripted::says([]));
    let on = [NoticeKind::BudgetAsked, NoticeKind::Answered];
    let tenant = Tenant::default();
    let first = engine(&world, vec![to("hook", &on, &courier)]).await;
    let run = first.submit(request(POOR, &json!({}))).await.unwrap();
    courier.until(1).await;
    first.stop().await;
    let second = engine(&world, vec![to("hook", &on, &courier)]).await;
    let asked = crate::WaitsAsked { queue: None, run: Some(run), from: RunId::default(), count_max: 9 };
    assert_eq!(second.waits(&tenant, asked).await.unwrap().0.len(), 2);
    second.raise(&tenant, raise(run, 1)).await.unwrap();
    courier.until(2).await;
    second.raise(&tenant, raise(run, 1_000)).await.unwrap();
    courier.until(3).await;
    second.stop().await;
    let told = |body: &Json| {
        let data = &body["data"];
        let command = data["command"].as_str().unwrap_or_default().replace(&run.to_string(), "RUN");
        format!("{} {} {} {} {command}", body["type"], data["task"], data["for"], data["money"])
    };
    let bodies: Vec<String> = courier.bodies().iter().map(told).collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    "run.budget_asked" "a" "money" {"needs_tokens":114,"left_tokens":10,"of_tokens":10} agendum runs raise RUN --tokens 104
    "run.budget_asked" "a" "money" {"needs_tokens":114,"left_tokens":11,"of_tokens":11} agendum runs raise RUN --tokens 103
    "run.answered" null null null 
    "#);
    assert!(courier.bodies().iter().all(|body| !body.to_string().contains("secret")));
}
