"""A library in memory with labels of every kind, and embeddings of it, for the tests of probes."""

from types import SimpleNamespace

import numpy as np

from contramuse.errors import LibraryError
from contramuse.probes import Settings

QUICK = Settings(probes=("linear", "knn"), baselines=(), seeds=2, resamples=200, permutations=200)
N = 120


class Library:
    """A library in memory: 24 artists of 5 tracks; labels that do not depend on the artist."""

    def __init__(self, root, split=None):
        rng = np.random.default_rng(0)
        self.root, self.fingerprint, self.sample_rate, self.info = root, "mini", 22050, {"split_groups": "artist"}
        self.ids = np.array([f"id{i}" for i in range(N)])
        self.paths = [f"{i}.wav" for i in range(N)]
        self.audio = None
        self.split = split or ["train"] * 80 + ["valid"] * 20 + ["test"] * 20
        self.data = {
            "genre": rng.integers(0, 3, N),
            "tags": (rng.random((N, 5)) < 0.4).astype(np.float32),
            "tempo": rng.normal(120, 20, N),
            "key": rng.integers(0, 3, N),
            "artist": np.repeat(np.arange(24), 5),
        }
        named = {"genre": tuple("abc"), "key": ("C major", "A minor", "G major"), "artist": tuple(map(str, range(24)))}
        kinds = {"genre": "multiclass", "tags": "multilabel", "tempo": "numeric", "key": "key", "artist": "multiclass"}
        self.fields = {
            n: SimpleNamespace(name=n, kind=k, classes=named.get(n, tuple("vwxyz") if k == "multilabel" else ()))
            for n, k in kinds.items()
        }

    def known(self, field):
        y = self.labels(field)
        return np.isfinite(y) if y.dtype.kind == "f" and y.ndim == 1 else (y > 0).any(axis=1) if y.ndim == 2 else y >= 0

    def stated(self, field):
        return None

    def labels(self, field):
        return self.data[field]

    def column(self, name):
        found = {"split": self.split} | ({"audio": self.audio} if self.audio else {})
        return found[name]

    def groups(self, name):
        if name != "artist":
            raise LibraryError("no", fix="")
        return [(f"Artist {i // 5}",) for i in range(N)]

    def track(self, i):
        return SimpleNamespace(groups={"artist": ()})


def embedded(root, vectors, name="e", rows=None):
    order = np.random.default_rng(1).permutation(N if rows is None else rows)
    meta = {"model_path": None, "library_root": None}
    ids = np.array([f"id{i}" for i in order])
    return SimpleNamespace(root=root / name, ids=ids, vectors=vectors[order].astype(np.float32), meta=meta)


def knowing(library):
    """Features that contain every label."""
    data = library.data
    rng = np.random.default_rng(2)
    parts = [np.eye(3)[data["genre"]], data["tags"], data["tempo"][:, None], np.eye(3)[data["key"]]]
    return np.concatenate([*parts, 0.01 * rng.normal(size=(N, 4))], axis=1)
