//! The commands, one file each; `attend` is what several of them do.

mod again;
mod attend;
mod backup;
mod cache;
mod check;
mod configuration;
mod demo;
mod doctor;
mod explain;
mod export;
mod feedback;
mod fix;
mod index;
mod loads;
mod notices;
mod patience;
mod plan;
mod policy;
mod propose;
mod provider;
mod prune;
mod reconcile;
mod replay;
mod run;
mod runs;
mod serve;
mod simulate;
mod spend;
mod waits;
mod watch;
mod why;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use attend::Telling;
use clap::CommandFactory as _;

use crate::args::{
    Args, Check, Command, Config as ConfigCommand, Feedback as FeedbackCommand, Notices as NoticesCommand,
    Policy as PolicyCommand, SchemaOf,
};
use crate::config::Config;
use crate::failure::Failure;
use crate::{next, show};

/// What all commands share.
pub(crate) struct Context {
    pub(crate) json: bool,
    pub(crate) config: Config,
    pub(crate) data: PathBuf,
}

impl Context {
    fn new(json: bool, flags: [Option<&Path>; 2], graph: Option<&Path>) -> Result<Self, Failure> {
        let config = Config::find(flags[1], graph)?;
        let data = config.data(flags[0])?;
        next::remember(flags, &config, Some(&data));
        Ok(Self { json, config, data })
    }
}

pub(crate) async fn execute(args: Args) -> Result<(), Failure> {
    let Args { json, data, config, names_data, mut command } = args;
    let graph = if let Command::Run(run) = &mut command {
        Some(run.take_graph()?)
    } else if let Command::Explain { graph } = &command {
        Some(graph.clone())
    } else {
        None
    };
    let flags = [data.as_deref(), config.as_deref()];
    let context = || Context::new(json, flags, graph.as_deref());
    match command {
        Command::Demo { beat } => Box::pin(demo::demo(context()?, beat, names_data)).await,
        Command::Run(run) => {
            let graph = graph.as_deref().unwrap_or_else(|| Path::new(""));
            match &run.watch {
                Some(paths) => watch::watch(&context()?, graph, &run, paths).await,
                None => run::run(&context()?, graph, &run, Telling::Whole).await,
            }
        }
        Command::Check(command) => check(json, flags, command),
        Command::Explain { graph } => explain::explain(&context()?, &graph).await,
        Command::Why { run, task, from } => why::why(&context()?, &run, task.as_deref(), from).await,
        Command::Runs(command) => runs::runs(&context()?, command).await,
        Command::Export { run, output } => export::export(&context()?, &run, output.as_deref()).await,
        Command::Backup { dest } => backup::backup(&context()?, &dest).await,
        Command::Restore { src, paused } => backup::restore(&context()?, &src, paused).await,
        Command::Waits(asked) => waits::waits(&context()?, asked).await,
        Command::Targets => loads::targets(&context()?).await,
        Command::Approve(asked) => waits::decide(&context()?, true, asked).await,
        Command::Reject(asked) => waits::decide(&context()?, false, asked).await,
        Command::Resolve(asked) => waits::resolve(&context()?, asked).await,
        Command::Signal(asked) => waits::signal(&context()?, asked).await,
        Command::Spend { command: None, since, by } => spend::spend(&context()?, since, &by).await,
        Command::Spend { command: Some(command), .. } => reconcile::of_lost(&context()?, command).await,
        Command::Notices { command: None } => notices::notices(&context()?).await,
        Command::Notices { command: Some(NoticesCommand::Test { name }) } => notices::test(&context()?, &name).await,
        Command::Feedback { command: None, of, by } => feedback::feedback(&context()?, of, &by).await,
        Command::Feedback { command: Some(FeedbackCommand::Ls { run, of, limit }), .. } => {
            feedback::list(&context()?, run, of, limit).await
        }
        Command::Cache(command) => cache::cache(&context()?, command).await,
        Command::Index(command) => index::index(&context()?, command),
        Command::Serve { listen, attached } => serve::serve(&context()?, listen, attached).await,
        Command::Provider(told) => provider::provider(&told).await,
        Command::Policy(PolicyCommand::Show { policy: None }) => policy::in_force(&context()?).await,
        Command::Policy(command) => {
            let config = Config::find(flags[1], None)?;
            next::remember(flags, &config, None);
            policy::documents(json, command, &config.limits.0)
        }
        Command::Plan(command) => plan::plan(&context()?, command).await,
        Command::Schema { of } => Ok(writeln!(show::out(), "{}", schema(of).trim_end())?),
        Command::Replay(asked) => replay::replay(&context()?, &asked).await,
        Command::Simulate(_) if names_data => Err(simulate::no_data()),
        Command::Simulate(asked) => simulate::simulate(json, asked),
        Command::Config(ConfigCommand::Check) => {
            configuration::check(&context().map_err(|failure| configuration::unread(json, failure))?)
        }
        Command::Doctor { example: None } => doctor::doctor(&context()?).await,
        Command::Doctor { example: Some(example) } => doctor::example(json, example).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "agendum", &mut show::out());
            Ok(())
        }
    }
}

fn check(json: bool, flags: [Option<&Path>; 2], command: Check) -> Result<(), Failure> {
    let Check { graph, fix, dry_run, added_to } = command;
    let config = Config::find(flags[1], Some(&graph))?;
    next::remember(flags, &config, None);
    if let Some(of) = added_to {
        check::addition_to(json, &graph, &of, &config.limits.0)
    } else if fix {
        fix::fix(json, &graph, dry_run, &config.limits.0)
    } else {
        // Without a home folder there is nothing that was made in one.
        check::check(json, &graph, &config, config.data(flags[0]).ok().as_deref())
    }
}

fn schema(of: SchemaOf) -> &'static str {
    match of {
        SchemaOf::Graph => agendum_spec::schema(),
        SchemaOf::Policy => agendum_spec::policy::SCHEMA,
        SchemaOf::Plan => agendum_spec::policy::plan::schema(),
    }
}
