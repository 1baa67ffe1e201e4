//! The commands, one file each.

mod check;
mod demo;
mod doctor;
mod explain;
mod fix;
mod index;
mod run;
mod runs;
mod serve;
mod why;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use crate::args::{Args, Command, Config as ConfigCommand, Run};
use crate::config::Config;
use crate::failure::Failure;
use crate::targets;

/// What all commands share.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) config: Config,
    pub(crate) data: PathBuf,
}

impl Context {
    fn new(json: bool, data: Option<&Path>, config: Option<&Path>, graph: Option<&Path>) -> Result<Self, Failure> {
        let config = Config::find(config, graph)?;
        let data = config.data(data)?;
        Ok(Self { json, config, data })
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
        Command::Demo => demo::demo(json).await,
        Command::Run(run) => run::run(&context()?, &run).await,
        Command::Check { graph, fix: true, dry_run } => fix::fix(json, &graph, dry_run),
        Command::Check { graph, .. } => check::check(json, &graph),
        Command::Explain { graph } => explain::explain(&context()?, &graph),
        Command::Why { run, task } => why::why(&context()?, &run, task.as_deref()).await,
        Command::Runs(command) => runs::runs(&context()?, command).await,
        Command::Index(command) => index::index(&context()?, command),
        Command::Serve { listen } => serve::serve(&context()?, listen).await,
        Command::Provider { listen, word_ms } => serve::provider(listen, word_ms).await,
        Command::Schema => Ok(writeln!(anstream::stdout(), "{}", agendum_spec::schema().trim_end())?),
        Command::Config(ConfigCommand::Check) => config_check(&context()?),
        Command::Doctor { example: None } => doctor::doctor(&context()?).await,
        Command::Doctor { example: Some(example) } => doctor::example(json, example).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "agendum", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn config_check(context: &Context) -> Result<(), Failure> {
    let table = targets::table(&context.config, Default::default())?;
    let mut out = anstream::stdout();
    let file =
        context.config.file.as_ref().map_or_else(|| "none (defaults)".to_owned(), |file| file.display().to_string());
    if context.json {
        let targets: Vec<_> = table.iter().map(|(target, _)| target.name.to_string()).collect();
        let indexes: Vec<_> = context.config.indexes.keys().collect();
        writeln!(
            out,
            "{}",
            serde_json::json!({ "file": file, "data": context.data, "targets": targets, "indexes": indexes })
        )?;
        return Ok(());
    }
    writeln!(out, "configuration  {file}\ndata           {}", context.data.display())?;
    for (target, _) in &table {
        let can: Vec<_> = target.capabilities.iter().map(|capability| capability.word()).collect();
        writeln!(out, "target         {} ({}, {} at once)", target.name, can.join(", "), target.concurrency_max)?;
    }
    for (name, index) in &context.config.indexes {
        for path in &index.paths {
            let at = context.config.folder.join(path);
            if !at.exists() {
                return Err(Failure::usage(format!("index {name:?} follows {}, which does not exist", at.display())));
            }
            writeln!(out, "index          {name} ← {}", at.display())?;
        }
    }
    Ok(())
}
