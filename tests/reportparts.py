"""Results of every kind in their true form, with made-up figures of a seeded generator, for tests of the report."""

import json

import numpy as np

MODELS = ("clmr", "masked", "everything")
BASELINES = ("random weights", "MFCC statistics", "mean log-mel")


def span(rng, value, width=0.04):
    low, high = value - width * rng.uniform(0.5, 1), value + width * rng.uniform(0.5, 1)
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}


def gap(rng, a, b, **what):
    low, high = b["low"] - a["high"], b["high"] - a["low"]
    value = a["value"] - b["value"]
    low, high = value - 0.03, value + 0.03
    verdict = "better" if low > 0 else "worse" if high < 0 else "not distinguished"
    return {**what, "value": value, "low": low, "high": high, "p": float(rng.uniform(0, 1)), "verdict": verdict,
            "p_permutation": float(rng.uniform(0, 1))}  # fmt: skip


def paired(rng, cells, models, names, **what):
    table = {cell["system"]: cell for cell in cells}
    pairs = [(a, b) for i, a in enumerate(names) if a in models for b in names[i + 1 :]]
    return [gap(rng, table[a], table[b], system=a, against=b, **what) for a, b in pairs]


def task(rng, field, kind, *, classes, models, names, n=120):
    metrics = {
        "multiclass": ["accuracy", "balanced_accuracy"], "multilabel": ["roc_auc", "average_precision"],
        "numeric": ["r2"], "key": ["key_score", "accuracy"],
    }[kind]  # fmt: skip
    results, differences = [], []
    for metric in metrics:
        cells = [
            {"system": s, "probe": "linear", "metric": metric, **span(rng, rng.uniform(0.3, 0.8)), "seed_values": [0.5],
             "chosen": [1.0]}
            for s in names
        ]  # fmt: skip
        results += cells
        differences += paired(rng, cells, models, names, probe="linear", metric=metric)
    made = {
        "field": field, "kind": kind, "classes": len(classes), "labelled": n, "tested": n, "tags_left_out": 0,
        "metrics": metrics, "floor": dict.fromkeys(metrics, 0.2), "results": results, "differences": differences,
        "references": [],
    }  # fmt: skip
    if kind in ("multiclass", "key"):
        made["confusion"] = {"classes": list(classes), "systems": {s: confusion(rng, len(classes)) for s in names}}
    if kind in ("multiclass", "multilabel", "key"):
        shown = metrics if kind == "multilabel" else ["recall"]
        made["per_class"] = [per_class(rng, s, c, shown) for s in names for c in classes]
        made["without_positives"] = []
    return made


def confusion(rng, n):
    counts = rng.poisson(0.35, (n, n)) + np.diag(rng.poisson(9, n))
    return counts.tolist()


def per_class(rng, system, name, metrics):
    found = {"system": system, "class": name, "positives": int(rng.integers(3, 60)), "tested": 120}
    for metric in metrics:
        one = span(rng, rng.uniform(0.5, 0.95), 0.08)
        found |= {metric: one["value"], f"{metric}_low": one["low"], f"{metric}_high": one["high"]}
    return found


def probe(seed=0, *, models=MODELS[:1], names=None, tags=12, classes=10, suffix=""):
    rng = np.random.default_rng(seed)
    names = [*models, *BASELINES] if names is None else names
    genres = [f"style {i}{suffix}" for i in range(classes)]
    common = {"models": models, "names": names}
    tasks = [
        task(rng, "genre", "multiclass", classes=genres, **common),
        task(rng, "tags", "multilabel", classes=[f"tag {i}{suffix}" for i in range(tags)], **common),
        task(rng, "tempo", "numeric", classes=[], **common),
    ]
    tasks[1]["references"] = [
        {"system": "a published model", "metric": "roc_auc", "value": 0.8, "split": "made", "source": "A paper"},
        {"system": "another", "metric": "roc_auc", "value": 0.9, "split": "cleaned", "source": "A paper"},
    ]
    cells = [{"system": s, "metric": "recall_at_1", **span(rng, rng.uniform(0.1, 0.4))} for s in names]
    retrieval = {
        "group": "artist", "groups": 12, "queries": 120, "collection": 120, "metrics": ["recall_at_1"], "chance": 0.05,
        "results": cells, "differences": paired(rng, cells, models, names, metric="recall_at_1"),
    }  # fmt: skip
    return {
        "format": "contramuse probe", "version": 1, "contramuse": "0", "created": "2026-01-01",
        "library": library(), "protocol": {
            "name": "stored split (train 400, valid 80, test 120)", "kind": "split", "seeds": [0],
            "seed_varies": "the MLP", "resampled": "tracks", "resamples": 100, "level": 0.95, "trained_with_labels": [],
        },
        "primary_probe": "linear", "probes": ["linear"],
        "systems": [
            {"name": s, "role": "model" if s in models else "baseline", "dim": 64, "note": "",
             "model_hash": f"hash of {s}"}
            for s in names
        ],
        "tasks": tasks, "retrieval": [retrieval], "skipped": [{"field": "mood", "reason": "one class"}], "words": [],
        "leaks": {
            "audio": {"count": 1, "examples": [["a.mp3", "b.mp3"]]},
            "groups": {"artist": {"count": 0, "examples": []}}, "words": ["One recording stands on both sides."],
        },
    }  # fmt: skip


