use std::time::Duration as Span;

use agendum_ports::Adapter as _;
use serde_json::{Value as Json, json};

use crate::offline::{self, Offline, Skill, Temper};
use crate::tests::{attempt, line};

const PROMPT: &str = "Answer from the passages.\n\
    <passage id=\"p1\" source=\"docs/a.md:1-4\">The journal is synced before an answer leaves. Cats are nice animals to have.</passage>\n\
    <passage id=\"p2\" source=\"docs/b.md:7-9\">After a crash the journal is applied, and open runs go on where it ends.</passage>\n\
    <question>What happens to open runs after a crash?</question>";

#[test]
fn the_offline_model_answers_with_sentences_it_was_given() {
    let reply = offline::reply(&json!({ "prompt": PROMPT })).unwrap();
    insta::assert_snapshot!(reply.text, @"After a crash the journal is applied, and open runs go on where it ends. [p2]");
    assert!(reply.output["note"].as_str().unwrap().contains("no neural network"));
    assert_eq!(reply.output["citations"], json!([{ "id": "p2", "source": "docs/b.md:7-9" }]));
    assert_eq!(offline::reply(&json!({ "prompt": PROMPT })).unwrap().text, reply.text, "it is deterministic");
    assert!(offline::reply(&json!({ "prompt": "" })).is_err());
}

#[test]
fn the_offline_model_follows_a_schema() {
    let ask =
        |prompt: &str, schema: Json| offline::reply(&json!({ "prompt": prompt, "schema": schema })).unwrap().output;
    let intents = json!({ "enum": ["how_to", "billing", "outage", "other"] });
    assert_eq!(ask("How do I install it?", intents.clone()), json!("how_to"));
    assert_eq!(ask("My invoice shows a wrong charge", intents.clone()), json!("billing"));
    assert_eq!(ask("Zebra", intents), json!("other"));
    let schema = json!({ "type": "object", "required": ["score", "notes"], "properties": {
        "score": { "type": "number", "minimum": 0, "maximum": 1 }, "ok": { "type": "boolean" }, "tags": { "type": "array", "items": { "type": "string" }, "minItems": 2 } } });
    let value = ask("<question>journal crash</question><text>The journal [p1]</text>", schema.clone());
    jsonschema::validate(&schema, &value).unwrap();
    assert_eq!(value["notes"], "says nothing about: crash");
    let mut deep = json!({ "type": "string" });
    for _ in 0..20 {
        deep = json!({ "type": "array", "items": deep });
    }
    assert!(offline::reply(&json!({ "prompt": "x", "schema": deep })).is_err());
}

