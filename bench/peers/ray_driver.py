"""Ray, in memory: the same workflows as remote functions, the same commands and answers as src/drive.rs.

ray_driver.py FOLDER: where its session is.
"""

import json
import sys
import threading
import time

import ray

RIGHT = {"seq": lambda number: number + 10, "fan": lambda number: 100 * number + 4950}


@ray.remote
def add(one, other):
    return one + other


def run(flow, number):
    if flow == "fan":
        return sum(ray.get([add.remote(number, step) for step in range(100)]))
    value = number
    for _ in range(10):
        # A reference is a dependency: the ten are handed over at once, and Ray orders them.
        value = add.remote(value, 1)
    return ray.get(value)


def load(flow, at_once, seconds):
    millis, wrong, lock = [], [], threading.Lock()
    numbers = iter(range(10**9))
    began = time.perf_counter()

    def runner():
        # One at least, however late this one comes to it.
        first = True
        while first or time.perf_counter() - began < seconds:
            first = False
            with lock:
                number = next(numbers)
            one = time.perf_counter()
            value = run(flow, number)
            took = (time.perf_counter() - one) * 1e3
            with lock:
                millis.append(took)
                if value != RIGHT[flow](number):
                    wrong.append(f"{flow} of {number} gave {value}")

    runners = [threading.Thread(target=runner) for _ in range(at_once)]
    for one in runners:
        one.start()
    for one in runners:
        one.join()
    took = time.perf_counter() - began
    if wrong:
        sys.exit(wrong[0])
    millis.sort()

    def at(share):
        return millis[int((len(millis) - 1) * share)]

    return {"runs": len(millis), "seconds": took, "p50_ms": at(0.5), "p99_ms": at(0.99)}


def main():
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=sys.argv[1],
        object_store_memory=500_000_000,
    )
    run("fan", 0)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(load(command["flow"], command["at_once"], command["seconds"])), flush=True)
    ray.shutdown()


main()
