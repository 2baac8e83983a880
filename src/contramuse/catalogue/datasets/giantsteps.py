"""GiantSteps: key of electronic dance music. Tests on GiantSteps Key, trains on GiantSteps MTG Key."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.reading import read_text, wrong
from contramuse.catalogue.labels import parse_key
from contramuse.catalogue.splits import make_splits

TEST, TRAIN = "giantsteps-key-dataset", "giantsteps-mtg-key-dataset"
COMMITS = {
    TEST: "c8cb8aad2cb53f165be51ea099d0dc75c64a844f",
    TRAIN: "fd7b8c584f7bd6d720d170c325a6d42c9bf75a6b",
}
"""Of the two repositories; an archive of one unpacks into a folder with the commit in its name."""


def _homes(name: str, below: str) -> str:
    return "|".join(f"{home}/{below}" for home in (name, f"{name}-{COMMITS[name]}"))


_KEYS = _homes(TEST, "annotations/key")
_LIST = _homes(TRAIN, "annotations/annotations.txt")
_ARTISTS = _homes(TRAIN, "annotations/beatport_metadata.txt")
_SHARES = {"train": 0.8, "valid": 0.2, "test": 0.0}


@dataclass(frozen=True, kw_only=True)
class GiantStepsKey(Dataset):
    """One of 24 keys of 2-minute previews: 604 tracks of GiantSteps Key, and those of GiantSteps MTG Key for training.

    Of the training part, tracks of confidence 2 with a single key are taken (Korzeniowski and Widmer 2018).

    Args:
        valid: how the training part is divided. "artist": by the hash of the artists' names, artists that work together
            on one side (the rule of jukemir and MARBLE); needs ``beatport_metadata.txt``. "random": 20 % of the tracks
            by the hash of their numbers.
        verify: "md5": files of other checksums than the datasets' own ``md5`` folders state are left out.
    """

    about: ClassVar = About(
        title="GiantSteps Key and GiantSteps MTG Key",
        home="https://github.com/GiantSteps/giantsteps-key-dataset",
        audio="audio_dl.sh of each repository fetches the previews from Beatport or the university's copy "
        "(http://www.cp.jku.at/datasets/giantsteps/).",
        licence="None is stated in the repositories; the audio are previews of commercial recordings.",
        citation="P. Knees, A. Faraldo, P. Herrera, R. Vogl, S. Boeck, F. Hoerschlaeger and M. Le Goff, Two data sets "
        "for tempo estimation and key detection in electronic dance music annotated from user corrections, ISMIR "
        "2015; A. Faraldo, Tonality estimation in electronic dance music, PhD thesis, UPF, 2017",
    )

    valid: Literal["artist", "random"] = "artist"
    verify: Literal["none", "md5"] = "none"

    @property
    def split_name(self) -> str:
        """The split's name with the rule of the validation part."""
        rule = "by artist as jukemir" if self.valid == "artist" else "made here, 20 % by the hash of the number"
        return f"test: GiantSteps Key; train: GiantSteps MTG Key, confidence 2, one key; valid: {rule}"

    def needed(self) -> tuple[Needed, ...]:
        """The two repositories and their audio."""
        test, train = (f"https://github.com/GiantSteps/{name}" for name in (TEST, TRAIN))
        artists = (Needed(_ARTISTS, "artists of the training tracks", train),) if self.valid == "artist" else ()
        return (
            Needed(_KEYS, "keys of the test tracks, a .key file each", test),
            Needed(_LIST, "keys of the training tracks", train),
            *artists,
            Needed(_homes(TEST, "audio"), "604 .LOFI.mp3, by its audio_dl.sh", test, kind="audio"),
            Needed(_homes(TRAIN, "audio"), ".LOFI.mp3, by its audio_dl.sh", train, kind="audio"),
        )

    def published(self) -> dict[str, int]:
        """Published number of test tracks."""
        return {"test": 604}

    def remote(self) -> tuple[Remote, ...]:
        """The annotations; the audio is fetched by the script in each folder."""
        return tuple(
            Remote(f"https://github.com/GiantSteps/{name}/archive/{commit}.zip", f"{name}.zip", unpack=".")
            for name, commit in COMMITS.items()
        )

    def read(self, root: Path) -> Reading:
        """Training tracks in the order of the list, then test tracks in order of number."""
        out: dict[str, list[str]] = defaultdict(list)
        entries = [*self._training(root, out), *_testing(root, out)]
        if self.verify == "md5":
            entries = [entry for entry in entries if _intact(root, entry.path, out)]
        return Reading((Field("key", "key"),), entries, dict(out), group="artist" if self.valid == "artist" else "")

    def _training(self, root: Path, out: dict[str, list[str]]) -> list[Entry]:
        file = self.table(root, _LIST, what="annotations.txt of the training tracks")
        audio = f"{file.relative_to(root).parts[0]}/audio"
        keys: dict[str, str] = {}
        for line, (track, text, confidence) in _rows(file, ("ID", "MANUAL KEY", "C")):
            path = f"{audio}/{track}.LOFI.mp3"
            if confidence not in ("0", "1", "2"):
                raise wrong(file, f"{confidence!r} is no confidence (0, 1 or 2)", line=line)
            if confidence != "2":
                out["confidence below 2"].append(path)
            elif "/" in text or text in ("", "-"):
                out["no single key"].append(path)
            elif (key := parse_key(text)) is None:
                raise wrong(file, f"{text!r} is no key", line=line)
            else:
                keys[track] = key
        artists: Mapping[str, Sequence[str]] = {}
        if self.valid == "artist":
            names = self.table(root, _ARTISTS, what="beatport_metadata.txt of the training tracks")
            rows = _rows(names, ("ID", "ARTIST"))
            artists = {track: tuple(name.strip() for name in text.split(",")) for _, (track, text) in rows}
            if lacking := [track for track in keys if track not in artists]:
                raise wrong(names, f"lacks {len(lacking)} of the tracks, such as {lacking[0]}")
            sides = _by_artist(artists)
        else:
            made = make_splits([[track] for track in keys], seed=0, shares=_SHARES)
            sides = dict(zip(keys, made, strict=True))
        return [
            Entry(f"{audio}/{track}.LOFI.mp3", sides[track], {"key": key},
                  groups={"artist": artists[track]} if artists else {})
            for track, key in keys.items()
        ]  # fmt: skip


