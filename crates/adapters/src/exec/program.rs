//! From the name of a program to the file that is started. Only our own PATH decides, never a variable that a graph sets.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The file that a program's name stands for: names are looked up in `paths`, relative paths lead on from the target's folder.
pub(super) fn find(program: &str, folder: &Path, paths: Option<&OsStr>) -> Option<PathBuf> {
    if program.contains('/') {
        let file = folder.canonicalize().ok()?.join(program);
        return is_program(&file).then_some(file);
    }
    // A relative entry would lead into a folder that programs write to.
    let folders = paths.map(std::env::split_paths).into_iter().flatten().filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|file| !program.is_empty() && is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt as _;

    use super::find;

    #[test]
    fn programs_are_found_where_they_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for (name, mode) in [("a/tool", 0o755), ("b/tool", 0o755), ("a/text", 0o644), ("b/text", 0o755)] {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let paths = OsString::from(format!("::.:b:{0}/none:{0}/a:{0}/b", root.display()));
        let find = |name: &str| {
            let file = find(name, &root, Some(&paths))?;
            Some(file.strip_prefix(&root).map(|below| below.display().to_string()).unwrap_or_default())
        };
        assert_eq!(find("tool").as_deref(), Some("a/tool"));
        assert_eq!(find("text").as_deref(), Some("b/text"), "what cannot be started is passed over");
        assert_eq!(find("./b/tool").as_deref(), Some("b/tool"));
        assert_eq!(find(&format!("{}/b/tool", root.display())).as_deref(), Some("b/tool"));
        for name in ["", "a", "none", "./a", "./a/text"] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}
