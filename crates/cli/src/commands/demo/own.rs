//! A server of the demo's own: this binary in a folder that is removed with it. It ends with whoever holds it, even if that is killed,
//! because it holds on to the pipe of its standard input.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agendum_store_sqlite::{Directory, private_folder};
use agendum_wire::v1::Submit;

use crate::client::Client;
use crate::failure::{FAILED, Failure, UNREACHABLE};
use crate::hosting::reach;

/// How long it may take to be ready, and its runs to be done.
const READY_WAIT: Duration = Duration::from_secs(20);
const DONE_WAIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Own {
    folder: PathBuf,
    server: Option<Child>,
}

impl Own {
    /// The folder, without a server yet.
    pub(super) fn new() -> Result<Self, Failure> {
        let chance = getrandom::u64().map_err(|error| Failure::new(FAILED, error))?;
        let folder = std::env::temp_dir().join(format!("agendum-demo-{chance:016x}"));
        private_folder(&folder)?;
        Ok(Self { folder, server: None })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it with this configuration, and does not wait for it. Nothing of the environment is heeded.
    pub(super) fn start(&mut self, config: &str) -> Result<(), Failure> {
        let file = self.folder.join("agendum.toml");
        std::fs::write(&file, config)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--attached", "--listen", "127.0.0.1:0", "--config"]).arg(&file);
        command.arg("--data").arg(self.data()).env_clear().current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn()?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Its client, once it takes work.
    pub(super) async fn ready(&mut self) -> Result<Client, Failure> {
        let until = Instant::now() + READY_WAIT;
        loop {
            if let Some(owner) = Directory::look(&self.data()).owner()
                && let Ok(client) = reach(&owner, &self.data()).await
            {
                return Ok(client);
            }
            let ended = self.server.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || Instant::now() > until {
                return Err(self.failed("the server of the demo did not start"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// Waits until nothing is open any more.
    pub(super) async fn done(&self, client: &Client) -> Result<(), Failure> {
        let until = Instant::now() + DONE_WAIT;
        while !client.open_runs().await?.is_empty() {
            if Instant::now() > until {
                return Err(self.failed("the runs of the demo do not end"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// With what it said last.
    fn failed(&self, what: &str) -> Failure {
        let said = std::fs::read_to_string(self.log()).unwrap_or_default();
        Failure::new(UNREACHABLE, format!("{what}: {}", said.lines().last().unwrap_or("it said nothing")))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ended = self.kill();
        let _gone = std::fs::remove_dir_all(Path::new(&self.folder));
    }
}

/// A run of this document.
pub(super) fn run_of(document: &str, inputs: serde_json::Value) -> Submit {
    Submit { document: document.into(), inputs, ..Submit::default() }
}
