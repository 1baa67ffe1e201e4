use std::sync::Arc;

use agendum_spec::{NoFiles, Source};
use agendum_types::outcome::Price;
use agendum_types::{Capability, Duration, Graph, Limits, Money, Target};
use serde_json::Value as Json;

use super::{History, Learned, forecast};

/// Two models with prices, a free index, a program.
fn table() -> Vec<Target> {
    let target = |name: &str, capability, class: &str, millis, cents_per_1000: u64| Target {
        classes: vec![class.into()],
        price: Price {
            egress_gib: Money::ZERO,
            token_in: Money(cents_per_1000 * Money::PER_DOLLAR / 100_000),
            token_cached: Money::ZERO,
            token_written: Money::ZERO,
            token_out: Money(4 * cents_per_1000 * Money::PER_DOLLAR / 100_000),
            call: Money::ZERO,
        },
        output_cap: if capability == Capability::Chat { 1_000 } else { 0 },
        expected: Duration::millis(millis),
        ..Target::free(name, capability, 4)
    };
    vec![
        target("cheap", Capability::Chat, "small", 300, 1),
        target("dear", Capability::Chat, "large", 2_000, 10),
        target("index", Capability::Retrieve, "", 20, 0),
        target("shell", Capability::Exec, "", 200, 0),
        Target { attempt_max: Some(Duration::millis(1_500)), ..target("hasty", Capability::Moderate, "", 200, 0) },
        Target { attempt_max: Some(Duration::secs(9)), ..target("patient", Capability::Moderate, "", 200, 0) },
    ]
}

fn graph(text: &str) -> Arc<Graph> {
    let text = format!("version: 1\nname: g\n{text}");
    let checked = agendum_spec::check(Source { name: "g", text: &text }, &NoFiles, &Limits::STANDARD);
    checked.runnable().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics)).graph.clone()
}

/// The text without its first line, which has the hash.
fn text(document: &str, history: &History) -> String {
    let graph = graph(document);
    let text = forecast(&graph, &table(), history, &Limits::STANDARD).text();
    text.split_once('\n').unwrap().1.to_owned()
}

const SUPPORT: &str = r#"
deadline: 8s
budget: { usd: 0.02, on_exceeded: degrade }
tasks:
  passages: { uses: retrieve, with: { index: docs, query: "${{ inputs.q }}" }, timeout: 900ms, retry: { max_attempts: 2, initial_delay: 50ms } }
  mood: { uses: chat, with: { prompt: "How does ${{ inputs.q }} feel?", max_tokens: 16 }, model: { class: small }, timeout: 600ms, optional: true, value: 20 }
  draft:
    uses: chat
    with: { prompt: "Answer from ${{ tasks.passages.output.documents }} in a tone of ${{ tasks.mood.output }}." }
    model: { class: large }
    timeout: 4s
    retry: { max_attempts: 2, initial_delay: 100ms }
    catch: [{ on: [any], target: cheap }, { on: [any], output: nothing }]
  polish:
    optional: true
    value: 5
    loop: { until: "${{ tasks.review.output.ok }}", max_iterations: 3, on_exhausted: { use: last } }
    tasks:
      revise: { uses: chat, with: { prompt: "Better: ${{ outer.tasks.draft.output.text }}" }, model: { class: large }, timeout: 2s }
      review: { uses: chat, with: { prompt: "Good? ${{ tasks.revise.output.text }}", max_tokens: 8 }, model: { class: small }, timeout: 1s }
  check: { uses: chat, with: { prompt: "${{ tasks.polish.output or tasks.draft.output }}", max_tokens: 8 }, model: { class: small }, timeout: 500ms }
after:
  log: { uses: exec, with: { argv: [logger, done] } }
finally:
  clean: { uses: exec, with: { argv: [rm, x] }, effect: idempotent, timeout: 5s }
inputs: { type: object, properties: { q: { type: string } } }
"#;

