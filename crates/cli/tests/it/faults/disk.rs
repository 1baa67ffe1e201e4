//! Disks that can be taken away.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Bytes of a file system that is made for a test.
const SIZE: u64 = 64 << 20;
/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from now on nothing reaches the disk, not even what the file system's own
/// journal has gathered. Perl, because an ioctl of ours would be `unsafe`.
const SHUTDOWN: &str = "open(D, '<', $ARGV[0]) or die $!; $how = pack('L', 2); ioctl(D, 0x8004587D, $how) or die $!";

fn run(program: &str, arguments: &[&str]) {
    let said = Command::new(program).args(arguments).output().unwrap();
    assert!(said.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file system of its own, mounted in a folder of its own.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
    /// What is mounted through a loop, if it is that.
    image: Option<PathBuf>,
}

impl Disk {
    /// In memory, so that it fills soon.
    pub(crate) fn tmpfs() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap(), image: None };
        std::fs::create_dir(disk.root()).unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=16m", "none", text(&disk.root())]);
        disk
    }

    pub(crate) fn ext4() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        make(&image);
        Self::of(folder, image)
    }

    /// On blocks that can go bad.
    pub(crate) fn over(bad: &Bad) -> Self {
        Self::of(tempfile::tempdir().unwrap(), bad.device())
    }

    fn of(folder: tempfile::TempDir, image: PathBuf) -> Self {
        let disk = Self { folder, image: Some(image) };
        std::fs::create_dir(disk.root()).unwrap();
        disk.mount();
        disk
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", text(self.image.as_ref().unwrap()), text(&self.root())]);
    }

    pub(crate) fn mount_again(&self) {
        run("umount", &[text(&self.root())]);
        self.mount();
    }

    /// The power goes.
    pub(crate) fn cut(&self) {
        run("perl", &["-e", SHUTDOWN, text(&self.root())]);
    }

    /// Takes all room that is left.
    pub(crate) fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.path("ballast")).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    /// Gives that room back.
    pub(crate) fn clear(&self) {
        std::fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever cannot be unmounted goes with the namespace.
        let _gone = Command::new("umount").arg("--lazy").arg(self.root()).stderr(Stdio::null()).status();
    }
}

fn make(image: &Path) {
    File::create(image).unwrap().set_len(SIZE).unwrap();
    run("mkfs.ext4", &["-q", "-F", text(image)]);
}

/// A block device whose requests fail on demand.
pub(crate) struct Bad {
    folder: tempfile::TempDir,
    server: Child,
}

impl Bad {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make(&path("image"));
        std::fs::create_dir(path("fuse")).unwrap();
        let mut command = Command::new("nbdfuse");
        command.arg(path("fuse")).args(["--socket-activation", "nbdkit", "--filter=error", "file"]);
        command.arg(path("image")).args(["error=EIO", "error-rate=100%"]);
        command.arg(format!("error-file={}", path("bad").display()));
        let server = command.stdout(Stdio::null()).spawn().unwrap();
        let bad = Self { folder, server };
        while std::fs::metadata(bad.device()).map_or(0, |found| found.len()) != SIZE {
            std::thread::sleep(Duration::from_millis(10));
        }
        bad
    }

    fn device(&self) -> PathBuf {
        self.folder.path().join("fuse/nbd")
    }

    /// From now on every request fails.
    pub(crate) fn begin(&self) {
        File::create(self.folder.path().join("bad")).unwrap();
    }

    pub(crate) fn end(&self) {
        std::fs::remove_file(self.folder.path().join("bad")).unwrap();
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        let fuse = self.folder.path().join("fuse");
        let _gone = Command::new("fusermount3").arg("-uz").arg(fuse).stderr(Stdio::null()).status();
        // It ends with its mount.
        let _ended = self.server.wait();
    }
}
