//! The server between the client and the bank: started on one data directory as often as it takes, under load, and judged at the end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::bank::Bank;
use super::clerk::{CLIENTS, Clerk};
use super::graphs::{self, Shape};
use super::http::Door;
use crate::place::Place;

/// How long a server may take to be ready, and its runs to end once nothing is in their way.
const READY_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) data: PathBuf,
    pub(crate) bank: Bank,
    pub(crate) clerk: Arc<Clerk>,
    pub(crate) shapes: Arc<Vec<Shape>>,
    server: Option<Child>,
    /// The process that was ready, which may have been started by something in between.
    process: Option<u64>,
    /// The token of the server before: what is in `owner.json` until the next one has written its own.
    stale: String,
    pub(crate) lives: u64,
}

impl World {
    /// With the data directory in this place, else in one of its own.
    pub(crate) fn new(seed: u64, strict: bool, data: Option<&Path>) -> Self {
        let bank = Bank::open(seed);
        let config = format!(
            "offline = true\n[targets.bank]\nkind = \"http\"\nallow = [\"{}\"]\nconcurrency = 24\nprice = {{ call = 0.01 }}\n\
             timeout = {{ connect = \"300ms\", idle = \"500ms\", whole = \"600ms\" }}\n[limits]\ndisk_reserve = \"1MiB\"\n",
            bank.address
        );
        let place = Place::new(&[("agendum.toml", &config)]);
        let data = data.map_or_else(|| place.path("data"), Path::to_owned);
        let shapes = Arc::new(graphs::all(bank.address));
        let clerk = Arc::new(Clerk::new(seed, strict));
        Self { place, data, bank, clerk, shapes, server: None, process: None, stale: String::new(), lives: 0 }
    }

    /// Starts a server and does not wait for it. `wrapper` is what it is started by, if not directly.
    pub(crate) fn start(&mut self, wrapper: &[&str]) {
        self.stale = self.owner().and_then(|owner| Some(owner["token"].as_str()?.to_owned())).unwrap_or_default();
        let plain = self.place.agendum(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = match wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(plain.get_program()).args(plain.get_args());
                for (name, value) in plain.get_envs() {
                    match value {
                        Some(value) => command.env(name, value),
                        None => command.env_remove(name),
                    };
                }
                command.current_dir(self.place.folder());
                command
            }
            None => plain,
        };
        let log = File::options().create(true).append(true).open(self.place.path("log")).unwrap();
        command.env("AGENDUM_DATA", &self.data).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn().unwrap());
        self.lives += 1;
    }

    fn owner(&self) -> Option<Json> {
        serde_json::from_str(&std::fs::read_to_string(self.data.join("owner.json")).ok()?).ok()
    }

    /// What every server of this world has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("log")).unwrap_or_default()
    }

    /// The process, once it owns the directory.
    fn fresh(&self) -> Option<(u64, Door)> {
        let owner = self.owner().filter(|owner| owner["token"] != self.stale)?;
        let address = owner["address"].as_str()?.parse().ok()?;
        Some((owner["pid"].as_u64()?, Door { address, token: owner["token"].as_str()?.to_owned() }))
    }

    /// Waits until the server takes work, and lets the client know; how long that took.
    pub(crate) fn ready(&mut self) -> Duration {
        let began = Instant::now();
        loop {
            let is_ready =
                |found: &(u64, Door)| found.1.call("GET", "/readyz", "", "").is_ok_and(|said| said.status() == 200);
            if let Some((process, door)) = self.fresh().filter(is_ready) {
                self.process = Some(process);
                *self.clerk.door.lock().unwrap() = Some(door);
                return began.elapsed();
            }
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < READY_WAIT, "no server ({ended:?}): {}", self.log());
            std::thread::sleep(LOOK);
        }
    }

    /// Clients at work while this is done; they are let go before its end, and see the server go away.
    pub(crate) fn under_load(&mut self, injury: impl FnOnce(&mut Self)) {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number: u64| {
            let (clerk, shapes, stop) = (Arc::clone(&self.clerk), Arc::clone(&self.shapes), Arc::clone(&stop));
            let name = format!("life{}.client{number}", self.lives);
            std::thread::spawn(move || clerk.work(&name, &shapes, &stop))
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        injury(self);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }

    /// Nothing leaves the server any more; what the kernel does for it goes on.
    pub(crate) fn halt(&self) {
        let process = self.process.unwrap();
        assert!(Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap().success());
        // Until its threads have heard it; one that waits for the disk hears it when that has ended.
        std::thread::sleep(Duration::from_millis(1));
    }

    /// SIGKILL by process id, wherever the server is.
    pub(crate) fn kill(&mut self) {
        *self.clerk.door.lock().unwrap() = None;
        let mut started = self.server.take().unwrap();
        let process = self.process.take().or_else(|| Some(self.fresh()?.0));
        if let Some(process) = process.filter(|process| *process != u64::from(started.id())) {
            // Started by something else, which ends with it.
            let _ended = Command::new("kill").args(["-9", &process.to_string()]).stderr(Stdio::null()).status();
        } else {
            started.kill().unwrap();
        }
        started.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        let door = self.clerk.door.lock().unwrap().clone().unwrap();
        let answer = door.call("GET", path, "", "").unwrap();
        assert_eq!(answer.status(), 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) fn follow(&self, run: &str) -> String {
        let door = self.clerk.door.lock().unwrap().clone().unwrap();
        door.follow(&format!("/v1/runs/{run}/events"), Duration::from_secs(5)).unwrap()
    }

    /// A healthy server, every submission acknowledged, every run done.
    pub(crate) fn settle(&mut self) {
        self.start(&[]);
        self.ready();
        self.clerk.send_the_rest();
        let began = Instant::now();
        loop {
            let open = self.get("/v1/runs?open=true&limit=1000");
            if open.as_array().unwrap().is_empty() {
                return;
            }
            assert!(began.elapsed() < END_WAIT, "these runs do not end: {open}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}
