"""The Melon Playlist Dataset: mel spectrograms of 649,091 songs of a Korean service, their genres and playlists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.json_stream import objects
from contramuse.catalogue.datasets.reading import read_json, read_lines, wrong
from contramuse.catalogue.splits import SHARES
from contramuse.catalogue.stratify import split_rows, stratified_splits
from contramuse.catalogue.track import SPLITS
from contramuse.errors import UserError

ACCESS = "https://github.com/MTG/melon-playlist-dataset (Kakao Arena is offline; ask its authors)"
LISTS = ("train", "val", "test")
DAMAGED = frozenset((225, 227, 229, 230, 276))
"""Folders of arena_mel whose songs are left out: ids 225000-225999, 227000-227999, 229000-230999, 276000-276999."""
FRAME_RATE, BANDS = 62.5, 48
MELON50_SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
COLUMNS = ("id", "song_gn_gnr_basket", "song_gn_dtl_gnr_basket")


@dataclass(frozen=True, kw_only=True)
class Melon(Dataset):
    """Songs that stand in a playlist, with main and sub-genres, playlists, artists and albums; files are mel arrays.

    Args:
        split: "stratified": 80/10/10 % of the songs, genres alike in all; "melon50": only the songs of its test split,
            60/20/20 %, with the 50 most frequent sub-genres among them; "given": lists of ids, one a line, in
            splits/train.txt, valid.txt and test.txt.
        seed: of the splits.
    """

    about: ClassVar = About(
        title="Melon Playlist Dataset",
        home="https://github.com/MTG/melon-playlist-dataset",
        audio="Mel spectrograms are part of it: arena_mel_0.tar to arena_mel_39.tar, unpacked into arena_mel/. "
        + ACCESS,
        licence="Kakao's terms; access on request.",
        citation="A. Ferraro, Y. Kim, S. Lee, B. Kim, N. Jo, S. Lim, S. Lim, J. Jang, S. Kim, X. Serra, D. Bogdanov: "
        "Melon Playlist Dataset: a public dataset for audio-based playlist generation and music tagging. ICASSP 2021.",
    )

    split: Literal["stratified", "melon50", "given"] = "stratified"
    seed: int = 0

    @property
    def split_name(self) -> str:
        """The split's name."""
        rule = f"the published rule dealt out here with seed {self.seed}, not the published list"
        return {
            "stratified": f"80/10/10, genres stratified: {rule}",
            "melon50": f"Melon-50, 60/20/20 of the test songs: {rule} (which leaks test songs into training)",
            "given": "as splits/*.txt give it",
        }[self.split]

    def published(self) -> dict[str, int]:
        """Songs by split of the whole dataset; of Melon-50 no split without a leak was published."""
        return {"train": 515_622, "valid": 64_453, "test": 64_453} if self.split == "stratified" else {}

    def needed(self) -> tuple[Needed, ...]:
        """Songs, genres, playlists, and the folders of mel spectrograms."""
        lists = (Needed(f"splits/{split}.txt", "ids, one a line", "Your own lists of ids.") for split in SPLITS)
        return (
            Needed("kakao_meta/song_meta.json", "songs", ACCESS),
            Needed("kakao_meta/genre_gn_all.json", "names of the genres", ACCESS),
            *(Needed(f"kakao_meta/{name}.json", "playlists", ACCESS) for name in LISTS),
            *(lists if self.split == "given" else ()),
            Needed("arena_mel", "<id / 1000>/<id>.npy", ACCESS, kind="audio"),
        )

    def read(self, root: Path) -> Reading:
        """The songs in the order of song_meta.json."""
        names, stands = self._playlists(root)
        genres = _genres(self.table(root, "kakao_meta/genre_gn_all.json", what="the table of genres"))
        songs, left_out = _songs(self.table(root, "kakao_meta/song_meta.json", what="the table of songs"), stands)
        if not songs:
            raise UserError("holds no song of a playlist", name="--root", value=root / "kakao_meta", fix=ACCESS)
        splits = self._given(root, songs, left_out) if self.split == "given" else self._dealt(songs)
        said = [f"{len(names):,} playlists (published: 148,826), {len(songs):,} songs (published: 644,528)"]
        shared: dict[Any, Any] = {}
        if self.split != "melon50":
            classes = tuple(sorted({genres.get(code, code) for song in songs for code in song.genres}))
            rows: Iterable[int] = (row for row, split in enumerate(splits) if split)
            field = Field("genres", "multilabel", classes)
            labels = [{"genres": [genres.get(c, c) for c in song.genres]} if song.genres else {} for song in songs]
        else:
            rows, splits, codes = self._melon50(songs, splits)
            field = Field("melon50", "multilabel", tuple(genres.get(code, code) for code in codes), empty="none")
            said.append("Melon-50: a song with none of the 50 sub-genres is known to have none")
            known = set(codes)
            labels = [{"melon50": [genres.get(c, c) for c in song.genres if c in known]} for song in songs]
        entries = [_entry(songs[row], splits[row], labels[row], stands, names, shared) for row in rows]
        return Reading((field,), entries, left_out, said, frame_rate=FRAME_RATE, bands=BANDS, group="artist")

    def _playlists(self, root: Path) -> tuple[list[str], dict[int, list[int]]]:
        """Names of the playlists, and for each song the numbers of those that it stands in."""
        names: list[str] = []
        stands: dict[int, list[int]] = defaultdict(list)
        for part in LISTS:
            file = self.table(root, f"kakao_meta/{part}.json", what="a file of playlists")
            for playlist in objects(file, whole="list of playlists"):
                try:
                    members, item = playlist["songs"], playlist["id"]
                    title = str(playlist.get("plylst_title") or "")
                    for song in dict.fromkeys(members):
                        stands[int(song)].append(len(names))
                except (KeyError, TypeError, ValueError) as error:
                    raise wrong(file, f"playlist {playlist.get('id', '?')} has no id or songs ({error})") from error
                names.append(f"{item} {title}".strip())
        return names, stands

    def _dealt(self, songs: Sequence[_Song]) -> list[str]:
        return stratified_splits(_hot([song.genres for song in songs]), seed=self.seed, shares=SHARES)

    def _melon50(self, songs: Sequence[_Song], splits: Sequence[str]) -> tuple[list[int], list[str], list[str]]:
        """Rows of the test songs, the split of every song within Melon-50 ("" for none), and the 50 codes."""
        rows = np.array([row for row, split in enumerate(splits) if split == "test"], np.int64)
        counts = Counter(code for row in rows.tolist() for code in songs[row].genres if not code.endswith("00"))
        codes = sorted(counts, key=lambda code: (-counts[code], code))[:50]
        known = set(codes)
        hot = _hot([tuple(c for c in song.genres if c in known) for song in songs], among=codes)
        inner = [""] * len(songs)
        for split, chosen in split_rows(rows, hot, seed=self.seed, shares=MELON50_SHARES).items():
            for row in chosen.tolist():
                inner[row] = split
        return rows.tolist(), inner, codes

    def _given(self, root: Path, songs: Sequence[_Song], left_out: dict[str, list[str]]) -> list[str]:
        given: dict[int, str] = {}
        for split in SPLITS:
            file = self.table(root, f"splits/{split}.txt", what="the list of ids")
            for number, line in enumerate(read_lines(file), 1):
                if not line.isdigit():
                    raise wrong(file, f"{line!r} is no id of a song", line=number)
                if given.setdefault(int(line), split) != split:
                    raise wrong(file, f"{line} is in {given[int(line)]}.txt too", line=number)
        if other := sorted(set(given) - {song.id for song in songs}):
            left_out["ids of the lists that are no songs taken"] = [str(item) for item in other]
        if free := [str(song.id) for song in songs if song.id not in given]:
            left_out["songs in none of the lists"] = free
        return [given.get(song.id, "") for song in songs]


