"""A miniature of MUSDB18: .stem.mp4 files whose names hold what names hold; MUSDB18-HQ beside it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from minidatasets import tone

TRAIN = ("A Classic Education - NightOwl", "ANiMAL - Rockshow", "Johnny Lokke - Promises & Lies")
TEST = ("AM Contra - Heart Peripheral", "Triviul feat. The Fiend - Widow", "The Easton Ellises (Baumi) - SDRNR")
STEMS = ("bass", "drums", "other", "vocals")


def stem_mp4(path: Path, *, seed: int, rate: int = 16000, seconds: float = 1.0) -> None:
    """The mix and four stems as streams of one file."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as file:
        streams = [file.add_stream("aac", rate=rate, layout="mono") for _ in range(5)]
        for number, stream in enumerate(streams):
            wave = (
                np.sin(np.arange(round(seconds * rate)) * (number + 1) * rng.uniform(0.01, 0.05)).astype(np.float32) / 4
            )
            for start in range(0, len(wave), 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))


def miniature(root: Path) -> None:
    """The compressed form, with the track list."""
    for seed, (folder, name) in enumerate([*(("train", n) for n in TRAIN), *(("test", n) for n in TEST)]):
        stem_mp4(root / folder / f"{name}.stem.mp4", seed=seed)
    rows = ["Track Name,Genre,Source,License", f"{TRAIN[0]},Singer/Songwriter,MedleyDB,CC BY-NC-SA"]
    rows += [f"{name},Rap,DSD,Restricted" for name in (*TRAIN[1:], *TEST, "PR - Oh No")]
    (root / "tracklist.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def miniature_hq(root: Path) -> None:
    """Folders of wav files; one song lacks its vocals."""
    for seed, (folder, name) in enumerate([*(("train", n) for n in TRAIN), ("test", TEST[0])]):
        for number, part in enumerate(("mixture", *STEMS)):
            if (name, part) != (TRAIN[0], "vocals"):
                tone(root / folder / name / f"{part}.wav", seed=10 * seed + number, rate=8000)
