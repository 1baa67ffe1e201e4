//! The media example, run with the real programs: what it writes is looked into, not only that it ends well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;

/// The example's files; it runs on a copy of them, so that its pictures do not stay in the repository.
const FILES: [&str; 3] = ["graph.yaml", "agendum.toml", "scenes/harbor.pov.j2"];

/// Runs the example, installing what it needs where that is possible. Gives what was skipped, if it was.
pub(crate) fn check() -> Result<Option<String>> {
    let mut lacking = doctor()?;
    if let Some(packages) = &lacking {
        println!("   installing {}", packages.join(" "));
        if install(packages) {
            lacking = doctor()?;
        }
    }
    if let Some(packages) = lacking {
        let reason = format!("media (not here, and not to be installed: {})", packages.join(", "));
        println!("   SKIPPED: {reason}");
        return Ok(Some(reason));
    }
    let folder = std::env::temp_dir().join(format!("agendum-media-{}", std::process::id()));
    for file in FILES {
        let to = folder.join(file);
        fs::create_dir_all(to.parent().unwrap_or(&folder))?;
        fs::copy(Path::new("examples/media").join(file), to)?;
    }
    let ended = spoken(&folder).and_then(|()| held_back(&folder));
    fs::remove_dir_all(&folder)?;
    ended.map(|()| None)
}

/// The packages that are missing, as the binary itself says it.
fn doctor() -> Result<Option<Vec<String>>> {
    let output = agendum(&["--json", "doctor", "media"])?;
    let said: Json = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`doctor media --json` is no JSON: {}", String::from_utf8_lossy(&output.stderr)))?;
    let Some(command) = said["install"].as_str() else {
        ensure!(output.status.success(), "nothing is missing, and doctor failed: {said}");
        return Ok(None);
    };
    ensure!(output.status.code() == Some(1), "something is missing, and doctor did not fail: {said}");
    Ok(Some(command.split_whitespace().skip(2).map(str::to_owned).collect()))
}

/// False where this is no Debian, or we are not root, or there is no network.
pub(crate) fn install(packages: &[String]) -> bool {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command.output().is_ok_and(|output| output.status.success())
    };
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages.iter().map(String::as_str));
    apt(&["update", "-q"]) && apt(&arguments)
}

/// A sentence goes all the way to the poster.
fn spoken(folder: &Path) -> Result<()> {
    let (output, events, result) = run(folder, &[])?;
    ensure!(output.status.success(), "it failed: {}", String::from_utf8_lossy(&output.stderr));
    let run = &result["run"];
    ensure!(run["status"] == "succeeded" && run["degraded"] == false, "{run}");
    let made = &run["output"];
    ensure!(made["heard"] == "the ship left the harbor at night", "heard {}", made["heard"]);
    ensure!(made["word_accuracy"].as_f64() == Some(1.0), "word accuracy {}", made["word_accuracy"]);
    ensure!(made["translation"] == "El barco dejó el puerto por la noche", "translated {}", made["translation"]);
    ensure!(made["headline_read"] == "The Harbor at Night", "read {}", made["headline_read"]);
    ensure!(png(file(made, "picture")?)? == (1280, 720), "the picture's size");
    let (width, height) = png(file(made, "poster")?)?;
    ensure!(width == 1280 && height > 720 + 96, "the poster has no room for captions: {width} × {height}");
    let seconds = wav(file(made, "speech")?)?;
    ensure!((1.0..20.0).contains(&seconds), "{seconds} s of speech");
    ensure!(texts(&events) > 0, "nothing was shown while it ran");
    let count = |of: &str| run["tasks"].as_array().into_iter().flatten().filter(|task| ends(task, of)).count();
    println!("   {seconds:.1} s of speech, {} voices and {} pictures tried", count("/hear"), count("/render"));
    Ok(())
}

/// A text that moderation refuses is neither shown nor put on a poster.
fn held_back(folder: &Path) -> Result<()> {
    let (output, events, result) = run(folder, &["--input", "text=I will kill you in the morning."])?;
    ensure!(output.status.code() == Some(1), "a refused text gave {}", output.status);
    ensure!(result["run"]["error"]["class"] == "content_blocked", "{}", result["run"]);
    ensure!(texts(&events) == 0, "a refused text was shown");
    let id = result["run"]["id"].as_str().context("a run without id")?;
    ensure!(!folder.join("out").join(id).join("poster.png").exists(), "a refused text is on a poster");
    Ok(())
}

/// The outcome of a run, its events, its result.
fn run(folder: &Path, more: &[&str]) -> Result<(Output, Vec<Json>, Json)> {
    let (data, graph) = (folder.join("data").display().to_string(), folder.join("graph.yaml").display().to_string());
    let output = agendum(&[&["--json", "--data", &data, "run", &graph], more].concat())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<Json> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let result = lines.pop().with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((output, lines, result))
}

fn agendum(arguments: &[&str]) -> Result<Output> {
    crate::agendum(arguments).output().context("cannot start cargo")
}

/// Pieces of text that were shown live.
fn texts(events: &[Json]) -> usize {
    events.iter().filter(|event| event["type"] == "text").count()
}

fn ends(task: &Json, with: &str) -> bool {
    task["task"].as_str().is_some_and(|path| path.ends_with(with))
}

fn file(made: &Json, name: &str) -> Result<PathBuf> {
    made[name].as_str().map(PathBuf::from).with_context(|| format!("no {name} in {made}"))
}

/// Width and height of a PNG.
fn png(path: PathBuf) -> Result<(u32, u32)> {
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 10_000, "{} is no picture", path.display());
    let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok((number(16), number(20)))
}

/// Seconds of a WAV with 16,000 samples of 16 bits a second.
fn wav(path: PathBuf) -> Result<f64> {
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    ensure!(bytes.len() > 44 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WAVE", "{} is no WAV", path.display());
    ensure!(bytes[22..28] == [1, 0, 0x80, 0x3e, 0, 0], "{} is not 16 kHz mono", path.display());
    Ok((bytes.len() - 44) as f64 / 32_000.0)
}
