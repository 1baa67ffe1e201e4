//! `demo`: the support example over a page of this project, run and explained, in a scratch data directory.

use std::io::Write as _;
use std::path::Path;

use super::{Context, run};
use crate::args::Run;
use crate::config::Config;
use crate::failure::Failure;

const FILES: [(&str, &str); 6] = [
    ("graph.yaml", include_str!("../../../../examples/support-answer/graph.yaml")),
    ("prompts/draft.md", include_str!("../../../../examples/support-answer/prompts/draft.md")),
    ("prompts/revise.md", include_str!("../../../../examples/support-answer/prompts/revise.md")),
    ("prompts/review.md", include_str!("../../../../examples/support-answer/prompts/review.md")),
    ("docs/durability.md", include_str!("../../../../docs/durability.md")),
    ("agendum.toml", "[indexes.docs]\npaths = [\"docs\"]\n"),
];

const QUESTION: &str = "What happens to a task without effect when the process crashes?";

pub(crate) async fn demo(json: bool) -> Result<(), Failure> {
    let mut folder = std::env::temp_dir();
    let chance = getrandom::u64().unwrap_or(0);
    folder.push(format!("agendum-demo-{chance:016x}"));
    for (name, text) in FILES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(path, text)?;
    }
    let ended = play(json, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    if !json && ended.is_ok() {
        writeln!(anstream::stderr(), "      (not this one: the demo has cleaned up after itself)")?;
        writeln!(
            anstream::stderr(),
            "      agendum run examples/support-answer/graph.yaml --input question=\"{QUESTION}\""
        )?;
    }
    ended
}

async fn play(json: bool, folder: &Path) -> Result<(), Failure> {
    let graph = folder.join("graph.yaml");
    let config = Config::find(Some(&folder.join("agendum.toml")), None)?;
    let context = Context { json, config, data: folder.join("data") };
    let asked = Run {
        graph,
        inputs: vec![format!("question={QUESTION}")],
        inputs_file: None,
        priority: None,
        deadline: None,
        budget: None,
        strict: false,
        detach: false,
    };
    run::run(&context, &asked).await
}
