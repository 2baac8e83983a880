"""Probes at the size of MagnaTagATune: 18,706 / 1,825 / 5,329 tracks, 512 dimensions, 50 tags; ours and scikit-learn's.

Ours is what `contramuse probe` does: standardise, choose on the validation tracks, fit again, score every tested track,
macro ROC-AUC and average precision, and their intervals over 1,000 resamples. scikit-learn's is OneVsRestClassifier of
LogisticRegression (lbfgs) over the same C, chosen by the same average precision on the same validation tracks, fitted
again on the same tracks; its metrics are those of sklearn.metrics, without intervals. Both leave weak penalties when
things got worse twice. Every measurement is a process of its own (with a peak of memory of its own), started in turns
from one parent; the data are made before the clock starts, and a small problem of the same kind is solved before.

The vectors are synthetic: 64 hidden causes through a random layer, tags of 18 to 1.8 % of the tracks.

    python benchmarks/probe.py [--rounds 3] [--threads 2] [--systems linear,mlp,knn,sklearn] [--train 18706]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

VALID, TEST, DIM, TAGS, CAUSES = 1825, 5329, 512, 50, 64
SYSTEMS = ("linear", "mlp", "knn", "sklearn")


def made(train: int, seed: int = 0) -> tuple[Any, Any, list[Any]]:
    """Vectors float32 [n h], tags float32 [n c], and the rows of train, valid and test."""
    import numpy as np

    generator = np.random.default_rng(seed)
    n = train + VALID + TEST
    cause = generator.standard_normal((n, CAUSES), dtype=np.float32)
    layer = generator.standard_normal((CAUSES, DIM), dtype=np.float32) * np.exp(
        0.5 * generator.standard_normal(DIM, dtype=np.float32)
    )
    x = np.maximum(cause @ layer, 0) + 0.5 * generator.standard_normal((n, DIM), dtype=np.float32)
    score = 0.6 * np.tanh(cause) @ generator.standard_normal((CAUSES, TAGS)) + 0.5 * cause[:, :TAGS] * cause[:, 1:51]
    score += 1.2 * generator.standard_normal((n, TAGS))
    shares = np.geomspace(0.18, 0.018, TAGS)
    y = np.stack([score[:, c] > np.quantile(score[:, c], 1 - shares[c]) for c in range(TAGS)], axis=1)
    return x, y.astype(np.float32), np.split(np.arange(n), [train, train + VALID])


def ours(name: str, x: Any, y: Any, rows: list[Any]) -> dict[str, Any]:
    import numpy as np

    from contramuse.probes.folds import Fold
    from contramuse.probes.intervals import Resamples, interval
    from contramuse.probes.run import System, predict, score
    from contramuse.probes.tasks import Task

    task = Task("tags", "multilabel", tuple(map(str, range(TAGS))), y, np.ones(len(y), np.bool_))
    start = time.perf_counter()
    predictions, tested = predict(System("s", "model", x), task=task, probe=name, plan=[(0, [Fold(*rows)])])
    fitted = time.perf_counter()
    scored = score(task, y[tested], predictions, Resamples(len(tested), 1000))
    facts: dict[str, Any] = {"fit_seconds": fitted - start, "chosen": predictions.chosen[0]}
    for metric in task.metrics:
        span = interval(scored.value(metric), scored.resampled[metric])
        facts[metric], facts[f"{metric}_interval"] = span.value, [span.low, span.high]
    return facts


def theirs(x: Any, y: Any, rows: list[Any]) -> dict[str, Any]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score, roc_auc_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler

    from contramuse.probes.estimators import Linear

    def model(strength: float) -> Any:
        return OneVsRestClassifier(LogisticRegression(C=strength, max_iter=1000))

    start = time.perf_counter()
    train, valid, test = rows
    scale = StandardScaler().fit(x[train])
    inputs = [scale.transform(x[part]) for part in rows]
    best, chosen, worse = -1.0, 0.0, 0
    for strength in Linear.GRID:
        fitted = model(strength).fit(inputs[0], y[train])
        value = average_precision_score(y[valid], fitted.decision_function(inputs[1]))
        best, chosen, worse = (value, strength, worse) if value > best else (best, chosen, worse + 1)
        if worse == 2:
            break
    final = model(chosen).fit(np.concatenate(inputs[:2]), y[np.concatenate([train, valid])])
    answers = final.decision_function(inputs[2])
    done = time.perf_counter()
    return {
        "fit_seconds": done - start,
        "chosen": chosen,
        "roc_auc": roc_auc_score(y[test], answers),
        "average_precision": average_precision_score(y[test], answers),
    }


def measured(system: str, train: int) -> dict[str, Any]:
    import numpy as np

    def run(x: Any, y: Any, rows: list[Any]) -> dict[str, Any]:
        return theirs(x, y, rows) if system == "sklearn" else ours(system, x, y, rows)

    small = np.random.default_rng(1)
    x, y = small.standard_normal((900, 64)).astype(np.float32), (small.random((900, TAGS)) < 0.2).astype(np.float32)
    run(x, y, np.split(np.arange(900), [300, 600]))
    data = made(train)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    facts = run(*data)
    facts |= {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return facts | {"peak_mb": peak / 1024, "peak_mb_before": before / 1024}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of what varies; what does not, as it is."""
    first = runs[0]
    facts = {
        key: round(statistics.median(one[key] for one in runs), 4) if isinstance(value, float) else value
        for key, value in first.items()
    }
    return facts | {"rounds": len(runs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--train", type=int, default=18_706)
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options.train)))
        return
    names = options.systems.split(",")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    threads = {f"{kind}_NUM_THREADS": str(options.threads) for kind in ("OMP", "OPENBLAS", "MKL")}
    for _ in range(options.rounds):
        for name in names:
            command = [sys.executable, __file__, "--one", name, "--train", str(options.train)]
            done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=True)
            runs[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
    result: dict[str, Any] = {
        "tracks": {"train": options.train, "valid": VALID, "test": TEST},
        "dim": DIM, "tags": TAGS, "threads": options.threads, "cores": os.cpu_count(),
        "systems": {name: summary(one) for name, one in runs.items()},
    }  # fmt: skip
    if {"linear", "sklearn"} <= set(names):
        ratios = [b["seconds"] / a["seconds"] for a, b in zip(runs["linear"], runs["sklearn"], strict=True)]
        result["sklearn_over_linear_seconds"] = round(statistics.median(ratios), 2)
        result["difference_of_linear_and_sklearn"] = {
            m: round(runs["linear"][0][m] - runs["sklearn"][0][m], 5) for m in ("roc_auc", "average_precision")
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
