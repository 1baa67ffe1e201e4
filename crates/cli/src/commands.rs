//! The commands, one file each.

mod attend;
mod check;
mod configuration;
mod demo;
mod doctor;
mod explain;
mod fix;
mod index;
mod provider;
mod run;
mod runs;
mod serve;
mod why;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use attend::Telling;
use clap::CommandFactory as _;

use crate::args::{Args, Command, Config as ConfigCommand, Run};
use crate::config::Config;
use crate::failure::Failure;

/// What all commands share.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) config: Config,
    pub(crate) data: PathBuf,
    /// True if a command without flags would look elsewhere: the next one has to name the data directory.
    named: bool,
}

impl Context {
    fn new(json: bool, data: Option<&Path>, config: Option<&Path>, graph: Option<&Path>) -> Result<Self, Failure> {
        let config = Config::find(config, graph)?;
        let data = config.data(data)?;
        let named = match std::env::var_os("AGENDUM_DATA") {
            Some(usual) => data != usual,
            None => Config::find(None, None).and_then(|here| here.data(None)).map_or(true, |usual| data != usual),
        };
        Ok(Self { json, config, data, named })
    }

    /// How the next command begins.
    pub(crate) fn program(&self) -> String {
        if self.named { format!("agendum --data {}", self.data.display()) } else { "agendum".to_owned() }
    }
}

pub(crate) async fn execute(args: Args) -> Result<(), Failure> {
    let Args { json, data, config, command } = args;
    let graph = if let Command::Run(Run { graph, .. }) | Command::Explain { graph } = &command {
        Some(graph.clone())
    } else {
        None
    };
    let context = || Context::new(json, data.as_deref(), config.as_deref(), graph.as_deref());
    match command {
        Command::Demo => demo::demo(context()?).await,
        Command::Run(run) => run::run(&context()?, &run, Telling::Whole).await,
        Command::Check { graph, fix, dry_run } => {
            let config = Config::find(config.as_deref(), Some(&graph))?;
            if fix { fix::fix(json, &graph, dry_run, &config.limits.0) } else { check::check(json, &graph, &config) }
        }
        Command::Explain { graph } => explain::explain(&context()?, &graph).await,
        Command::Why { run, task, from } => why::why(&context()?, &run, task.as_deref(), from).await,
        Command::Runs(command) => runs::runs(&context()?, command).await,
        Command::Index(command) => index::index(&context()?, command),
        Command::Serve { listen } => serve::serve(&context()?, listen).await,
        Command::Provider { listen, temper } => provider::provider(listen, (&temper).into()).await,
        Command::Schema => Ok(writeln!(anstream::stdout(), "{}", agendum_spec::schema().trim_end())?),
        Command::Config(ConfigCommand::Check) => configuration::check(&context()?),
        Command::Doctor { example: None } => doctor::doctor(&context()?).await,
        Command::Doctor { example: Some(example) } => doctor::example(json, example).await,
        // `main` has served it.
        Command::ExecGuard => Ok(()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "agendum", &mut std::io::stdout());
            Ok(())
        }
    }
}
