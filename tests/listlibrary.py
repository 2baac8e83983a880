"""A library of facts without audio, for tests of samplers, playlists and vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contramuse.catalogue.library import Library


def write_lists(
    root: Path,
    *,
    groups: Mapping[str, Sequence[Sequence[str]]],
    labels: Mapping[str, tuple[str, Sequence[Any]]] | None = None,
    splits: Sequence[str] | None = None,
) -> Library:
    """Tracks with these groups (name -> of each track) and labels (name -> kind and of each track)."""
    root.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(groups.values())))
    kinds = {"multilabel": pa.list_(pa.string()), "multiclass": pa.string(), "numeric": pa.float64()}
    columns: dict[str, Any] = {
        "id": [f"{i:06x}" for i in range(count)],
        "path": [f"artist/{i:03d}.wav" for i in range(count)],
        "split": list(splits or ["train"] * count),
    }
    fields = []
    for name, (kind, values) in (labels or {}).items():
        columns[f"label.{name}"] = pa.array(values, kinds[kind])
        flat = [c for v in values if v is not None for c in (v if kind == "multilabel" else [v])]
        fields.append({"name": name, "kind": kind, "classes": sorted(set(flat)) if kind != "numeric" else []})
    for name, values in groups.items():
        columns[f"group.{name}"] = pa.array([list(v) for v in values], pa.list_(pa.string()))
    pq.write_table(pa.table(columns), root / "index.parquet")
    info = {"format": 1, "sample_rate": 16000, "fingerprint": "lists", "seed": 0}
    info["fields"] = [{**field, "source": "test"} for field in fields]
    (root / "library.json").write_text(json.dumps(info), encoding="utf-8")
    return Library.open(root)
