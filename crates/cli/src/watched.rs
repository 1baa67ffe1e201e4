//! Files that are watched: which they are, and that one of them has changed. The system says that something happened in a folder; what
//! counts is whether a file is another one than before, and that is what it holds: who writes the same again has edited nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ignore::WalkBuilder;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::failure::Failure;
use crate::hosting::tell;

/// Files that are watched at most: each is looked at after every change.
const FILES_MAX: usize = 10_000;
/// Folders that are watched at most: the system keeps a place for each.
const FOLDERS_MAX: usize = 10_000;
/// Bytes of files that are read at most when they are looked at; what is beyond counts as another one when it was written.
const READ_MAX: u64 = 64 << 20;
/// An edit is over when nothing has happened for so long; if something always does, after so many of these.
const QUIET: Duration = Duration::from_millis(50);
const QUIET_MAX: usize = 20;
/// How often files are looked at where the system does not say that one has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Folders that programs write to.
const MADE: [&str; 2] = ["target", "node_modules"];

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    written: (Option<SystemTime>, u64),
    /// Of what it holds; `None` if that was not read.
    hash: Option<blake3::Hash>,
}

impl State {
    /// True if the file holds something else, for all that is known.
    fn differs(&self, other: &Self) -> bool {
        self.written != other.written && (self.hash.is_none() || self.hash != other.hash)
    }
}

type Files = BTreeMap<PathBuf, State>;

/// The files, as they were when they were last looked at.
pub(crate) struct Watched {
    named: BTreeSet<PathBuf>,
    /// What is written there is no edit.
    data: PathBuf,
    files: Arc<Files>,
    folders: BTreeMap<PathBuf, u64>,
    /// `None` where the system cannot tell: then they are looked at now and then.
    watcher: Option<RecommendedWatcher>,
    told: mpsc::Receiver<()>,
    /// Something has happened since they were looked at.
    stirred: bool,
}

/// What there is at a moment.
struct Found {
    files: Files,
    /// With their numbers: one that was made anew is another.
    folders: BTreeMap<PathBuf, u64>,
    before: Arc<Files>,
    /// Bytes that may still be read.
    left: u64,
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
            files: Arc::default(),
            folders: BTreeMap::new(),
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
        let (earlier, before) = (std::mem::replace(&mut self.named, named), Arc::clone(&self.files));
        self.look().await?;
        // Of what was named before a change is none the less one.
        let now = self.files.iter().filter(|(file, _)| !is_in(file, &earlier));
        let before = before.iter().filter(|(file, _)| is_in(file, &self.named));
        self.files = Arc::new(now.chain(before).map(|(file, state)| (file.clone(), *state)).collect());
        self.stirred = true;
        Ok(())
    }

    /// Until files are others, are new, or are gone: which. May be dropped and asked again.
    pub(crate) async fn changed(&mut self) -> Result<BTreeSet<PathBuf>, Failure> {
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
            let changed = self.look().await?;
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Looks at all files; gives those that have changed.
    async fn look(&mut self) -> Result<BTreeSet<PathBuf>, Failure> {
        let (named, data, before) = (self.named.clone(), self.data.clone(), Arc::clone(&self.files));
        let (found, changed) = tokio::task::spawn_blocking(move || {
            let found = find(&named, &data, before)?;
            let changed = found.changed();
            Ok::<_, Failure>((found, changed))
        })
        .await??;
        // What happens in a folder between the look and the order to tell of it is not told.
        self.stirred = self.listen(&found.folders);
        (self.files, self.folders) = (Arc::new(found.files), found.folders);
        Ok(changed)
    }

    /// The system is asked to tell of each folder alone: below one there may be very many that do not count. True if it is asked for
    /// another one than before.
    fn listen(&mut self, folders: &BTreeMap<PathBuf, u64>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        for (gone, _) in self.folders.iter().filter(|(folder, number)| folders.get(*folder) != Some(number)) {
            let _gone = watcher.unwatch(gone);
        }
        let mut is_new = false;
        for (folder, _) in folders.iter().filter(|(folder, number)| self.folders.get(*folder) != Some(number)) {
            is_new = true;
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tell(&format!(
                    "{} cannot be watched ({error}): changes are looked for once a second",
                    folder.display()
                ));
                self.watcher = None;
                break;
            }
        }
        is_new
    }
}

