//! Several commands over one data directory, on the real binary: who hosts, whose configuration is in force, what a signal leaves.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::place::{Place, Server, said, signal};

impl Place {
    /// A graph with one task that runs a shell line.
    fn shell(&self, name: &str, line: &str, more: &str) {
        let task = format!("{{ uses: exec, effect: none, with: {{ argv: [sh, -c, {line:?}] }} }}");
        let graph = name.rsplit('/').next().unwrap();
        self.write(&format!("{name}.yaml"), &format!("version: 1\nname: {graph}\ntasks:\n  t: {task}\n{more}"));
    }

    /// Waits until a shell line has made this file, and its run is durable: what has no effect begins before.
    fn wait_for_run(&self, name: &str) {
        self.wait_for(name);
        while self.runs().is_empty() {}
    }

    /// Graph and status of all runs, newest first.
    fn runs(&self) -> Vec<(String, String)> {
        let runs = self.json(&["runs", "ls"]);
        let text = |run: &Json, field: &str| run[field].as_str().unwrap().to_owned();
        runs.as_array().unwrap().iter().map(|run| (text(run, "graph"), text(run, "status"))).collect()
    }
}

fn until(file: &Path) -> String {
    format!("while [ ! -e {} ]; do sleep 0.05; done", file.display())
}

