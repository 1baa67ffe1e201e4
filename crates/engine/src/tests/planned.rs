//! Plans from outside: kept before they count, there in the next life, over by themselves.

use agendum_ports::{PlanRow, Plans as _, Withdrawal};
use agendum_types::{Duration, Policy, Principal, Timestamp};
use serde_json::json;

use super::fixture::{World, request};
use crate::{Engine, PlanError};

fn document(name: &str, lasts: &str, rules: &str) -> String {
    format!(
        "version: 1\nplan: {name}\nlasts: {lasts}\nrules: {rules}\nevidence: {{ how: a test, runs: 100 }}\nconfidence: 0.9\n"
    )
}

const HEDGES_LESS: &str = "{ hedging: { share: 1 } }";

async fn publish(engine: &Engine, document: &str) -> Result<PlanRow, PlanError> {
    engine.publish_plan(document, Principal::new("ann")).await
}

/// By which rules it decides.
async fn chosen_by(engine: &Engine) -> String {
    engine.loads().await.unwrap().rules.to_string()
}

#[tokio::test]
async fn it_counts_until_it_is_withdrawn_and_the_list_says_so() {
    let world = World::new();
    let engine = world.engine().await;
    let policy = Policy::default().version();
    assert_eq!(chosen_by(&engine).await, policy);
    let row = publish(&engine, &document("calm", "1h", HEDGES_LESS)).await.unwrap();
    assert_eq!((row.number, &*row.name, row.changes.join(", ").as_str()), (1, "calm", "hedging.share: 5 → 1"));
    assert_eq!((&*row.by.0, row.until.since(row.at), row.flags.len()), ("ann", Duration::secs(3_600), 0));
    assert!(chosen_by(&engine).await.starts_with(&format!("{policy}+calm@")));

    let second = publish(&engine, &document("wild", "1h", "{ limits: { failures: 0 } }")).await.unwrap();
    assert_eq!(second.flags, ["targets that fail are no longer left alone"]);
    assert!(chosen_by(&engine).await.starts_with(&format!("{policy}+wild@")));
    let ben = Principal::new("ben");
    let withdrawn = engine.withdraw_plan(ben.clone(), Some("too wild".to_owned())).await.unwrap().unwrap();
    let Withdrawal { by, why, .. } = withdrawn.withdrawn.clone().unwrap();
    assert_eq!((withdrawn.number, by, why.as_deref()), (2, ben.clone(), Some("too wild")));
    assert_eq!(chosen_by(&engine).await, policy, "not the one before it: it was replaced");
    assert!(engine.withdraw_plan(ben, None).await.unwrap().is_none(), "none is in force");
    let rows = engine.reader().plans(None, 9).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.number, row.withdrawn.is_some())).collect::<Vec<_>>(),
        [(2, true), (1, false)]
    );
    engine.stop().await;
}

#[tokio::test]
async fn what_is_no_plan_for_this_policy_is_not_kept() {
    let world = World::new();
    let engine = world.engine().await;
    let said = async |document: &str| publish(&engine, document).await.unwrap_err().to_string();
    let no_word = said("version: 1\nplan: x\nlasts: 1h\nrules: { hedgin: {} }").await;
    assert_eq!(no_word, "the document is not a plan: 4:10: unknown key `hedgin` in `rules`");
    assert_eq!(
        said(&document("x", "1h", "{ hedging: { share: 5 } }")).await,
        "it changes nothing: its rules are those of the policy"
    );
    let other = format!("policy: other@01234567\n{}", document("x", "1h", HEDGES_LESS));
    assert!(said(&other).await.starts_with("it changes other@01234567, and balanced@"));
    assert!(engine.reader().plans(None, 9).await.unwrap().is_empty());
    engine.stop().await;
}

/// The caller goes away at any moment: what was kept counts all the same, and what was taken back does not.
#[tokio::test]
async fn who_goes_away_leaves_nothing_half_done() {
    let world = World::new();
    let engine = world.engine().await;
    let policy = Policy::default().version();
    let until = async |wanted: bool, state: &str| {
        for _ in 0..2_000 {
            let row = engine.reader().plans(None, 1).await.unwrap().pop();
            let is_kept = row.is_some_and(|row| row.withdrawn.is_none());
            if (is_kept, chosen_by(&engine).await != policy) == (wanted, wanted) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("it is not {state}");
    };
    for _ in 0..3 {
        let calm = document("calm", "1h", HEDGES_LESS);
        let _gone = tokio::time::timeout(std::time::Duration::ZERO, publish(&engine, &calm)).await;
        until(true, "published").await;
        let withdraws = engine.withdraw_plan(Principal::new("ann"), None);
        let _gone = tokio::time::timeout(std::time::Duration::ZERO, withdraws).await;
        until(false, "withdrawn").await;
    }
    engine.stop().await;
}

#[tokio::test]
async fn the_next_life_reads_it_unless_it_is_over_or_for_another_policy() {
    let world = World::new();
    let first = world.engine().await;
    publish(&first, &document("calm", "1h", HEDGES_LESS)).await.unwrap();
    first.stop().await;
    let second = world.engine().await;
    assert!(chosen_by(&second).await.contains("+calm@"));
    // It decides all the same.
    let graph = "version: 1\nname: works\ntasks:\n  t: { uses: chat, with: { prompt: x, give: 1 } }\n";
    second.run(request(graph, &json!({}))).await.unwrap();
    second.stop().await;

    let row = world.store.plans(None, 1).await.unwrap().remove(0);
    let over = PlanRow { at: Timestamp(1), until: Timestamp(2), ..row.clone() };
    world.store.keep_plan(over).await.unwrap();
    let third = world.engine().await;
    assert_eq!(chosen_by(&third).await, Policy::default().version());
    third.stop().await;

    let foreign = PlanRow { document: row.document.replace("balanced@", "other@").into(), ..row };
    world.store.keep_plan(foreign).await.unwrap();
    let fourth = world.engine().await;
    assert_eq!(
        chosen_by(&fourth).await,
        Policy::default().version(),
        "it is left out, and keeps nobody from beginning"
    );
    fourth.stop().await;
}
