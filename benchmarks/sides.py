"""Two or more sides of a comparison, each in a process of its own, taking turns.

The allocator's settings and the caches belong to a process, so that sides in one process would lend each other theirs.
Each side is the benchmark's own script, started with ``--side NAME``; it does one round for each line that it reads
and answers with a line of JSON. While one side works the others wait for input.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

Round = Callable[[], dict[str, Any]]


def serve(work: Round) -> None:
    """Do one round per line of input; ``work`` returns further facts of the round."""
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        facts = work()
        seconds = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform != "darwin" else 1024**3)
        print(json.dumps(facts | seconds | {"peak_memory_gb": round(peak, 2)}), flush=True)


def compare(
    script: str, sides: Sequence[str], *, arguments: Sequence[str], rounds: int, warm: int, threads: int
) -> dict[str, dict[str, Any]]:
    """Let the sides take turns; the first ``warm`` rounds are not counted.

    Returns:
        Side -> medians of CPU and wall seconds, all CPU seconds, and the facts of its last round (those that the last
        round does not give are of an earlier one).
    """
    environment = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    workers = {
        side: subprocess.Popen(
            [sys.executable, script, "--side", side, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for side in sides
    }  # fmt: skip
    taken: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for number in range(warm + rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            worker = workers[side]
            assert worker.stdin is not None
            assert worker.stdout is not None
            print("go", file=worker.stdin, flush=True)
            line = worker.stdout.readline()
            if not line:
                raise SystemExit(f"the side {side} ended early")
            taken[side].append(json.loads(line))
    for worker in workers.values():
        worker.communicate()
    results = {}
    for side, all_rounds in taken.items():
        counted = all_rounds[warm:]
        facts: dict[str, Any] = {}
        for one in all_rounds:
            facts |= one
        for unit in ("cpu_seconds", "wall_seconds"):
            facts[unit] = statistics.median(one[unit] for one in counted)
        facts["cpu_seconds_of_rounds"] = [round(one["cpu_seconds"], 3) for one in counted]
        results[side] = facts
    return results
