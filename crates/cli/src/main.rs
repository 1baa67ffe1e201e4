//! `agendum`: the one binary, and the only crate that names a concrete store, adapter or provider.
//!
//! Every command that reads or steers runs is a client of a server on loopback: of the process that owns the data directory if there
//! is one, else of one that this process hosts for as long as the command takes; `index` works on the files. Results go to stdout,
//! progress and errors to stderr.

mod args;
mod client;
mod commands;
mod config;
mod failure;
mod forecast;
mod host;
mod hosting;
mod in_force;
mod log;
mod next;
mod policies;
mod programs;
mod show;
mod source;
mod targets;
mod watched;

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::{Args, Command};
use agendum_adapters::exec::guard;

/// What this program is told to end the programs of a process that was killed. That process starts it; it is no command for people.
pub(crate) const GUARD: &str = "exec-guard";

fn main() -> ExitCode {
    if std::env::args_os().skip(1).eq([GUARD]) {
        // It does nothing but wait, for as long as another process lives: no runtime, no log.
        guard::keep(std::io::stdin().lock());
        return ExitCode::SUCCESS;
    }
    let args = Args::read();
    log::start(matches!(args.command, Command::Serve { .. } | Command::Provider { .. }));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _closed = writeln!(anstream::stderr(), "error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let json = args.json;
    let ended = runtime.block_on(commands::execute(args));
    // A blocking read of a terminal must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::from(failure.code)
        }
    }
}
