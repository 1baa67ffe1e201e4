//! `cache` and `use: cached`: what is accepted, and what is said of the rest.

use agendum_types::Duration;
use agendum_types::graph::{Cache, CacheScope, Rung};
use insta::assert_snapshot;

use super::{checked, said};

#[test]
fn what_is_kept_for_whom() {
    let text = r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, cache: { ttl: 1h } }
          b: { uses: http, with: { url: "https://x.example" }, cache: { ttl: 10m, scope: user, tags: [prices, "of today"], match: exact }, catch: [{ on: [timeout], use: cached }, { on: [any], output: 1 }] }
          c: { uses: exec, effect: none, foreach: "${{ inputs.list }}", with: { argv: [look, "${{ item }}"] }, cache: { ttl: 24h, scope: run }, catch: [{ on: [any], use: cached }] }
          l: { uses: chat, loop: { until: "${{ true }}", max_iterations: 2, on_exhausted: fail }, with: { prompt: "${{ loop.round }}" }, cache: { ttl: 5s } }
    "#;
    assert_snapshot!(said(text), @"");
    let graph = checked(text).runnable().unwrap().graph.clone();
    let cache =
        |ttl, scope, tags: &[&str]| Some(Cache { ttl, scope, tags: tags.iter().map(|tag| (*tag).into()).collect() });
    let found: Vec<_> = graph.tasks.iter().map(|task| task.cache.clone()).collect();
    assert_eq!(found[0], cache(Duration::secs(3_600), CacheScope::Tenant, &[]));
    assert_eq!(found[1], cache(Duration::secs(600), CacheScope::User, &["prices", "of today"]));
    assert_eq!(found[2], cache(Duration::secs(86_400), CacheScope::Run, &[]));
    assert_eq!(graph.tasks[1].catch[0].rung, Rung::Cached);
}

#[test]
fn what_cannot_be_kept_says_why() {
    let long = "x".repeat(65);
    assert_snapshot!(said(&format!(r#"
        tasks:
          a: {{ uses: chat, with: {{ prompt: hi }}, cache: {{}} }}
          b: {{ uses: chat, with: {{ prompt: hi }}, cache: {{ ttl: 0s, scope: shared, tags: ["${{{{ inputs.x }}}}", "", {long}] }} }}
          c: {{ uses: exec, with: {{ argv: [c] }}, cache: {{ ttl: 1h }} }}
          d: {{ uses: http, with: {{ method: POST, url: "https://x.example" }}, cache: {{ ttl: 1h }} }}
          e: {{ uses: exec, effect: idempotent, with: {{ argv: [c] }}, cache: {{ ttl: 1h }} }}
          f: {{ uses: wait, with: {{ for: time, after: 1s }}, cache: {{ ttl: 1h }} }}
          g: {{ tasks: {{ h: {{ uses: chat, with: {{ prompt: hi }} }} }}, cache: {{ ttl: 1h }} }}
          i: {{ uses: chat, with: {{ prompt: hi }}, catch: [{{ on: [any], use: cached }}] }}
          j: {{ uses: chat, with: {{ prompt: hi }}, cache: {{ ttl: 1h }}, no_fallback: true, catch: [{{ on: [any], use: cached }}] }}
          k: {{ uses: chat, with: {{ prompt: hi }}, cache: {{ ttl: 1h, match: similar }} }}
          l: {{ uses: chat, loop: {{ until: "${{{{ true }}}}", max_iterations: 2, on_exhausted: fail }}, with: {{ prompt: hi }}, cache: {{ ttl: 1h }}, catch: [{{ on: [any], use: cached }}] }}
          m: {{ uses: chat, with: {{ prompt: hi }}, cache: {{ ttl: 1h }}, catch: [{{ on: [any], use: stale }}] }}
          n: {{ uses: exec, effect: once, on_uncertain: {{ check: o }}, with: {{ argv: [n] }} }}
          r: {{ uses: retrieve, with: {{ index: x, query: y }}, cache: {{ ttl: 1h }} }}
          o: {{ uses: http, with: {{ url: "https://x.example" }}, cache: {{ ttl: 1h }} }}
          p: {{ uses: exec, with: {{ argv: [p] }}, compensate: {{ uses: exec, with: {{ argv: [q] }}, cache: {{ ttl: 1h }} }} }}
    "#)), @"
    4:49 missing_key: `cache` lacks `ttl`
        help: how old a kept result may be, such as 1h
    5:56 out_of_range: `ttl` is 0s: it would be over before it begins
        help: write more, or leave it out
    5:67 unknown_value: `scope` knows no `shared`
        help: write `run`, `user` or `tenant`: nothing is found across tenants
    5:82 no_expression: a tag is a name, and holds no expression
        help: write a plain name
    5:101 out_of_range: a tag has 1 to 64 bytes, and this one 0
        help: write a name
    5:105 out_of_range: a tag has 1 to 64 bytes, and this one 65
        help: write a name
    6:48 contradiction: a kept result would leave the effect out: that of this task is `once` (by default)
        help: write `effect: none` if it only reads, or leave `cache` out
    7:77 contradiction: a kept result would leave the effect out: that of this task is `once` (by default)
        help: write `effect: none` if it only reads, or leave `cache` out
    8:68 contradiction: a kept result would leave the effect out: that of this task is `idempotent`
        help: write `effect: none` if it only reads, or leave `cache` out
    9:59 call_only: `cache` says nothing of a `wait`: what it waits for comes anew each time
        help: leave it out
    10:67 call_only: `cache` belongs to a task with `uses`
        help: give it to the tasks inside
    11:68 missing_key: `use: cached` needs `cache`: nothing is kept without it
        help: write `cache: { ttl: 1h }` beside `catch`, or give an `output`
    12:88 contradiction: `no_fallback: true` forbids `catch`
        help: leave one of them out
    13:67 not_yet (not yet): not yet: this release does not run `match: similar`
    14:159 call_only: a loop keeps no result of its own, only those of its rounds
        help: catch with an `output`, or put the call into a group
    15:88 unknown_value: `use` knows no `stale`
        help: write `use: cached` for the last good result, `target: NAME` for another target, or `output: …` for a value
    16:57 no_check: `o` takes what was kept: it would not look
        help: leave `cache` out of `o`
    17:61 contradiction: what an index holds may change at any time, and looking costs nothing: it is not kept
        help: leave `cache` out
    19:88 unknown_key: unknown key `cache` in `compensate`
        help: known keys: uses, with, retry, timeout, resources, model, effect
    ");
}
