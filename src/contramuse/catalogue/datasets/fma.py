"""FMA: genre of Creative Commons music, in four sizes, with the official split."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.reading import read_rows, wrong
from contramuse.catalogue.splits import split_named
from contramuse.errors import UserError

SMALL_GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
"""The eight balanced classes of the small set, sorted."""

TOP_GENRES = (
    "Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental",
    "International", "Jazz", "Old-Time / Historic", "Pop", "Rock", "Soul-RnB", "Spoken",
)  # fmt: skip
"""The sixteen top genres of the medium set and the larger ones, sorted."""

SIZES = ("small", "medium", "large", "full")
ARCHIVES = {"small": "7.2 GiB", "medium": "22 GiB", "large": "93 GiB", "full": "879 GiB"}
SHA1 = {
    "fma_metadata": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "fma_small": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "fma_medium": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "fma_large": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "fma_full": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
}
"""Of the archives of 2017, as the home page has them."""

SILENT = (
    "001486", "005574", "065753", "080391", "098558", "098559", "098560", "098571", "099134", "105247", "108925",
    "126981", "127336", "133297", "143992",
)  # fmt: skip
"""Files of the small and medium sets that were published without audio, as the home page's wiki lists them."""

SHORT = ("098565", "098566", "098567", "098568", "098569", "108924")
"""Those that are shorter than 30 s (0.5 to 27.4 s)."""