def _by_artist(artists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Train or valid of each track: artists are drawn by SHA-1, 16 in 116; those who work with a valid one follow.

    The rule is that of jukemir (Castellon, Donahue and Liang 2021), with its two passes in the order of the list.
    """
    valid = {
        artist
        for names in artists.values()
        for artist in names
        if int(hashlib.sha1(artist.lower().encode(), usedforsecurity=False).hexdigest(), 16) % 116 >= 100
    }
    for _ in range(2):
        for names in artists.values():
            if not valid.isdisjoint(names):
                valid.update(names)
    return {track: "train" if valid.isdisjoint(names) else "valid" for track, names in artists.items()}


def _testing(root: Path, out: dict[str, list[str]]) -> Iterator[Entry]:
    folder = next((root / path for path in _KEYS.split("|") if (root / path).is_dir()), root / TEST)
    for file in sorted(folder.glob("*.key"), key=lambda file: (len(file.name), file.name)):
        path = f"{folder.relative_to(root).parts[0]}/audio/{file.name.removesuffix('.key')}.mp3"
        text = read_text(file).strip().split("\t")[0]
        if "/" in text or text in ("", "-"):
            out["no single key"].append(path)
        elif (key := parse_key(text)) is None:
            raise wrong(file, f"{text!r} is no key", line=1)
        else:
            yield Entry(path, "test", {"key": key})


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Line and the wanted cells of each row of a table with tabs, in which quotes are letters."""
    reader = csv.reader(io.StringIO(read_text(file)), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = [name.strip() for name in next(reader, [])]
    if lacking := [name for name in columns if name not in header]:
        raise wrong(file, f"has no column {', '.join(lacking)} (it has {', '.join(header[:8])})", line=1)
    places = [header.index(name) for name in columns]
    for row in reader:
        if not row:
            continue
        if len(row) <= max(places) or not row[places[0]].strip().isdigit():
            raise wrong(file, "is no row of a track's number and the rest, with tabs between", line=reader.line_num)
        yield reader.line_num, [row[place].strip() for place in places]


def _intact(root: Path, path: str, out: dict[str, list[str]]) -> bool:
    """Is the file what the dataset's md5 folder says? Files that are absent, or of which it says nothing, pass."""
    from contramuse.catalogue.datasets.download import digest

    home, _, name = path.partition("/audio/")
    stated, file = root / home / "md5" / f"{name.removesuffix('.mp3')}.md5", root / path
    if not stated.is_file() or not file.is_file():
        return True
    words = read_text(stated).split()
    if not words:
        raise wrong(stated, "holds no checksum")
    same = digest(file, words[0]) == words[0].lower()
    if not same:
        out["checksum is another than published"].append(path)
    return same
