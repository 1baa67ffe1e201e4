"""What was measured, as Markdown: ratios first."""

import statistics

KINDS = (
    ("steps_per_s", "steps/s"),
    ("cpu_us_per_step", "CPU per step"),
    ("p50_ms", "p50"),
    ("p99_ms", "p99"),
)
FLOWS = {"seq": "10 in sequence", "fan": "100 side by side"}


def tell(lines):
    head = next(line for line in lines if line["kind"] == "machine")
    peers = {line["peer"]: line for line in lines if line["kind"] == "peer"}
    loads = {(line["flow"], line["at_once"], line["peer"]): line for line in lines if line["kind"] == "median"}
    print(f"# Side by side, {head['at']}, commit {head['commit']}\n")
    if head["quick"]:
        print("QUICK: this shows that everything works. Its figures mean nothing.\n")
    network = "own network" if head["own_network"] else "the machine's own network"
    print(
        f"{head['cpu']}, {head['cores']} cores, {head['memory_gib']} GiB, Linux {head['kernel']}, {head['filesystem']}, fdatasync "
        f"{head['fdatasync_us']} us, load before {head['load_before']:.1f}, nice {head['nice']}, {network}; medians of {head['rounds']} rounds."
    )
    for line in lines:
        if line["kind"] in ("skipped", "failed"):
            print(f"\n**{line['kind'].upper()} {line['peer']}**: {line['why']}")
    ratios(peers, loads)
    figures(peers, loads)
    kills(lines)
    settings(peers)


def ratios(peers, loads):
    """Agendum divided by the best of the others, figure by figure."""
    others = [name for name, line in peers.items() if not name.startswith("agendum") and line["durable"]]
    over_http = [name for name in others if peers[name]["steps"] == "http"]
    memory = [name for name, line in peers.items() if not line["durable"]]
    for title, ours, theirs in (
        ("steps in process, against the best durable peer", "agendum-embedded", others),
        ("steps over HTTP, against the best peer that calls over HTTP", "agendum-http", over_http),
        ("steps in process, against what keeps all in memory", "agendum-embedded", memory),
    ):
        rows = [row for mode in ("strict", "default") for row in compared(f"{ours}-{mode}", mode, theirs, loads)]
        if rows:
            print(f"\n## Agendum ÷ best: {title}\n")
            print("|  | " + " | ".join(name for _, name in KINDS) + " |\n|---|" + "---|" * len(KINDS))
            print("\n".join(rows))


def compared(ours, mode, theirs, loads):
    for flow, at_once, name in loads:
        if name != ours:
            continue
        mine, cells = loads[flow, at_once, name], []
        rest = [loads[flow, at_once, peer] for peer in theirs if (flow, at_once, peer) in loads]
        if not rest:
            continue
        for kind, _ in KINDS:
            best = (max if kind == "steps_per_s" else min)(rest, key=lambda line: line[kind])
            ratio = mine[kind] / best[kind] if best[kind] else float("nan")
            cells.append(f"{ratio:.3g} × {best['peer']}")
        yield f"| {mode}, {FLOWS[flow]}, {at_once} at once | {' | '.join(cells)} |"


def figures(peers, loads):
    print("\n## Figures\n\nCPU is that of client, engine, service and store together, a step; p50 and p99 of whole workflows, as their client sees them.")
    for flow, at_once in dict.fromkeys((flow, at_once) for flow, at_once, _ in loads):
        print(f"\n| {FLOWS[flow]}, {at_once} at once | steps/s (least to most) | CPU us | p50 ms | p99 ms | workflows |\n|---|---|---|---|---|---|")
        for peer in peers:
            line = loads.get((flow, at_once, peer))
            if line:
                print(
                    f"| {peer} | {line['steps_per_s']:,.0f} ({line['steps_per_s_least']:,.0f} to {line['steps_per_s_most']:,.0f}) | "
                    f"{line['cpu_us_per_step']:,.1f} | {line['p50_ms']:,.2f} | {line['p99_ms']:,.2f} | {line['workflows']:,} |"
                )


def kills(lines):
    gaps = {}
    for line in lines:
        if line["kind"] == "kill":
            gaps.setdefault((line["peer"], line["data"]), []).append(line)
    if gaps:
        print("\n## From `kill -9` of the engine, started again at once, to the beginning of the next step\n")
        print("| | data | median ms | least to most | kills | steps that ran twice |\n|---|---|---|---|---|---|")
    for (peer, data), kills in sorted(gaps.items(), key=lambda gap: gap[0][1]):
        spans = sorted(line["gap_ms"] for line in kills)
        repeated = sum(line["repeated"] for line in kills)
        print(f"| {peer} | {data} | {statistics.median(spans):.0f} | {spans[0]:.0f} to {spans[-1]:.0f} | {len(spans)} | {repeated} |")


def settings(peers):
    print("\n## Versions and settings\n")
    for peer, line in peers.items():
        words = [f"{name} {value}" for name, value in line["versions"].items()]
        words += [f"{name}: {value}" for name, value in line["settings"].items()]
        print(f"- {peer} (steps {line['steps']}): {'; '.join(words)}")