#[test]
fn a_graph_is_drawn_priced_and_compared_with_what_it_may_take() {
    insta::assert_snapshot!(text(SUPPORT, &History::default()), @r"
    wave 1
      ○ passages           retrieve       index                 ~20ms   ≤1.85s
      ● mood               chat           cheap                ~300ms    ≤2.4s  optional

    wave 2
      ● draft              chat           dear                    ~2s   ≤16.2s  ← passages, mood  catch

    wave 3
      ● polish             group ≤3×                            ~2.3s   ≤30.6s  ← draft  optional
        ● revise           chat           dear                    ~2s    ≤6.6s
        ● review           chat           cheap                ~300ms    ≤3.6s  ← revise

    wave 4
      ● check              chat           cheap                ~300ms    ≤2.1s  ← polish, draft

    critical path  mood → draft → polish → check
    latency        ~4.9s expected, 51.3s at worst; deadline 8s: the worst case exceeds it by 43.3s
    cost           ~$0.8031 expected, $4.49 at worst; budget $0.0200: the worst case exceeds it by $4.47, then on_exceeded: degrade
    prompts        ~43 tokens in their constant parts (bytes / 4, an estimate); what tasks and inputs put in comes on top
    dropped first  polish (value 5) unless settled by 7.65s
                   mood (value 20) unless settled by 5.65s
    times          what the targets are expected to take; no earlier run of a graph of this name is known

    after (once the answer is out; outside of deadline and budget)
    wave 1
      ● log                exec           shell                ~200ms   no end

    latency        ~200ms expected, without end at worst
    cost           nothing

    finally (last, whatever happened; outside of deadline and budget)
    wave 1
      ● clean              exec           shell                ~200ms   ≤15.6s

    latency        ~200ms expected, 15.6s at worst
    cost           nothing
    ");
}

#[test]
fn earlier_runs_say_how_long_and_how_often() {
    let learned = |attempts, millis, instances| Learned {
        runs: 4,
        attempts,
        attempt: Duration::millis(millis),
        cost: Money::micro_dollars(100),
        instances,
    };
    let mut history = History { runs: 4, ..History::default() };
    history.tasks.insert("passages".to_owned(), learned(4, 7, 4));
    history.tasks.insert("polish/revise".to_owned(), learned(8, 900, 8));
    history.tasks.insert("polish/review".to_owned(), learned(8, 100, 8));
    let (before, after) = (text(SUPPORT, &History::default()), text(SUPPORT, &history));
    let learned: Vec<&str> = after.lines().filter(|line| !before.lines().any(|other| other == *line)).collect();
    insta::assert_snapshot!(learned.join("\n"), @r"
      ○ passages           retrieve       index                  ~7ms   ≤1.85s
      ● polish             group ≤3×                              ~2s   ≤30.6s  ← draft  optional
        ● revise           chat           dear                 ~900ms    ≤6.6s
        ● review           chat           cheap                ~100ms    ≤3.6s  ← revise
    latency        ~4.6s expected, 51.3s at worst; deadline 8s: the worst case exceeds it by 43.3s
    cost           ~$0.4026 expected, $4.49 at worst; budget $0.0200: the worst case exceeds it by $4.47, then on_exceeded: degrade
    times          learned from 4 earlier runs for 3 of 8 tasks; for the others what their targets are expected to take
    ");
}

#[test]
fn items_are_counted_where_they_are_known() {
    let document = |items: &str| {
        format!(
            "tasks:\n  each:\n    foreach: {items}\n    max_parallel: 8\n    uses: chat\n    with: {{ prompt: \"${{{{ item }}}}\" }}\n    \
            model: {{ class: small }}\n    timeout: 1s\n    retry: {{ max_attempts: 1 }}\n\
            inputs: {{ type: object, properties: {{ list: {{ type: array }} }} }}\n"
        )
    };
    insta::assert_snapshot!(text(&document("[1, 2, 3, 4, 5, 6, 7, 8, 9]"), &History::default()), @r"
    wave 1
      ● each               chat each 9    cheap                ~900ms      ≤3s

    critical path  each
    latency        ~900ms expected, 3s at worst; no deadline
    cost           ~$0.3603 expected, $0.3603 at worst; no budget
    prompts        ~4 tokens in their constant parts (bytes / 4, an estimate); what tasks and inputs put in comes on top
    dropped first  nothing is optional
    times          what the targets are expected to take; no earlier run of a graph of this name is known
    ");
    insta::assert_snapshot!(text(&document("\"${{ inputs.list }}\""), &History::default()), @r"
    wave 1
      ● each               chat each n    cheap                ~300ms      ≤1s

    critical path  each
    latency        ~300ms expected, 1s at worst; no deadline
    cost           ~$0.0400 expected, $0.0400 at worst; no budget
    prompts        ~4 tokens in their constant parts (bytes / 4, an estimate); what tasks and inputs put in comes on top
    dropped first  nothing is optional
    per item       each: for one item; how many there are is known when it runs
    times          what the targets are expected to take; no earlier run of a graph of this name is known
    ");
}

#[test]
fn a_budget_of_tokens_is_compared_as_one_of_money() {
    // 9 tokens of input, 16 of output, three attempts at worst; two rounds of it.
    let task =
        "{ uses: chat, with: { prompt: abcd, max_tokens: 16 }, model: { class: small }, retry: { max_attempts: 3 } }";
    let rounds = |more: &str| {
        format!(
            "  a:\n    loop: {{ until: \"${{{{ false }}}}\", max_iterations: 2, on_exhausted: {{ use: last }}{more} }}\n    tasks: {{ b: {task} }}\n"
        )
    };
    let cases = [
        (format!("budget: {{ tokens: 60 }}\ntasks:\n  a: {task}\n"), "60 in all"),
        (format!("budget: {{ tokens: 40, usd: 9 }}\ntasks:\n  a: {task}\n"), "40 and money"),
        (format!("budget: {{ tokens: 40 }}\ntasks:\n{}", rounds("")), "rounds"),
        (format!("budget: {{ tokens: 40 }}\ntasks:\n{}", rounds(", budget: { tokens: 30 }")), "rounds within 30"),
    ];
    let mut said = String::new();
    for (document, name) in cases {
        let graph = graph(&document);
        let forecast = forecast(&graph, &table(), &History::default(), &Limits::STANDARD);
        let (text, json) = (forecast.text(), forecast.json());
        let lines: Vec<&str> =
            text.lines().filter(|line| line.starts_with("cost") || line.starts_with("tokens")).collect();
        let fields = ["budget_usd", "budget_tokens", "tokens", "tokens_max", "exceeds_budget_by_tokens"];
        let fields = fields.map(|field| format!("{field} {}", json[field])).join(", ");
        said.push_str(&format!("{name}\n{}\n{fields}\n", lines.join("\n")));
    }
    insta::assert_snapshot!(said, @r"
    60 in all
    cost           ~$0.00073 expected, $0.0021 at worst
    tokens         ~25 expected, 75 at worst; budget 60: the worst case exceeds it by 15, then on_exceeded: wait
    budget_usd null, budget_tokens 60, tokens 25, tokens_max 75, exceeds_budget_by_tokens 15
    40 and money
    cost           ~$0.00073 expected, $0.0021 at worst; budget $9.00: the worst case keeps it
    tokens         ~25 expected, 75 at worst; budget 40: the worst case exceeds it by 35, then on_exceeded: wait
    budget_usd 9.0, budget_tokens 40, tokens 25, tokens_max 75, exceeds_budget_by_tokens 35
    rounds
    cost           ~$0.00073 expected, $0.0043 at worst
    tokens         ~25 expected, 150 at worst; budget 40: the worst case exceeds it by 110, then on_exceeded: wait
    budget_usd null, budget_tokens 40, tokens 25, tokens_max 150, exceeds_budget_by_tokens 110
    rounds within 30
    cost           ~$0.00073 expected, $0.0043 at worst
    tokens         ~25 expected, 30 at worst; budget 40: the worst case keeps it
    budget_usd null, budget_tokens 40, tokens 25, tokens_max 30, exceeds_budget_by_tokens null
    ");
}

/// Expected and worst milliseconds and the worst cost of tasks, a line each.
fn figures(document: &str) -> String {
    let graph = graph(document);
    let json = forecast(&graph, &table(), &History::default(), &Limits::STANDARD).json();
    let mut lines = String::new();
    for of in json["tasks"].as_array().unwrap().iter().chain([&json]) {
        let name = of["task"].as_str().unwrap_or("in all");
        lines.push_str(&format!("{name}: ~{} ≤{} ${}\n", of["expected_ms"], of["worst_ms"], of["cost_max_usd"]));
    }
    lines
}

#[test]
fn the_worst_case_is_every_attempt_to_its_timeout() {
    insta::assert_snapshot!(figures(r#"
tasks:
  endless: { uses: exec, with: { argv: [a] }, effect: none }
  bounded: { uses: exec, with: { argv: [a] }, effect: none, within: 3s }
  ladder: { uses: exec, with: { argv: [a] }, effect: none, timeout: 1s, retry: { max_attempts: 5, initial_delay: 1s, backoff: 3, max_delay: 4s } }
  short: { uses: exec, with: { argv: [a] }, effect: none, timeout: { attempt: 1s, task: 2500ms }, retry: { max_attempts: 5 } }
  late: { uses: exec, with: { argv: [a] }, effect: none, timeout: 1s, delay: 10s, retry: { max_attempts: 1 } }
  either: { uses: moderate, with: { text: a }, retry: { max_attempts: 2, initial_delay: 1s } }
  one: { uses: moderate, with: { text: a }, model: { allow: [hasty] }, retry: { max_attempts: 1 } }
  sooner: { uses: moderate, with: { text: a }, timeout: 100ms, retry: { max_attempts: 1 } }
"#), @r"
    endless: ~200 ≤null $0.0
    bounded: ~200 ≤3000 $0.0
    ladder: ~200 ≤17000 $0.0
    short: ~200 ≤2500 $0.0
    late: ~10200 ≤11000 $0.0
    either: ~200 ≤19000 $0.0
    one: ~200 ≤1500 $0.0
    sooner: ~100 ≤100 $0.0
    in all: ~10200 ≤null $0.0
    ");
}

#[test]
fn groups_races_and_loops_inside_each_other() {
    insta::assert_snapshot!(figures(r#"
tasks:
  pair:
    race: { first: 1 }
    tasks:
      quick: { uses: chat, with: { prompt: "a" }, model: { class: small }, timeout: 1s, retry: { max_attempts: 1 } }
      good: { uses: chat, with: { prompt: "a" }, model: { class: large }, timeout: 9s, retry: { max_attempts: 1 } }
  grid:
    foreach: [1, 2]
    max_parallel: 1
    loop: { until: "${{ tasks.b.output.ok }}", max_iterations: 3, on_exhausted: fail, deadline: 7s, budget: { usd: 0.05 } }
    tasks:
      a: { uses: chat, with: { prompt: "${{ item }}" }, model: { class: small }, timeout: 1s, retry: { max_attempts: 1 } }
      b: { uses: chat, with: { prompt: "${{ tasks.a.output.text }}" }, model: { class: small }, timeout: 2s, retry: { max_attempts: 1 } }
"#), @r"
    pair: ~300 ≤9000 $0.44044
    pair/quick: ~300 ≤1000 $0.04004
    pair/good: ~2000 ≤9000 $0.4004
    grid: ~1200 ≤14000 $0.1
    grid/a: ~300 ≤1000 $0.04004
    grid/b: ~300 ≤2000 $0.04004
    in all: ~1200 ≤14000 $0.54044
    ");
}

#[test]
fn what_is_dropped_first_depends_on_what_follows() {
    let document = |deadline: &str| {
        format!(
            r#"
{deadline}
tasks:
  early: {{ uses: chat, with: {{ prompt: a }}, model: {{ class: small }}, optional: true, value: 50 }}
  late: {{ uses: chat, with: {{ prompt: a }}, model: {{ class: large }}, needs: [early], optional: true, value: 10 }}
  last: {{ uses: chat, with: {{ prompt: a }}, model: {{ class: small }}, needs: [late] }}
"#
        )
    };
    let dropped = |deadline: &str| {
        let graph = graph(&document(deadline));
        let json = forecast(&graph, &table(), &History::default(), &Limits::STANDARD).json();
        json["dropped_first"].as_array().unwrap().iter().map(Json::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(dropped("deadline: 5s"), @r#"
    {"task":"late","value":10,"unless_settled_ms":4650,"expected":false}
    {"task":"early","value":50,"unless_settled_ms":4650,"expected":false}
    "#);
    insta::assert_snapshot!(dropped("deadline: 2s"), @r#"
    {"task":"late","value":10,"unless_settled_ms":1650,"expected":true}
    {"task":"early","value":50,"unless_settled_ms":1650,"expected":false}
    "#);
    insta::assert_snapshot!(dropped(""), @r#"
    {"task":"late","value":10,"unless_settled_ms":null,"expected":false}
    {"task":"early","value":50,"unless_settled_ms":null,"expected":false}
    "#);
}

#[test]
fn a_target_of_no_class_serves_who_asks_for_none() {
    let graph = graph(
        "tasks:\n  a: { uses: chat, with: { prompt: a }, model: { class: large } }\n  b: { uses: chat, with: { prompt: a } }",
    );
    let plain = [Target::free("plain", Capability::Chat, 1)];
    let json = forecast(&graph, &plain, &History::default(), &Limits::STANDARD).json();
    assert_eq!((&json["tasks"][0]["target"], &json["tasks"][1]["target"]), (&Json::Null, &Json::from("plain")));
}

const CHILDREN: &str = r#"
budget: { usd: 0.20 }
tasks:
  review:
    uses: graph
    retry: { max_attempts: 2, initial_delay: 100ms }
    with:
      graph:
        version: 1
        name: inner
        tasks: { draft: { uses: chat, with: { prompt: hi }, model: { class: large }, timeout: 3s, retry: { max_attempts: 1 } } }
        finally: { tell: { uses: exec, effect: none, with: { argv: [tell] }, timeout: 1s, retry: { max_attempts: 1 } } }
      budget: { usd: 0.03 }
  last: { uses: exec, effect: none, needs: [review], with: { argv: [done] }, timeout: 1s, retry: { max_attempts: 1 } }
"#;

#[test]
fn a_child_run_takes_and_costs_what_its_own_graph_does() {
    insta::assert_snapshot!(text(CHILDREN, &History::default()), @"

    wave 1
      ● review             graph          graph                 ~2.2s    ≤8.1s

    wave 2
      ● last               exec           shell                ~200ms      ≤1s  ← review

    critical path  review → last
    latency        ~2.4s expected, 9.1s at worst; no deadline
    cost           ~$0.0300 expected, $0.0600 at worst; budget $0.2000: the worst case keeps it
    prompts        ~0 tokens in their constant parts (bytes / 4, an estimate)
    dropped first  nothing is optional
    child run      review runs inner: ~2.2s expected, 4s at worst; cost ~$0.0300 expected, $0.0300 at worst
    times          what the targets are expected to take; no earlier run of a graph of this name is known
    ");
    let graph = graph(CHILDREN);
    let json = forecast(&graph, &table(), &History::default(), &Limits::STANDARD).json();
    let child = &json["tasks"][0]["child"];
    let told = (&child["graph"], &child["expected_ms"], &child["worst_ms"]);
    assert_eq!(told, (&"inner".into(), &2_200.into(), &4_000.into()), "{child}");
    let learned = Learned { runs: 2, attempts: 2, attempt: Duration::secs(1), cost: Money(7), instances: 2 };
    let history = History { runs: 2, tasks: [("review".to_owned(), learned)].into() };
    let json = forecast(&graph, &table(), &history, &Limits::STANDARD).json();
    assert_eq!((&json["tasks"][0]["expected_ms"], &json["tasks"][0]["learned_from_runs"]), (&1_000.into(), &2.into()));
}
