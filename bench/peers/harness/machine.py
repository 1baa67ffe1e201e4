"""Processes, ports and the machine. Linux only: CPU is read from /proc."""

import fcntl
import json
import os
import platform
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
# How long a process may take to end when it is asked to, and a driver to answer.
END_WAIT = 15
ANSWER_WAIT = 240


class Failed(Exception):
    """Something that was measured did not do what it should."""


class Process:
    """A process with its output in a file. It is ended by its own id, and by nothing else."""

    def __init__(self, words, folder, name, env=None, user=None, speaks=False, gentle=signal.SIGTERM):
        self.name, self.gentle, self.unread = name, gentle, b""
        self.log = Path(folder) / f"{name}.log"
        log = open(self.log, "ab")
        owner = {"user": user, "group": user} if user else {}
        pipe = subprocess.PIPE if speaks else None
        self.process = subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            env=plain_env(env),
            stdin=pipe or subprocess.DEVNULL,
            stdout=pipe or log,
            stderr=log,
            start_new_session=True,
            **owner,
        )
        log.close()
        self.id = self.process.pid

    def ask(self, command):
        """Hands a driver a command and takes its answer."""
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        until = time.monotonic() + ANSWER_WAIT
        while b"\n" not in self.unread:
            left = until - time.monotonic()
            if left < 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"{self.name} says nothing for {ANSWER_WAIT} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise Failed(f"{self.name} has ended: {self.last_words()}")
            self.unread += piece
        line, self.unread = self.unread.split(b"\n", 1)
        return json.loads(line)

    def last_words(self):
        return self.log.read_text(errors="replace").strip()[-800:] or "without a word"

    def check(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} has ended: {self.last_words()}")

    def kill(self):
        """`kill -9`; when the signal was sent and when the process was gone, in nanoseconds of the clock."""
        sent = time.time_ns()
        os.kill(self.id, signal.SIGKILL)
        self.process.wait()
        return sent, time.time_ns()

    def end(self):
        if self.process.poll() is None:
            if self.process.stdin:
                self.process.stdin.close()
            else:
                os.kill(self.id, self.gentle)
            try:
                self.process.wait(END_WAIT)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.process.stdout:
            self.process.stdout.close()


def plain_env(more=None):
    """The environment without what would configure a peer behind our back."""
    heads = ("AGENDUM_", "RESTATE_", "DBOS", "RAY_", "PG", "OPENAI_", "PEERS_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(heads)}
    return env | (more or {})


def cpu(roots):
    """CPU seconds of these processes and all below them, those that have ended included."""
    parents, times = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            # The name of a program may hold anything, blanks and brackets too.
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry))
        times[int(entry)] = sum(map(int, fields[11:15])) / TICK
    total, left = 0.0, list(roots)
    while left:
        one = left.pop()
        total += times.get(one, 0.0)
        left += parents.get(one, [])
    return total


def free_port():
    """A port of loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, is_there, process, seconds=60):
    until = time.monotonic() + seconds
    while not is_there():
        process.check()
        if time.monotonic() > until:
            raise Failed(f"{what} is not there after {seconds} s: {process.last_words()}")
        time.sleep(0.005)


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def can_isolate():
    """True if a network and a process tree of our own can be had."""
    if not shutil.which("unshare"):
        return False
    probe = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "true"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def loopback_up():
    """Raises `lo` in a network of our own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(one, 0x8913, request))[1]
        fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def describe(folder, repository, isolated):
    """What the figures are of."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) >> 20
    return {
        "kind": "machine",
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(repository),
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory,
        "kernel": platform.release(),
        "filesystem": filesystem(folder),
        "fdatasync_us": fdatasync(folder),
        "load_before": os.getloadavg()[0],
        "nice": os.nice(0),
        "own_network": isolated,
    }


def commit(repository):
    def git(*words):
        asked = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, text=True)
        return asked.stdout.strip()

    changed = " and changes" if git("status", "--porcelain") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def filesystem(folder):
    best = ("", "?")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        if (str(folder) + "/").startswith(place.rstrip("/") + "/") and len(place) > len(best[0]):
            best = (place, kind)
    return best[1]


def fdatasync(folder):
    """The median of what it takes to append 4 KiB and sync them, in microseconds."""
    spans, name = [], Path(folder) / "sync"
    file = os.open(name, os.O_CREAT | os.O_WRONLY)
    for _ in range(200):
        os.write(file, b"x" * 4096)
        began = time.perf_counter()
        os.fdatasync(file)
        spans.append(time.perf_counter() - began)
    os.close(file)
    os.unlink(name)
    return round(statistics.median(spans) * 1e6)
