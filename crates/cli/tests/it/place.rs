//! A folder of its own for a test: a configuration, graphs, a data directory, and the binary started in it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

/// The folder; gone with the test.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With these files, by name.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    /// With a target that starts shells.
    pub(crate) fn with_shell() -> Self {
        Self::new(&[("agendum.toml", "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n")])
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The binary, in this folder, with nothing of the environment that it would heed.
    pub(crate) fn agendum(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AGENDUM_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder()).env("AGENDUM_DATA", self.path("data")).env("NO_COLOR", "1");
        command.env_remove("OPENAI_API_KEY").args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Exit code, output, errors.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        said(&self.agendum(arguments).output().unwrap())
    }

    /// What a command with `--json` prints, line by line.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Json> {
        let (_, out, err) = self.run(&[&["--json"], arguments].concat());
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        let lines: Vec<Json> = lines.collect();
        assert!(!lines.is_empty(), "{err}");
        lines
    }

    /// The last of these lines.
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        self.lines(arguments).pop().unwrap()
    }

    /// Waits until a shell line has made this file.
    pub(crate) fn wait_for(&self, name: &str) {
        for _ in 0..2_000 {
            if self.path(name).exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} does not appear");
    }
}

/// The project's own folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Exit code, output, errors.
pub(crate) fn said(output: &Output) -> (i32, String, String) {
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), read(&output.stdout), read(&output.stderr))
}

pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(name).arg(child.id().to_string()).status().unwrap().success());
}

/// A command that serves until it is stopped, at the latest with its test.
pub(crate) struct Server(Child, BufReader<ChildStderr>);

impl Server {
    /// `agendum serve`, with these flags before it.
    pub(crate) fn start(place: &Place, flags: &[&str]) -> Self {
        let (mut server, mut said) =
            Self::listening(place.agendum(&[flags, &["serve", "--listen", "127.0.0.1:0"]].concat()));
        // It may have something to say of what it found.
        while !said.contains("agendum listens on http://127.0.0.1:") {
            assert!(server.1.read_line(&mut said).unwrap() > 0, "{said}");
        }
        server
    }

    /// `agendum provider`, with these flags behind it; and its base URL.
    pub(crate) fn provider(place: &Place, flags: &[&str]) -> (Self, String) {
        let (server, line) =
            Self::listening(place.agendum(&[&["provider", "--listen", "127.0.0.1:0"], flags].concat()));
        let base = line.trim().split_once("http://").map(|(_, rest)| format!("http://{rest}"));
        (server, base.unwrap_or_else(|| panic!("{line}")))
    }

    /// Its first line says that it listens.
    pub(crate) fn listening(mut command: Command) -> (Self, String) {
        let mut child = command.spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self(child, err);
        let mut line = String::new();
        server.1.read_line(&mut line).unwrap();
        (server, line)
    }

    /// Its process.
    pub(crate) fn id(&self) -> String {
        self.0.id().to_string()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.0, name);
    }

    /// As `systemctl stop` does; what it still said.
    pub(crate) fn stop(mut self) -> String {
        self.signal("-TERM");
        let mut rest = String::new();
        self.1.read_to_string(&mut rest).unwrap();
        rest
    }

    /// SIGKILL, as the kernel does when memory runs out.
    pub(crate) fn kill(&mut self) {
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
