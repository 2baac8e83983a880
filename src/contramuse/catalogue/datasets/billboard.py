"""McGill Billboard: songs of the American charts with their tonic and metre (one of the sets CLMR was trained on)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.by_id import OWN_AUDIO, OwnAudio, own_audio
from contramuse.catalogue.datasets.reading import read_rows, read_text, wrong

HOME = "https://ddmal.ca/research/The_McGill_Billboard_Project_(Chord_Analysis_Dataset)/"
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
DECADES = ("1950s", "1960s", "1970s", "1980s", "1990s")
COLUMNS = ("id", "chart_date", "title", "artist")
_PITCH = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_HEADER = re.compile(r"#\s*(tonic|metre):\s*(.+?)\s*")


@dataclass(frozen=True, kw_only=True)
class Billboard(Dataset):
    """Songs with the tonic that the annotators wrote (never a mode: none is annotated), metre, and year in the charts.

    Args:
        items: "songs": each song once, though several slots of the sample may have drawn it; "slots": every slot, as
            published, with the same song in several.
        modulating: what the tonic of a song is whose tonic changes: "first": that of its beginning; "unknown": none.
    """

    about: ClassVar = About(
        title="McGill Billboard",
        home=HOME,
        audio="Not published; your own recordings, named by the number of the slot (audio/0003.mp3).",
        licence="Annotations CC0.",
        citation="J. A. Burgoyne, J. Wild, I. Fujinaga: An expert ground truth set for audio chord recognition and "
        "music analysis. ISMIR 2011.",
    )

    items: Literal["songs", "slots"] = "songs"
    modulating: Literal["first", "unknown"] = "first"

    @property
    def split_name(self) -> str:
        """The split's name."""
        return "by artist (made here, none is published)"

    def needed(self) -> tuple[Needed, ...]:
        """The index, the annotations, and the user's own audio."""
        return (
            Needed("billboard-2.0-index.csv", "slots, titles and artists", HOME),
            Needed("McGill-Billboard", "<slot>/salami_chords.txt", f"billboard-2.0-salami_chords.tar.gz from {HOME}"),
            OWN_AUDIO,
        )

    def read(self, root: Path) -> Reading:
        """The slots that have a song, or each song once."""
        file = self.table(root, "billboard-2.0-index.csv", what="the index of slots")
        audio = own_audio(root)
        entries: list[Entry] = []
        empty, bare, again = list[str](), list[str](), list[str]()
        songs: dict[tuple[str, str], int] = {}
        changing = 0
        for line, row in read_rows(file, columns=COLUMNS):
            slot, title, artist = _slot(row["id"], file, line), row["title"].strip(), row["artist"].strip()
            if not title:
                empty.append(slot)
                continue
            chords = root / "McGill-Billboard" / slot / "salami_chords.txt"
            if not chords.is_file():
                bare.append(slot)
                continue
            tonics, metre = _chords(chords)
            changing += len(set(tonics)) > 1
            entry = self._entry(
                _path(slot, audio), title, artist, _labels(row, tonics, metre, file, line, self.modulating)
            )
            song = (artist.casefold(), title.casefold())
            if self.items == "slots" or song not in songs:
                songs.setdefault(song, len(entries))
                entries.append(entry)
                continue
            again.append(slot)
            place = songs[song]
            if not (root / entries[place].path).is_file() and (root / entry.path).is_file():
                entries[place] = entry
        left_out = {
            "slots without a song": empty,
            "slots without annotations": bare,
            "slots of a song that another slot has": again,
            "rows of paths.csv whose file is not below the root": audio.outside,
        }
        metres = tuple(sorted({entry.labels["metre"] for entry in entries if "metre" in entry.labels}))
        fields = (
            Field("tonic", "multiclass", TONICS),
            Field("metre", "multiclass", metres),
            Field("decade", "multiclass", DECADES),
            Field("chart_year", "numeric"),
        )
        said = (
            f"{len(songs):,} songs in {len(entries) + len(again):,} annotated slots (published: 740 in 890)",
            f"the tonic changes within {changing:,} slots",
        )
        return Reading(fields, entries, {why: what for why, what in left_out.items() if what}, said, group="song")

    @staticmethod
    def _entry(path: str, title: str, artist: str, labels: dict[str, Any]) -> Entry:
        return Entry(
            path,
            "",
            labels,
            groups={"artist": (artist,) if artist else (), "song": (f"{artist}: {title}",)},
            title=title,
        )


def _slot(text: str, file: Path, line: int) -> str:
    if not text.strip().isdigit():
        raise wrong(file, f"{text!r} is no number of a slot", line=line)
    return f"{int(text):04d}"


def _path(slot: str, audio: OwnAudio) -> str:
    """Files may be called 0003 or 3."""
    return audio.of(slot) if slot in audio.paths else audio.paths.get(str(int(slot)), audio.of(slot))


def _labels(
    row: dict[str, str], tonics: list[str], metre: str, file: Path, line: int, modulating: str
) -> dict[str, Any]:
    year = row["chart_date"].strip()[:4]
    if not year.isdigit():
        raise wrong(file, f"{row['chart_date']!r} is no date", line=line)
    labels: dict[str, Any] = {"chart_year": float(year), "decade": f"{year[:3]}0s"}
    if labels["decade"] not in DECADES:
        raise wrong(file, f"the charts of {year} are none of the sample's (1958 to 1991)", line=line)
    if tonics and (modulating == "first" or len(set(tonics)) == 1):
        labels["tonic"] = tonics[0]
    return labels | ({"metre": metre} if metre else {})


def _chords(file: Path) -> tuple[list[str], str]:
    """The tonics of a song in their order, and its first metre."""
    tonics, metre = [], ""
    for number, line in enumerate(read_text(file).splitlines(), 1):
        found = _HEADER.fullmatch(line)
        if found is None:
            continue
        if found[1] == "metre":
            metre = metre or found[2]
        elif found[2] != "?":
            tonics.append(_tonic(found[2], file, number))
    return tonics, metre


def _tonic(text: str, file: Path, line: int) -> str:
    """One of ``TONICS``: "Cb" is "B"."""
    if not re.fullmatch(r"[A-G][#b]*", text):
        raise wrong(file, f"{text!r} is no tonic", line=line)
    return TONICS[(_PITCH[text[0]] + text.count("#") - text.count("b")) % 12]
