use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration as Span;

use agendum_ports::Adapter as _;
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use super::{attempt, exec, line};
use crate::Exec;
use crate::exec::guard;

async fn run(exec: &Exec, input: Json) -> String {
    line(exec.start(attempt(&input).0).await)
}

/// Waits for the file that a process writes its number to.
async fn number(file: &Path) -> Pid {
    loop {
        if let Ok(id) = std::fs::read_to_string(file).unwrap_or_default().trim().parse() {
            return Pid::from_raw(id);
        }
        tokio::time::sleep(Span::from_millis(5)).await;
    }
}

/// Waits for the end of a process; one that nobody buries has ended as well.
async fn gone(id: Pid) {
    loop {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Span::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_graph_sets_only_variables_that_the_target_allows() {
    let sh = Exec { env_allow: vec!["MODE".to_owned()], ..exec(&["sh"]) };
    let set = async |name: &str| {
        let script = json!(["sh", "-c", format!("echo ${name}")]);
        run(&sh, json!({ "argv": script, "env": { "MODE": "fast", name: "mine" } })).await
    };
    insta::assert_snapshot!(set("MODE").await, @r#"{"code":0,"stdout":"mine\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(set("LD_PRELOAD").await, @r#"permission_denied (no effect): graphs may not set the variable "LD_PRELOAD" (they may: MODE); see `env_allow` of the target in agendum.toml"#);
    insta::assert_snapshot!(set("PATH").await, @r#"permission_denied (no effect): graphs may not set the variable "PATH" (they may: MODE); see `env_allow` of the target in agendum.toml"#);
    for name in ["BASH_ENV", "ENV", "IFS", "GIT_SSH_COMMAND", "mode", "MODE=x", "MODE ", ""] {
        let said = set(name).await;
        assert!(said.starts_with("permission_denied (no effect): graphs may not set"), "{said}");
    }
    let said = run(&exec(&["sh"]), json!({ "argv": ["sh"], "env": { "A": "b" } })).await;
    insta::assert_snapshot!(said, @r#"permission_denied (no effect): graphs may not set the variable "A" (they may: none); see `env_allow` of the target in agendum.toml"#);
}

#[tokio::test]
async fn the_path_of_a_graph_finds_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let evil = folder.path().join("echo");
    std::fs::write(&evil, "#!/bin/sh\nprintf evil\n").unwrap();
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut echo = exec(&["echo", "./echo"]);
    (echo.env_allow, echo.folder) = (vec!["PATH".to_owned()], folder.path().to_owned());
    let said = run(&echo, json!({ "argv": ["echo", "good"], "env": { "PATH": folder.path() } })).await;
    insta::assert_snapshot!(said, @r#"{"code":0,"stdout":"good\n","stderr":"","truncated":false}"#);
    insta::assert_snapshot!(run(&echo, json!({ "argv": ["./echo"] })).await, @r#"{"code":0,"stdout":"evil","stderr":"","truncated":false}"#);
    echo.per_run = true;
    insta::assert_snapshot!(run(&echo, json!({ "argv": ["./echo"] })).await, @r#"{"code":0,"stdout":"evil","stderr":"","truncated":false}"#);
}

#[tokio::test]
async fn a_failure_says_no_more_than_it_knows() {
    let sh = exec(&["sh"]);
    insta::assert_snapshot!(run(&sh, json!({ "argv": ["sh", "-c", "echo out; exit 1"] })).await, @r#"permanent: "sh" ended with code 1, and nothing on stderr"#);
    insta::assert_snapshot!(run(&sh, json!({ "argv": ["sh", "-c", "echo; kill -9 $$"] })).await, @r#"unavailable: "sh" was killed: signal: 9 (SIGKILL)"#);
    let hasty = Exec { whole: Span::from_millis(50), ..sh };
    insta::assert_snapshot!(run(&hasty, json!({ "argv": ["sh", "-c", "sleep 600"] })).await, @"timeout: it did not end within 50ms (`timeout.whole` of the target)");
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("id");
    let script = format!("sleep 600 & echo $! > {}; echo hi", file.display());
    let said = run(&exec(&["sh"]), json!({ "argv": ["sh", "-c", script], "stdin": "never read" })).await;
    insta::assert_snapshot!(said, @r#"{"code":0,"stdout":"hi\n","stderr":"","truncated":false}"#);
    gone(number(&file).await).await;
}

/// A script that starts a program in a session of its own, and the file with that one's number.
fn runaway(folder: &Path) -> (String, PathBuf) {
    let file = folder.join("id");
    let inner = format!("echo $$ > {}; exec sleep 600", file.display());
    (format!("setsid sh -c '{inner}' & wait; sleep 600"), file)
}

#[tokio::test]
async fn a_stopped_program_takes_along_what_left_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let (script, file) = runaway(folder.path());
    let (attempt, cancel) = attempt(&json!({ "argv": ["sh", "-c", script] }));
    let running = tokio::spawn(exec(&["sh"]).start(attempt));
    let id = number(&file).await;
    cancel.cancel();
    insta::assert_snapshot!(line(running.await.unwrap()), @"cancelled: told to stop");
    gone(id).await;
}

#[tokio::test]
async fn what_goes_on_in_ever_new_processes_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let hops = folder.path().join("hops");
    // It ends by itself one day, should it ever get away.
    let script = r#"use POSIX; for (1..20000) { fork and exit; POSIX::setsid(); open F, ">>", $ARGV[0]; print F "."; close F; select undef, undef, undef, 0.0005 }"#;
    let start = format!("perl -e '{script}' {} || exit; sleep 600", hops.display());
    let (attempt, cancel) = attempt(&json!({ "argv": ["sh", "-c", start] }));
    let running = tokio::spawn(exec(&["sh"]).start(attempt));
    let count = || std::fs::read(&hops).map_or(0, |hops| hops.len());
    while count() < 100 {
        assert!(!running.is_finished(), "perl did not start");
        tokio::time::sleep(Span::from_millis(1)).await;
    }
    cancel.cancel();
    insta::assert_snapshot!(line(running.await.unwrap()), @"cancelled: told to stop");
    let then = count();
    tokio::time::sleep(Span::from_millis(300)).await;
    assert_eq!(count(), then, "it goes on");
}

#[tokio::test]
async fn a_guard_ends_what_still_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (script, file) = runaway(folder.path());
    let start = |script: &str, mark: &str| {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("AGENDUM_EXEC_ID", mark).process_group(0).stdin(Stdio::null()).spawn().unwrap()
    };
    let (mut left, mut ended) = (start(&script, "test.1"), start("exec sleep 600", "test.2"));
    let id = number(&file).await;
    let said = format!("+ {} test.1\n+ {} test.2\nnonsense\n+ 1 test.3\n- test.2\n", left.id(), ended.id());
    tokio::task::spawn_blocking(move || guard::keep(said.as_bytes())).await.unwrap();
    left.wait().unwrap();
    gone(id).await;
    assert!(ended.try_wait().unwrap().is_none(), "what has ended for us is none of its business");
    ended.kill().unwrap();
    ended.wait().unwrap();
}