@dataclass(frozen=True, slots=True)
class _Song:
    id: int
    genres: tuple[str, ...]
    artists: tuple[str, ...]
    album: str
    title: str


def _songs(file: Path, stands: Mapping[int, Any]) -> tuple[list[_Song], dict[str, list[str]]]:
    """Songs that stand in a playlist and whose archive is whole."""
    songs: list[_Song] = []
    alone: list[str] = []
    damaged: list[str] = []
    shared: dict[Any, Any] = {}
    for number, row in enumerate(objects(file, whole="list of songs"), 1):
        try:
            item = int(row["id"] if "id" in row else row["_id"])
            main, sub = row["song_gn_gnr_basket"], row["song_gn_dtl_gnr_basket"]
            genres = tuple(dict.fromkeys(str(code) for code in (*(sub or ()), *(main or ()))))
            ids, called = row.get("artist_id_basket") or (), row.get("artist_name_basket") or ()
            artists = tuple(f"{name} ({one})" for one, name in zip(ids, [*called, *ids[len(called) :]], strict=False))
            album = "" if row.get("album_id") is None else f"{row.get('album_name') or ''} ({row['album_id']})".strip()
        except (KeyError, TypeError, ValueError) as error:
            raise wrong(file, f"song {number:,} lacks one of {', '.join(COLUMNS)} ({error})") from error
        if item not in stands:
            alone.append(str(item))
        elif item // 1000 in DAMAGED:
            damaged.append(str(item))
        else:
            title = str(row.get("song_name") or "")
            share = shared.setdefault
            songs.append(_Song(item, share(genres, genres), share(artists, artists), share(album, album), title))
    left_out = {"songs in no playlist": alone, "songs in archives that are missing or damaged": damaged}
    return songs, {why: items for why, items in left_out.items() if items}


def _genres(file: Path) -> dict[str, str]:
    """Code and name of each code: names repeat, codes do not."""
    content = read_json(file)
    if not isinstance(content, dict):
        raise wrong(file, "is no table of codes and names")
    return {str(code): f"{code} {name}" for code, name in content.items()}


def _hot(labels: Sequence[Sequence[str]], among: Sequence[str] = ()) -> NDArray[np.bool_]:
    codes = among or sorted({code for one in labels for code in one})
    place = {code: number for number, code in enumerate(codes)}
    hot = np.zeros((len(labels), len(codes)), np.bool_)
    for row, one in enumerate(labels):
        hot[row, [place[code] for code in one]] = True
    return hot


def _entry(
    song: _Song, split: str, labels: dict[str, Any], stands: Mapping[int, Sequence[int]], names: Sequence[str],
    shared: dict[Any, Any],
) -> Entry:  # fmt: skip
    groups = {"playlists": tuple(names[number] for number in stands[song.id]), "artist": song.artists}
    if song.album:
        groups["album"] = shared.setdefault(song.album, (song.album,))
    return Entry(f"arena_mel/{song.id // 1000}/{song.id}.npy", split, labels, groups=groups, title=song.title)
