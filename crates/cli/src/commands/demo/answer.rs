//! The first beat: the support example over a page of this project, on the offline model, in the ordinary data directory.

use std::io::Write as _;
use std::path::PathBuf;

use agendum_store_sqlite::{private_file, private_folder};

use super::super::attend::Telling;
use super::super::{Context, run};
use crate::args::Run;
use crate::config::Config;
use crate::failure::Failure;
use crate::host::{data_folder, open_index};
use crate::{next, show};

/// What it needs, in a folder of the data directory: its citations lead there.
const FILES: [(&str, &str); 5] = [
    ("graph.yaml", include_str!("../../../../../examples/support-answer/graph.yaml")),
    ("prompts/draft.md", include_str!("../../../../../examples/support-answer/prompts/draft.md")),
    ("prompts/revise.md", include_str!("../../../../../examples/support-answer/prompts/revise.md")),
    ("prompts/review.md", include_str!("../../../../../examples/support-answer/prompts/review.md")),
    ("docs/durability.md", include_str!("../../../../../docs/durability.md")),
];
/// The folder, and the index.
const NAME: &str = "demo";
/// To be asked next.
const ANOTHER: &str = "Can two processes use the same data directory?";
const QUESTION: &str = "What happens to a task without effect when the process crashes?";

/// Answers a question, and says how to explain the run that did.
pub(super) async fn play(json: bool, data: PathBuf) -> Result<(), Failure> {
    // Whatever is configured here: it shall cost nothing and need nothing.
    let context = Context { json, config: Config::plain(), data };
    data_folder(&context.data)?;
    let folder = context.data.join(NAME);
    for (name, text) in FILES {
        let path = folder.join(name);
        private_folder(path.parent().unwrap_or(&folder))?;
        let mut file = private_file(&path)?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
    }
    open_index(&context.data, &NAME.parse()?)?.follow(&[folder.join("docs")])?;
    let graph = folder.join("graph.yaml");
    let asked = Run {
        graph: None,
        inputs: vec![format!("question={QUESTION}"), format!("index={NAME}")],
        inputs_file: None,
        priority: None,
        deadline: None,
        budget: None,
        strict: false,
        key: None,
        detach: false,
        watch: None,
    };
    run::run(&context, &graph, &asked, Telling::Brief(QUESTION)).await?;
    if !context.json {
        let (program, graph) = (next::reading(), next::quoted(&graph.display().to_string()));
        let mut err = show::err();
        writeln!(err, "      {program} explain {graph}")?;
        writeln!(err, "      {program} run {graph} -i index={NAME} -i question='{ANOTHER}'")?;
        writeln!(err, "      {} serve", next::hosting())?;
    }
    Ok(())
}
