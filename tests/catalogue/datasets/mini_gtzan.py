"""A miniature of GTZAN: a few excerpts of each part, one that is left out, one that is damaged, one without bytes."""

from __future__ import annotations

from pathlib import Path

from minidatasets import broken, tone

TRAIN = ("blues.00029", "disco.00005", "rock.00000")
VALID = ("blues.00000", "rock.00038")
TEST = ("blues.00012", "rock.00010")
LEFT_OUT = "pop.00015"
DAMAGED = "jazz.00054"


def miniature(root: Path, *, folder: str = "genres", suffix: str = ".wav") -> None:
    """Write it; the usual copy has folders "genres" and .wav, the first had .au."""
    for seed, stem in enumerate((*TRAIN, *VALID, *TEST, LEFT_OUT)):
        tone(root / folder / stem.partition(".")[0] / f"{stem}{suffix}", seed=seed)
    broken(root / folder / "jazz" / f"{DAMAGED}{suffix}")
