"""A miniature of OpenMIC-2018 in the layout of its archive; the artists are chosen so that one becomes validation."""

from __future__ import annotations

import json
from pathlib import Path

from contramuse.catalogue.datasets.openmic import INSTRUMENTS
from minidatasets import tone

# key -> part, artist, relevance of the judged instruments
CLIPS = {
    "000046_3840": ("train", "46", {"flute": 0.85, "clarinet": 0.17105}),
    "000135_483840": ("train", "46", {"voice": 1.0, "bass": 0.5}),
    "000139_119040": ("train", "9", {"mallet_percussion": 0.0}),
    "000141_153600": ("train", "9", {"guitar": 0.49999}),
    "155194_126720": ("train", "13", {"piano": 1.0}),
    "000178_3840": ("test", "50", {"flute": 0.1, "organ": 0.9}),
    "000308_61440": ("test", "51", {"violin": 0.7}),
}


def path_of(key: str) -> str:
    return f"openmic-2018/audio/{key[:3]}/{key}.ogg"


def annotations(root: Path) -> None:
    (root / "partitions").mkdir(parents=True, exist_ok=True)
    rows = [f"{key},{name},{value},{3}\n" for key, (_, _, told) in CLIPS.items() for name, value in told.items()]
    labels = "sample_key,instrument,relevance,num_responses\n" + "".join(rows)
    (root / "openmic-2018-aggregated-labels.csv").write_text(labels)
    head = "track_id,artist_id,artist_name,track_title,license_title,sample_key,start_time\n"
    rows = [f'{key[:6]},{artist},"Name, {artist}","A ""title"", {key}",CC BY,{key},3.8\n'
            for key, (_, artist, _) in CLIPS.items()]  # fmt: skip
    (root / "openmic-2018-metadata.csv").write_text(head + "".join(rows))
    (root / "class-map.json").write_text(json.dumps({name: i for i, name in enumerate(INSTRUMENTS)}))
    for part in ("train", "test"):
        keys = [key for key, (where, _, _) in CLIPS.items() if where == part]
        (root / f"partitions/split01_{part}.csv").write_text("\n".join(keys) + "\n")


def miniature(root: Path) -> None:
    """The folder that the archive unpacks to."""
    annotations(root / "openmic-2018")
    for seed, key in enumerate(CLIPS):
        tone(root / path_of(key), seed=seed, rate=44100)
