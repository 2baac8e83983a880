"""AotM-2011: playlists that people made by hand, over songs of the Million Song Dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Needed, Reading
from contramuse.catalogue.datasets.by_id import OWN_AUDIO, OwnAudio, own_audio, split_of, split_said
from contramuse.catalogue.datasets.json_stream import objects
from contramuse.catalogue.datasets.million_song import AUDIO, FOLDERS, MAPPING, seven_digital_ids
from contramuse.catalogue.datasets.places import anywhere, audio_folder, first
from contramuse.catalogue.datasets.reading import wrong
from contramuse.errors import UserError

LISTS = "aotm2011_playlists.json|aotm2011_playlists.json.gz"
TRACKS = anywhere("unique_tracks.txt", ("", *FOLDERS[:1]))
HOME = "https://bmcfee.github.io/data/aotm2011.html"
MSD = "http://millionsongdataset.com"


@dataclass(frozen=True, kw_only=True)
class Aotm2011(Dataset):
    """Songs with the playlists that they stand in; a list is named ``<mix id> <category>``.

    Args:
        lists: "whole": a playlist is all of its songs that are known to the Million Song Dataset; "segments": each run
            of songs that follow one another without a gap is a list, as the authors' models have it.
        split: "song": 80/10/10 by a hash of the song's id, so that songs of the test are new and artists are not;
            "artist": made when the library is, no artist in two splits.
        seed: of the split by song.
    """

    about: ClassVar = About(
        title="AotM-2011",
        home=HOME,
        audio="Not published; your own files or previews of the Million Song Dataset, named by track or song id "
        "(audio/TRAAAAW128F429D538.mp3), or by 7digital id as the reader million_song has them.",
        licence="See its page; playlists by the users of artofthemix.org.",
        citation="B. McFee, G. Lanckriet: Hypergraph models of playlist dialects. ISMIR 2012.",
    )

    lists: Literal["whole", "segments"] = "whole"
    split: Literal["song", "artist"] = "song"
    seed: int = 0

    @property
    def split_name(self) -> str:
        """The split's name."""
        return split_said(self.split, seed=self.seed)

    def needed(self) -> tuple[Needed, ...]:
        """Playlists, the table that leads from songs to tracks, and the user's own audio."""
        return (
            Needed(LISTS, "the playlists", HOME),
            Needed(TRACKS, "song id to track id, where audio is named by track", MSD, kind="optional"),
            Needed(
                MAPPING,
                "track id to 7digital id, where audio is named so",
                f"See million_song and {MSD}.",
                kind="optional",
            ),
            OWN_AUDIO,
        )

    def read(self, root: Path) -> Reading:
        """The songs of the playlists that the Million Song Dataset knows, in the order in which they first occur."""
        file = self.table(root, LISTS, what="the file of playlists")
        names: dict[str, tuple[str, str]] = {}
        stands: dict[str, list[str]] = defaultdict(list)
        count = unknown = used = 0
        for mix in objects(file, whole="list of playlists of AotM-2011"):
            count += 1
            songs, without = _songs(mix, file, count)
            unknown += without
            title = f"{mix['mix_id']} {mix.get('category') or ''}".strip()
            for name, members in self._lists(mix, title, songs, file, count):
                used += 1
                for song in members:
                    stands[song].append(name)
            for song, called in songs:
                names.setdefault(song, called)
        if not names:
            raise wrong(file, "names no song of the Million Song Dataset")
        audio, tracks = own_audio(root), _tracks(first(root, TRACKS), names)
        previews = _previews(root, tracks)
        entries = [
            Entry(
                _path(song, tracks.get(song, []), audio, previews),
                split_of(song, seed=self.seed) if self.split == "song" else "",
                groups={"playlists": tuple(dict.fromkeys(stands[song])), "artist": (artist,) if artist else ()},
                title=title,
            )
            for song, (artist, title) in names.items()
        ]
        said = [
            f"{count:,} playlists (published: 101,343), {used:,} lists of {len(names):,} songs",
            f"{unknown:,} places of playlists are songs that the Million Song Dataset does not know",
        ]
        if not tracks:
            said.append("without unique_tracks.txt audio is looked for by song id, not by track id")
        left_out = {"rows of paths.csv whose file is not below the root": audio.outside} if audio.outside else {}
        return Reading((), entries, left_out, said, group="artist")

    def _lists(
        self, mix: Mapping[str, Any], title: str, songs: list[tuple[str, tuple[str, str]]], file: Path, number: int
    ) -> Iterator[tuple[str, list[str]]]:
        if self.lists == "whole":
            if songs:
                yield title, [song for song, _ in songs]
            return
        runs = mix.get("filtered_lists")
        if not isinstance(runs, list):
            raise wrong(file, f"playlist {number:,} has no filtered_lists")
        known = {song for song, _ in songs}
        for place, run in enumerate(runs, 1):
            yield f"{title} #{place}", [song for song in map(str, run) if song in known]


def _songs(mix: Mapping[str, Any], file: Path, number: int) -> tuple[list[tuple[str, tuple[str, str]]], int]:
    """(song id, (artist, title)) of the known songs of a playlist, and how many are not known."""
    try:
        found = [(item, str(artist), str(title)) for (artist, title), item in mix["playlist"]]
        mix["mix_id"]
    except (KeyError, TypeError, ValueError) as error:
        problem = f"playlist {number:,} is no mix_id with a playlist of [[artist, title], song id or null]"
        raise wrong(file, problem) from error
    return [(str(item), (artist, title)) for item, artist, title in found if item], sum(
        not item for item, _, _ in found
    )


def _tracks(file: Path | None, wanted: Mapping[str, Any]) -> dict[str, list[str]]:
    """Track ids by song id, of the songs that are wanted; {} where there is no table."""
    tracks: dict[str, list[str]] = defaultdict(list)
    if file is None:
        return {}
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                cells = line.rstrip("\n").split("<SEP>")
                if len(cells) < 4:
                    raise wrong(file, "is no line of track<SEP>song<SEP>artist<SEP>title", line=number)
                if cells[1] in wanted:
                    tracks[cells[1]].append(cells[0])
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", name="annotations", value=file, fix="") from error
    return tracks


def _previews(root: Path, tracks: Mapping[str, list[str]]) -> dict[str, str]:
    """Path by track of the previews that are named by 7digital id; {} without the table of these."""
    file = first(root, MAPPING)
    if file is None:
        return {}
    numbers = seven_digital_ids(file)
    folder = audio_folder(root, AUDIO, "0123456789")
    wanted = ((track, numbers.get(track, "")) for found in tracks.values() for track in found)
    return {track: f"{folder}{n[0]}/{n[1]}/{n}.clip.mp3" for track, n in wanted if n}


def _path(song: str, tracks: list[str], audio: OwnAudio, previews: Mapping[str, str]) -> str:
    """The audio of the first track that is there, or of the song, or where it would be."""
    known = [*tracks, song]
    own = next((item for item in known if item in audio.paths), "")
    preview = next((previews[track] for track in tracks if track in previews), "")
    return audio.of(own) if own else preview or audio.of(known[0])