fn is_in(file: &Path, named: &BTreeSet<PathBuf>) -> bool {
    named.iter().any(|named| file.starts_with(named))
}

fn find(named: &BTreeSet<PathBuf>, data: &Path, before: Arc<Files>) -> Result<Found, Failure> {
    let mut found = Found { files: Files::new(), folders: BTreeMap::new(), before, left: READ_MAX };
    for path in named {
        if path.is_dir() {
            found.walk(path, data)?;
            continue;
        }
        // Of a link also where it leads.
        let real = path.canonicalize().ok();
        for folder in [Some(path), real.as_ref()].into_iter().flatten().filter_map(|path| path.parent()) {
            found.folder(folder.to_owned())?;
        }
        found.add(path.clone())?;
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
                self.folder(entry.into_path())?;
            } else if kind.is_file() && !is_of_editor(entry.path()) {
                self.add(entry.into_path())?;
            }
        }
        Ok(())
    }

    fn folder(&mut self, folder: PathBuf) -> Result<(), Failure> {
        if let Some(told) = folder.metadata().ok().filter(std::fs::Metadata::is_dir) {
            self.folders.insert(folder, told.ino());
        }
        if self.folders.len() > FOLDERS_MAX { Err(too_many("folders", FOLDERS_MAX)) } else { Ok(()) }
    }

    fn add(&mut self, file: PathBuf) -> Result<(), Failure> {
        let Some(told) = file.metadata().ok().filter(std::fs::Metadata::is_file) else { return Ok(()) };
        let written = (told.modified().ok(), told.len());
        let known = self.before.get(&file).copied().filter(|before| before.written == written);
        let state = known.unwrap_or_else(|| State { written, hash: self.hash(&file, told.len()) });
        self.files.insert(file, state);
        if self.files.len() > FILES_MAX { Err(too_many("files", FILES_MAX)) } else { Ok(()) }
    }

    fn hash(&mut self, file: &Path, length: u64) -> Option<blake3::Hash> {
        self.left = self.left.checked_sub(length)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(file).ok()?.take(length)).ok()?;
        Some(hasher.finalize())
    }

    /// What is another one than before, new or gone.
    fn changed(&self) -> BTreeSet<PathBuf> {
        let is_other = |(file, state): &(&PathBuf, &State)| self.before.get(*file).is_none_or(|old| state.differs(old));
        let others = self.files.iter().filter(is_other).map(|(file, _)| file);
        let gone = self.before.keys().filter(|file| !self.files.contains_key(*file));
        others.chain(gone).cloned().collect()
    }
}

fn too_many(what: &str, most: usize) -> Failure {
    Failure::usage(format!("--watch names more than {most} {what}"))
        .hint("name the folders that you edit; what .gitignore names is left out")
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
            assert!(watched.look().await.unwrap().is_empty(), "before {edited}");
            write(at(edited), what).unwrap();
            let changed = timeout(LONG, watched.changed()).await.unwrap().unwrap();
            assert_eq!(changed.into_iter().collect::<Vec<_>>(), [at(edited)]);
            assert!(watched.look().await.unwrap().is_empty(), "{edited} is one change");
            // Who writes the same again, as a formatter does, has edited nothing.
            write(at(edited), what).unwrap();
            write(at("graph.yaml"), std::fs::read(at("graph.yaml")).unwrap()).unwrap();
            assert!(watched.look().await.unwrap().is_empty(), "{edited} is what it was");
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
        assert!(watched.look().await.unwrap().is_empty(), "the second file was none");
    }
}
