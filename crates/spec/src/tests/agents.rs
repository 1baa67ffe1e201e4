//! `uses: agent`: what it becomes, and what it may not say.

use insta::assert_snapshot;
use serde_json::Value as Json;

use super::{checked, said};

const DESK: &str = r#"
    tasks:
      first: { uses: chat, with: { prompt: hi } }
      desk:
        uses: agent
        if: "${{ tasks.first.output.text }}"
        with: { prompt: "Mend ${{ tasks.first.output.text }} for ${{ inputs.who }}.", system: Be brief. }
        model: { class: large }
        timeout: { attempt: 5s, task: 1m }
        max_turns: 6
        on_exhausted: { use: last }
        budget: { usd: 0.5 }
        fail_if: "${{ output.text == tasks.first.output.text }}"
        tools:
          order: { description: Looks an order up., parameters: { type: object, properties: { id: { type: string } } }, uses: http, with: { url: "https://shop.example/orders/${{ args.id }}?by=${{ inputs.who }}" } }
          refund:
            description: Pays an order back.
            parameters: { type: object, required: [id], properties: { id: { type: string } } }
            uses: http
            effect: once
            on_uncertain: ask
            with: { method: POST, url: "https://shop.example/refunds", json: { id: "${{ args.id }}", why: "${{ tasks.first.output.text }}" } }
            compensate: { uses: http, with: { method: DELETE, url: "https://shop.example/refunds/${{ tasks.refund.output.json.id }}/${{ args.id }}" } }
    output: "${{ tasks.desk.output.text }}"
"#;

/// The leaves of a document, each with its place; lists of texts count as one.
fn leaves(value: &Json, place: &str, lines: &mut Vec<String>) {
    let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match value {
        Json::Object(entries) => entries.iter().for_each(|(name, value)| leaves(value, &inside(name), lines)),
        Json::Array(items) if items.iter().any(Json::is_object) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, &inside(&index.to_string()), lines));
        }
        leaf => lines.push(format!("{place}: {leaf}")),
    }
}

