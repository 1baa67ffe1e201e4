"""The peers: how each is started, killed, and what it promises meanwhile."""

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

from . import install
from .install import Missing
from .machine import Failed, Process, free_port, listens, plain_env, wait_for

# Connections of DBOS's pool; its own default is 10. Of 20 and 50 an earlier measurement found 20 the better.
DBOS_CONNECTIONS = 20
# Attempts that Agendum's HTTP target runs at once; Restate runs as many invocations.
AGENDUM_CONCURRENCY = 1000


class Peer:
    """One peer in one mode. `steps` says what a step is: a function in process, or a call over HTTP."""

    name = steps = ""
    durable = True
    # Workflows that it is measured with, and whether its engine can be killed.
    kills = True

    def __init__(self, tools):
        self.tools = tools
        self.processes = []

    def install(self):
        """Gets what it needs, or raises `Missing`."""

    def versions(self):
        return {}

    def settings(self):
        """What decides how durable it is; asked while it runs."""
        return {}

    def start(self, folder):
        self.folder = Path(folder)
        self.noted = self.folder / "steps"
        self.env = {"PEERS_STEPS": str(self.noted)}
        self.launch()

    def launch(self):
        raise NotImplementedError

    def run(self, words, name, **more):
        process = Process(words, self.folder, name, env=self.env | more.pop("env", {}), **more)
        self.processes.append(process)
        return process

    def drive(self, words):
        """Starts what takes our commands."""
        self.driver = self.run(words, "driver", speaks=True)
        self.driver.answer()

    def roots(self):
        return [process.id for process in self.processes]

    def drop(self, process):
        self.processes.remove(process)
        process.end()

    def kill(self):
        """Kills the engine, starts it again at once; when it was killed and when it was gone."""
        raise NotImplementedError

    def stop(self):
        for process in reversed(self.processes):
            process.end()
        self.processes = []


class AgendumEmbedded(Peer):
    steps = "in process"

    def __init__(self, tools, mode):
        super().__init__(tools)
        self.mode, self.name = mode, f"agendum-embedded-{mode}"

    def install(self):
        self.program = self.tools.get("agendum")["embedded"]

    def settings(self):
        return agendum_settings(self.mode) | {"what": "the engine as a library, steps are a Rust adapter in its process; fan: 100 tasks"}

    def launch(self):
        self.drive([self.program, self.folder / "data", self.mode])

    def kill(self):
        times = self.driver.kill()
        self.drop(self.driver)
        self.launch()
        return times


