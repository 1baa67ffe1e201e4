//! The real binary, as people use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

fn agendum(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).arg("--data").arg(data);
    command.env_remove("AGENDUM_DATA").env_remove("AGENDUM_CONFIG").env_remove("OPENAI_API_KEY").env("NO_COLOR", "1");
    command
}

fn text(output: &Output) -> (String, String) {
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (read(&output.stdout), read(&output.stderr))
}

/// Writes a graph of shell lines: name, line, and more of the task.
fn graph(folder: &Path, tasks: &[(&str, &str, &str)]) -> String {
    let mut text = "version: 1\nname: shell\ntasks:\n".to_owned();
    for (name, line, more) in tasks {
        text.push_str(&format!("  {name}: {{ uses: exec, with: {{ argv: [sh, -c, {line:?}] }}, {more} }}\n"));
    }
    std::fs::write(folder.join("agendum.toml"), "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n").unwrap();
    let path = folder.join("graph.yaml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_question_is_answered_from_the_pages_of_the_project() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let question = "question=How does Agendum survive a crash?";
    let output =
        agendum(&data).args(["run", "examples/support-answer/graph.yaml", "--input", question]).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    assert!(out.contains("journal") && out.contains("docs/durability.md"), "{out}");
    assert!(err.contains("moderation") && err.contains("succeeded in"), "{err}");
    let output = agendum(&data).args(["--json", "why", "last"]).output().unwrap();
    let why: Json = serde_json::from_slice(&output.stdout).unwrap();
    let sum: f64 = why["parts"].as_array().unwrap().iter().map(|part| part["ms"].as_f64().unwrap()).sum();
    assert!((sum - why["wall_ms"].as_f64().unwrap()).abs() < 0.01, "{why}");
    let output = agendum(&data).args(["--json", "runs", "ls"]).output().unwrap();
    let runs: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((runs[0]["status"].as_str(), runs.as_array().unwrap().len()), (Some("succeeded"), 1));
}

#[test]
fn another_language_is_searched_in_english() {
    let folder = tempfile::tempdir().unwrap();
    let question = "question=Wie überlebt Agendum einen Absturz?";
    let mut command = agendum(&folder.path().join("data"));
    let output =
        command.args(["--json", "run", "examples/support-answer/graph.yaml", "--input", question]).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let result: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(result["run"]["output"]["note"].as_str().map(|note| note.contains("no neural network")), Some(true));
    assert!(out.lines().any(|line| line.contains("\"task.started\"") && line.contains("\"english\"")), "{out}");
}

#[test]
fn exit_codes_say_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let code = |tasks: &[(&str, &str, &str)], arguments: &[&str]| {
        let path = graph(folder.path(), tasks);
        let output = agendum(&data).arg("run").arg(path).args(arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output).1)
    };
    assert_eq!(code(&[("fine", "exit 0", "effect: none")], &[]).0, 0);
    let (failed, err) = code(&[("broken", "echo oh >&2; exit 3", "effect: none")], &[]);
    assert_eq!(failed, 1, "{err}");
    assert!(
        err.contains("broken: permanent") && err.contains("hint: agendum --data ") && err.contains(" why 0"),
        "{err}"
    );
    assert_eq!(code(&[("slow", "sleep 30", "effect: none")], &["--deadline", "200ms"]).0, 4);
    let (usage, err) = code(&[("fine", "exit 0", "efect: none")], &[]);
    assert_eq!(usage, 2, "{err}");
    assert!(err.contains("did you mean `effect`?") && err.contains("graph.yaml:4"), "{err}");
    let output = agendum(&data).args(["why", "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_plan_with_a_cycle_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, r#"{"nodes":["a","b"],"links":[["a","b"],["b","a"]]}"#).unwrap();
    let output = agendum(folder.path()).arg("check").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).1.contains("the plan is a cycle: a → b → a"), "{}", text(&output).1);
}

