"""MedleyDB: multitrack recordings whose stems and raw tracks are labelled with their instrument."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import yaml

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.reading import read_text, wrong
from contramuse.catalogue.splits import SHARES, components
from contramuse.catalogue.stratify import stratified_groups, stratified_splits
from contramuse.errors import UserError

METADATA = ("Metadata", "medleydb/data/Metadata", "Audio/*", "V1/*", "V2/*")
HOMES = ("Audio", "V1", "V2")
DROPPED = ("Unlabeled", "auxiliary percussion", "Main System")
EFFECTS = "fx/processed sound"
MOST = {"stems": 20, "raw": 40, "mixes": 20}
STEM_SHARES = {"train": 0.81, "valid": 0.09, "test": 0.1}
REPOSITORY = "https://github.com/marl/medleydb (medleydb/data/Metadata)"


@dataclass(frozen=True)
class Part:
    """A stem or raw track: its file relative to the folder of its song, and its instruments as annotated."""

    name: str
    file: str
    instruments: tuple[str, ...]


@dataclass(frozen=True)
class Song:
    """What a song's metadata say; paths are relative to the folder of the song."""

    name: str
    artist: str
    title: str
    mix: str
    flags: Mapping[str, str]
    stems: tuple[Part, ...]
    raw: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class MedleyDB(Dataset):
    """Stems, raw tracks or mixes with their instruments.

    Args:
        items: "stems" (the 20 most frequent instruments), "raw" (the 40 most frequent), or "mixes" (all instruments of
            a song among the 20 of the stems; the stems belong to the mix).
        songs: "both" lists of songs that were released, "v1" (122), "v2" (74), or "all" whose metadata are there.
        split: "song": no song and no artist is in two splits; "stem": as SemiSupCon, at random by stem, stratified by
            instrument: stems of one song are in several splits, which leaks songs.
        effects: "dropped": "fx/processed sound" is no instrument; "kept": it is, as in SemiSupCon, whose list of
            what is dropped writes it otherwise than the metadata do, so that it stays.
        bleed: "kept" or "dropped": songs whose stems hold other instruments too.
        seed: of the split.
    """

    about: ClassVar = About(
        title="MedleyDB",
        home="https://medleydb.weebly.com",
        audio="On request, see https://medleydb.weebly.com; v1 has 122 songs, v2 74 more.",
        licence="Audio and annotations CC BY-NC-SA; the repository of the metadata MIT.",
        citation="R. Bittner, J. Salamon, M. Tierney, M. Mauch, C. Cannam, J. P. Bello: MedleyDB: a multitrack dataset "
        "for annotation-intensive MIR research. ISMIR 2014.",
        shipped="Names of the songs of v1 and v2 (medleydb's repository, MIT).",
    )

    items: Literal["stems", "raw", "mixes"] = "stems"
    songs: Literal["both", "v1", "v2", "all"] = "both"
    split: Literal["song", "stem"] = "song"
    effects: Literal["dropped", "kept"] = "dropped"
    bleed: Literal["kept", "dropped"] = "kept"
    seed: int = 0

    @property
    def split_name(self) -> str:
        """The split's name."""
        if self.split == "song":
            return f"by song and artist, 80/10/10, seed {self.seed} (made here, not published)"
        return f"by stem, 81/9/10 stratified by instrument, seed {self.seed}: SemiSupCon's rule, which leaks songs"

    def needed(self) -> tuple[Needed, ...]:
        """Metadata and audio."""
        homes = "|".join(path.removesuffix("/*") for path in METADATA)
        return (
            Needed(homes, "a _METADATA.yaml of each song", REPOSITORY),
            Needed("|".join(HOMES), "<song>/<song>_MIX.wav, _STEMS and _RAW", self.about.audio, kind="audio"),
        )

    def read(self, root: Path) -> Reading:
        """The items whose instruments are among the most frequent."""
        found, left_out = self._songs(root)
        if self.items == "mixes" and self.split == "stem":
            raise UserError("is for stems and raw tracks", name="split", value="stem", fix="Mixes take split=song.")
        dropped = {*DROPPED, *([EFFECTS] if self.effects == "dropped" else [])}
        parts = [part for song in found for part in (song.raw if self.items == "raw" else song.stems)]
        classes = most_frequent((part.instruments for part in parts), dropped, MOST[self.items])
        entries: list[Entry] = []
        for song in found:
            home = _home(root, song.name)
            if self.items == "mixes":
                entries.append(_mix(song, home, classes))
                continue
            for part in song.raw if self.items == "raw" else song.stems:
                kept = [one for one in part.instruments if one in classes]
                if kept:
                    entries.append(_part(song, part, home, kept))
                else:
                    why = (
                        "no instrument" if set(part.instruments) <= dropped else "none of the most frequent instruments"
                    )
                    left_out.setdefault(why, []).append(f"{home}/{part.file}")
        if not entries:
            fix = "Choose songs=all, or check the folder of the metadata."
            raise UserError("has no item with one of the instruments", name="--root", value=root, fix=fix)
        fields = (
            Field("instrument", "multiclass", classes),
            Field("instruments", "multilabel", classes, empty="none"),
            *(Field(flag, "multiclass", ("no", "yes")) for flag in ("has_bleed", "excerpt", "instrumental")),
            Field("genre", "multiclass", tuple(sorted({song.flags["genre"] for song in found} - {""}))),
        )
        entries = self._split(entries, classes)
        several = sum("instrument" not in entry.labels for entry in entries)
        said = [f"{len(found)} songs, {len({song.artist for song in found})} artists; {len(classes)} instruments"]
        if "songs without metadata" in left_out:
            said.append("metadata of some songs are not there: other instruments may be the most frequent in all")
        if several and self.items != "mixes":
            said.append(f"{several} of several instruments have no 'instrument', only 'instruments'")
        return Reading(fields[1:] if self.items == "mixes" else fields, entries, left_out, said, group="song")

    def _songs(self, root: Path) -> tuple[list[Song], dict[str, list[str]]]:
        """The chosen songs, and those that are not taken."""
        paths: dict[str, Path] = {}
        for pattern in METADATA:
            for file in sorted(root.glob(f"{pattern}/*_METADATA.yaml")):
                paths.setdefault(file.name.removesuffix("_METADATA.yaml"), file)
        if not paths:
            raise UserError("holds no _METADATA.yaml", name="--root", value=root, fix=f"They are at {REPOSITORY}.")
        wanted = released(self.songs) or set(paths)
        left_out: dict[str, list[str]] = {}
        if absent := sorted(wanted - set(paths)):
            left_out["songs without metadata"] = absent
        if other := sorted(set(paths) - wanted):
            left_out["songs of no release that was chosen (songs=all takes them)"] = other
        songs = [read_song(paths[name], name) for name in sorted(wanted & set(paths))]
        if self.bleed == "dropped":
            left_out["songs with bleed"] = [song.name for song in songs if song.flags.get("has_bleed") == "yes"]
            songs = [song for song in songs if song.flags.get("has_bleed") != "yes"]
        return songs, left_out

    def _split(self, entries: list[Entry], classes: Sequence[str]) -> list[Entry]:
        place = {name: number for number, name in enumerate(classes)}
        hot = np.zeros((len(entries), len(classes)), np.bool_)
        for row, entry in enumerate(entries):
            hot[row, [place[name] for name in entry.labels["instruments"]]] = True
        if self.split == "stem":
            splits = stratified_splits(hot, seed=self.seed, shares=STEM_SHARES)
        else:
            keys = [(*(f"song {song}" for song in e.groups["song"]), *(f"artist {a}" for a in e.groups["artist"]))
                    for e in entries]  # fmt: skip
            splits = stratified_groups(hot, components(keys), seed=self.seed, shares=SHARES, kept={})
        return [replace(entry, split=split) for entry, split in zip(entries, splits, strict=True)]