#[test]
fn a_host_stays_while_runs_of_others_go_on() {
    let place = Place::with_shell();
    place.shell("short", &format!("touch short-began; {}", until(&place.path("go"))), "");
    place.shell("long", &format!("touch long-began; {}; echo whole", until(&place.path("end"))), "");
    let host = place.agendum(&["run", "short.yaml"]).spawn().unwrap();
    place.wait_for("short-began");
    let client = place.agendum(&["run", "long.yaml"]).spawn().unwrap();
    place.wait_for("long-began");
    std::fs::write(place.path("go"), "").unwrap();
    while place.runs().iter().any(|(graph, status)| graph == "short" && status == "running") {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Long enough for a host that goes to be gone.
    std::thread::sleep(Duration::from_millis(1_000));
    std::fs::write(place.path("end"), "").unwrap();
    let (code, out, err) = said(&client.wait_with_output().unwrap());
    assert!(code == 0 && out.contains("whole"), "{code} {out} {err}");
    let (code, _, err) = said(&host.wait_with_output().unwrap());
    assert!(code == 0 && err.contains("still hosting 1 run of another command"), "{code} {err}");
}

#[test]
fn what_is_submitted_twice_under_a_key_is_run_once() {
    let place = Place::with_shell();
    place.shell("order", "echo run >> count; cat count", "");
    let once = |graph: &str| place.run(&["run", graph, "--key", "order 17"]);
    let (code, out, err) = once("order.yaml");
    assert!(code == 0 && !err.contains("submitted before"), "{code} {err}");
    // Another process; nobody hosted the run in between.
    let (again, same, err) = once("order.yaml");
    assert!((again, same) == (code, out) && err.contains("was submitted before under this key"), "{again} {err}");
    assert_eq!(std::fs::read_to_string(place.path("count")).unwrap(), "run\n");
    place.shell("other", "echo other", "");
    let (code, _, err) = once("other.yaml");
    assert!(code == 2 && err.contains("differs in `document`") && err.contains("another key"), "{code} {err}");
    let (code, _, err) = place.run(&["run", "order.yaml", "--key", "a\nb"]);
    assert!(code == 2 && err.contains("visible ASCII"), "{code} {err}");
}

#[test]
fn an_open_run_waits_for_its_configuration() {
    let place = Place::with_shell();
    place.shell("open", &format!("touch began; {}", until(&place.path("end"))), "");
    place.write("other/agendum.toml", "");
    place.write("other/tiny.yaml", "version: 1\nname: tiny\ntasks:\n  m: { uses: moderate, with: { text: fine } }\n");
    let mut host = place.agendum(&["run", "open.yaml"]).spawn().unwrap();
    place.wait_for_run("began");
    host.kill().unwrap();
    host.wait().unwrap();
    let (_, out, err) = place.run(&["runs", "ls"]);
    assert!(out.contains("not hosted") && err.contains("agendum serve"), "{out} {err}");
    let (code, _, err) = place.run(&["run", "other/tiny.yaml"]);
    assert!(code == 0 && err.contains("took up 1 open run: ") && err.contains("left open: "), "{code} {err}");
    // As the index has it: nobody hosts it who would know more.
    assert_eq!(place.runs()[1], ("open".to_owned(), "queued".to_owned()));
    std::fs::write(place.path("end"), "").unwrap();
    let open = place.json(&["runs", "ls"])[1]["id"].as_str().unwrap().to_owned();
    let (code, _, err) = place.run(&["runs", "watch", &open]);
    assert!(code == 0 && err.contains("unavailable: the process ended while it was out, will retry"), "{err}");
}

#[test]
fn what_waits_while_nobody_hosts_the_run_says_for_what() {
    let place = Place::with_shell();
    let later = "  later: { delay: 1h, uses: moderate, with: { text: fine } }\n  last: { needs: [later], uses: moderate, with: { text: fine } }\n";
    place.shell("open", &format!("touch began; {}", until(&place.path("end"))), later);
    let host = place.agendum(&["run", "open.yaml"]).spawn().unwrap();
    place.wait_for_run("began");
    signal(&host, "-TERM");
    said(&host.wait_with_output().unwrap());
    let why = place.json(&["why", "last"]);
    let told = |task: &Json| {
        let causes: Vec<&str> =
            task["parts"].as_array().unwrap().iter().map(|part| part["cause"].as_str().unwrap()).collect();
        let word = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
        format!("{} {} [{}] {}", word("task"), word("status"), causes.join(" "), word("reason"))
    };
    let tasks: Vec<String> = why["tasks"].as_array().unwrap().iter().map(told).collect();
    // What it took to begin is the scheduler's, if it took any time.
    let tasks = tasks.join("; ").replace("[dependency ", "[").replace("[scheduler ", "[");
    insta::assert_snapshot!(tasks, @"t running [running downtime] ; later waiting [delay downtime] ; last waiting [dependency] waits for later");
    let shown = place.json(&["runs", "show", "last"]);
    let waits = |task: &Json| format!("{}: {}", task["task"], task["waiting_on"]);
    let waits: Vec<String> = shown["tasks"].as_array().unwrap().iter().map(waits).collect();
    insta::assert_snapshot!(waits.join("; "), @r#""t": null; "later": "downtime"; "last": "dependency""#);
}

#[test]
fn the_configuration_of_the_owner_is_in_force() {
    let place = Place::with_shell();
    place.shell("needs-exec", "echo", "");
    place.write("other/agendum.toml", "[indexes.pages]\npaths = [\".\"]\n");
    place.write("other/page.md", "# Page\n\nWords.\n");
    place.write("tiny.yaml", "version: 1\nname: tiny\ntasks:\n  m: { uses: moderate, with: { text: fine } }\n");
    place.write(
        "asks.yaml",
        "version: 1\nname: asks\ntasks:\n  r: { uses: retrieve, with: { index: pages, query: words } }\n",
    );
    place.write(
        "elsewhere/asks.yaml",
        &std::fs::read_to_string(place.path("asks.yaml")).unwrap().replace("pages", "none"),
    );
    let (code, out, _) = place.run(&["--config", "other/agendum.toml", "doctor"]);
    assert!(code == 0 && out.contains("pages (not made yet"), "{code} {out}");
    let server = Server::start(&place, &["--config", "other/agendum.toml"]);
    let mut narrower = place.agendum(&["--config", "other/agendum.toml", "run", "tiny.yaml"]);
    let (_, _, err) = said(&narrower.env("AGENDUM_LIMITS__NEEDS_MAX", "7").output().unwrap());
    assert!(
        err.contains("what this command makes of that file") && err.contains("different: limit needs_max"),
        "{err}"
    );
    let (code, _, err) = place.run(&["run", "needs-exec.yaml"]);
    assert!(code == 2 && err.contains("other/agendum.toml") && err.contains("no target can exec"), "{code} {err}");
    assert!(err.contains("--config") && err.contains("--data DIR"), "{err}");
    let (code, _, err) = place.run(&["run", "tiny.yaml"]);
    assert!(
        code == 0 && err.contains("which is in force") && err.contains("target tools, index pages"),
        "{code} {err}"
    );
    assert_eq!(place.run(&["run", "asks.yaml"]).0, 0);
    let explain = |graph: &str| {
        let (code, out, err) = place.run(&["--json", "explain", graph]);
        let forecast: Json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {out} {err}"));
        assert!(err.contains("which is in force") && err.contains("target tools, index pages"), "{err}");
        forecast["tasks"][0]["target"].clone()
    };
    assert_eq!((explain("needs-exec.yaml"), explain("asks.yaml").is_string()), (Json::Null, true));
    let (code, _, err) = place.run(&["run", "elsewhere/asks.yaml"]);
    assert!(code == 2 && err.contains("there is no index \"none\""), "{code} {err}");
    // An index that is made while the server runs is found.
    assert_eq!(place.run(&["index", "add", "none", "other/page.md"]).0, 0);
    let (code, _, err) = place.run(&["run", "elsewhere/asks.yaml"]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = place.run(&["config", "check"]);
    assert!(code == 0 && out.contains("in force ") && out.contains("different: target tools"), "{out}");
    let (_, out, _) = place.run(&["--config", "other/agendum.toml", "config", "check"]);
    assert!(out.contains("the same"), "{out}");
    server.stop();
}

#[test]
fn a_forecast_goes_by_what_the_environment_says_of_the_owner() {
    let place = Place::with_shell();
    let graph = "version: 1\nname: talk\ntasks:\n  c: { uses: chat, with: { prompt: hello } }\n";
    place.write("talk.yaml", graph);
    place.write("bare/none", "");
    let mut serve = place.agendum(&["serve", "--listen", "127.0.0.1:0"]);
    serve.current_dir(place.path("bare")).env("OPENAI_API_KEY", "x");
    let (_server, _) = Server::listening(serve);
    for (key, target, read) in [("x", "openai", true), ("", "offline/small", false)] {
        let (code, out, err) =
            said(&place.agendum(&["explain", "talk.yaml"]).env("OPENAI_API_KEY", key).output().unwrap());
        assert!(code == 0 && out.contains(target) && err.contains("which is in force"), "{code} {out} {err}");
        assert_eq!(!err.contains("cannot be read from here"), read, "{err}");
    }
}

#[test]
fn a_client_survives_a_restart_and_says_when_there_is_none() {
    let place = Place::with_shell();
    place.shell("long", &format!("touch began; {}", until(&place.path("end"))), "");
    let server = Server::start(&place, &[]);
    let client = place.agendum(&["run", "long.yaml"]).spawn().unwrap();
    place.wait_for("began");
    assert!(server.stop().contains("stopping"));
    let server = Server::start(&place, &[]);
    std::fs::write(place.path("end"), "").unwrap();
    let (code, _, err) = said(&client.wait_with_output().unwrap());
    assert!(code == 0 && err.contains("waiting for it to come back"), "{code} {err}");
    std::fs::remove_file(place.path("end")).unwrap();
    std::fs::remove_file(place.path("began")).unwrap();
    let client = place.agendum(&["run", "long.yaml"]).spawn().unwrap();
    place.wait_for("began");
    server.stop();
    let (code, _, err) = said(&client.wait_with_output().unwrap());
    assert!(
        code == 3 && err.contains("goes on when it is started again") && err.contains("runs watch"),
        "{code} {err}"
    );
    assert!(!err.contains("http://"), "{err}");
}

#[test]
fn a_run_that_is_told_to_go_leaves_its_run_open_and_no_child() {
    let place = Place::with_shell();
    place.shell("long", "echo $$ > pid; touch began; sleep 60", "");
    let host = place.agendum(&["run", "long.yaml"]).spawn().unwrap();
    place.wait_for("began");
    signal(&host, "-TERM");
    let (code, _, err) = said(&host.wait_with_output().unwrap());
    assert!(code == 130 && err.contains("is left open") && err.contains("next: agendum runs watch"), "{code} {err}");
    let pid = std::fs::read_to_string(place.path("pid")).unwrap();
    let alive = || Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status().unwrap().success();
    for _ in 0..100 {
        if !alive() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!alive(), "its program has ended");
    assert_eq!(place.runs(), [("long".to_owned(), "queued".to_owned())]);
}

/// The command that is said to be next, as a shell takes it.
fn next(place: &Place, said_so: &str) -> Command {
    let at = said_so.find("agendum --data").unwrap_or_else(|| panic!("{said_so}"));
    let line = said_so[at..].lines().next().unwrap();
    let mut command = Command::new("sh");
    let folder = Path::new(env!("CARGO_BIN_EXE_agendum")).parent().unwrap().display();
    command.args(["-c", line]).current_dir(place.folder()).env_remove("AGENDUM_DATA").env_remove("OPENAI_API_KEY");
    command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    command
}

#[test]
fn what_is_next_works_as_it_is_printed() {
    let place = Place::new(&[("page.md", "# Page\n\nWORDS.\n")]);
    place.write("its own/agendum.toml", "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n");
    place.shell("its own/open", "touch began; while [ ! -e end ]; do sleep 0.05; done; echo whole", "");
    place.shell("its own/broken", "exit 3", "");
    let agendum = |arguments: &[&str]| {
        let mut command = place.agendum(&[&["--data", "my data"], arguments].concat());
        command.env_remove("AGENDUM_DATA");
        command
    };
    let told = |arguments: &[&str]| said(&agendum(arguments).output().unwrap());
    let (_, _, none) = told(&["runs", "show", "last"]);
    assert!(none.contains("hint: start one: agendum --data 'my data' demo"), "{none}");
    let (_, _, indexed) = told(&["index", "add", "pages", "page.md"]);
    let (code, out, err) = said(&next(&place, &indexed).output().unwrap());
    assert!(code == 0 && out.contains("WORDS."), "{indexed} {out} {err}");
    let (_, _, failed) = told(&["run", "its own/broken.yaml"]);
    let (code, out, err) = said(&next(&place, &failed).output().unwrap());
    assert!(code == 0 && out.contains("t failed"), "{failed} {out} {err}");
    let host = agendum(&["run", "its own/open.yaml"]).spawn().unwrap();
    place.wait_for("its own/began");
    signal(&host, "-TERM");
    let (_, _, left) = said(&host.wait_with_output().unwrap());
    let (_, _, unknown) = told(&["why", "0"]);
    let (_, listed, err) = said(&next(&place, &unknown).output().unwrap());
    assert!(listed.contains("not hosted") && err.contains(" serve goes on with it"), "{unknown} {listed} {err}");
    place.write("its own/end", "");
    let (code, out, err) = said(&next(&place, &left).output().unwrap());
    assert!(code == 0 && out.contains("whole"), "{left} {out} {err}");
}

#[test]
fn what_follows_the_answer_is_shown() {
    let place = Place::with_shell();
    let finally = "finally:\n  tidy: { uses: exec, effect: none, with: { argv: [sh, -c, \"sleep 0.3\"] } }\n";
    place.shell("tidied", "exit 3", finally);
    let (code, _, err) = place.run(&["run", "tidied.yaml"]);
    let (_, after) = err.split_once("after the answer").unwrap_or_else(|| panic!("{err}"));
    assert!(code == 1 && after.contains("✓ tidy"), "{code} {err}");
    place.shell("plain", "exit 3", "");
    let (code, _, err) = place.run(&["run", "plain.yaml"]);
    assert!(code == 1 && !err.contains("after the answer") && !err.contains("still"), "{code} {err}");
}

#[test]
fn the_demo_can_be_explained_and_a_key_brings_a_model() {
    let place = Place::with_shell();
    let (code, out, err) = place.run(&["runs", "ls"]);
    assert!(code == 0 && out.is_empty() && err.contains("agendum demo"), "{code} {out} {err}");
    let (code, out, err) = place.run(&["demo", "--beat", "answer"]);
    assert!(code == 0 && err.contains("next: agendum why "), "{code} {err}");
    assert!(out.starts_with("What happens to a task without effect") && out.lines().count() <= 8, "{out}");
    let cited = out.split("  [p1] ").nth(1).unwrap_or_else(|| panic!("{out}")).split(':').next().unwrap();
    assert!(place.path(cited).is_file(), "{cited}");
    assert_eq!(place.run(&["why", "last"]).0, 0);
    let (_provider, base) = Server::provider(&place, &[]);
    place.write("chat.yaml", "version: 1\nname: chat\nbudget: { usd: 0.05 }\ntasks:\n  c: { uses: chat, with: { prompt: \"<text>a</text>\" } }\n");
    let mut command = place.agendum(&["--json", "run", "chat.yaml"]);
    command.env("OPENAI_API_KEY", "sk-test").env("OPENAI_BASE_URL", base);
    let (code, out, err) = said(&command.output().unwrap());
    let last: Json = serde_json::from_str(out.lines().last().unwrap_or_else(|| panic!("{err}"))).unwrap();
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(last["why"]["tasks"][0]["attempts"][0]["target"], "openai");
    assert!(last["run"]["spent_usd"].as_f64().unwrap() > 0.0, "{out}");
}

#[test]
fn what_is_typed_wrong_is_answered_well() {
    let place = Place::with_shell();
    place.write(
        "greet.yaml",
        "version: 1\nname: greet\ninputs: { type: object, required: [name, more], properties: { name: { type: string, maxLength: 4000 }, more: { type: integer } } }\ntasks:\n  m: { uses: moderate, with: { text: \"${{ inputs.name }}\" } }\noutput: \"${{ inputs.name }}\"\n",
    );
    let (code, out, err) = place.run(&["run", "greet.yaml", "-i", "name=42", "-i", "more=1"]);
    assert!(code == 0 && out == "42\n", "{code} {out} {err}");
    let (code, _, err) = place.run(&["run", "greet.yaml", "-i", "name=a b"]);
    assert!(code == 2 && err.contains("hint: agendum run greet.yaml -i 'name=a b' --input more=…"), "{err}");
    let (code, _, err) =
        place.run(&["run", "greet.yaml", "-i", &format!("name={}", "x".repeat(4_001)), "-i", "more=1"]);
    assert!(code == 2 && err.len() < 600 && err.contains("longer than 4000"), "{err}");
    for budget in ["-1", "nan", "inf", "x"] {
        let (code, _, err) = place.run(&["run", "greet.yaml", "--budget", budget]);
        assert!(code == 2 && err.contains("a budget is a number of US dollars"), "{budget}: {err}");
    }
    let (code, _, err) = place.run(&["index", "add", "x", "/nowhere"]);
    assert!(code == 2 && !place.path("data/indexes").exists(), "{code} {err}");
    place.write("Cargo.lock", "");
    place.write("a.md", "# A\n\nWords.\n");
    let (code, _, err) = place.run(&["index", "add", "x", "a.md", "Cargo.lock"]);
    assert!(
        code == 2 && err.contains("Cargo.lock is of no format") && !place.path("data/indexes").exists(),
        "{code} {err}"
    );
    place.write("victim.db", "");
    let (code, _, err) = place.run(&["index", "rm", "../../victim"]);
    assert!(code == 2 && err.contains("is no index name") && place.path("victim.db").exists(), "{code} {err}");
}

#[test]
fn a_slip_of_the_pen_is_told_at_once() {
    let place = Place::with_shell();
    place.shell("open", &format!("touch began; {}", until(&place.path("end"))), "");
    let mut host = place.agendum(&["run", "open.yaml"]).spawn().unwrap();
    place.wait_for_run("began");
    host.kill().unwrap();
    host.wait().unwrap();
    // What means no run is found by reading: nobody takes up what is open.
    for words in [
        &["runs", "cancel", "nonsense"][..],
        &["signal", "nonsense", "x"],
        &["runs", "watch", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    ] {
        let (code, _, err) = place.run(words);
        assert!(code == 2 && err.contains("no run ") && !err.contains("took up"), "{code} {err}");
    }
    // What an owner refuses is told before the run goes on in it, to its end: what is out would be lost.
    let mut refused = place.agendum(&["--json", "approve", "last"]).spawn().unwrap();
    let mut lines = BufReader::new(refused.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line.starts_with("{\"error\":") && line.contains("\"code\":2,")));
    assert!(lines.by_ref().any(|line| line.contains("still hosting 1 run of another command")));
    std::fs::write(place.path("end"), "").unwrap();
    assert_eq!((lines.count(), refused.wait().unwrap().code()), (0, Some(2)));
    assert_eq!(place.runs(), [("open".to_owned(), "succeeded".to_owned())]);
}

#[test]
fn a_demo_costs_nothing_with_whatever_owner() {
    let place = Place::new(&[]);
    let paid = "[targets.paid]\nkind = \"chat\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\nclasses = [\"small\", \"large\"]\n";
    place.write("agendum.toml", paid);
    let server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["demo"]);
    assert!(
        code == 2 && err.contains("whose target paid may cost money") && err.contains("--data DIR"),
        "{code} {err}"
    );
    server.stop();
    std::fs::remove_file(place.path("agendum.toml")).unwrap();
    let server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["demo", "--beat", "answer"]);
    assert_eq!(code, 0, "{err}");
    server.stop();
}

#[test]
fn what_is_done_is_deleted_and_pruned() {
    let place = Place::with_shell();
    place.shell("old", "echo old", "");
    for _ in 0..3 {
        assert_eq!(place.run(&["run", "old.yaml"]).0, 0);
    }
    let key = ["run", "old.yaml", "--key", "order 17"];
    assert_eq!(place.run(&key).0, 0);
    let (code, _, err) = place.run(&["runs", "delete", "last"]);
    assert!(code == 2 && err.contains("kept for a day"), "{code} {err}");
    let oldest = place.json(&["runs", "ls"])[3]["id"].as_str().unwrap().to_owned();
    let (code, _, err) = place.run(&["runs", "delete", &oldest]);
    assert!(code == 0 && err.contains(&format!("deleted: {oldest}")), "{code} {err}");
    let (code, _, err) = place.run(&["runs", "prune", "--older-than", "a while"]);
    assert!(code == 2 && err.contains("write it as 30d, or 12h"), "{code} {err}");
    assert_eq!(place.json(&["runs", "prune", "--older-than", "1h"])["deleted"], 0);
    let dry = place.json(&["runs", "prune", "--older-than", "0s", "--dry-run"]);
    assert_eq!((&dry["deleted"], &dry["kept"], place.runs().len()), (&2.into(), &1.into(), 3), "{dry}");
    let (_, out, err) = place.run(&["runs", "prune", "--older-than", "0s", "-n"]);
    assert!(
        out.lines().count() == 2 && err.contains("2 would be deleted; 1 would be kept a while longer"),
        "{out} {err}"
    );
    let pruned = place.json(&["runs", "prune", "--older-than", "0s"]);
    assert_eq!((&pruned["deleted"], &pruned["kept"], place.runs().len()), (&2.into(), &1.into(), 1), "{pruned}");
    let (code, _, err) = place.run(&key);
    assert!(code == 0 && err.contains("was submitted before under this key"), "{code} {err}");
    // One that is kept does not keep the others.
    assert_eq!(place.run(&["run", "old.yaml"]).0, 0);
    let runs = place.json(&["runs", "ls"]);
    let ids = [1, 0].map(|place| runs[place]["id"].as_str().unwrap().to_owned());
    let (code, _, err) = place.run(&["runs", "delete", &ids[0], &ids[1]]);
    assert!(code == 1 && err.contains("kept for a day") && err.contains("1 of 2 runs are not deleted"), "{code} {err}");
    assert!(err.contains(&format!("deleted: {}", ids[1])) && place.runs().len() == 1, "{err}");
}

#[test]
fn a_run_is_exported_with_all_that_happened() {
    let place = Place::with_shell();
    place.shell("told", "echo out", "output: '${{ tasks.t.output.stdout }}'\n");
    assert_eq!(place.run(&["run", "told.yaml"]).0, 0);
    let lines = place.lines(&["export", "last"]);
    let word = |line: &Json| {
        let event = line["event"]["type"].as_str().unwrap_or_default();
        format!("{} {event}", line["type"].as_str().unwrap()).trim().to_owned()
    };
    let words: Vec<String> = lines.iter().map(word).collect();
    insta::assert_snapshot!(words.join(", "), @"run, document, event run.submitted, inputs, event task.started, event task.succeeded, output, event run.answered, result, event run.done, end");
    let find = |kind: &str| lines.iter().find(|line| line["type"] == kind).unwrap();
    assert_eq!(find("run")["run"]["status"], "succeeded");
    assert_eq!(find("document")["document"]["name"], "told");
    assert_eq!((&find("inputs")["inputs"], &find("result")["output"]), (&serde_json::json!({}), &"out\n".into()));
    assert_eq!((&find("output")["task"], &find("output")["output"]["stdout"]), (&"t".into(), &"out\n".into()));
    assert_eq!(place.run(&["export", "last", "-o", "told.jsonl"]).0, 0);
    assert_eq!(std::fs::read_to_string(place.path("told.jsonl")).unwrap().lines().count(), lines.len());
}
