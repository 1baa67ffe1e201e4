"""What the peers need, in a folder outside the repository. What cannot be had names its peer, and the rest goes on."""

import glob
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


class Missing(Exception):
    """A peer that cannot be measured here, and why."""


class Tools:
    """Where the programs are. Each is looked for, or made, when its first peer asks."""

    def __init__(self, folder, told=None):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known = {name: heard(what) for name, what in json.loads(told).items()} if told else {}

    def tell(self):
        """What is known, for the process that measures: it has no network to get anything more."""
        known = {name: {"missing": str(what)} if isinstance(what, Missing) else what for name, what in self.known.items()}
        return json.dumps(known, default=str)

    def get(self, name):
        if name not in self.known:
            try:
                self.known[name] = getattr(self, f"make_{name}")()
            except Missing as missing:
                self.known[name] = missing
        if isinstance(self.known[name], Missing):
            raise self.known[name]
        return self.known[name]

    def make_agendum(self):
        """The binary and the embedded engine, as they are released."""
        words = ["cargo", "build", "--release", "-p", "agendum-cli", "--bin", "agendum", "--example", "peer"]
        run("Agendum", words, REPOSITORY)
        target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target") / "release"
        return {"server": target / "agendum", "embedded": target / "examples" / "peer"}

    def make_peers(self):
        """The drivers and services in Rust."""
        target = self.folder / "target"
        run("the drivers in Rust", ["cargo", "build", "--release", "--locked", "--target-dir", target], HERE)
        return target / "release" / "agendum-peers"

    def make_npm(self):
        """Restate's server and its SDK. No package's own scripts run: one of them reports the installation."""
        folder = self.folder / "npm"
        folder.mkdir(exist_ok=True)
        same = all(
            (folder / name).exists() and (folder / name).read_bytes() == (HERE / name).read_bytes()
            for name in ("package.json", "package-lock.json")
        )
        servers = f"{folder}/node_modules/@restatedev/restate-server-*/bin/restate-server"
        if not same or not glob.glob(servers):
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            run("Restate", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        found = glob.glob(servers)
        if not found:
            raise Missing("npm gives no restate-server for this machine")
        return {"folder": folder, "server": Path(found[0])}

    def make_node(self):
        node = shutil.which("node")
        if not node:
            raise Missing("there is no node")
        return node

    def make_ray(self):
        python = self.folder / "ray" / "bin" / "python"
        wanted = (HERE / "requirements.txt").read_text()
        mark = self.folder / "ray" / "requirements.txt"
        if not (mark.exists() and mark.read_text() == wanted):
            run("Ray", [sys.executable, "-m", "venv", "--clear", self.folder / "ray"], self.folder)
            run("Ray", [python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], self.folder)
            mark.write_text(wanted)
        return python

    def make_postgres(self):
        """The folder of PostgreSQL's programs; installed where that can be done, never started as a service of the system."""
        found = postgres()
        if not found and shutil.which("apt-get") and os.geteuid() == 0:
            run("PostgreSQL", ["apt-get", "update", "-q"], self.folder)
            run("PostgreSQL", ["apt-get", "install", "-y", "-q", "postgresql"], self.folder)
            found = postgres()
        if not found:
            raise Missing("there is no PostgreSQL: install Debian's package postgresql")
        return Path(found)


def heard(what):
    if isinstance(what, str):
        return Path(what)
    if "missing" in what:
        return Missing(what["missing"])
    return {name: Path(path) for name, path in what.items()}


def postgres():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    one = shutil.which("postgres")
    return os.path.dirname(os.path.realpath(one)) if one else None


def run(what, words, folder):
    words = [str(word) for word in words]
    print(f"installing {what}: {' '.join(words)}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    except OSError as error:
        raise Missing(f"{words[0]}: {error}") from error
    if done.returncode:
        raise Missing(f"`{' '.join(words)}` ended with {done.returncode}")


def pinned(package):
    """The version of a package of npm that the lock file names."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    return lock["packages"][f"node_modules/{package}"]["version"]


def locked(crate):
    """The version of a crate that the lock file names."""
    after = (HERE / "Cargo.lock").read_text().split(f'name = "{crate}"\nversion = "', 1)[1]
    return after.split('"', 1)[0]