/// Left the choice, it does as it is told, line after line, and says what came of it.
#[test]
fn the_offline_model_calls_what_a_prompt_spells_out() {
    let tool =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } });
    let asked = "Look: weather {\"city\": \"Rome\"} and time{\"of\": {\"city\": \"Rome\"}}, not bad_weather {} or {\"x\": 1}.\nweather {oops}\n\ntime {}";
    let turn = |since: &[Json]| {
        let messages = [&[json!({ "role": "user", "content": asked })], since].concat();
        let given = json!({ "messages": messages, "tools": [tool("weather"), tool("time")] });
        let reply = offline::reply(&given).unwrap();
        let calls =
            reply.calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect::<Vec<_>>().join(", ");
        format!("{}: {calls}{}", reply.finish_reason, reply.text)
    };
    let called = |name: &str, id: &str| {
        let call = json!({ "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } });
        json!({ "role": "assistant", "content": null, "tool_calls": [call] })
    };
    let result = |id: &str, text: &str| json!({ "role": "tool", "tool_call_id": id, "content": text });
    let mut since = Vec::new();
    let mut seen = vec![turn(&since)];
    since.extend([called("weather", "a"), result("a", "sunny")]);
    seen.push(turn(&since));
    since.extend([called("time", "b"), result("b", "noon\n")]);
    seen.push(turn(&since));
    insta::assert_snapshot!(seen.join("\n"), @r#"
    tool_calls: weather {"city":"Rome"}, time {"of":{"city":"Rome"}}
    tool_calls: time {}
    stop: weather: sunny
    time: noon
    "#);
}

#[test]
fn the_offline_model_calls_a_tool_when_it_must() {
    let search = json!({ "type": "function", "function": { "name": "search", "parameters": {
        "type": "object", "required": ["query"], "properties": { "query": { "type": "string" } } } } });
    let now = json!({ "type": "function", "function": { "name": "now" } });
    let ask = |choice: Json| {
        offline::reply(
            &json!({ "prompt": "<question>Is it up?</question>", "tools": [search, now], "tool_choice": choice }),
        )
        .map_or_else(|error| error, |reply| reply.output["tool_calls"].to_string())
    };
    insta::assert_snapshot!(ask(json!("required")), @r#"[{"id":"call_1","name":"search","arguments":{"query":"Is it up?"}}]"#);
    insta::assert_snapshot!(ask(json!({ "type": "function", "function": { "name": "now" } })), @r#"[{"id":"call_1","name":"now","arguments":{}}]"#);
    insta::assert_snapshot!(ask(json!({ "type": "function", "function": { "name": "fly" } })), @r#"`tool_choice` names the tool "fly", which is not in `tools`"#);
    insta::assert_snapshot!(ask(json!("auto")), @"null");
}

#[test]
fn a_schema_for_moderation_is_filled_by_moderation() {
    let schema = json!({ "type": "object", "properties": {
        "allowed": { "type": "boolean" }, "categories": { "type": "array", "items": { "type": "string" } } } });
    let ask = |prompt: &str| offline::reply(&json!({ "prompt": prompt, "schema": schema })).unwrap().text;
    insta::assert_snapshot!(ask("A kind but slow, bad answer."), @r#"{"allowed":true,"categories":[]}"#);
    insta::assert_snapshot!(ask("ghp_0123"), @r#"{"allowed":false,"categories":["credentials"]}"#);
}

#[test]
fn without_passages_it_says_so_and_never_its_prompt() {
    let draft = |question: &str| {
        format!("You answer customers, in the language with the code en.\n<question>{question}</question>")
    };
    let cases = [
        draft("What is the capital of France?"),
        draft("?!"),
        draft(""),
        draft("Wie überlebt es einen Absturz?"),
        draft("クラッシュしたらどうなりますか？"),
        "Be kind.\nTell me about the secret plan.".to_owned(),
        "Shorten this.\n<text>One is here. Two is here. Three is here. Four is here.</text>".to_owned(),
        "word ".repeat(20_000),
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|prompt| {
            let output = offline::reply(&json!({ "prompt": prompt })).unwrap().output;
            format!("{} {} {}", output["answered"], output["language"], output["text"])
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    false "en" "Nothing in the pages answers this."
    false "en" "Nothing in the pages answers this."
    false "en" "Nothing in the pages answers this."
    false "de" "Dazu steht nichts auf den Seiten."
    false "ja" "ページにはこの質問への答えがありません。"
    false "en" "Nothing in the pages answers this."
    true "en" "One is here.\nTwo is here.\nThree is here."
    false "en" "Nothing in the pages answers this."
    "#);
}

#[test]
fn an_answer_needs_passages_about_what_was_asked() {
    let ask = |question: &str| {
        let prompt = PROMPT.split("<question>").next().unwrap();
        let reply = offline::reply(&json!({ "prompt": format!("{prompt}<question>{question}</question>") })).unwrap();
        format!("{question} → {}", reply.text.replace('\n', " / "))
    };
    let questions = [
        "Are cats nice?",
        "Are dogs nice?",
        "What happens to open runs in Berlin after a crash?",
        "How many runs are open after a crash?",
        "Was passiert nach einem Absturz mit dem Journal?",
        "How do I cancel my order?",
    ];
    let said: Vec<String> = questions.iter().map(|question| ask(question)).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    Are cats nice? → Cats are nice animals to have. [p1]
    Are dogs nice? → Nothing in the pages answers this.
    What happens to open runs in Berlin after a crash? → Nothing in the pages answers this.
    How many runs are open after a crash? → Nothing in the pages answers this.
    Was passiert nach einem Absturz mit dem Journal? → Dazu steht auf den Seiten (nicht übersetzt): / After a crash the journal is applied, and open runs go on where it ends. [p2]
    How do I cancel my order? → Nothing in the pages answers this.
    ");
}

#[test]
fn only_prose_is_quoted_and_a_rewritten_answer_gets_what_it_misses() {
    let passage = "<passage id=\"p1\" source=\"a.md:1-9\">\n# Guide › Install the tool\n```\ninstall the tool now please\n```\n\
        install · the · tool · in a table\nThe tool is installed with one command. It needs a compiler.\nNo key is wanted.\n</passage>";
    let ask = |prompt: &str| offline::reply(&json!({ "prompt": format!("{passage}{prompt}") })).unwrap().text;
    insta::assert_snapshot!(ask("<question>How do I install the tool?</question>"), @"
    The tool is installed with one command. [p1]
    It needs a compiler. [p1]
    No key is wanted. [p1]
    ");
    let rewrite = "<question>How do I install the tool without a key?</question>\
        <text>The tool is installed with one command. [p1]</text>";
    insta::assert_snapshot!(ask(rewrite), @"
    The tool is installed with one command. [p1]
    No key is wanted. [p1]
    ");
}

#[test]
fn the_output_cap_is_kept() {
    let ask = |cap: u32| {
        let reply = offline::reply(&json!({ "prompt": PROMPT, "max_tokens": cap })).unwrap();
        assert_eq!(reply.output["finish_reason"], reply.finish_reason);
        format!("{} {} {:?}", reply.finish_reason, reply.tokens_out, reply.text)
    };
    insta::assert_snapshot!(ask(3), @r#"length 3 "After a crash""#);
    insta::assert_snapshot!(ask(1), @r#"length 1 "After""#);
    insta::assert_snapshot!(ask(100), @r#"stop 16 "After a crash the journal is applied, and open runs go on where it ends. [p2]""#);
    let schema = json!({ "type": "object", "required": ["notes"], "properties": { "notes": { "type": "string" } } });
    let reply = offline::reply(&json!({ "prompt": PROMPT, "max_tokens": 3, "schema": schema }));
    insta::assert_snapshot!(reply.unwrap_err(), @"the value that follows the schema is longer than the output cap of 3 tokens");
}

#[tokio::test]
async fn a_schema_is_followed_or_the_attempt_fails() {
    let cases = [
        (
            r##"{"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/$defs/q"}}, "$defs": {"q": {"type": "integer"}}}"##,
            "How many?",
        ),
        (r#"{"type": "string", "pattern": "^[0-9]{3}$"}"#, "how many"),
        (r#"{"type": "string", "pattern": "^[0-9]{3}$"}"#, "It says error 404, and stops."),
        (r#"{"anyOf": [{"type": "integer"}, {"type": "null"}]}"#, "pick"),
        (r#"{"oneOf": [{"type": "string", "maxLength": 2}, {"const": 7}]}"#, "pick"),
        (r#"{"type": ["null", "string"], "minLength": 1}"#, "pick"),
        (r#"{"allOf": [{"type": "integer", "minimum": 3}, {"multipleOf": 7}]}"#, "It took 14 days."),
        (r#"{"type": "integer", "minimum": 100, "maximum": 100}"#, "x"),
        (r#"{"type": "string", "format": "email"}"#, "Write to <ann@example.com>, please."),
        (r#"{"type": "string", "format": "email"}"#, "Write to Ann."),
        (
            r#"{"type": "array", "minItems": 2, "uniqueItems": true, "items": {"type": "string", "maxLength": 6}}"#,
            "apples and pears",
        ),
        (
            r#"{"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"b": {"type": "string"}}}"#,
            "x",
        ),
        (r##"{"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}}"##, "x"),
        (r##"{"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "null"}}}"##, "x"),
        (r#"{"enum": []}"#, "x"),
        (r#"{"type": "strng"}"#, "x"),
        (r#"{"$ref": "http://127.0.0.1:9/schema.json"}"#, "x"),
        (r#"false"#, "x"),
        (r#"true"#, "x"),
    ];
    let mut said = Vec::new();
    for (schema, prompt) in cases {
        let schema: Json = serde_json::from_str(schema).unwrap();
        let model = Offline::new(Skill::Chat, Temper::default());
        let ended = line(model.start(attempt(&json!({ "prompt": prompt, "schema": schema })).0).await);
        if let Ok(value) = serde_json::from_str::<Json>(&ended) {
            jsonschema::validate(&schema, &value).unwrap();
        }
        said.push(ended);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    {"n":0}
    invalid_output (no effect): nothing in the prompt is a string that the schema allows
    "404"
    6
    "pi"
    null
    14
    100
    "ann@example.com"
    invalid_output (no effect): nothing in the prompt is a string that the schema allows
    ["apples","pears"]
    invalid_output (no effect): nothing in the prompt fits the schema: Additional properties are not allowed ('a' was unexpected)
    permanent (no effect): the `schema` cannot be used: `$ref: #` leads back to itself, or through more than 32 others: write out how deep it may go
    permanent (no effect): the `schema` cannot be used: `$ref: #` leads back to itself, or through more than 32 others: write out how deep it may go
    invalid_output (no effect): an `enum` of the schema is empty
    permanent (no effect): the `schema` cannot be used: "strng" is not valid under any of the schemas listed in the 'anyOf' keyword
    permanent (no effect): the `schema` cannot be used: `$ref: http://127.0.0.1:9/schema.json` leads to no place of this schema: write #/$defs/NAME
    invalid_output (no effect): nothing in the prompt is a string that the schema allows
    "x"
    "#);
}

#[test]
fn short_texts_have_a_language() {
    let cases = [
        "How do I pause a run?",
        "Where do I find a log?",
        "What does it cost?",
        "Can runs die?",
        "ok",
        "",
        "?!",
        "server port",
        "red alert",
        "Wie pausiere ich einen Lauf?",
        "Kosten?",
        "Absturz",
        "annuler",
        "Comment annuler ma commande ?",
        "Où est le journal ?",
        "¿Cuánto cuesta?",
        "Hola",
        "no",
        "Quanto costa?",
        "Como posso cancelar um pedido?",
        "Hoe kan ik dit annuleren?",
        "Jak mogę to anulować?",
        "Сколько это стоит?",
        "いくらですか",
        "多少钱",
        "Agendumはクラッシュに耐えますか",
    ];
    let asked =
        json!({ "type": "object", "required": ["language"], "properties": { "language": { "type": "string" } } });
    let told = cases.iter().map(|text| {
        let given = json!({ "prompt": format!("<text>{text}</text> In which language is this?"), "schema": asked });
        format!("{text} {}", offline::reply(&given).unwrap().output["language"].as_str().unwrap())
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    How do I pause a run? en
    Where do I find a log? en
    What does it cost? en
    Can runs die? en
    ok en
     en
    ?! en
    server port en
    red alert en
    Wie pausiere ich einen Lauf? de
    Kosten? de
    Absturz de
    annuler fr
    Comment annuler ma commande ? fr
    Où est le journal ? fr
    ¿Cuánto cuesta? es
    Hola es
    no en
    Quanto costa? it
    Como posso cancelar um pedido? pt
    Hoe kan ik dit annuleren? nl
    Jak mogę to anulować? pl
    Сколько это стоит? ru
    いくらですか ja
    多少钱 zh
    Agendumはクラッシュに耐えますか ja
    ");
}

#[test]
fn moderation_knows_plain_words_in_four_languages() {
    let cases = [
        "A kind answer.",
        "you are fucking idiots, shit",
        "Ich bringe dich um",
        "Je vais te tuer",
        "Te voy a matar",
        "I will kill all of you",
        "I want to kill myself",
        "Ich will sterben",
        "je veux mourir",
        "quiero morir",
        "Du Arschloch!",
        "connard",
        "hijo de puta",
        "send nudes",
        "-----BEGIN PRIVATE KEY-----",
        "my key is ghp_0123",
        "Kill the process at any moment: it shuts the shitake store.",
        "The class assessment of Scunthorpe passed.",
        "Wie bringe ich die Daten um acht Uhr?",
        "How do I kill a run?",
        "Comment tuer un processus ?",
    ];
    let judged = cases.iter().map(|text| format!("{text} {}", offline::moderate(text)["categories"]));
    insta::assert_snapshot!(judged.collect::<Vec<_>>().join("\n"), @r#"
    A kind answer. []
    you are fucking idiots, shit ["harassment"]
    Ich bringe dich um ["violence"]
    Je vais te tuer ["violence"]
    Te voy a matar ["violence"]
    I will kill all of you ["violence"]
    I want to kill myself ["self_harm"]
    Ich will sterben ["self_harm"]
    je veux mourir ["self_harm"]
    quiero morir ["self_harm"]
    Du Arschloch! ["harassment"]
    connard ["harassment"]
    hijo de puta ["harassment"]
    send nudes ["sexual"]
    -----BEGIN PRIVATE KEY----- ["credentials"]
    my key is ghp_0123 ["credentials"]
    Kill the process at any moment: it shuts the shitake store. []
    The class assessment of Scunthorpe passed. []
    Wie bringe ich die Daten um acht Uhr? []
    How do I kill a run? []
    Comment tuer un processus ? []
    "#);
    assert!(offline::moderate("x")["note"].as_str().unwrap().contains("word lists"));
}

#[test]
fn only_what_is_wholly_known_counts_as_translated() {
    let cases = [
        "Wie überlebt Agendum einen Absturz?",
        "Wie storniere ich meine Bestellung?",
        "Wie storniere ich meinen Flugschein?",
        "Comment annuler ma commande ?",
        "Combien coûte une licence ?",
        "¿Dónde está mi pedido?",
        "¿Quién ganó el mundial?",
        "クラッシュしたタスクを再開するには？",
        "How does it work for all of you?",
    ];
    let told = cases.iter().map(|text| {
        let told = offline::translate(text, "en");
        format!("{} {} {:?} words: {}", told["from"], told["translated"], told["text"].as_str().unwrap(), told["words"])
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    "de" true "how survives Agendum a crash?" words: "survives agendum crash"
    "de" true "how cancel I my order?" words: "cancel order"
    "de" false "Wie storniere ich meinen Flugschein?" words: "cancel"
    "fr" true "how cancel my order ?" words: "cancel order"
    "fr" true "how cost a license ?" words: "cost price license"
    "es" true "¿where is my order?" words: "order"
    "es" false "¿Quién ganó el mundial?" words: ""
    "ja" false "クラッシュしたタスクを再開するには？" words: "crash task resume"
    "en" false "How does it work for all of you?" words: ""
    "#);
    let german = offline::translate("The pages say it.", "de");
    assert_eq!((&german["translated"], &german["text"]), (&json!(false), &json!("The pages say it.")));
}

#[tokio::test]
async fn the_offline_model_misbehaves_as_told() {
    let ask = async |temper: Temper| {
        let (attempt, _) = attempt(&json!({ "prompt": PROMPT }));
        line(Offline::new(Skill::Chat, temper).start(attempt).await)
    };
    insta::assert_snapshot!(ask(Temper { fail_every: 1, ..Temper::default() }).await, @"unavailable (no effect): told to fail");
    insta::assert_snapshot!(ask(Temper { rate_limit_every: 1, ..Temper::default() }).await, @"rate_limited (no effect): told to rate-limit");
    insta::assert_snapshot!(ask(Temper { cut_every: 1, ..Temper::default() }).await, @"unavailable (no effect): the stream ended without its finish marker");
    let ended = ask(Temper { cut_every: 2, ..Temper::default() }).await;
    assert!(ended.starts_with('{'), "the first of two calls is whole: {ended}");
    let slow = Offline::new(Skill::Chat, Temper { delay_ms: 60_000, ..Temper::default() });
    let late = slow.within(Span::from_millis(20)).start(attempt(&json!({ "prompt": PROMPT })).0).await;
    insta::assert_snapshot!(line(late), @"timeout (no effect): it did not end within 20ms (`timeout.whole` of the target)");
    let model = Offline::new(Skill::Moderate, Temper { fail_every: 3, rate_limit_every: 2, ..Temper::default() });
    let mut classes = Vec::new();
    for _ in 0..6 {
        let ended = model.start(attempt(&json!({ "text": "fine" })).0).await;
        classes.push(ended.map_or_else(|failed| failed.class.word(), |_| "ok"));
    }
    assert_eq!(classes, ["ok", "rate_limited", "unavailable", "rate_limited", "ok", "rate_limited"]);
}

#[tokio::test]
async fn what_would_keep_a_machine_busy_is_refused() {
    let ask =
        async |skill: Skill, input: Json| line(Offline::new(skill, Temper::default()).start(attempt(&input).0).await);
    let large = "word ".repeat(300_000);
    insta::assert_snapshot!(ask(Skill::Chat, json!({ "prompt": large })).await, @"permanent (no effect): the offline model reads 1048576 bytes at most, these are 1500000");
    insta::assert_snapshot!(ask(Skill::Moderate, json!({ "text": large })).await, @"permanent (no effect): the offline model reads 1048576 bytes at most, these are 1500000");
    insta::assert_snapshot!(ask(Skill::Translate, json!({ "text": large, "to": "en" })).await, @"permanent (no effect): the offline model reads 1048576 bytes at most, these are 1500000");
    let words = |count: usize| (0..count).map(|number| format!("word{number} ")).collect::<String>();
    let prompt = format!("<passage id=\"p1\">{}</passage><question>{}</question>", words(20_000), words(2_000));
    insta::assert_snapshot!(ask(Skill::Chat, json!({ "prompt": prompt })).await, @"permanent (no effect): the offline model cannot look for a question of 2000 words in passages of 20000: ask a shorter one");
    let many = json!({ "required": (0..100).map(|number| format!("p{number}")).collect::<Vec<_>>() });
    insta::assert_snapshot!(ask(Skill::Chat, json!({ "prompt": "x".repeat(100_000), "schema": many })).await, @"invalid_output (no effect): the value that follows the schema has more than 4194304 bytes of text");
    // Both are well as they stand; in a part of the schema that is taken by itself one leads to the other and back.
    let crossed = json!({ "properties": { "p": {}, "q": {}, "x": { "type": "object", "required": ["p"], "properties": {
        "p": { "$ref": "#/properties/q" }, "q": { "$ref": "#/properties/p" } } } } });
    insta::assert_snapshot!(ask(Skill::Chat, json!({ "prompt": "x", "schema": crossed })).await, @r#"{"p":"x","q":"x","x":{"p":"x","q":"x"}}"#);
}
