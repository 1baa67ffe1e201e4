//! Backups of a data directory that is in use, what is made of them, and copies that are refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::place::{Place, Server};

const LARGE: &str = "head -c 50000 /dev/zero | tr '\\0' x";

fn graph(name: &str, line: &str) -> String {
    let task = format!("{{ uses: exec, effect: none, with: {{ argv: [sh, -c, {line:?}] }} }}");
    format!(
        "version: 1\nname: {name}\ntasks:\n  t: {task}\n  u: {{ needs: [t], uses: moderate, with: {{ text: fine }} }}\noutput: '${{{{ tasks.t.output.stdout | length }}}}'\n"
    )
}

/// A place with runs that are done, one that is open, and their server.
fn at_work() -> (Place, Server, Vec<String>) {
    let place = Place::with_shell();
    place.write("large.yaml", &graph("large", LARGE));
    place.write("open.yaml", &graph("open", "echo x >> began; while [ ! -e end ]; do sleep 0.02; done"));
    let server = Server::start(&place, &[]);
    let mut runs = Vec::new();
    for graph in ["large.yaml", "large.yaml", "open.yaml"] {
        let (code, out, err) = place.run(&["run", graph, "--detach"]);
        assert_eq!(code, 0, "{err}");
        runs.push(out.trim().to_owned());
    }
    place.wait_for("began");
    assert_eq!(place.run(&["runs", "watch", &runs[0]]).0, 0);
    (place, server, runs)
}

fn closed_to_others(path: &Path) {
    let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode, 0, "{}", path.display());
    for entry in path.is_dir().then(|| std::fs::read_dir(path).unwrap()).into_iter().flatten() {
        closed_to_others(&entry.unwrap().path());
    }
}

#[test]
fn a_backup_under_load_holds_every_run_that_was_acknowledged_before() {
    let (place, server, runs) = at_work();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(place.run(&["run", "large.yaml", "--detach"]).0, 0);
            }
        });
        let (code, _, err) = place.run(&["backup", "copy"]);
        stop.store(true, Ordering::SeqCst);
        assert!(code == 0 && err.contains("backed up: "), "{code} {err}");
    });
    closed_to_others(&place.path("copy"));
    let (code, _, err) = place.run(&["backup", "copy"]);
    assert!(code == 2 && err.contains("no empty folder"), "{code} {err}");

    // Beside the original, which works on: the open run must not go on.
    let (code, out, err) = place.run(&["--json", "--data", "other", "restore", "copy", "--paused"]);
    assert!(code == 0 && out.contains("\"paused\":"), "{code} {out} {err}");
    closed_to_others(&place.path("other"));
    let (code, _, err) = place.run(&["--data", "other", "restore", "copy"]);
    assert!(
        code == 2 && err.contains("no empty folder, it is a data directory") && err.contains("hint: "),
        "{code} {err}"
    );
    let copy = Server::start(&place, &["--data", "other"]);
    let show = |id: &str| place.json(&["--data", "other", "runs", "show", id]);
    assert_eq!((&show(&runs[0])["status"], &show(&runs[0])["output"]), (&"succeeded".into(), &50_000.into()));
    assert_eq!(show(&runs[2])["status"], "paused");
    assert_eq!(std::fs::read_to_string(place.path("began")).unwrap(), "x\n", "it was begun once, by the original");
    place.write("end", "");
    assert_eq!(place.run(&["runs", "watch", &runs[2]]).0, 0);
    for run in &runs {
        place.run(&["--data", "other", "runs", "resume", run]);
        assert_eq!(place.run(&["--data", "other", "runs", "watch", run]).0, 0, "{run}");
    }
    drop((copy, server));
}

/// What is said of it, and how it is done.
type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let (place, mut server, _) = at_work();
    server.kill();
    // Without a server: what a crash left is in it as well.
    assert_eq!(place.run(&["backup", "copy"]).0, 0);
    let blob =
        |path: &Path| walk(path).into_iter().find(|path| path.components().any(|part| part.as_os_str() == "blobs"));
    let damages: [Damage<'_>; 5] = [
        ("no complete backup", &|copy| std::fs::remove_file(copy.join("backup.json")).unwrap()),
        ("not what was backed up", &|copy| flip(&copy.join("agendum.db"))),
        ("not what was backed up", &|copy| flip(&copy.join("secret"))),
        ("does not match its address", &|copy| flip(&blob(copy).unwrap())),
        ("which is missing", &|copy| std::fs::remove_file(blob(copy).unwrap()).unwrap()),
    ];
    for (number, (said, damage)) in damages.into_iter().enumerate() {
        let copy = place.path(&format!("damaged-{number}"));
        let from = place.path("copy");
        assert!(std::process::Command::new("cp").arg("-r").args([&from, &copy]).status().unwrap().success());
        damage(&copy);
        let (code, _, err) = place.run(&["--data", "other", "restore", copy.to_str().unwrap()]);
        // What is no backup at all is a slip in the command.
        let wanted = if said == "no complete backup" { 2 } else { 1 };
        assert!(code == wanted && err.contains(said), "{said}: {code} {err}");
        assert!(!place.path("other").exists(), "{said}");
    }
    let (code, _, err) = place.run(&["--data", "other", "restore", "nowhere"]);
    assert!(code == 2 && err.contains("there is no folder nowhere") && err.contains("agendum backup"), "{code} {err}");
    // One that is broken off is nobody's, whatever of it is there.
    assert_eq!(place.run(&["--data", "half", "restore", "copy", "--paused"]).0, 0);
    place.write("half/restoring", "");
    let (code, _, err) = place.run(&["--data", "half", "run", "open.yaml"]);
    assert!(code != 0 && err.contains("broken off") && err.contains("restore again"), "{code} {err}");
    let (code, _, err) = place.run(&["--data", "other", "restore", "copy"]);
    assert!(code == 0 && err.contains("done twice"), "{code} {err}");
}

fn walk(path: &Path) -> Vec<std::path::PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    std::fs::read_dir(path).unwrap().flat_map(|entry| walk(&entry.unwrap().path())).collect()
}

/// Changes a byte in the middle.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
