"""The command: installs, starts each peer in turn round after round, measures, tells."""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import machine, table
from .install import REPOSITORY, Missing, Tools
from .machine import Failed, cpu
from .peers import everyone

FLOWS = {"seq": 10, "fan": 100}
# Steps of the workflow whose engine is killed.
SLOW_STEPS = 30


def arguments():
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parser = argparse.ArgumentParser(prog="bench/peers/run", description="Agendum beside its peers, on this machine, in one run.")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works; its figures mean nothing")
    parser.add_argument("--peers", default="agendum,restate,dbos,ray", help="which, parted by commas (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="rounds, of which the median is told (default: 3)")
    parser.add_argument("--seconds", type=float, help="how long new workflows begin in each case (default: 2)")
    parser.add_argument("--at-once", help="workflows at once (default: 1,32,128)")
    parser.add_argument("--kills", type=int, help="kills of each engine in each round, before the loads and again after them (default: 2)")
    parser.add_argument("--install", default=Path(cache) / "agendum-peers", help="where what is installed stays (default: %(default)s)")
    parser.add_argument("--scratch", default="/var/tmp", help="where data is while it runs: a disk, not a tmpfs (default: %(default)s)")
    parser.add_argument("--out", help="the file of JSON lines (default: beside what is installed)")
    parser.add_argument("--table", metavar="FILE", help="measure nothing: print the table of a file of JSON lines")
    given = parser.parse_args()
    quick = {"rounds": 1, "seconds": 0.4, "at_once": "1,32", "kills": 1}
    full = {"rounds": 3, "seconds": 2.0, "at_once": "1,32,128", "kills": 2}
    for name, value in (quick if given.quick else full).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.at_once = [int(one) for one in given.at_once.split(",")]
    return parser, given


class Run:
    """What is measured, and where it is written."""

    def __init__(self, given, out):
        self.given, self.out, self.lines, self.failed = given, out, [], False

    def tell(self, **line):
        self.lines.append(line)
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def log(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def install(self, peer):
        try:
            peer.install()
        except Missing as missing:
            self.log(f"SKIPPED {peer.name}: {missing}")
            self.tell(kind="skipped", peer=peer.name, why=str(missing))
            return False
        return True

    def visit(self, peer, number, scratch):
        """One peer in one round: started anew on an empty folder, warmed, measured, killed, stopped."""
        folder = Path(tempfile.mkdtemp(prefix="p", dir=scratch))
        folder.chmod(0o755)
        try:
            began = time.monotonic()
            peer.start(folder)
            self.log(f"round {number}: {peer.name} is there after {time.monotonic() - began:.1f} s")
            if number == 1:
                line = {"peer": peer.name, "steps": peer.steps, "durable": peer.durable}
                self.tell(kind="peer", **line, versions=peer.versions(), settings=peer.settings())
            self.kills(peer, number, "fresh")
            for flow in FLOWS:
                peer.driver.ask({"do": "load", "flow": flow, "at_once": 8, "seconds": min(0.5, self.given.seconds)})
            for flow in FLOWS:
                for at_once in self.given.at_once:
                    self.load(peer, number, flow, at_once)
            self.kills(peer, number, "loaded")
        except Failed as failed:
            self.failed = True
            self.log(f"FAILED {peer.name}: {failed}")
            self.tell(kind="failed", round=number, peer=peer.name, why=str(failed))
        finally:
            peer.stop()
            shutil.rmtree(folder, ignore_errors=True)
            # What one has written is not the next one's to wait for.
            os.sync()

    def load(self, peer, number, flow, at_once):
        before = cpu(peer.roots())
        answer = peer.driver.ask({"do": "load", "flow": flow, "at_once": at_once, "seconds": self.given.seconds})
        used = cpu(peer.roots()) - before
        steps = answer["runs"] * FLOWS[flow]
        figures = {
            "steps_per_s": round(steps / answer["seconds"], 1),
            "cpu_us_per_step": round(used / steps * 1e6, 1),
            "p50_ms": round(answer["p50_ms"], 3),
            "p99_ms": round(answer["p99_ms"], 3),
        }
        # The driver has ended the run by now if any result was wrong.
        counts = {"workflows": answer["runs"], "verified": answer["runs"], "seconds": round(answer["seconds"], 3)}
        self.tell(kind="load", round=number, peer=peer.name, flow=flow, at_once=at_once, **figures, **counts)
        self.log(
            f"  {flow} {at_once:>3} at once: {figures['steps_per_s']:>9,.0f} steps/s, {figures['cpu_us_per_step']:>7,.1f} us CPU, "
            f"p50 {figures['p50_ms']:,.2f} ms, p99 {figures['p99_ms']:,.2f} ms, {answer['runs']} workflows"
        )

    def kills(self, peer, number, data):
        """On an empty folder, and on what the loads have left there."""
        for _ in range(self.given.kills if peer.kills else 0):
            self.kill(peer, number, data)

    def kill(self, peer, number, data):
        """Kills the engine under a workflow of slow steps: how long until the next step begins, and how many ran twice."""
        peer.noted.write_text("")
        started = peer.driver.ask({"do": "start"})
        at = random.randint(4, SLOW_STEPS - 10)
        until = time.monotonic() + 30
        while len(noted(peer)) < at:
            if time.monotonic() > until:
                raise Failed(f"only {len(noted(peer))} of {at} steps have begun after 30 s")
            time.sleep(0.002)
        sent, gone = peer.kill()
        peer.driver.ask({"do": "attach", "id": started["id"]})
        stamps = noted(peer)
        after = [stamp for stamp in stamps if stamp > gone]
        if not after:
            raise Failed("no step has begun after the kill")
        gap = (min(after) - sent) / 1e6
        twice = len(stamps) - SLOW_STEPS
        self.tell(kind="kill", round=number, peer=peer.name, data=data, gap_ms=round(gap, 1), repeated=twice, verified=True)
        self.log(f"  killed: next step after {gap:.0f} ms, {twice} steps ran twice ({data})")


def noted(peer):
    if not peer.noted.exists():
        return []
    text = peer.noted.read_text()
    # The last line may be half written.
    return [int(line) for line in text[: text.rfind("\n") + 1].split()]


def medians(lines):
    """The median of the rounds of each case."""
    cases = {}
    for line in lines:
        if line["kind"] == "load":
            cases.setdefault((line["peer"], line["flow"], line["at_once"]), []).append(line)
    found = []
    for (peer, flow, at_once), rounds in cases.items():
        one = {"kind": "median", "peer": peer, "flow": flow, "at_once": at_once, "rounds": len(rounds)}
        for name in ("steps_per_s", "cpu_us_per_step", "p50_ms", "p99_ms"):
            values = [line[name] for line in rounds]
            one |= {name: statistics.median(values), f"{name}_least": min(values), f"{name}_most": max(values)}
        found.append(one | {"workflows": sum(line["workflows"] for line in rounds)})
    return found


def main():
    parser, given = arguments()
    if given.table:
        lines = [json.loads(line) for line in Path(given.table).read_text().splitlines()]
        table.tell([line for line in lines if line["kind"] != "median"] + medians(lines))
        return 0
    # Set by the process that has installed everything, for itself where there is no network.
    told = os.environ.pop("PEERS_INSIDE", None)
    isolated = machine.can_isolate()
    tools = Tools(given.install, told)
    known = everyone(tools, isolated)
    wanted = given.peers.split(",")
    for name in wanted:
        if name not in known:
            parser.error(f"no such peer: {name}; there are {', '.join(known)}")
    out = Path(given.out or tools.folder / time.strftime("%Y%m%dT%H%M%S.jsonl", time.gmtime())).resolve()
    if told is None:
        return outside(tools, [peer for name in wanted for peer in known[name]], isolated, out)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if isolated:
        machine.loopback_up()
    return inside(given, [peer for name in wanted for peer in known[name]], isolated, out)


def outside(tools, peers, isolated, out):
    """Installs, and begins again where there is no network but loopback, and nothing outlives us."""
    for peer in peers:
        try:
            peer.install()
        except Missing:
            # Told where it is written down.
            continue
    words = [sys.executable, *sys.argv, "--out", str(out)]
    if isolated:
        words = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", *words]
    else:
        print("NOT ISOLATED: servers run in the machine's own network, on 127.0.0.1", file=sys.stderr)
    measures = subprocess.Popen(words, env=os.environ | {"PEERS_INSIDE": tools.tell()})

    def forward(*_):
        """`unshare` takes no SIGTERM; the process below it does."""
        below = Path(f"/proc/{measures.pid}/task/{measures.pid}/children").read_text().split() if isolated else [measures.pid]
        for one in below:
            os.kill(int(one), signal.SIGTERM)

    signal.signal(signal.SIGTERM, forward)
    # Ctrl-C reaches the other as well, which cleans up.
    signal.signal(signal.SIGINT, lambda *_: None)
    return measures.wait()


def inside(given, peers, isolated, out):
    scratch = Path(tempfile.mkdtemp(prefix="agendum-peers-", dir=given.scratch))
    # PostgreSQL runs as another user, and has to reach its folder.
    scratch.chmod(0o755)
    began = time.monotonic()
    try:
        with open(out, "w", encoding="utf-8") as file:
            run = Run(given, file)
            run.tell(**machine.describe(scratch, REPOSITORY, isolated), quick=given.quick, rounds=given.rounds, seconds=given.seconds)
            peers = [peer for peer in peers if run.install(peer)]
            for number in range(1, given.rounds + 1):
                for peer in peers:
                    run.visit(peer, number, scratch)
            for line in medians(run.lines):
                run.tell(**line)
            run.tell(kind="end", minutes=round((time.monotonic() - began) / 60, 1), load_after=os.getloadavg()[0])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    table.tell(run.lines)
    print(f"\n{out}", file=sys.stderr)
    return 1 if run.failed else 0