class AgendumHttp(Peer):
    steps = "http"

    def __init__(self, tools, mode):
        super().__init__(tools)
        self.mode, self.name = mode, f"agendum-http-{mode}"

    def install(self):
        self.program = self.tools.get("agendum")["server"]
        self.drivers = self.tools.get("peers")

    def versions(self):
        asked = subprocess.run([self.program, "--version"], capture_output=True, text=True, env=plain_env())
        return {"agendum": asked.stdout.split()[-1]}

    def settings(self):
        return agendum_settings(self.mode) | {
            "what": "`agendum serve`; documents submitted and answers awaited over HTTP, each step a GET of a service; fan: foreach",
            "target concurrency": AGENDUM_CONCURRENCY,
        }

    def launch(self):
        self.service, self.port = f"127.0.0.1:{free_port()}", free_port()
        target = f'kind = "http"\nallow = ["{self.service}"]\nconcurrency = {AGENDUM_CONCURRENCY}\n'
        (self.folder / "agendum.toml").write_text(f"[targets.steps]\n{target}")
        self.run([self.drivers, "service", self.service], "service")
        self.serve()
        wait_for("agendum", self.is_ready, self.server)
        self.drive([self.drivers, "agendum", f"127.0.0.1:{self.port}", self.folder / "data", self.service, self.mode])

    def serve(self):
        data = self.folder / "data"
        words = [self.program, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", data]
        self.server = self.run([*words, "--config", self.folder / "agendum.toml"], "agendum")

    def is_ready(self):
        return is_fine(f"http://127.0.0.1:{self.port}/readyz")

    def kill(self):
        times = self.server.kill()
        self.drop(self.server)
        self.serve()
        return times


def agendum_settings(mode):
    return {
        "steps": "without effect: they run ahead of the disk" if mode == "default" else "each is committed before the next begins",
        "journal": "SQLite, journal_mode=WAL, synchronous=FULL; every commit synced, every answer durable before it is told",
        "retention": "for ever",
    }


class Restate(Peer):
    steps = "http"

    def install(self):
        self.npm = self.tools.get("npm")
        self.drivers = self.tools.get("peers")

    def versions(self):
        return {"restate-server": install.pinned("@restatedev/restate-server")}

    def settings(self):
        asked = subprocess.run(
            [self.npm["server"], "--config-file", self.config, "--dump-config"],
            capture_output=True, text=True, env=plain_env(), check=True,
        )  # fmt: skip
        wanted = re.compile(r"fsync|disable-wal$|retention|default-replication|default-provider|num-partitions|batch-commit")
        found, section = {}, ""
        for line in asked.stdout.splitlines():
            if line.startswith("["):
                section = line.strip("[]") + "."
            elif wanted.search(line.split(" = ")[0]):
                name, value = line.split(" = ", 1)
                found[section + name] = value.strip('"')
        return {"what": self.what, "handlers": "calls of one service over HTTP/2, invoked through the ingress"} | found

    def launch(self):
        self.ports = {name: free_port() for name in ("node", "ingress", "admin")}
        self.service_port = free_port()
        self.config = self.folder / "restate.toml"
        self.config.write_text(
            'node-name = "peers"\ndisable-telemetry = true\nlog-filter = "warn"\nbind-ip = "127.0.0.1"\nlisten-mode = "tcp"\n'
            f'advertised-host = "127.0.0.1"\nbind-port = {self.ports["node"]}\n'
            f"[ingress]\nbind-port = {self.ports['ingress']}\n[admin]\nbind-port = {self.ports['admin']}\n"
        )
        service = self.serve_steps()
        self.serve()
        wait_for("restate", self.is_ready, self.server)
        wait_for("its service", lambda: listens(self.service_port), service)
        body = json.dumps({"uri": f"http://127.0.0.1:{self.service_port}"}).encode()
        post(f"http://127.0.0.1:{self.ports['admin']}/deployments", body)
        self.drive([self.drivers, "restate", f"127.0.0.1:{self.ports['ingress']}"])

    def serve(self):
        words = [self.npm["server"], "--config-file", self.config, "--base-dir", self.folder / "data", "--no-logo"]
        self.server = self.run(words, "restate")

    def is_ready(self):
        return is_fine(f"http://127.0.0.1:{self.ports['admin']}/health") and is_fine(
            f"http://127.0.0.1:{self.ports['ingress']}/restate/health"
        )

    def kill(self):
        times = self.server.kill()
        self.drop(self.server)
        self.serve()
        return times


class RestateRust(Restate):
    name = "restate-rust"
    what = "service in Rust; seq: ctx.run, fan: 100 calls of a handler, for this SDK runs no ctx.run side by side"

    def versions(self):
        return super().versions() | {"restate-sdk (crate)": install.locked("restate-sdk")}

    def serve_steps(self):
        return self.run([self.drivers, "restate-service", f"127.0.0.1:{self.service_port}"], "service")


class RestateTs(Restate):
    name = "restate-ts"
    what = "service in JavaScript; seq and fan: ctx.run inside one handler"

    def install(self):
        super().install()
        self.node = self.tools.get("node")

    def versions(self):
        node = subprocess.run([self.node, "--version"], capture_output=True, text=True)
        return super().versions() | {
            "@restatedev/restate-sdk": install.pinned("@restatedev/restate-sdk"),
            "node": node.stdout.strip(),
        }

    def serve_steps(self):
        # Its packages are found from where it runs.
        link = self.folder / "node_modules"
        if not link.exists():
            link.symlink_to(self.npm["folder"] / "node_modules")
        return self.run([self.node, install.HERE / "restate.mjs", self.service_port], "service")


class Dbos(Peer):
    name, steps = "dbos", "in process"

    def install(self):
        self.drivers = self.tools.get("peers")
        self.programs = self.tools.get("postgres")
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None

    def versions(self):
        asked = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True)
        return {"dbos (crate)": install.locked("dbos"), "postgres": asked.stdout.split("(PostgreSQL)")[-1].strip()}

    def settings(self):
        names = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "commit_delay", "shared_buffers", "max_wal_size")
        words = ["select name || '=' || current_setting(name) from pg_settings where name in", str(names)]
        found = dict(line.split("=", 1) for line in self.sql(" ".join(words)).splitlines())
        return {
            "what": "the library in one process with its client and its steps, PostgreSQL beside it",
            "connections": DBOS_CONNECTIONS,
            "retention": "for ever",
        } | found

    def launch(self):
        store, self.port = self.folder / "postgres", free_port()
        store.mkdir()
        if self.user:
            shutil.chown(store, self.user, self.user)
        words = [self.programs / "initdb", "-D", store / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"]
        owner = {"user": self.user, "group": self.user} if self.user else {}
        made = subprocess.run(words, cwd=store, capture_output=True, text=True, env=plain_env(), **owner)
        if made.returncode:
            raise Failed(f"initdb: {made.stderr.strip()}")
        set_so = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "256MB", "max_wal_size": "2GB"}
        flags = [word for name, value in set_so.items() for word in ("-c", f"{name}={value}")]
        words = [self.programs / "postgres", "-D", store / "data", "-p", self.port, *flags]
        # SIGINT is a fast stop.
        server = self.run(words, "postgres", user=self.user, gentle=signal.SIGINT)
        wait_for("postgres", lambda: self.sql("select 1", database="postgres") == "1", server)
        self.sql("create database peers", database="postgres")
        self.connect()

    def connect(self):
        self.drive([self.drivers, "dbos", f"postgres://postgres@127.0.0.1:{self.port}/peers", DBOS_CONNECTIONS])

    def sql(self, text, database="peers"):
        words = [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database, "-Atqc", text]
        return subprocess.run(words, capture_output=True, text=True, env=plain_env()).stdout.strip()

    def kill(self):
        times = self.driver.kill()
        self.drop(self.driver)
        self.connect()
        return times


