//! Files that are watched: which they are, and that one of them has changed. The system says that something happened in a folder; what
//! counts is whether a file is another one than before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ignore::WalkBuilder;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::failure::Failure;

/// Files that are watched at most: each is looked at after every change.
const FILES_MAX: usize = 10_000;
/// An edit is over when nothing has happened for so long; if something always does, after so many of these.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_MAX: usize = 20;
/// How often files are looked at where the system does not say that one has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Folders that programs write to.
const MADE: [&str; 2] = ["target", "node_modules"];

/// What tells one state of a file from another.
type State = (Option<SystemTime>, u64);

/// The files, as they were when they were last looked at.
pub(crate) struct Watched {
    named: BTreeSet<PathBuf>,
    /// What is written there is no edit.
    data: PathBuf,
    files: BTreeMap<PathBuf, State>,
    folders: BTreeSet<PathBuf>,
    /// `None` where the system cannot tell: then they are looked at now and then.
    watcher: Option<RecommendedWatcher>,
    told: mpsc::Receiver<()>,
    /// Something has happened since they were looked at.
    stirred: bool,
}

/// What there is at a moment.
#[derive(Default)]
struct Found {
    files: BTreeMap<PathBuf, State>,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Nothing yet.
    pub(crate) fn new(data: &Path) -> Self {
        let (tell, told) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let is_read = event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_)));
            if !is_read {
                // One that is not taken yet says the same.
                let _said = tell.try_send(());
            }
        });
        Self {
            named: BTreeSet::new(),
            data: std::path::absolute(data).unwrap_or_else(|_| data.to_owned()),
            files: BTreeMap::new(),
            folders: BTreeSet::new(),
            watcher: watcher.ok(),
            told,
            stirred: false,
        }
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// Watches these, and nothing else: files, and folders with what is in them. As they are now they are no change.
    pub(crate) async fn name(&mut self, named: impl IntoIterator<Item = PathBuf>) -> Result<(), Failure> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let named = named.into_iter().map(absolute).collect();
        if named == self.named {
            return Ok(());
        }
        let (earlier, before) = (std::mem::replace(&mut self.named, named), std::mem::take(&mut self.files));
        self.look().await?;
        // Of what was named before a change is none the less one.
        let now = std::mem::take(&mut self.files).into_iter().filter(|(file, _)| !is_in(file, &earlier));
        let before = before.into_iter().filter(|(file, _)| is_in(file, &self.named));
        self.files = now.chain(before).collect();
        self.stirred = true;
        Ok(())
    }

    /// Until a file is another one, is new, or is gone. May be dropped and asked again.
    pub(crate) async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            if !self.stirred {
                match &self.watcher {
                    Some(_) => drop(self.told.recv().await),
                    None => sleep(LOOK).await,
                }
                self.stirred = true;
            }
            for _ in 0..QUIET_MAX {
                if timeout(QUIET, self.told.recv()).await.is_err() {
                    break;
                }
            }
            if self.look().await? {
                return Ok(());
            }
        }
    }

    /// Looks at all files; true if there was a change.
    async fn look(&mut self) -> Result<bool, Failure> {
        let (named, data) = (self.named.clone(), self.data.clone());
        let found = tokio::task::spawn_blocking(move || find(&named, &data)).await??;
        self.stirred = false;
        self.listen(&found.folders);
        let is_other = found.files != self.files;
        (self.files, self.folders) = (found.files, found.folders);
        Ok(is_other)
    }

    /// The system is asked to tell of each folder alone: below one there may be very many that do not count.
    fn listen(&mut self, folders: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.folders.difference(folders) {
            let _gone = watcher.unwatch(gone);
        }
        for folder in folders.difference(&self.folders) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(%error, folder = %folder.display(), "changes are looked for once a second");
                self.watcher = None;
                return;
            }
        }
    }
}

fn is_in(file: &Path, named: &BTreeSet<PathBuf>) -> bool {
    named.iter().any(|named| file.starts_with(named))
}

fn find(named: &BTreeSet<PathBuf>, data: &Path) -> Result<Found, Failure> {
    let mut found = Found::default();
    for path in named {
        if path.is_dir() {
            found.walk(path, data)?;
        } else {
            found.folders.extend(path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
            found.add(path.clone())?;
        }
    }
    Ok(found)
}

impl Found {
    /// What git does not ignore, without what is hidden.
    fn walk(&mut self, folder: &Path, data: &Path) -> Result<(), Failure> {
        let data = data.to_owned();
        let counts = move |entry: &ignore::DirEntry| {
            let is_made = entry.depth() > 0 && entry.file_name().to_str().is_some_and(|name| MADE.contains(&name));
            !is_made && entry.path() != data
        };
        // What cannot be read, or is gone by now, is not watched.
        for entry in WalkBuilder::new(folder).filter_entry(counts).build().filter_map(Result::ok) {
            let Some(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.folders.insert(entry.into_path());
            } else if kind.is_file() && !is_of_editor(entry.path()) {
                self.add(entry.into_path())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, file: PathBuf) -> Result<(), Failure> {
        let Ok(told) = file.metadata() else { return Ok(()) };
        if told.is_file() {
            self.files.insert(file, (told.modified().ok(), told.len()));
        }
        if self.files.len() > FILES_MAX {
            let message = format!("--watch names more than {FILES_MAX} files");
            return Err(Failure::usage(message).hint("name the folders that you edit"));
        }
        Ok(())
    }
}

/// What editors write beside a file while they save it.
fn is_of_editor(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".tmp") || name == "4913"
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, remove_file, write};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Watched;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_edited_is_a_change_and_what_programs_write_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["src/deep", "target", ".git", "data", "beside"] {
            create_dir_all(at(name)).unwrap();
        }
        for name in ["src/deep/a.rs", "target/made", ".git/index", "data/journal", "graph.yaml", "beside/other"] {
            write(at(name), "one").unwrap();
        }
        let mut watched = Watched::new(&at("data"));
        watched.name([at(""), at("beside/other")]).await.unwrap();
        assert_eq!(watched.count(), 3);
        // Each is a change of its own, found by looking; those that are none come first, and would be found before.
        for (edited, what) in [("src/deep/a.rs", "one and two"), ("src/new.rs", "new"), ("graph.yaml", "other text")] {
            for none in ["target/made", ".git/index", "data/journal", "src/a.rs~", "src/.a.rs.swp"] {
                write(at(none), format!("{edited} {none}")).unwrap();
            }
            assert!(!watched.look().await.unwrap(), "before {edited}");
            write(at(edited), what).unwrap();
            timeout(LONG, watched.changed()).await.unwrap().unwrap();
            assert!(!watched.look().await.unwrap(), "{edited} is one change");
        }
        remove_file(at("src/new.rs")).unwrap();
        timeout(LONG, watched.changed()).await.unwrap().unwrap();
        // Where the system cannot tell they are looked at.
        watched.watcher = None;
        write(at("beside/other"), "at last").unwrap();
        timeout(LONG, watched.changed()).await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_edited_before_others_were_named_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(at("one"), "1").unwrap();
        write(at("two"), "2").unwrap();
        let mut watched = Watched::new(&at("data"));
        watched.name([at("one")]).await.unwrap();
        write(at("one"), "other").unwrap();
        watched.name([at("one"), at("two")]).await.unwrap();
        timeout(LONG, watched.changed()).await.unwrap().unwrap();
        assert!(!watched.look().await.unwrap(), "the second file was none");
    }
}
