"""A miniature of GTZAN as mirdata knows it: an index in mirdata's format, whose checksums are true but for one file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from minidatasets import tone

CHOICES = ("dataset=gtzan_genre", "index=index.json")
TRACKS = ("blues.00000", "blues.00001", "hiphop.00000", "jazz.00002", "rock.00003")
ABSENT, OTHER = "jazz.00002", "rock.00003"


def miniature(root: Path) -> None:
    """One track is absent, one is another file than the index says; the tempo of one is not annotated."""
    index: dict[str, dict[str, list[str | None]]] = {}
    for seed, name in enumerate(TRACKS):
        path = f"gtzan_genre/genres/{name.partition('.')[0]}/{name}.wav"
        tempo = f"gtzan_tempo_beat-main/tempo/gtzan_{name.replace('.', '_')}.bpm"
        (root / tempo).parent.mkdir(parents=True, exist_ok=True)
        (root / tempo).write_text(f"{100 + 7 * seed}.5\n")
        tone(root / path, seed=seed)
        sums = [hashlib.md5((root / one).read_bytes()).hexdigest() for one in (path, tempo)]
        index[name] = {"audio": [path, sums[0]], "beats": [None, None], "tempo": [tempo, sums[1]]}
        if name == ABSENT:
            (root / path).unlink()
        if name == OTHER:
            tone(root / path, seed=99)
    (root / TRACKS[1]).parent.mkdir(exist_ok=True)
    (root / str(index[TRACKS[1]]["tempo"][0])).unlink()
    (root / "index.json").write_text(json.dumps({"version": "1.0", "tracks": index}))
