"""Readers of published datasets, one file each; see docs/datasets.md. Add one by its file and a line in the table."""

from __future__ import annotations

from contramuse.catalogue.datasets.aotm2011 import Aotm2011
from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.billboard import Billboard
from contramuse.catalogue.datasets.emomusic import EmoMusic
from contramuse.catalogue.datasets.fma import FMA
from contramuse.catalogue.datasets.folder import Folder
from contramuse.catalogue.datasets.giantsteps import GiantStepsKey
from contramuse.catalogue.datasets.gtzan import GTZAN
from contramuse.catalogue.datasets.irmas import IRMAS
from contramuse.catalogue.datasets.librispeech import LibriSpeech
from contramuse.catalogue.datasets.magnatagatune import MagnaTagATune
from contramuse.catalogue.datasets.medleydb import MedleyDB
from contramuse.catalogue.datasets.melon import Melon
from contramuse.catalogue.datasets.million_playlist import MillionPlaylist
from contramuse.catalogue.datasets.million_song import MillionSong
from contramuse.catalogue.datasets.mirdata import Mirdata
from contramuse.catalogue.datasets.mtg_jamendo import MTGJamendo
from contramuse.catalogue.datasets.musdb18 import Musdb18
from contramuse.catalogue.datasets.nsynth import NSynth
from contramuse.catalogue.datasets.openmic import OpenMIC
from contramuse.catalogue.datasets.table import Table
from contramuse.catalogue.datasets.vocalset import VocalSet

DATASETS: dict[str, type[Dataset]] = {
    "aotm2011": Aotm2011,
    "billboard": Billboard,
    "csv": Table,
    "emomusic": EmoMusic,
    "fma": FMA,
    "folder": Folder,
    "giantsteps_key": GiantStepsKey,
    "gtzan": GTZAN,
    "irmas": IRMAS,
    "librispeech": LibriSpeech,
    "magnatagatune": MagnaTagATune,
    "medleydb": MedleyDB,
    "melon": Melon,
    "million_playlist": MillionPlaylist,
    "million_song": MillionSong,
    "mirdata": Mirdata,
    "mtg_jamendo": MTGJamendo,
    "musdb18": Musdb18,
    "nsynth": NSynth,
    "openmic": OpenMIC,
    "vocalset": VocalSet,
}

__all__ = ["DATASETS", "About", "Dataset", "Entry", "Field", "Needed", "Reading", "Remote"]