class Ray(Peer):
    name, steps, durable, kills = "ray", "in process", False, False

    def __init__(self, tools, isolated):
        super().__init__(tools)
        self.isolated = isolated

    def install(self):
        if not self.isolated:
            raise Missing("Ray listens on every address, and a network of its own cannot be had here (unshare, as root)")
        self.python = self.tools.get("ray")

    def versions(self):
        wanted = (install.HERE / "requirements.txt").read_text().split()
        return dict(line.split("==") for line in wanted if line.startswith("ray=="))

    def settings(self):
        return {"what": "remote functions in worker processes, 2 CPUs", "durability": "none: all is in memory, nothing survives"}

    def launch(self):
        # Ray reads a token from the home folder if there is one, and its sockets want a short path.
        (self.folder / "r").mkdir()
        env = {"HOME": str(self.folder), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        words = [self.python, install.HERE / "ray_driver.py", self.folder / "r"]
        self.driver = self.run(words, "driver", env=env, speaks=True)
        self.driver.answer()


def is_fine(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def post(url, body):
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except OSError as error:
        said = error.read().decode(errors="replace") if hasattr(error, "read") else ""
        raise Failed(f"POST {url}: {error} {said}") from error


def everyone(tools, isolated):
    """All modes of all peers, in the order of a round."""
    return {
        "agendum": [
            AgendumEmbedded(tools, "default"),
            AgendumEmbedded(tools, "strict"),
            AgendumHttp(tools, "default"),
            AgendumHttp(tools, "strict"),
        ],
        "restate": [RestateRust(tools), RestateTs(tools)],
        "dbos": [Dbos(tools)],
        "ray": [Ray(tools, isolated)],
    }