/// What it becomes is a document of its own, in the words that every release knows.
#[test]
fn an_agent_is_written_out_as_a_loop() {
    assert_snapshot!(said(DESK), @"");
    let accepted = checked(DESK).accepted.unwrap();
    let normal: Json = serde_json::from_str(&accepted.document.0).unwrap();
    let mut lines = Vec::new();
    leaves(&normal["tasks"]["desk"], "", &mut lines);
    assert_snapshot!(lines.join("\n"), @r#"
    loop.until: "${{ not tasks.turn.output.tool_calls }}"
    loop.max_iterations: 6
    loop.on_exhausted.use: "last"
    loop.budget.usd: 0.5
    loop.stop_if_same: "{% for call in tasks.turn.output.tool_calls %}${{ call.name }} ${{ call.arguments | default(none) | tojson }} ${{ call.error }};{% endfor %}"
    tasks.turn.uses: "chat"
    tasks.turn.with.prompt: "Mend ${{ outer.tasks.first.output.text }} for ${{ inputs.who }}."
    tasks.turn.with.system: "Be brief."
    tasks.turn.with.tools.0.type: "function"
    tasks.turn.with.tools.0.function.name: "order"
    tasks.turn.with.tools.0.function.description: "Looks an order up."
    tasks.turn.with.tools.0.function.parameters.type: "object"
    tasks.turn.with.tools.0.function.parameters.properties.id.type: "string"
    tasks.turn.with.tools.1.type: "function"
    tasks.turn.with.tools.1.function.name: "refund"
    tasks.turn.with.tools.1.function.description: "Pays an order back."
    tasks.turn.with.tools.1.function.parameters.type: "object"
    tasks.turn.with.tools.1.function.parameters.required: ["id"]
    tasks.turn.with.tools.1.function.parameters.properties.id.type: "string"
    tasks.turn.with.agent-turn.said: "${{ loop.previous.tasks.turn.output.said }}"
    tasks.turn.with.agent-turn.results: "${{ loop.previous.tasks.calls.output }}"
    tasks.turn.with.agent-turn.result_max: null
    tasks.turn.model.class: "large"
    tasks.turn.timeout.attempt: "5s"
    tasks.calls.if: "${{ tasks.turn.output.tool_calls }}"
    tasks.calls.foreach: "${{ tasks.turn.output.tool_calls }}"
    tasks.calls.max_parallel: 4
    tasks.calls.tasks.order.if: "${{ item.name == \"order\" and not item.error }}"
    tasks.calls.tasks.order.description: "Looks an order up."
    tasks.calls.tasks.order.uses: "http"
    tasks.calls.tasks.order.with.url: "https://shop.example/orders/${{ item.arguments.id }}?by=${{ inputs.who }}"
    tasks.calls.tasks.order.catch.0.on: ["rate_limited","overloaded","timeout","unavailable","invalid_output","content_blocked","permanent"]
    tasks.calls.tasks.order.catch.0.output.error: "${{ error.class }}: ${{ error.message }}"
    tasks.calls.tasks.refund.if: "${{ item.name == \"refund\" and not item.error }}"
    tasks.calls.tasks.refund.description: "Pays an order back."
    tasks.calls.tasks.refund.uses: "http"
    tasks.calls.tasks.refund.effect: "once"
    tasks.calls.tasks.refund.on_uncertain: "ask"
    tasks.calls.tasks.refund.with.method: "POST"
    tasks.calls.tasks.refund.with.url: "https://shop.example/refunds"
    tasks.calls.tasks.refund.with.json.id: "${{ item.arguments.id }}"
    tasks.calls.tasks.refund.with.json.why: "${{ outer.outer.tasks.first.output.text }}"
    tasks.calls.tasks.refund.compensate.uses: "http"
    tasks.calls.tasks.refund.compensate.with.method: "DELETE"
    tasks.calls.tasks.refund.compensate.with.url: "https://shop.example/refunds/${{ tasks.refund.output.json.id }}/${{ item.arguments.id }}"
    tasks.calls.tasks.refund.catch.0.on: ["rate_limited","overloaded","timeout","unavailable","invalid_output","content_blocked","permanent"]
    tasks.calls.tasks.refund.catch.0.output.error: "${{ error.class }}: ${{ error.message }}"
    tasks.calls.output.id: "${{ item.id }}"
    tasks.calls.output.error: "${{ item.error }}"
    tasks.calls.output.output: "${{ [tasks.order.output, tasks.refund.output] | select(\"defined\") | first | cut(item.result_max | default(65536)) }}"
    output.text: "${{ tasks.turn.output.text }}"
    output.turns: "${{ loop.round }}"
    output.calls: "${{ tasks.turn.output.calls }}"
    if: "${{ tasks.first.output.text }}"
    fail_if: "${{ output.text == outer.tasks.first.output.text }}"
    timeout.task: "1m"
    "#);
    assert_eq!(*crate::load(&accepted.document, &agendum_types::Limits::STANDARD).unwrap(), *accepted.graph);
}

/// An agent with these words beside `uses`, and what its tool `look` says.
fn agent(words: &str, tool: &str) -> String {
    let tools = format!("tools: {{ look: {{ {tool} }} }}");
    format!("\ntasks:\n  first: {{ uses: chat, with: {{ prompt: hi }} }}\n  a: {{ uses: agent, {words}, {tools} }}\n")
}

const WORDS: &str = "with: { prompt: hi }, max_turns: 3, on_exhausted: fail";
const LOOK: &str =
    "description: Looks., parameters: { type: object }, uses: http, with: { url: \"https://x.example/${{ args.q }}\" }";

fn told(what: &[(String, &str)]) -> String {
    what.iter().map(|(text, name)| format!("{name}\n{}\n", said(text))).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_an_agent_may_not_say() {
    assert_eq!(said(&agent(WORDS, LOOK)), "");
    let words = |from: &str, to: &str| agent(&WORDS.replace(from, to), LOOK);
    let value = words("prompt: hi }", "prompt: hi, schema: { enum: [x] } }");
    assert_snapshot!(told(&[
        (words(", max_turns: 3, on_exhausted: fail", ""), "neither bound"),
        (words("max_turns: 3", "max_turns: 2000"), "too many turns"),
        (words("on_exhausted: fail", "on_exhausted: { use: best }"), "no best turn"),
        (words("with: { prompt: hi }", "with: { system: hi }"), "nothing asked"),
        (words("prompt: hi", "prompt: hi, tools: []"), "tools inside"),
        (value.replace("on_exhausted: fail", "on_exhausted: { use: last }"), "no value"),
        (words("max_turns: 3", "max_turns: 3, foreach: [1]"), "a word of others"),
        (words("prompt: hi", "prompt: \"${{ tasks.frist.output.text }} ${{ loop.round }}\""), "names"),
        (words("prompt: hi", "prompt: \"${{ args.q }}\""), "args outside"),
        (agent(WORDS, LOOK).replace(&format!("{{ look: {{ {LOOK} }} }}"), "[look]"), "tools by name"),
        (agent(WORDS, LOOK).replace(&format!("{{ look: {{ {LOOK} }} }}"), "{}"), "no tools"),
    ]), @"
    neither bound
    5:6 missing_key: `a` lacks `max_turns`
        help: turns at most: calls of the model
    5:6 missing_key: `a` lacks `on_exhausted`
        help: what happens when its turns or its budget are spent, or it asks for the same twice: `fail`, {use: last}, or a task of on_failure

    too many turns
    5:54 out_of_range: `max_turns` is 2000; it must be between 1 and 1000
        help: turns at most: calls of the model

    no best turn
    5:78 unknown_value: `use` knows no `best`
        help: did you mean `last`?

    nothing asked
    5:27 missing_key: `with` lacks `prompt` or `messages`

    tools inside
    5:41 unknown_key: `tools` is no argument of an agent
        help: write `tools` beside `with`, by name

    no value
    5:94 contradiction: the last turn has no value that follows the `schema`: the model still calls tools there
        help: write `on_exhausted: fail`, and a `catch` with an `output` that does

    a word of others
    5:57 unknown_key: unknown key `foreach` in `a`
        help: known keys: uses, with, tools, max_turns, on_exhausted, max_parallel, stop_if_stuck, result_max, budget, needs, if, timeout, retry, catch, judges, fail_if, as, optional, value, no_fallback, risk, model, live, not_before, delay, within, deadline, description

    names
    5:37 unknown_task: there is no task `frist`
        help: did you mean `first`?
    5:73 unknown_name: `loop` is not known here
        help: an agent is a loop of its own, and reads no other one: hand the value in as the output of a task

    args outside
    5:42 unknown_name: unknown name `args.q`
        help: known: inputs, tasks.NAME.output, outer.tasks.NAME.output, item, item_index, loop, output, task.key, run

    tools by name
    5:84 wrong_type: `tools` is a list; it must be a map
        help: write { NAME: { description: …, parameters: …, uses: … } }

    no tools
    5:84 empty: `tools` is empty
        help: write at least one task
    ");
}

#[test]
fn what_a_tool_may_not_say() {
    let look = |from: &str, to: &str| agent(WORDS, &LOOK.replace(from, to));
    let exec = look("url: \"https://x.example/${{ args.q }}\"", "argv: [x]");
    assert_snapshot!(told(&[
        (agent(WORDS, "uses: http"), "nothing told"),
        (look("Looks., ", "Looks., if: true, "), "a word of others"),
        (look("uses: http", "uses: agent"), "an agent inside"),
        (look("{ type: object }", "{ type: objekt }"), "no schema"),
        (look("{ type: object }", "{ type: object, title: \"${{ inputs.x }}\" }"), "a computed schema"),
        (look("{ type: object }", "{ properties: { query: {} } }"), "no such argument"),
        (look("args.q", "item.q ~ loop.round ~ tasks.nobody.output"), "names"),
        (exec.replace("uses: http", "uses: exec, effect: once"), "once"),
        (agent(WORDS, LOOK).replace("look:", "turn:"), "a reserved name"),
        (agent(WORDS, LOOK).replace("look:", "first:"), "a name of outside"),
    ]), @r#"
    nothing told
    5:92 missing_key: `look` lacks `description`
        help: what it is good for: the model reads this
    5:92 missing_key: `look` lacks `parameters`
        help: JSON Schema of its arguments, an object
    5:100 missing_key: `uses: http` lacks `with`
        help: write `with: { url: … }`

    a word of others
    5:115 unknown_key: unknown key `if` in `look`
        help: known keys: description, parameters, uses, with, timeout, retry, catch, fail_if, as, effect, on_uncertain, compensate, no_fallback, risk, resources, model, within, delay

    an agent inside
    5:151 unknown_value: `uses` knows no `agent`
        help: one of: chat, retrieve, translate, moderate, http, exec, wait, embed, rerank, search, memory, image, transcribe, speak, mcp, worker, publish, graph

    no schema
    5:135 bad_schema: `parameters` is no JSON Schema at `type`: "objekt" is no type
        help: did you mean `object`?

    a computed schema
    5:127 computed: `parameters` of `look` hold an expression: they are told to the model as they stand
        help: write the schema out

    no such argument
    5:211 unknown_field (warning): the tool has no parameter `q`: this is always undefined
        help: parameters: query

    names
    5:170 unknown_task: there is no task `nobody`
        help: tasks here: first, a
    5:193 unknown_name: `item` is not known here
        help: it is known inside a `foreach` only; what the model gives is `args`
    5:202 unknown_name: `loop` is not known here
        help: an agent is a loop of its own, and reads no other one: hand the value in as the output of a task

    once
    5:165 missing_key: `effect: once` needs `on_uncertain`
        help: write `on_uncertain: fail`, `ask` or `{check: TASK}`: what shall happen when nobody knows whether it took effect

    a reserved name
    5:86 bad_name: `turn` is a task of every agent, and no name for a tool
        help: give it another name

    a name of outside
    5:86 duplicate_task: task `first` shadows the one outside its group
        help: give one of them another name
    "#);
}

/// What an agent works for, its model cannot choose.
#[test]
fn a_tool_knows_the_item_around_its_agent() {
    let tool = LOOK.replace("args.q", "item.id ~ args.q");
    let text = format!(
        "tasks:\n  each: {{ foreach: [1], tasks: {{ a: {{ uses: agent, {WORDS}, tools: {{ look: {{ {tool} }} }} }} }} }}"
    );
    assert_eq!(said(&text), "");
    let normal: Json = serde_json::from_str(&checked(&text).accepted.unwrap().document.0).unwrap();
    let inside = &normal["tasks"]["each"]["tasks"]["a"]["tasks"];
    assert_eq!(inside["turn"]["with"]["agent-turn"]["item"], "${{ item }}");
    assert_eq!(
        inside["calls"]["tasks"]["look"]["with"]["url"],
        "https://x.example/${{ item.item.id ~ item.arguments.q }}"
    );
}

/// A prompt sees the arguments beside it before anything of the same name.
#[test]
fn arguments_of_a_prompt_stay() {
    let with = "with: { prompt: \"${{ tasks }} ${{ loop }}\", tasks: \"${{ tasks.first.output.text }}\", loop: x }";
    let chat = "description: d, parameters: {}, uses: chat, with: { prompt: \"${{ item }}\", item: \"${{ args.x }}\" }";
    let text = agent(&WORDS.replace("with: { prompt: hi }", with), chat);
    assert_eq!(said(&text), "");
    let normal: Json = serde_json::from_str(&checked(&text).accepted.unwrap().document.0).unwrap();
    let inside = &normal["tasks"]["a"]["tasks"];
    let (turn, tool) = (&inside["turn"]["with"], &inside["calls"]["tasks"]["look"]["with"]);
    assert_eq!(
        (&turn["prompt"], &turn["tasks"]),
        (&"${{ tasks }} ${{ loop }}".into(), &"${{ outer.tasks.first.output.text }}".into())
    );
    assert_eq!((&tool["prompt"], &tool["item"]), (&"${{ item }}".into(), &"${{ item.arguments.x }}".into()));
}

/// Targets are looked for as for any other task, those of its tools as well.
#[test]
fn an_agent_wants_targets() {
    let text = super::with_head(&agent(&WORDS.replace("max_turns", "model: { class: large }, max_turns"), LOOK));
    let targets = [agendum_types::Target::free("small", agendum_types::Capability::Chat, 1)];
    let indexes = std::collections::BTreeSet::new();
    let serving = crate::served::Serving { targets: &targets, indexes: &indexes, pools: None, inputs: None };
    let source = crate::Source { name: "graph.yaml", text: &text };
    let checked = crate::check_for(source, &crate::NoFiles, &agendum_types::Limits::STANDARD, Some(serving));
    assert_snapshot!(super::shown(checked), @r#"
    5:59 no_target (warning): no target of class "large" can chat: a run would be refused with this configuration
        help: classes and targets: small
    5:176 no_target (warning): no target can http: a run would be refused with this configuration
        help: add a target with `kind = "http"` to agendum.toml
    "#);
}

/// A cycle through an agent is told as any other.
#[test]
fn an_agent_in_a_cycle() {
    let text = agent(&WORDS.replace("hi", "\"${{ tasks.b.output.text }}\""), LOOK)
        + "  b: { uses: chat, with: { prompt: \"${{ tasks.a.output.text }}\" } }\n";
    assert_snapshot!(said(&text), @"
    5:3 cycle: the tasks need each other: a → b → a
        help: a cycle can only be written as a `loop`: {until, max_iterations, on_exhausted}, with these tasks inside; `agendum check --fix` writes this
    ");
    let text = super::with_head(&text);
    let source = crate::Source { name: "graph.yaml", text: &text };
    let fixed = crate::fix::fix(source, &crate::NoFiles, &agendum_types::Limits::STANDARD);
    assert_snapshot!(fixed.map(|fixed| fixed.unwrap().text).unwrap_or_else(|why| why.to_string()), @"the cycle cannot be rewritten as a loop: what would be written has an error of its own: `loop` is not known here");
}

#[test]
fn an_agent_may_be_added_to_a_live_run() {
    let limits = agendum_types::Limits::STANDARD;
    let first = checked("tasks: { first: { uses: chat, with: { prompt: hi } } }").accepted.unwrap();
    let added = format!(
        "tasks:\n  a: {{ uses: agent, {}, tools: {{ look: {{ {LOOK} }} }} }}",
        WORDS.replace("hi", "\"${{ tasks.first.output.text }}\"")
    );
    let grown = crate::extend(&first.document, &added, &limits).unwrap().accepted.unwrap();
    let names: Vec<&str> = grown.graph.tasks.iter().map(|task| &*task.name).collect();
    assert_eq!(names, ["first", "a", "turn", "calls", "look"]);
    assert_eq!(grown.graph.tasks[1].needs, [agendum_types::graph::NodeId(0)]);
    assert_eq!(*crate::load(&grown.document, &limits).unwrap(), *grown.graph);
}

/// Editors follow the published schema, which must take what is taken here, and refuse the same.
#[test]
fn the_published_schema_knows_agents() {
    let validator = jsonschema::validator_for(&serde_json::from_str(crate::schema()).unwrap()).unwrap();
    let accepts = |text: &str| {
        let text = super::with_head(text);
        let mut diagnostics = crate::diagnostic::Diagnostics::new(&text);
        let tree = crate::tree::parse(&text, &agendum_types::Limits::STANDARD, &mut diagnostics).unwrap();
        validator.is_valid(&crate::tree::to_json(&tree))
    };
    assert!(accepts(DESK) && accepts(&agent(WORDS, LOOK)));
    assert!(!accepts(&agent(&WORDS.replace("max_turns: 3, ", ""), LOOK)) && !accepts(&agent(WORDS, "uses: http")));
    assert!(!accepts("tasks: { a: { uses: chat, with: { prompt: hi }, max_turns: 3 } }"));
}

/// What is read through a name that the text has for something else would silently be lost.
#[test]
fn a_name_that_an_agent_reads_through_is_not_taken() {
    let chat = |with: &str| {
        let parameters = "parameters: { properties: { to: {}, list: {} } }";
        agent(WORDS, &format!("description: d, {parameters}, uses: chat, with: {{ {with} }}"))
    };
    let asked = |with: &str| agent(&WORDS.replace("prompt: hi", with), LOOK);
    assert_snapshot!(told(&[
        (chat(r#"prompt: "{% for item in args.list %}${{ item }} for ${{ args.to }}{% endfor %}""#), "a loop"),
        (chat(r#"prompt: "{% if 1 %}{% set item = 1 %}{% endif %}${{ args.to }}""#), "a set"),
        (chat(r#"prompt: "${{ args.to }}", item: x"#), "an argument"),
        (asked(r#"prompt: "{% for outer in [1] %}${{ tasks.first.output.text }}{% endfor %}""#), "a loop around"),
        (asked(r#"prompt: "${{ tasks.first.output.text }}", outer: x"#), "an argument of the agent"),
        (chat(r#"prompt: "{% for item in args.list %}${{ item }}{% endfor %}${{ args.to }}""#), "nothing hidden"),
    ]), @"
    a loop
    5:236 name_taken: `args` cannot be read here: an agent reads it through the name `item`
        help: rename the variable, or the argument of this `with`, that is called `item`

    a set
    5:232 name_taken: `args` cannot be read here: an agent reads it through the name `item`
        help: rename the variable, or the argument of this `with`, that is called `item`

    an argument
    5:193 name_taken: `args` cannot be read here: an agent reads it through the name `item`
        help: rename the variable, or the argument of this `with`, that is called `item`

    a loop around
    5:64 name_taken: `tasks` cannot be read here: an agent reads it through the name `outer`
        help: rename the variable, or the argument of this `with`, that is called `outer`

    an argument of the agent
    5:42 name_taken: `tasks` cannot be read here: an agent reads it through the name `outer`
        help: rename the variable, or the argument of this `with`, that is called `outer`

    nothing hidden
    ");
}
