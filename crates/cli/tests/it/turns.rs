//! Groups of runs on the real binary: held behind others, over a crash of the server, and joined.

use crate::place::{Place, Server};

fn graph(concurrency: &str) -> String {
    let until = "until [ -e go ]; do sleep 0.05; done; echo $0";
    format!(
        "version: 1\nname: one\ninputs: {{ type: object, properties: {{ name: {{ type: string }} }} }}\n\
         concurrency: {{ key: k, {concurrency} }}\n\
         tasks:\n  t: {{ uses: exec, effect: none, with: {{ argv: [sh, -c, '{until}', '${{{{ inputs.name }}}}'] }} }}\n"
    )
}

#[test]
fn what_is_held_is_held_after_a_crash_and_goes_on_in_its_turn() {
    let place = Place::with_shell();
    place.write("one.yaml", &graph("limit: 1"));
    let mut server = Server::start(&place, &[]);
    let submit = |name: &str| {
        let accepted = place.json(&["run", "one.yaml", "--detach", "-i", &format!("name={name}")]);
        accepted["id"].as_str().unwrap().to_owned()
    };
    let ids = ["a", "b", "c"].map(submit);
    let is_held = || {
        let (_, out, _) = place.run(&["runs", "show", &ids[2]]);
        assert!(out.contains("it waits for its turn: 2 runs of its group are ahead"), "{out}");
        assert!(out.contains("waits: limit"), "{out}");
    };
    is_held();
    server.kill();
    let server = Server::start(&place, &[]);
    is_held();
    let (code, _, err) = place.run(&["runs", "cancel", &ids[1]]);
    assert_eq!(code, 0, "{err}");
    place.write("go", "");
    let (code, out, err) = place.run(&["runs", "watch", &ids[2]]);
    assert!(code == 0 && out.contains("c\\n"), "{code} {out} {err}");
    let status = |id: &String| place.json(&["runs", "show", id])["status"].as_str().unwrap().to_owned();
    assert_eq!(ids.iter().map(status).collect::<Vec<_>>(), ["succeeded", "cancelled", "succeeded"]);
    let why = place.json(&["why", &ids[2]]);
    assert_eq!(why["parts"][0]["cause"], "limit", "{why}");
    drop(server);
}

#[test]
fn a_run_that_joins_another_says_so() {
    let place = Place::with_shell();
    place.write("one.yaml", &graph("on_new: join"));
    let server = Server::start(&place, &[]);
    let (_, first, _) = place.run(&["run", "one.yaml", "--detach", "-i", "name=a"]);
    let (code, second, err) = place.run(&["run", "one.yaml", "--detach", "-i", "name=b"]);
    assert!(code == 0 && err.contains("goes on in the same group: this one joins it"), "{err}");
    assert_eq!(second, first);
    let told = place.json(&["run", "one.yaml", "--detach", "-i", "name=c"]);
    assert_eq!(told, serde_json::json!({ "id": first.trim(), "joined": true }));
    place.write("go", "");
    let (code, out, err) = place.run(&["runs", "watch", first.trim()]);
    assert!(code == 0 && out.contains("a\\n"), "{code} {out} {err}");
    drop(server);
}
