//! What the binary costs: its size, how soon it serves, what it holds when idle, what a document takes to check.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;

use crate::{bare, run};

const BINARY: &str = "target/release/agendum";
/// Starts of `serve`, and checks of a document, of which the median is told.
const STARTS: usize = 15;
const CHECKS: usize = 5;
/// How long a server may take to be ready, how often it is looked for, and how long it idles before its memory is read.
const READY_WAIT: Duration = Duration::from_secs(10);
pub(crate) const LOOK: Duration = Duration::from_micros(500);
const IDLE: Duration = Duration::from_millis(300);

/// Builds the binary and prints its figures.
pub(crate) fn measure() -> Result<()> {
    build()?;
    println!("binary: {:.1} MB", fs::metadata(BINARY)?.len() as f64 / 1e6);
    let folder = std::env::temp_dir().join(format!("agendum-measured-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = starts(&folder).and_then(|()| documents(&folder));
    fs::remove_dir_all(&folder)?;
    measured
}

/// Builds it as it is released.
pub(crate) fn build() -> Result<()> {
    run("cargo", &["build", "--quiet", "--release", "--workspace", "--bins"])
}

fn starts(folder: &Path) -> Result<()> {
    let data = folder.join("data");
    let (mut millis, mut mebibytes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut server =
            Server(binary(folder).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).spawn()?);
        while !is_ready(&data) {
            ensure!(began.elapsed() < READY_WAIT, "`serve` is not ready after {} s", READY_WAIT.as_secs());
            ensure!(server.0.try_wait()?.is_none(), "`serve` has ended");
            sleep(LOOK);
        }
        millis.push(began.elapsed().as_secs_f64() * 1e3);
        sleep(IDLE);
        mebibytes.push(resident(server.0.id())? / 1_024.0);
    }
    let (least, most) = (quantile(&mut millis, 0.0), quantile(&mut millis, 1.0));
    println!(
        "serve: ready after {:.1} ms (median of {STARTS}; {least:.1} to {most:.1}), {:.1} MiB resident when idle",
        quantile(&mut millis, 0.5),
        quantile(&mut mebibytes, 0.5)
    );
    Ok(())
}

/// A server that stops in good order when it is not wanted any more.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself was told of.
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ended = asked.and_then(|_| self.0.wait());
    }
}

/// True once the owner of the directory says that it takes work.
pub(crate) fn is_ready(data: &Path) -> bool {
    let asked = || -> Result<String> {
        let mut stream =
            TcpStream::connect(owner(data)?["address"].as_str().context("an owner that does not listen")?)?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// What the owner of a directory says of itself.
pub(crate) fn owner(data: &Path) -> Result<Json> {
    Ok(serde_json::from_str(&fs::read_to_string(data.join("owner.json"))?)?)
}

/// Resident KiB of a process.
fn resident(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn documents(folder: &Path) -> Result<()> {
    let right = "  tNUMBER: { uses: chat, with: { prompt: hi } }\n";
    let wrong = "  tNUMBER: { uses: chta, with: { prompt: hi } }\n";
    let worse = "  tNUMBER: { uses: chta, retries: 1, needs: [nopeNUMBER], iff: x, with: { prompt: hi } }\n";
    let kinds = [
        ("right tasks", 10_000, right),
        ("wrong tasks", 1_000, wrong),
        ("tasks with four errors each", 9_000, worse),
        ("right tasks, refused for their number", 20_000, right),
    ];
    for (what, count, task) in kinds {
        let tasks: String = (0..count).map(|number: u32| task.replace("NUMBER", &number.to_string())).collect();
        let text = format!("version: 1\nname: x\ntasks:\n{tasks}");
        let file = folder.join("graph.yaml");
        fs::write(&file, &text)?;
        let mut millis = Vec::new();
        for _ in 0..CHECKS {
            let before = cpu_of_children()?;
            binary(folder).arg("check").arg(&file).status()?;
            millis.push((cpu_of_children()? - before) * 1e3);
        }
        let (size, median) = (text.len() / 1_000, quantile(&mut millis, 0.5));
        println!("check: {count} {what} ({size} KB): {median:.0} ms of CPU (median of {CHECKS})");
    }
    Ok(())
}

/// The binary, in silence and in a folder that has no configuration.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = bare(Path::new(BINARY).canonicalize().unwrap_or_else(|_| BINARY.into()));
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// CPU seconds of the programs that have ended, in steps of 10 ms.
fn cpu_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program may hold anything; the user's and the system's time are the 16th and 17th field.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = fields.get(13..15).context("no times in /proc/self/stat")?;
    Ok(ticks[0].parse::<f64>()?.mul_add(0.01, ticks[1].parse::<f64>()? * 0.01))
}

pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}
