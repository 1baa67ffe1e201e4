//! Turns of an agent over a provider's wire.

use agendum_ports::Adapter as _;
use serde_json::{Value as Json, json};

use super::chat::{call, end, model};
use super::http::server;
use super::{attempt, delta, line, sse};

fn tools() -> Json {
    let parameters = json!({ "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } });
    json!([{ "type": "function", "function": { "name": "weather", "parameters": parameters } }])
}

/// One turn that a provider answers so; its output, and the request.
async fn turn(given: Json, pieces: &[Json]) -> (Json, Json) {
    let (base, heard) = server(vec![sse(pieces, true)]).await;
    let finished = model(&base).start(attempt(&given).0).await.unwrap();
    let request = heard.lock().unwrap().concat();
    let body = request.split_once("\r\n\r\n").unwrap().1;
    (serde_json::from_slice(&finished.output.bytes).unwrap(), serde_json::from_str(body).unwrap())
}

/// What cannot be called comes with the reason, and the calls of a turn are told apart whatever their provider calls them.
#[tokio::test]
async fn a_wrong_call_is_no_failure() {
    let given = json!({ "prompt": "Hi", "tools": tools(), "agent-turn": {} });
    let again = |index: usize, name: &str, arguments: &str| json!({ "choices": [{ "delta": { "tool_calls": [{ "index": index, "id": "c0", "function": { "name": name, "arguments": arguments } }] } }] });
    let pieces = [
        delta("Let me see."),
        call(0, "weather", r#"{"city":"Rome"}"#),
        again(1, "weather", r#"{"city":7}"#),
        call(2, "weather", "{Rome"),
        call(3, "fly away", "{}"),
        end("tool_calls"),
    ];
    let (output, _) = turn(given, &pieces).await;
    let calls: Vec<String> = output["tool_calls"].as_array().unwrap().iter().map(Json::to_string).collect();
    insta::assert_snapshot!(calls.join("\n"), @r#"
    {"id":"c0","name":"weather","arguments":{"city":"Rome"}}
    {"id":"call_1_1","name":"weather","arguments":{"city":7},"error":"the arguments do not follow the tool's parameters at /city: 7 is not of type \"string\""}
    {"id":"c2","name":"weather","error":"the arguments are no JSON (key must be a string at line 1 column 2); they begin with \"{Rome\""}
    {"id":"c3","name":"fly_away","arguments":{},"error":"there is no tool \"fly away\"; there are: weather"}
    "#);
    insta::assert_snapshot!(output["said"][0].to_string(), @r#"{"role":"assistant","content":"Let me see.","tool_calls":[{"id":"c0","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}},{"id":"call_1_1","type":"function","function":{"name":"weather","arguments":"{\"city\":7}"}},{"id":"c2","type":"function","function":{"name":"weather","arguments":"{}"}},{"id":"c3","type":"function","function":{"name":"fly_away","arguments":"{}"}}]}"#);
    assert_eq!(
        (&output["text"], &output["calls"], output["said"].as_array().unwrap().len()),
        (&json!("Let me see."), &json!(4), 1)
    );
}

/// A conversation goes on behind its prompt: each call has a result, long errors are cut, and the last turn gives the value.
#[tokio::test]
async fn results_go_back() {
    let called =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let said = json!([{ "role": "assistant", "content": "", "tool_calls": [called("a"), called("b"), called("c"), called("d")] }]);
    let results = json!([
        { "id": "b", "output": null, "error": "no such city" },
        { "id": "a", "output": { "degrees": 21 }, "error": null },
        { "id": "c", "output": null, "error": "é".repeat(40) },
    ]);
    let given = json!({ "system": "Be brief.", "prompt": "Hi", "tools": tools(), "schema": { "enum": ["warm", "cold"] },
        "agent-turn": { "said": said, "results": results, "result_max": 21 } });
    let (output, request) = turn(given, &[delta(r#"{"value":"warm"}"#), end("stop")]).await;
    let messages: Vec<String> = request["messages"].as_array().unwrap().iter().map(Json::to_string).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    {"role":"system","content":"Be brief."}
    {"role":"user","content":"Hi"}
    {"role":"assistant","content":"","tool_calls":[{"id":"a","type":"function","function":{"name":"weather","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"weather","arguments":"{}"}},{"id":"c","type":"function","function":{"name":"weather","arguments":"{}"}},{"id":"d","type":"function","function":{"name":"weather","arguments":"{}"}}]}
    {"role":"tool","tool_call_id":"a","content":"{\"degrees\":21}"}
    {"role":"tool","tool_call_id":"b","content":"error: no such city"}
    {"role":"tool","tool_call_id":"c","content":"error: ééééééé\n[cut: the first 21 of 87 bytes]"}
    {"role":"tool","tool_call_id":"d","content":"error: nothing came o\n[cut: the first 21 of 25 bytes]"}
    "#);
    assert_eq!((&output["value"], &output["calls"], &output["tool_calls"]), (&json!("warm"), &json!(4), &json!([])));
    assert_eq!(output["said"].as_array().unwrap().len(), 6, "{output}");
}

/// Beyond a number of calls none is made in the same turn.
#[tokio::test]
async fn a_turn_has_so_many_calls() {
    let mut pieces: Vec<Json> = (0..40).map(|index| call(index, "weather", r#"{"city":"Rome"}"#)).collect();
    pieces.push(end("tool_calls"));
    let (output, _) = turn(json!({ "prompt": "Hi", "tools": tools(), "agent-turn": {} }), &pieces).await;
    let calls = output["tool_calls"].as_array().unwrap();
    let refused: Vec<&Json> = calls.iter().filter(|call| !call["error"].is_null()).collect();
    assert_eq!((calls.len(), refused.len()), (40, 8));
    insta::assert_snapshot!(refused[0]["error"].as_str().unwrap(), @"this call was not made: a turn has 32 calls at most, ask for it again");
}

/// Half an answer that should follow a schema is none.
#[tokio::test]
async fn a_last_turn_follows_the_schema() {
    let given = json!({ "prompt": "Hi", "tools": tools(), "schema": { "enum": ["warm"] }, "agent-turn": {} });
    let (base, _) = server(vec![sse(&[delta("hot"), end("stop")], true)]).await;
    insta::assert_snapshot!(line(model(&base).start(attempt(&given).0).await), @"invalid_output: the answer does not follow the schema: it is not JSON: expected value at line 1 column 1");
}

/// An id that is invented is nobody else's, of this turn or of one before.
#[tokio::test]
async fn an_invented_id_is_free() {
    let named = |index: usize, id: &str| json!({ "choices": [{ "delta": { "tool_calls": [{ "index": index, "id": id, "function": { "name": "weather", "arguments": "{}" } }] } }] });
    let earlier = json!([{ "role": "assistant", "content": "", "tool_calls": [{ "id": "call_2_5", "type": "function", "function": { "name": "weather", "arguments": "{}" } }] }]);
    let given = json!({ "prompt": "Hi", "tools": tools(), "agent-turn": { "said": earlier } });
    let ids = ["call_2_5", "call_2_2", "", "call_2_3", "call_2_2", "call_2_7"];
    let mut pieces: Vec<Json> = ids.iter().enumerate().map(|(index, id)| named(index, id)).collect();
    pieces.push(end("tool_calls"));
    let (output, _) = turn(given, &pieces).await;
    let calls = output["tool_calls"].as_array().unwrap();
    let ids: Vec<&str> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["call_2_0", "call_2_2", "call_2_4", "call_2_3", "call_2_6", "call_2_7"]);
}

/// What was cut where it was put together is not cut once more; the calls of a turn share what fits into one.
#[tokio::test]
async fn results_are_cut_once() {
    let called = json!({ "id": "a", "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let said = json!([{ "role": "assistant", "content": "", "tool_calls": [called] }]);
    let results = json!([{ "id": "a", "output": "xx\n[cut: the first 2 of 9 bytes]", "error": null }]);
    let given = json!({ "prompt": "Hi", "tools": tools(),
        "agent-turn": { "said": said, "results": results, "result_max": 2 } });
    let (_, request) = turn(given, &[delta("Sunny."), end("stop")]).await;
    assert_eq!(request["messages"][2]["content"], "xx\n[cut: the first 2 of 9 bytes]");
    for (count, share) in [(3, Json::Null), (4, json!(786_432)), (40, json!(98_304))] {
        let mut pieces: Vec<Json> = (0..count).map(|index| call(index, "weather", "{}")).collect();
        pieces.push(end("tool_calls"));
        let given = json!({ "prompt": "Hi", "tools": tools(), "agent-turn": { "result_max": 1 << 20 } });
        assert_eq!(turn(given, &pieces).await.0["tool_calls"][0]["result_max"], share, "{count}");
    }
}

/// A conversation that is too long is told as that, before a model is paid for it.
#[tokio::test]
async fn a_conversation_has_an_end() {
    let said = json!([{ "role": "assistant", "content": "x".repeat(5 << 20) }]);
    let given = json!({ "prompt": "Hi", "tools": tools(), "agent-turn": { "said": said } });
    let (base, heard) = server(vec![sse(&[end("stop")], true)]).await;
    insta::assert_snapshot!(line(model(&base).start(attempt(&given).0).await), @"permanent (no effect): the conversation of this agent has 5242913 bytes; it may have 4194304: let it have fewer turns (`max_turns`) or shorter results (`result_max`)");
    assert!(heard.lock().unwrap().is_empty());
}