#[test]
fn a_cycle_is_fixed_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.yaml");
    let cyclic = "version: 1\nname: cyclic\ntasks:\n  # writes\n  a: { uses: chat, needs: [b], with: { prompt: hi } }\n  b: { uses: chat, needs: [a], with: { prompt: hi } }\n";
    std::fs::write(&path, cyclic).unwrap();
    let check = |arguments: &[&str]| {
        let output = agendum(folder.path()).arg("check").args(arguments).arg(&path).output().unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    let (code, (_, err)) = check(&[]);
    assert!(code == 2 && err.contains("a → b → a") && err.contains("check --fix"), "{err}");
    let (code, (out, err)) = check(&["--fix", "-n"]);
    assert!(code == 0 && out.contains("+  a_loop:") && err.contains("nothing is written"), "{out}{err}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), cyclic);
    let (code, (out, err)) = check(&["--fix"]);
    assert!(code == 0 && out.contains("+      # writes") && err.contains("fill in its `until`"), "{out}{err}");
    assert_eq!(check(&[]).0, 0, "what was written is right");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    let mut command = agendum(folder.path());
    command.args(["check", "--fix", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(cyclic.as_bytes()).unwrap();
    let (out, err) = text(&child.wait_with_output().unwrap());
    assert_eq!(out, std::fs::read_to_string(&path).unwrap(), "{err}");
    assert!(err.contains("+  a_loop:"), "{err}");
}

/// A server that is killed if a test forgets it.
struct Server(Child);

impl Server {
    fn start(data: &Path, config: &Path) -> Self {
        let mut command = agendum(data);
        command.arg("--config").arg(config).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
        assert!(said.contains("agendum listens on http://127.0.0.1:"), "{said}");
        Self(child)
    }

    /// SIGKILL, as the kernel does when memory runs out.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[test]
fn a_killed_server_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, marks) = (folder.path().join("data"), folder.path().join("marks"));
    std::fs::create_dir(&marks).unwrap();
    let once = format!("echo x >> {}/once; sleep 60", marks.display());
    let wait = format!("echo x >> {0}/free; while [ ! -e {0}/go ]; do sleep 0.05; done", marks.display());
    let before = format!("echo x >> {}/before", marks.display());
    // Its start is durable before it leaves, and so is what came before it in the journal: the end of `before`.
    let caught =
        "needs: [before], effect: once, on_uncertain: fail, catch: [{ on: [uncertain], output: nobody knows }]";
    let path = graph(
        folder.path(),
        &[
            ("before", &before, "effect: none"),
            ("free", &wait, "needs: [before], effect: none"),
            ("once", &once, caught),
        ],
    );
    let config = folder.path().join("agendum.toml");
    let mut server = Server::start(&data, &config);
    let output = agendum(&data).args(["--json", "run", &path, "--detach"]).output().unwrap();
    let id = serde_json::from_slice::<Json>(&output.stdout).unwrap()["id"].as_str().unwrap().to_owned();
    let count = |name: &str| std::fs::read_to_string(marks.join(name)).unwrap_or_default().lines().count();
    while count("free") == 0 || count("once") == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    server.kill();
    std::fs::write(marks.join("go"), "").unwrap();
    let _second = Server::start(&data, &config);
    let output = agendum(&data).args(["--json", "runs", "watch", &id]).output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let detail: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(detail["output"]["once"], "nobody knows", "{detail}");
    assert_eq!((count("before"), count("free"), count("once")), (1, 2, 1), "done, lost and run again, never again");
}

/// Whether a process is there and lives.
fn lives(id: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_killed_server_leaves_no_program_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (data, ids) = (folder.path().join("data"), folder.path().join("ids"));
    std::fs::create_dir(&ids).unwrap();
    let said = |name: &str| std::fs::read_to_string(ids.join(name)).unwrap_or_default();
    let line = |name: &str, start: &str| format!("{start} sh -c 'echo $$ > {0}/{name}; exec sleep 600'", ids.display());
    let programs = format!("{} & {} & wait", line("child", ""), line("apart", "setsid"));
    let path = graph(folder.path(), &[("long", &programs, "effect: none")]);
    let mut server = Server::start(&data, &folder.path().join("agendum.toml"));
    let output = agendum(&data).args(["run", &path, "--detach"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output).1);
    while !said("child").ends_with('\n') || !said("apart").ends_with('\n') {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(lives(&said("child")) && lives(&said("apart")));
    server.kill();
    while lives(&said("child")) || lives(&said("apart")) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn copy_example(name: &str, files: &[&str], to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    for file in files {
        std::fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[test]
fn a_missing_program_is_named_with_the_way_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, example) = (folder.path().join("data"), folder.path().join("media"));
    copy_example("media", &["graph.yaml", "agendum.toml", "scenes/harbor.pov.j2"], &example);
    let output = agendum(&data).env("PATH", &data).arg("run").arg(example.join("graph.yaml")).output().unwrap();
    let (_, err) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("permanent: \"tee\" is not installed") && err.contains("hint: agendum doctor media"), "{err}");
    let output = agendum(&data).env("PATH", &data).args(["doctor", "media"]).output().unwrap();
    let (out, err) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(out.contains("– flite") && out.contains("\napt-get install flite sox pocketsphinx "), "{out}");
}

#[test]
fn a_commit_is_reviewed_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("examples/code-review");
    copy_example("code-review", &["graph.yaml", "agendum.toml", "prompts/summary.md"], &example);
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(arguments);
        assert!(command.current_dir(folder.path()).output().unwrap().status.success(), "git {arguments:?}");
    };
    let source = folder.path().join("a.rs");
    let mark = concat!("// TO", "DO: more");
    git(&["init", "--quiet"]);
    std::fs::write(folder.path().join(".gitignore"), "examples\ndata\n").unwrap();
    std::fs::write(&source, format!("fn a() {{}} \n{mark}\n")).unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "a: begins"]);
    std::fs::write(&source, "what is not committed yet\n").unwrap();
    let mut command = agendum(&folder.path().join("data"));
    command.args(["--json", "run"]).arg(example.join("graph.yaml"));
    command.args(["-i", r#"lint=["git", "grep", "--no-index", "-c", "fn a", "--", "a.rs"]"#]);
    command.args(["-i", r#"tests=["git", "no-such-command"]"#]);
    let output = command.output().unwrap();
    let (out, err) = text(&output);
    assert!(output.status.success(), "{err}");
    let result: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let said = &result["run"]["output"];
    assert_eq!(said["lint"], "clean", "it looks at the commit's files: {said}");
    assert!(said["tests"].as_str().unwrap().contains("no-such-command"), "{said}");
    assert!(said["whitespace"].as_str().unwrap().contains("a.rs:1: trailing whitespace"), "{said}");
    assert_eq!(said["marks"][0], format!("HEAD:a.rs:2:{mark}"), "{said}");
    assert!(said["summary"].as_str().unwrap().contains("which failed with code 1"), "{said}");
    assert_eq!(std::fs::read_to_string(&source).unwrap(), "what is not committed yet\n");
}