_METADATA = "fma_metadata/tracks.csv|tracks.csv"
_GENRES = "fma_metadata/genres.csv|genres.csv"
_HOST = "https://os.unil.cloud.switch.ch/fma"
_COLUMNS = (
    ("set", "split"), ("set", "subset"), ("track", "genre_top"), ("track", "genres_all"), ("track", "title"),
    ("artist", "name"), ("album", "id"), ("album", "title"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FMA(Dataset):
    """Genre of 8,000 to 106,574 tracks of the Free Music Archive.

    Args:
        size: "small": 8,000 clips of 30 s of 8 balanced genres; "medium": 25,000 clips of 16 genres; "large": 106,574
            clips; "full": the same tracks untrimmed. Each holds the smaller ones.
        labels: "genre_top": the field genre is the top genre, one of 8 (small) or 16; tracks of the large set may have
            none. "genres_all": the field genres has all genres of a track with their parents, several of 163.
    """

    about: ClassVar = About(
        title="FMA: a dataset for music analysis",
        home="https://github.com/mdeff/fma",
        audio="fma_metadata.zip and fma_small.zip (7.2 GiB), fma_medium.zip (22 GiB), fma_large.zip (93 GiB) or "
        "fma_full.zip (879 GiB), linked from the home page.",
        licence="Metadata CC BY 4.0; the audio under the licence that each artist chose; meant for research.",
        citation="M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, FMA: A dataset for music analysis, ISMIR "
        "2017, arXiv:1612.01840",
    )

    size: Literal["small", "medium", "large", "full"] = "small"
    labels: Literal["genre_top", "genres_all"] = "genre_top"

    @property
    def split_name(self) -> str:
        """The split's name, with the size."""
        return f"official, {self.size}"

    def needed(self) -> tuple[Needed, ...]:
        """The metadata and the folder of the size."""
        where = f"{_HOST}/fma_metadata.zip"
        size = ARCHIVES[self.size]
        audio = Needed(f"fma_{self.size}", f"{size} of mp3", f"{_HOST}/fma_{self.size}.zip", kind="audio")
        tracks = Needed(_METADATA, "splits, genres, artists and albums", where)
        genres = (Needed(_GENRES, "names of genres", where),) if self.labels == "genres_all" else ()
        return (tracks, *genres, audio)

    def published(self) -> dict[str, int]:
        """Published numbers of the small set."""
        return {"train": 6400, "valid": 800, "test": 800} if self.size == "small" else {}

    def remote(self) -> tuple[Remote, ...]:
        """Metadata and audio."""
        names = ("fma_metadata", f"fma_{self.size}")
        return tuple(Remote(f"{_HOST}/{name}.zip", f"{name}.zip", SHA1[name], unpack=".") for name in names)

    def read(self, root: Path) -> Reading:
        """The tracks of this size, in the order of ``tracks.csv``."""
        file = self.table(root, _METADATA, what="tracks.csv of fma_metadata.zip")
        names = _genre_names(self.table(root, _GENRES, what="genres.csv of fma_metadata.zip")) if self._many else {}
        entries = []
        for line, track, cells in _tracks(file):
            subset = cells["set", "subset"]
            if subset not in SIZES:
                raise wrong(file, f"{subset!r} is no subset", line=line)
            if SIZES.index(subset) <= SIZES.index(self.size):
                entries.append(self._entry(track, cells, names, file, line))
        if not entries:
            raise wrong(file, f"holds no track of the {self.size} set")
        if self._many:
            field = Field("genres", "multilabel", tuple(names.values()))
        else:
            field = Field("genre", "multiclass", SMALL_GENRES if self.size == "small" else TOP_GENRES)
        return Reading((field,), entries, {}, _said(entries), group="artist")

    @property
    def _many(self) -> bool:
        return self.labels == "genres_all"

    def _entry(
        self, track: str, cells: Mapping[tuple[str, str], str], names: Mapping[str, str], file: Path, line: int
    ) -> Entry:
        try:
            split = split_named(cells["set", "split"])
        except UserError as error:
            raise wrong(file, f"{cells['set', 'split']!r} is no split", line=line) from error
        labels: dict[str, object] = {}
        top = cells["track", "genre_top"]
        if self._many:
            labels["genres"] = _titles(cells["track", "genres_all"], names, file, line)
        elif top and top not in (SMALL_GENRES if self.size == "small" else TOP_GENRES):
            raise wrong(file, f"{top!r} is no top genre of the {self.size} set", line=line)
        elif top:
            labels["genre"] = top
        groups = {}
        if artist := cells["artist", "name"].strip():
            groups["artist"] = (artist,)
        if album := cells["album", "title"].strip():
            # Many albums are called alike ("Live", "s/t"); the number keeps them apart.
            groups["album"] = (f"{album} [{cells['album', 'id']}]",)
        path = f"fma_{self.size}/{track[:3]}/{track}.mp3"
        return Entry(path, split, labels, groups=groups, title=" ".join(cells["track", "title"].split()))


def _tracks(file: Path) -> Iterator[tuple[int, str, dict[tuple[str, str], str]]]:
    """Line, six digits, and the cells of each row below the three lines of headers; cells may hold line breaks."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            above, below = next(reader, []), next(reader, [])
            place = {names: column for column, names in enumerate(zip(above, below, strict=False))}
            if lacking := [" ".join(names) for names in _COLUMNS if names not in place]:
                raise wrong(file, f"has no column {', '.join(lacking)}: its first two lines are no headers", line=1)
            for row in reader:
                if not row or row[0] == "track_id":
                    continue
                line = reader.line_num
                if not row[0].isdigit():
                    raise wrong(file, f"{row[0]!r} is no number of a track", line=line)
                if len(row) < len(above):
                    raise wrong(file, f"has {len(row)} cells, not {len(above)}", line=line)
                yield line, f"{int(row[0]):06d}", {names: row[place[names]] for names in _COLUMNS}
    except OSError as error:
        raise wrong(file, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise wrong(file, "is no text in UTF-8") from error
    except csv.Error as error:
        raise wrong(file, f"is no table ({error})") from error


def _genre_names(file: Path) -> dict[str, str]:
    """Number of each genre -> its title, in the order of the file."""
    return {row["genre_id"].strip(): row["title"].strip() for _, row in read_rows(file, columns=("genre_id", "title"))}


def _titles(text: str, names: Mapping[str, str], file: Path, line: int) -> list[str]:
    """The titles of a cell such as ``[21, 10]``."""
    try:
        numbers = [str(number) for number in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise wrong(file, f"{text!r} is no list of genres", line=line) from error
    if unknown := [number for number in numbers if number not in names]:
        raise wrong(file, f"genre {', '.join(unknown)} is not in genres.csv", line=line)
    return [names[number] for number in numbers]


def _said(entries: list[Entry]) -> list[str]:
    here = {entry.path[-10:-4] for entry in entries}
    kinds = {"without audio (they count as failed)": SILENT, "shorter than 30 s": SHORT}
    listed = {kind: [track for track in tracks if track in here] for kind, tracks in kinds.items()}
    return [f"{len(found)} files are known to be published {kind}: {', '.join(found)}"
            for kind, found in listed.items() if found]  # fmt: skip