def library():
    return {"root": "/nowhere/library", "fingerprint": "f00d", "tracks": 600}


def few(rng, names):
    points = []
    for share, labels in ((0.01, 4), (0.05, 20), (0.1, 40), (1.0, 400)):
        points += [
            point(rng, s, share=share, shots=None, labels=labels, top=0.4 + 0.1 * np.log10(labels)) for s in names
        ]
    for shots in (1, 5, 10, 20):
        points += [
            point(rng, s, share=None, shots=shots, labels=10 * shots, top=0.4 + 0.2 * np.log10(shots)) for s in names
        ]
    return [{"field": "genre", "metric": "accuracy", "probe": "linear", "points": points}]


def point(rng, system, *, share, shots, labels, top):
    values = (top + rng.normal(0, 0.03, 10)).round(4).tolist()
    return {
        "system": system, "share": share, "shots": shots, "labels": labels, "draws": 10, "draw_values": values,
        **span(rng, float(np.mean(values))),
    }  # fmt: skip


def robustness(rng, names):
    corruptions = [
        {"name": "noise", "unit": "dB SNR", "amounts": [0, 30, 20, 10, 0]},
        {"name": "mp3", "unit": "kbit/s", "amounts": [0, 128, 64, 32, 16]},
        {"name": "low_pass", "unit": "Hz", "amounts": [0, 8000, 4000, 2000, 1000]},
    ]
    points, drift = [], []
    for c in corruptions:
        for s in names:
            fall = rng.uniform(0.02, 0.12)
            for k in range(5):
                where = {"system": s, "corruption": c["name"], "severity": k}
                points.append({**where, "field": "genre", "metric": "accuracy", "amount": c["amounts"][k],
                               **span(rng, 0.7 - fall * k)})  # fmt: skip
                cosine = span(rng, 1 - fall * k)
                drift.append({**where, "cosine": cosine.pop("value"), **cosine})
    summary = [{"system": s, "field": "genre", "metric": "accuracy", "kept": float(rng.uniform(0.5, 1))} for s in names]
    return {"corruptions": corruptions, "points": points, "drift": drift, "summary": summary, "words": ["It holds."]}


def profile(rng, names):
    factors = [
        {"name": "pitch", "unit": "semitones", "amounts": [-2, -1, 0, 1, 2]},
        {"name": "tempo", "unit": "%", "amounts": [-20, -10, 0, 10, 20]},
        {"name": "gain", "unit": "dB", "amounts": [-12, -6, 0, 6, 12]},
    ]
    points = []
    for f in factors:
        for s in names:
            fall = rng.uniform(0.01, 0.2)
            for amount in f["amounts"]:
                one = span(rng, 1 - fall * abs(amount) / max(f["amounts"]))
                similarity = {"similarity": one.pop("value"), **one, "rank": float(rng.uniform(1, 9))}
                points.append({"system": s, "factor": f["name"], "amount": amount, **similarity})
    equivariance = []
    for f in factors:
        for s in names:
            one = span(rng, rng.uniform(-0.1, 0.8))
            equivariance.append({"system": s, "factor": f["name"], "r2": one.pop("value"), **one})
    return {"factors": factors, "points": points, "equivariance": equivariance, "words": ["Pitch is heard."]}


def own(rng, names, models):
    results, differences = [], []
    kinds = [("precision", "artist", 10, 0.05), ("precision", "album", 10, 0.01), ("hubness", None, None, None),
             ("near_duplicates", None, None, 0.001), ("tempo", None, 10, 0.3), ("key", None, 10, 0.2)]  # fmt: skip
    for measure, group, k, chance in kinds:
        what = {"measure": measure} | ({"group": group} if group else {}) | ({"k": k} if k else {})
        cells = [{"system": s, **what, **span(rng, rng.uniform(0.1, 0.6)), "chance": chance} for s in names]
        results += cells
        differences += paired(rng, cells, models, names, **what)
    return {"results": results, "differences": differences, "words": ["The model finds the artist again."]}


def playlists(rng, names, models):
    cells, differences = [], []
    for metric in ("ndcg_at_10", "r_precision", "clicks"):
        mine = [
            {"system": s, "ranking": "centroid", "metric": metric, **span(rng, rng.uniform(0.1, 0.5))} for s in names
        ]
        cells += mine
        differences += paired(rng, mine, models, names, ranking="centroid", metric=metric)
    return {
        "format": "contramuse playlists", "version": 1, "created": "2026-01-01", "library": library(),
        "protocol": {"name": "stored split", "kind": "split", "resamples": 100, "resampled": "playlists"},
        "rankings": ["centroid"], "metrics": ["ndcg_at_10", "r_precision", "clicks"],
        "systems": probe(models=models)["systems"],
        "results": cells, "differences": differences, "words": ["Playlists go on."],
    }  # fmt: skip


def evaluation(seed=0, *, models=MODELS[:1], **how):
    """The content of evaluation.json with every part."""
    rng = np.random.default_rng(seed)
    names = [*models, *BASELINES]
    return {
        "format": "contramuse evaluation", "version": 1, "contramuse": "0", "created": "2026-01-01",
        "library": library(), "models": [],
        "parts": {
            "probe": probe(seed, models=models, **how), "few": few(rng, names), "robustness": robustness(rng, names),
            "profile": profile(rng, names), "own": own(rng, names, models), "playlists": playlists(rng, names, models),
        },
    }  # fmt: skip


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
