//! A disk that fills up under the real binary: a small tmpfs in a mount namespace of its own. Skipped, and said, where that may not be made.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agendum_store_sqlite::Directory;

use crate::place::{Place, Server, said};

/// A namespace with a tmpfs as the data directory of a place; gone with this.
struct Small {
    holder: Child,
    data: PathBuf,
}

impl Small {
    fn mount(place: &Place, size: &str) -> Option<Self> {
        let data = place.path("data");
        std::fs::create_dir(&data).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size},mode=0700 none {} && echo mounted && exec sleep 600",
            data.display()
        );
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let small = Self { holder, data };
        (line == "mounted\n").then_some(small)
    }

    /// The same command, inside.
    fn inside(&self, place: &Place, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["-t", &self.holder.id().to_string(), "-m", "sh", "-c", "cd \"$0\" && exec \"$@\""]);
        inside.arg(place.folder()).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdout(Stdio::piped()).stderr(Stdio::piped());
        inside
    }

    fn run(&self, place: &Place, arguments: &[&str]) -> (i32, String, String) {
        said(&self.inside(place, &place.agendum(arguments)).output().unwrap())
    }

    fn serve(&self, place: &Place) -> Server {
        let command = self.inside(place, &place.agendum(&["serve", "--listen", "127.0.0.1:0"]));
        let (server, line) = Server::listening(command);
        assert!(line.contains("agendum listens on"), "{line}");
        server
    }

    /// The data directory as this process sees it.
    fn folder(&self) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(self.data.strip_prefix("/").unwrap())
    }

    /// Fills it up but for so many KiB.
    fn fill(&self, left: u64) {
        let path = self.folder().join("filler");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let chunk = [1; 4_096];
        while Directory::look(&self.folder()).room().unwrap() > left * 1_024 && file.write_all(&chunk).is_ok() {}
    }

    fn free(&self) {
        File::create(self.folder().join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ended = self.holder.kill();
        let _ended = self.holder.wait();
    }
}

/// Until it is so; a test that waits for ever is ended by its runner.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_full_disk_stops_intake_and_loses_nothing_that_was_acknowledged() {
    let place = Place::with_shell();
    place.write(
        "agendum.toml",
        "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n[limits]\ndisk_reserve = \"4MiB\"\n",
    );
    for wait in ["go", "end"] {
        let line = format!("touch began-{wait}; while [ ! -e {wait} ]; do sleep 0.02; done");
        let task = |line: &str, needs: &str| {
            format!("{{ uses: exec, effect: none, {needs} with: {{ argv: [sh, -c, {line:?}] }} }}")
        };
        let (first, then) = (task(&line, ""), task("echo over", "needs: [t],"));
        place.write(&format!("{wait}.yaml"), &format!("version: 1\nname: {wait}\ntasks:\n  t: {first}\n  u: {then}\n"));
    }
    place.write("quick.yaml", "version: 1\nname: quick\ntasks: { a: { uses: moderate, with: { text: fine } } }\n");
    let Some(small) = Small::mount(&place, "24m") else {
        writeln!(std::io::stderr(), "SKIPPED: a tmpfs of its own (unshare -m, mount) is not permitted here").unwrap();
        return;
    };
    let mut server = small.serve(&place);
    let mut acknowledged: Vec<String> = Vec::new();
    let submit = |graph: &str| {
        let (code, out, err) = small.run(&place, &["run", graph, "--detach"]);
        if code == 0 { Ok(out.trim().to_owned()) } else { Err((code, err)) }
    };
    let status = |id: &str| small.run(&place, &["runs", "show", id]).1;
    for graph in ["go.yaml", "end.yaml", "quick.yaml"] {
        acknowledged.push(submit(graph).unwrap());
    }
    place.wait_for("began-go");
    place.wait_for("began-end");

    small.fill(3 << 10);
    let mut refused = None;
    until(|| match submit("quick.yaml") {
        Ok(id) => {
            acknowledged.push(id);
            false
        }
        Err(why) => {
            refused = Some(why);
            true
        }
    });
    let (code, err) = refused.unwrap();
    assert!(
        code == 1 && err.contains("nothing more is taken in now") && err.contains("hint: free room"),
        "{code} {err}"
    );
    let (code, out, _) = small.run(&place, &["doctor"]);
    assert!(code == 1 && out.contains("✗ room"), "{out}");
    place.write("go", "");
    until(|| status(&acknowledged[0]).contains("succeeded"));

    // Not a page is left: what goes on cannot be committed, and waits for room.
    small.fill(0);
    place.write("end", "");
    std::thread::sleep(Duration::from_millis(500));
    let (code, err) = submit("quick.yaml").unwrap_err();
    assert!(code == 1 && err.contains("nothing more is taken in now"), "{code} {err}");
    assert!(!status(&acknowledged[1]).contains("succeeded"), "an answer that is not durable is told");

    small.free();
    until(|| {
        submit("quick.yaml").is_ok_and(|id| {
            acknowledged.push(id);
            true
        })
    });
    until(|| status(&acknowledged[1]).contains("succeeded"));
    server.kill();
    let _server = small.serve(&place);
    for id in &acknowledged {
        until(|| status(id).contains("succeeded"));
    }
}
