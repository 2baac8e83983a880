"""The Million Playlist Dataset of Spotify: playlists of users; who has audio for some of its tracks brings it along."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Needed, Reading
from contramuse.catalogue.datasets.by_id import OWN_AUDIO, OwnAudio, own_audio, split_of, split_said
from contramuse.catalogue.datasets.reading import read_json, wrong
from contramuse.errors import UserError

HOME = "https://www.aicrowd.com/challenges/spotify-million-playlist-dataset-challenge"
_SLICE = re.compile(r"mpd\.slice\.(\d+)-(\d+)\.json")


@dataclass(frozen=True, kw_only=True)
class MillionPlaylist(Dataset):
    """Tracks with the playlists that they stand in; a list is named ``<pid> <title>``.

    Files of 1,000 playlists are read one after another; memory holds the tracks that are taken and 8 bytes for each
    place that they have in a playlist.

    Args:
        tracks: "found": those whose audio you have, named by Spotify's track id (all of them where you have none);
            "all": every track of the playlists.
        slices: how many of the files of playlists are read, 0 for all.
        challenge: "dropped" or "included": the playlists of challenge_set.json, of which the known tracks are given.
        split: "track": 80/10/10 by a hash of the track's id; "artist": made when the library is, no artist in two.
        seed: of the split by track.
    """

    about: ClassVar = About(
        title="Million Playlist Dataset",
        home=HOME,
        audio="Not part of it; your own files named by Spotify's track id (audio/0UaMYEvWZi0ZqiDOoHU3YI.mp3). The "
        "playlists are no longer offered for download; ask Spotify Research.",
        licence="Spotify's terms, on the page of the challenge.",
        citation="C.-W. Chen, P. Lamere, M. Schedl, H. Zamani: RecSys Challenge 2018: automatic music playlist "
        "continuation. RecSys 2018.",
    )

    tracks: Literal["found", "all"] = "found"
    slices: int = 0
    challenge: Literal["dropped", "included"] = "dropped"
    split: Literal["track", "artist"] = "track"
    seed: int = 0

    @property
    def split_name(self) -> str:
        """The split's name."""
        return split_said(self.split, seed=self.seed)

    def needed(self) -> tuple[Needed, ...]:
        """The slices, the challenge set, and the user's own audio."""
        return (
            Needed("data", "mpd.slice.0-999.json and so on, 1,000 files", HOME),
            Needed("challenge_set.json", "the playlists of the challenge", HOME,
                   kind="annotations" if self.challenge == "included" else "optional"),
            OWN_AUDIO,
        )  # fmt: skip

    def read(self, root: Path) -> Reading:
        """The tracks that are taken, in the order in which they first occur."""
        slices = self._slices(root)
        audio = own_audio(root)
        held = _Held(set(audio.paths) if self.tracks == "found" and audio.paths else None)
        for file in slices:
            held.add(_playlists(file), file, "")
        if self.challenge == "included":
            file = root / "challenge_set.json"
            held.add(_playlists(file), file, "challenge ")
        entries = list(
            held.entries(audio, (lambda item: split_of(item, seed=self.seed)) if self.split == "track" else None)
        )
        if not entries:
            some = ", ".join(sorted(audio.paths)[:3])
            fix = f"Its files are named {some}, ...; Spotify's ids are 22 letters and digits."
            raise UserError("none of your audio is of a track of the playlists", name="audio", value=root, fix=fix)
        said = [
            f"{len(held.names):,} playlists in {len(slices):,} files (published: 1,000,000 in 1,000), "
            f"{held.places:,} places for tracks, {len(held.stands[0]):,} of them for the {len(entries):,} tracks taken",
        ]
        if held.wanted is not None:
            said.append(f"{held.without:,} places are for tracks without your audio, which are not taken")
        left_out: dict[str, Sequence[str]] = {
            "audio of no track of the playlists": sorted(held.wanted - set(held.numbers)) if held.wanted else (),
            "rows of paths.csv whose file is not below the root": audio.outside,
        }
        return Reading((), entries, {why: what for why, what in left_out.items() if what}, said, group="artist")

    def _slices(self, root: Path) -> list[Path]:
        found = {
            int(name[1]): file
            for file in (root / "data").glob("mpd.slice.*.json")
            if (name := _SLICE.fullmatch(file.name))
        }
        if not found:
            fix = f"It holds mpd.slice.0-999.json and so on; see {HOME}."
            raise UserError("holds no slices of playlists", name="--root", value=root / "data", fix=fix)
        files = [found[start] for start in sorted(found)]
        return files[: self.slices] if self.slices else files


@dataclass
class _Held:
    """What is kept of the playlists that were read: facts of the tracks once, and pairs (track, playlist)."""

    wanted: set[str] | None
    numbers: dict[str, int] = field(default_factory=dict)
    facts: list[tuple[str, str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    stands: tuple[array[int], array[int]] = field(default_factory=lambda: (array("I"), array("I")))
    places: int = 0
    without: int = 0
    shared: dict[str, str] = field(default_factory=dict)

    def add(self, playlists: Iterable[dict[str, Any]], file: Path, before: str) -> None:
        """Take in the playlists of a file."""
        for number, playlist in enumerate(playlists, 1):
            try:
                name = f"{before}{playlist['pid']} {playlist.get('name') or ''}".strip()
                tracks = [(track["track_uri"], track) for track in playlist["tracks"]]
            except (KeyError, TypeError) as error:
                raise wrong(file, f"playlist {number} has no pid or no tracks ({error})") from error
            place = len(self.names)
            self.names.append(name)
            for uri, track in tracks:
                self.places += 1
                item = uri.rpartition(":")[2]
                if self.wanted is not None and item not in self.wanted:
                    self.without += 1
                    continue
                row = self.numbers.get(item)
                if row is None:
                    row = self.numbers[item] = len(self.facts)
                    self.facts.append(self._facts(track))
                self.stands[0].append(row)
                self.stands[1].append(place)

    def _facts(self, track: dict[str, Any]) -> tuple[str, str, str]:
        artist = str(track.get("artist_name") or "")
        album = f"{artist}: {track['album_name']}" if track.get("album_name") else ""
        share = self.shared.setdefault
        return share(artist, artist), share(album, album), str(track.get("track_name", ""))

    def entries(self, audio: OwnAudio, split: Any) -> Iterator[Entry]:
        """An entry for each track."""
        rows = np.frombuffer(self.stands[0], np.uint32) if self.stands[0] else np.zeros(0, np.uint32)
        order = np.argsort(rows, kind="stable")
        lists = (np.frombuffer(self.stands[1], np.uint32) if self.stands[1] else rows)[order]
        starts = np.searchsorted(rows[order], np.arange(len(self.facts) + 1))
        for item, row in self.numbers.items():
            artist, album, title = self.facts[row]
            members = np.unique(lists[starts[row] : starts[row + 1]])
            groups = {"playlists": tuple(self.names[one] for one in members)}
            groups |= {name: (one,) for name, one in (("artist", artist), ("album", album)) if one}
            yield Entry(audio.of(item), split(item) if split else "", groups=groups, title=title)


def _playlists(file: Path) -> Iterable[dict[str, Any]]:
    """The playlists of one file, which is a mapping with the key playlists."""
    if not file.is_file():
        raise UserError("is not there", name="annotations", value=file, fix=f"It is part of the dataset, see {HOME}.")
    content = read_json(file)
    playlists = content.get("playlists") if isinstance(content, dict) else None
    if not isinstance(playlists, list):
        raise wrong(file, "holds no playlists")
    return playlists
