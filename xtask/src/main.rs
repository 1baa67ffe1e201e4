//! `cargo xtask`: everything that CI runs, and the checks that hold the house rules.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod binary;
mod layers;
mod licences;
mod media;
mod prices;
mod recovery;
mod tidy;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};

/// Open runs whose recovery is measured.
const OPEN_RUNS: usize = 10_000;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and measures Agendum")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that CI runs
    Test,
    /// Who may depend on whom, transitively
    Layers,
    /// The house rules
    Tidy,
    /// Licences of all dependencies
    Licences,
    /// Play seeds in the simulator
    Sim {
        /// How many
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// The first
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Kill servers under load at random moments, and compare the ledgers of client and bank
    Crash {
        /// How many rounds, one to three servers each
        #[arg(long, default_value_t = 200)]
        rounds: u64,
        /// The first round's seed; drawn if there is none
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Take the disk away from servers under load: power loss, failing syncs, a full disk, bad blocks
    Faults {
        /// The seed; drawn if there is none
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Check and run the agent plans (.json, .jsonl) of a folder
    Corpus {
        /// The folder
        folder: String,
    },
    /// Run the media example on real programs, installing those that are missing
    Media,
    /// Write the table of prices anew
    Prices {
        /// LiteLLM's model_prices_and_context_window.json
        source: PathBuf,
        /// The release it comes from
        version: String,
    },
    /// Measure the core, the engine on SQLite, and the binary
    Bench,
    /// Measure how soon a server that was killed goes on
    Recovery {
        /// Open runs, beside a few that go on
        #[arg(long, default_value_t = OPEN_RUNS)]
        open: usize,
    },
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Test => test(),
        Task::Layers => layers::check(),
        Task::Tidy => tidy::check(),
        Task::Licences => licences::check(),
        Task::Sim { seeds, from } => sim(&["seeds", &seeds.to_string(), &from.to_string()]),
        Task::Crash { rounds, seed } => outside("crash::", Some(rounds), seed),
        Task::Faults { seed } => outside("faults::", None, seed),
        Task::Corpus { folder } => sim(&["corpus", &folder]),
        Task::Media => step("the media example", media::check).map(|_skipped| ()),
        Task::Prices { source, version } => prices::write(&source, &version),
        Task::Bench => {
            sim(&["bench"])?;
            run("cargo", &["run", "--quiet", "--release", "-p", "agendum-cli", "--example", "steps"])?;
            binary::measure()?;
            recovery::measure(OPEN_RUNS)
        }
        Task::Recovery { open } => {
            binary::build()?;
            recovery::measure(open)
        }
    }
}

/// Without them some tests of failing disks are skipped, and say so.
fn bring_what_spoils_disks() {
    let needs = [
        ("strace", "strace"),
        ("mkfs.ext4", "e2fsprogs"),
        ("nbdkit", "nbdkit"),
        ("nbdfuse", "libnbd-bin"),
        ("fusermount3", "fuse3"),
    ];
    let is_there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    let missing: Vec<String> =
        needs.into_iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| package.to_owned()).collect();
    if !missing.is_empty() && !media::install(&missing) {
        println!("could not install {}: tests that need them are skipped", missing.join(", "));
    }
}

fn test() -> Result<()> {
    let began = Instant::now();
    if !has(&["cc", "--version"]) {
        println!("installing a C compiler, which SQLite needs");
        run("apt-get", &["update", "-q"])?;
        run("apt-get", &["install", "-y", "-q", "gcc", "libc6-dev"])?;
    }
    step("formatting", || run("cargo", &["fmt", "--all", "--check"]))?;
    step("house rules", tidy::check)?;
    step("layers", layers::check)?;
    step("licences", licences::check)?;
    step("lints", || run("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    step("the README's first command", || {
        let question = "question=How does Agendum survive a crash?";
        let data = std::env::temp_dir().join(format!("agendum-xtask-{}", std::process::id()));
        let data = data.display().to_string();
        let graph = "examples/support-answer/graph.yaml";
        let status = agendum(&["--data", &data, "run", graph, "--input", question]).status()?;
        std::fs::remove_dir_all(&data).context("the run left no data directory")?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    })?;
    let mut skipped: Vec<String> = step("the media example", media::check)?.into_iter().collect();
    step("programs that take the disk away", || {
        bring_what_spoils_disks();
        Ok(())
    })?;
    let listed = std::env::temp_dir().join(format!("agendum-skipped-{}", std::process::id()));
    step("tests", || {
        let arguments: &[&str] = if has(&["cargo", "nextest", "--version"]) {
            &["nextest", "run", "--workspace", "--no-fail-fast"]
        } else {
            &["test", "--workspace", "--no-fail-fast"]
        };
        let status = Command::new("cargo").args(arguments).env("AGENDUM_SKIPPED", &listed).status()?;
        ensure!(status.success(), "cargo {} ended with {status}", arguments.join(" "));
        Ok(())
    })?;
    let tests = std::fs::read_to_string(&listed).unwrap_or_default();
    skipped.extend(tests.lines().map(str::to_owned));
    if !tests.is_empty() {
        std::fs::remove_file(&listed)?;
    }
    println!("all of it in {} s; skipped: {}", began.elapsed().as_secs(), skipped.len());
    skipped.iter().for_each(|what| println!("skipped: {what}"));
    Ok(())
}

/// The binary, with nothing of the environment that it would heed: no key that is paid for, no other configuration.
fn agendum(arguments: &[&str]) -> Command {
    let mut command = bare("cargo");
    command.args(["run", "--quiet", "-p", "agendum-cli", "--"]).args(arguments);
    command
}

/// A program without what the binary would heed of the environment.
fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("OPENAI_API_KEY");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AGENDUM_")) {
        command.env_remove(name);
    }
    command
}

fn sim(arguments: &[&str]) -> Result<()> {
    let mut all = vec!["run", "--quiet", "--release", "-p", "agendum-sim", "--"];
    all.extend(arguments);
    run("cargo", &all)
}

/// Tests of the binary from outside, one after the other, with what they say.
fn outside(tests: &str, rounds: Option<u64>, seed: Option<u64>) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--workspace", "--test", "it", "--", "--nocapture", "--test-threads", "1", tests]);
    let given = [("AGENDUM_CRASH_ROUNDS", rounds), ("AGENDUM_CRASH_SEED", seed)];
    command.envs(given.into_iter().filter_map(|(name, value)| Some((name, value?.to_string()))));
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "the tests {tests} ended with {status}");
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("── {name}");
    let began = Instant::now();
    let done = work().with_context(|| format!("{name} failed"))?;
    println!("   {name}: {:.1} s", began.elapsed().as_secs_f64());
    Ok(done)
}

fn has(command: &[&str]) -> bool {
    Command::new(command[0]).args(&command[1..]).output().is_ok_and(|output| output.status.success())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}
