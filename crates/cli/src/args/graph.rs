//! Which document `run` runs: with `--watch` it may stand behind what is watched.

use std::path::{Path, PathBuf};

use super::Run;
use crate::failure::Failure;
use crate::next;

impl Run {
    /// The document. Where nothing stands before `--watch` it is the last of what stands behind it.
    pub(crate) fn take_graph(&mut self) -> Result<PathBuf, Failure> {
        let named = self.graph.take().or_else(|| self.watch.as_mut()?.pop());
        let graph = named.ok_or_else(|| Failure::usage("no graph is named").hint("agendum run graph.yaml --watch"))?;
        let Some(watch) = &mut self.watch else { return Ok(graph) };
        let file = watch.iter().position(|path| path.is_file()).filter(|_| graph.is_dir());
        match file {
            None => Ok(graph),
            Some(place) => {
                let file = watch.remove(place);
                watch.push(graph.clone());
                let word = |path: &Path| next::quoted(&path.display().to_string());
                let paths: Vec<String> = watch.iter().map(|path| word(path)).collect();
                let again = format!("{} run {} --watch {}", next::graph(), word(&file), paths.join(" "));
                let message = format!("{} stands where the graph belongs, and is a folder", graph.display());
                Err(Failure::usage(message).hint(format!("the graph first: {again}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser as _;

    use crate::args::{Args, Command};

    #[test]
    fn the_graph_stands_first_or_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("g.yaml"), "").unwrap();
        let told = [
            "g.yaml",
            "g.yaml --watch",
            "g.yaml --watch src",
            "--watch g.yaml",
            "--watch src g.yaml",
            "--watch -- g.yaml",
            "--watch g.yaml src",
            "src --watch g.yaml",
            "--watch src",
            "--watch",
        ]
        .map(|typed| {
            let words = typed.split(' ').map(|word| match word {
                "g.yaml" | "src" => format!("{path}/{word}"),
                flag => flag.to_owned(),
            });
            let args = Args::try_parse_from(["agendum", "run"].into_iter().map(str::to_owned).chain(words)).unwrap();
            let Command::Run(mut run) = args.command else { panic!("{typed} runs nothing") };
            let watches = run.watch.is_some();
            let taken = run.take_graph().map(|graph: PathBuf| format!("{} of {:?}", graph.display(), run.watch));
            let told = taken.unwrap_or_else(|failure| failure.text().replace('\n', "; "));
            format!("{typed}: {}{}", if watches { "" } else { "unwatched " }, told.replace(&format!("{path}/"), ""))
        });
        insta::assert_snapshot!(told.join("\n"), @r#"
        g.yaml: unwatched g.yaml of None
        g.yaml --watch: g.yaml of Some([])
        g.yaml --watch src: g.yaml of Some(["src"])
        --watch g.yaml: g.yaml of Some([])
        --watch src g.yaml: g.yaml of Some(["src"])
        --watch -- g.yaml: g.yaml of Some([])
        --watch g.yaml src: src stands where the graph belongs, and is a folder; hint: the graph first: agendum run g.yaml --watch src
        src --watch g.yaml: src stands where the graph belongs, and is a folder; hint: the graph first: agendum run g.yaml --watch src
        --watch src: src of Some([])
        --watch: no graph is named; hint: agendum run graph.yaml --watch
        "#);
        assert!(Args::try_parse_from(["agendum", "run"]).is_err(), "a graph is named");
    }
}
