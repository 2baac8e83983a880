"""Readers of published datasets, one file each; see docs/datasets.md. Add one by its file and a line in the table."""

from __future__ import annotations

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.emomusic import EmoMusic
from contramuse.catalogue.datasets.fma import FMA
from contramuse.catalogue.datasets.folder import Folder
from contramuse.catalogue.datasets.giantsteps import GiantStepsKey
from contramuse.catalogue.datasets.gtzan import GTZAN
from contramuse.catalogue.datasets.irmas import IRMAS
from contramuse.catalogue.datasets.magnatagatune import MagnaTagATune
from contramuse.catalogue.datasets.million_song import MillionSong
from contramuse.catalogue.datasets.mtg_jamendo import MTGJamendo
from contramuse.catalogue.datasets.nsynth import NSynth
from contramuse.catalogue.datasets.openmic import OpenMIC
from contramuse.catalogue.datasets.vocalset import VocalSet

DATASETS: dict[str, type[Dataset]] = {
    "emomusic": EmoMusic,
    "fma": FMA,
    "folder": Folder,
    "giantsteps_key": GiantStepsKey,
    "gtzan": GTZAN,
    "irmas": IRMAS,
    "magnatagatune": MagnaTagATune,
    "million_song": MillionSong,
    "mtg_jamendo": MTGJamendo,
    "nsynth": NSynth,
    "openmic": OpenMIC,
    "vocalset": VocalSet,
}

__all__ = ["DATASETS", "About", "Dataset", "Entry", "Field", "Needed", "Reading", "Remote"]