def released(songs: str) -> set[str]:
    """Names of the songs of a release; empty for "all"."""
    lists = json.loads((files("contramuse.catalogue.datasets") / "medleydb.json").read_text(encoding="utf-8"))
    chosen = {"both": ("v1", "v2"), "v1": ("v1",), "v2": ("v2",), "all": ()}[songs]
    return {name for one in chosen for name in lists[one]}


def most_frequent(found: Iterable[Sequence[str]], dropped: set[str], most: int) -> tuple[str, ...]:
    """The most frequent instruments, the most frequent first; among equals by name."""
    counts = Counter(name for instruments in found for name in instruments if name not in dropped)
    return tuple(sorted(counts, key=lambda name: (-counts[name], name))[:most])


def read_song(file: Path, name: str) -> Song:
    """The metadata of a song.

    Raises:
        UserError: it is no YAML, or lacks what is needed.
    """
    try:
        content = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise wrong(file, "is no YAML that can be read", line=line) from error
    try:
        stems = sorted(content["stems"].items())
        flags = {flag: _yes_no(content[flag]) for flag in ("has_bleed", "excerpt", "instrumental") if flag in content}
        return Song(
            name,
            artist=str(content["artist"] or name.split("_")[0]),
            title=str(content["title"] or name.split("_")[-1]),
            mix=str(content["mix_filename"]),
            flags=flags | {"genre": str(content.get("genre") or "")},
            stems=tuple(_one(key, one, content["stem_dir"]) for key, one in stems),
            raw=tuple(
                _one(f"{key}_{number}", raw, content["raw_dir"])
                for key, one in stems
                for number, raw in sorted((one.get("raw") or {}).items())
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise wrong(file, f"lacks what MedleyDB's metadata have ({error})") from error


def _one(key: str, content: Mapping[str, Any], folder: str) -> Part:
    instruments = content["instrument"]
    names = instruments if isinstance(instruments, list) else [instruments]
    return Part(key, f"{folder}/{content['filename']}", tuple(dict.fromkeys(str(name) for name in names if name)))


def _yes_no(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value).lower()


def _home(root: Path, song: str) -> str:
    """The folder of a song relative to the root; where it would be, if it is not there."""
    return next((f"{home}/{song}" for home in HOMES if (root / home / song).is_dir()), f"{HOMES[0]}/{song}")


def _facts(song: Song) -> dict[str, Any]:
    return {name: value for name, value in song.flags.items() if value}


def _part(song: Song, part: Part, home: str, kept: list[str]) -> Entry:
    labels = _facts(song) | {"instruments": kept}
    if len(part.instruments) == 1:
        labels["instrument"] = kept[0]
    groups = {"song": (song.name,), "artist": (song.artist,)}
    return Entry(f"{home}/{part.file}", "", labels, groups=groups, title=f"{song.title} {part.name}")


def _mix(song: Song, home: str, classes: Sequence[str]) -> Entry:
    heard = {name for part in song.stems for name in part.instruments}
    stems: dict[str, str] = {}
    for part in song.stems:
        name = " + ".join(part.instruments) or part.name
        again = sum(other == name or other.startswith(f"{name} #") for other in stems)
        stems[f"{name} #{again + 1}" if again else name] = f"{home}/{part.file}"
    labels = _facts(song) | {"instruments": [name for name in classes if name in heard]}
    groups = {"song": (song.name,), "artist": (song.artist,)}
    return Entry(f"{home}/{song.mix}", "", labels, groups=groups, title=song.title, stems=stems)
