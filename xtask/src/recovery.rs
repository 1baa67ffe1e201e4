//! How soon a server that was killed is ready again, and how soon the next step of its runs is seen outside.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::binary::{LOOK, binary, is_ready, owner, quantile};

/// Kills of which the median is told.
const KILLS: usize = 7;
/// Runs that go on over the kills, each one step after the other.
const STEPPING: usize = 10;
/// What each step takes outside.
const STEP: Duration = Duration::from_millis(20);
/// How long a server may take, for whatever it is.
const WAIT: Duration = Duration::from_secs(60);
/// Clients that submit at once.
const CLIENTS: usize = 8;

/// With few open runs, and with this many.
pub(crate) fn measure(open: usize) -> Result<()> {
    for parked in [0, open] {
        let folder = std::env::temp_dir().join(format!("agendum-recovery-{}-{parked}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let measured = one(&folder, parked);
        fs::remove_dir_all(&folder)?;
        measured?;
    }
    Ok(())
}

fn one(folder: &Path, parked: usize) -> Result<()> {
    let steps = Steps::listen()?;
    let address = &steps.address;
    // So many crashes in a row are no fault of a run here.
    let more = format!("[limits]\ncrashes_max = {}\n", KILLS + 1);
    fs::write(
        folder.join("agendum.toml"),
        format!("{more}[targets.steps]\nkind = \"http\"\nallow = [\"{address}\"]\n"),
    )?;
    let mut server = Server::start(folder)?;
    server.ready()?;
    // What every agent has: steps that are done, and one that waits.
    let waits = "version: 1\nname: waits\ntasks:\n  a: { uses: moderate, with: { text: one } }\n  \
                 b: { uses: moderate, needs: [a], with: { text: two } }\n  \
                 c: { uses: moderate, needs: [b], delay: 24h, with: { text: three } }\n";
    let call = format!("with: {{ method: POST, url: 'http://{address}/', json: '${{{{ item }}}}' }}");
    let goes = format!(
        "version: 1\nname: goes\ntasks:\n  s: {{ foreach: '${{{{ range(100000) }}}}', max_parallel: 1, uses: http, effect: idempotent, {call} }}\n"
    );
    let began = Instant::now();
    server.submit(waits, parked)?;
    let submitted = began.elapsed();
    server.submit(&goes, STEPPING)?;
    sleep(Duration::from_secs(2));
    let (mut ready, mut next) = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        server.process.kill()?;
        server.process.wait()?;
        let killed = Instant::now();
        let before = steps.seen();
        server = Server::start(folder)?;
        server.ready()?;
        ready.push(killed.elapsed().as_secs_f64() * 1e3);
        next.push(steps.after(killed, before)?.as_secs_f64() * 1e3);
        sleep(Duration::from_millis(500));
    }
    let journal = fs::metadata(folder.join("data/agendum.db"))?.len() as f64 / 1e6;
    println!(
        "recovery with {} open runs ({journal:.1} MB, submitted in {:.1} s): killed, then ready after {}, next step outside after {}",
        parked + STEPPING,
        submitted.as_secs_f64(),
        told(&mut ready),
        told(&mut next)
    );
    Ok(())
}

fn told(millis: &mut [f64]) -> String {
    let (least, most) = (quantile(millis, 0.0), quantile(millis, 1.0));
    format!("{:.1} ms (median of {KILLS}; {least:.1} to {most:.1})", quantile(millis, 0.5))
}

/// The service outside that every step calls.
struct Steps {
    address: String,
    /// When each call came.
    calls: Arc<Mutex<Vec<Instant>>>,
}

impl Steps {
    fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let calls = Arc::<Mutex<Vec<Instant>>>::default();
        let kept = Arc::clone(&calls);
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A connection ends with its server.
                spawn(move || answer(stream, &kept));
            }
        });
        Ok(Self { address, calls })
    }

    fn seen(&self) -> usize {
        self.calls.lock().map_or(0, |calls| calls.len())
    }

    /// How long after the kill the first call came that is not among these.
    fn after(&self, killed: Instant, before: usize) -> Result<Duration> {
        let began = Instant::now();
        loop {
            if let Some(call) = self.calls.lock().ok().and_then(|calls| calls.get(before).copied()) {
                return Ok(call - killed);
            }
            ensure!(began.elapsed() < WAIT, "no step comes");
            sleep(LOOK);
        }
    }
}

fn answer(stream: TcpStream, calls: &Mutex<Vec<Instant>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        calls.lock().ok()?.push(Instant::now());
        sleep(STEP);
        (&stream)
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .ok()?;
    }
}

struct Server {
    process: Child,
    data: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        // What the one before left there would be taken for this one's.
        if data.exists() {
            fs::remove_file(data.join("owner.json"))?;
        }
        let mut command: Command = binary(folder);
        let process = command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).spawn()?;
        Ok(Self { process, data })
    }

    fn ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while !is_ready(&self.data) {
            ensure!(began.elapsed() < WAIT, "`serve` is not ready after {} s", WAIT.as_secs());
            ensure!(self.process.try_wait()?.is_none(), "`serve` has ended");
            sleep(LOOK);
        }
        Ok(())
    }

    fn submit(&self, document: &str, count: usize) -> Result<()> {
        let owner = owner(&self.data)?;
        let word = |name: &str| owner[name].as_str().map(str::to_owned).context("an owner that does not listen");
        let (address, token) = (word("address")?, word("token")?);
        let body = json!({ "document": document }).to_string();
        let head = format!("POST /v1/runs HTTP/1.0\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let client = |number: usize| {
            let (address, request) = (address.clone(), request.clone());
            spawn(move || -> Result<()> {
                for _ in (number..count).step_by(CLIENTS) {
                    let mut stream = TcpStream::connect(&address)?;
                    stream.write_all(request.as_bytes())?;
                    let mut said = String::new();
                    stream.read_to_string(&mut said)?;
                    ensure!(said.split(' ').nth(1) == Some("202"), "{said}");
                }
                Ok(())
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| anyhow::anyhow!("a client broke"))?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
