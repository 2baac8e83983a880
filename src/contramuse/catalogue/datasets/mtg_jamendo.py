"""MTG-Jamendo: full tracks under Creative Commons with tags of genre, instrument and mood or theme, in five splits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading, Remote
from contramuse.catalogue.datasets.places import anywhere, audio_file, audio_folder
from contramuse.catalogue.datasets.reading import read_rows, wrong

LISTS = "https://github.com/MTG/mtg-jamendo-dataset/raw/master/data/splits"
ARCHIVES = "https://cdn.freesound.org/mtg-jamendo/raw_30s"


def _tags(category: str, names: str) -> tuple[str, ...]:
    return tuple(f"{category}---{name}" for name in names.split())


# The tags of the splits (the full metadata has a few more), each part in alphabetical order.
GENRES = _tags("genre", """
    60s 70s 80s 90s acidjazz alternative alternativerock ambient atmospheric blues bluesrock bossanova breakbeat celtic
    chanson chillout choir classical classicrock club contemporary country dance darkambient darkwave deephouse disco
    downtempo drumnbass dub dubstep easylistening edm electronic electronica electropop ethno eurodance experimental
    folk funk fusion groove grunge hard hardrock hiphop house idm improvisation indie industrial instrumentalpop
    instrumentalrock jazz jazzfusion latin lounge medieval metal minimal newage newwave orchestral pop popfolk poprock
    postrock progressive psychedelic punkrock rap reggae rnb rock rocknroll singersongwriter soul soundtrack swing
    symphonic synthpop techno trance triphop world worldfusion""")  # fmt: skip
INSTRUMENTS = _tags("instrument", """
    accordion acousticbassguitar acousticguitar bass beat bell bongo brass cello clarinet classicalguitar computer
    doublebass drummachine drums electricguitar electricpiano flute guitar harmonica harp horn keyboard oboe orchestra
    organ pad percussion piano pipeorgan rhodes sampler saxophone strings synthesizer trombone trumpet viola violin
    voice""")  # fmt: skip
MOODS = _tags("mood/theme", """
    action adventure advertising background ballad calm children christmas commercial cool corporate dark deep
    documentary drama dramatic dream emotional energetic epic fast film fun funny game groovy happy heavy holiday
    hopeful inspiring love meditative melancholic melodic motivational movie nature party positive powerful relaxing
    retro romantic sad sexy slow soft soundscape space sport summer trailer travel upbeat uplifting""")  # fmt: skip
_FREQUENT = frozenset((
    *_tags("genre", """alternative ambient atmospheric chillout classical dance downtempo easylistening electronic
        experimental folk funk hiphop house indie instrumentalpop jazz lounge metal newage orchestral pop popfolk
        poprock reggae rock soundtrack techno trance triphop world"""),
    *_tags("instrument", """acousticguitar bass computer drummachine drums electricguitar electricpiano guitar keyboard
        piano strings synthesizer violin voice"""),
    *_tags("mood/theme", "emotional energetic film happy relaxing"),
))  # fmt: skip
ALL = (*GENRES, *INSTRUMENTS, *MOODS)
TOP50 = tuple(tag for tag in ALL if tag in _FREQUENT)

Subset = Literal["top50", "genre", "instrument", "moodtheme", "all"]
CLASSES: dict[str, tuple[str, ...]] = {
    "top50": TOP50, "genre": GENRES, "instrument": INSTRUMENTS, "moodtheme": MOODS, "all": ALL,
}  # fmt: skip
_FILES = {
    "top50": "autotagging_top50tags", "genre": "autotagging_genre", "instrument": "autotagging_instrument",
    "moodtheme": "autotagging_moodtheme", "all": "autotagging",
}  # fmt: skip
_PATH = re.compile(r"\d\d/\d+\.mp3")
_PARTS = {"train": "train", "validation": "valid", "test": "test"}

# Rows of the published files of split 0.
COUNTS = {
    "top50": (32136, 10888, 11356), "genre": (32572, 11043, 11479), "instrument": (14395, 5466, 5115),
    "moodtheme": (9949, 3802, 4231), "all": (32859, 11101, 11565),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MTGJamendo(Dataset):
    """55,525 full tracks of Jamendo with 183 tags that their artists gave.

    The published files of the splits are read as they are. A track of a subset has one of its tags at least; the tags
    that it does not have count as absent. Classes are the tags in alphabetical order, as in the repository's data/tags
    and as the publishers' models have them. No artist is in two parts of a split.

    Args:
        subset: "top50": the 50 most frequent of all tags; "genre" (87 tags), "instrument" (40), "moodtheme" (56);
            "all": 183.
        split: one of the five published splits; papers use 0 almost always.
        audio: "full": 14/214.mp3 in raw_30s/audio; "low": 14/214.low.mp3 in raw_30s/audio-low, mono and a third of the
            size.
    """

    about: ClassVar = About(
        title="MTG-Jamendo",
        home="https://mtg.github.io/mtg-jamendo-dataset",
        audio="100 archives with 508 GB (full) or 156 GB (low), by --download or the script of the repository, "
        "whose folder data/download has the checksums.",
        licence="CC BY-NC-SA 4.0 (metadata); each track under its own Creative Commons licence, in audio_licenses.txt",
        citation="D. Bogdanov, M. Won, P. Tovstogan, A. Porter, X. Serra: The MTG-Jamendo Dataset for Automatic Music "
        "Tagging. Machine Learning for Music Discovery Workshop, ICML 2019.",
        shipped="the names of the 183 tags and the sizes of split 0; no lists",
    )

    subset: Subset = "top50"
    split: Literal[0, 1, 2, 3, 4] = 0
    audio: Literal["full", "low"] = "full"

    @property
    def split_name(self) -> str:
        """Number of the split, and the subset, which decides the tracks."""
        return f"split-{self.split} of the {self.subset} subset ({len(CLASSES[self.subset])} tags)"

    def needed(self) -> tuple[Needed, ...]:
        """Three files of the split, and the audio."""
        low = "-low" if self.audio == "low" else ""
        return (
            *(
                Needed(self._list(part), f"{split} list", f"{LISTS}/split-{self.split}/{self._name(part)}")
                for part, split in _PARTS.items()
            ),
            Needed(
                "|".join(one or "00" for one in self._folders()),
                f"folders 00 to 99 of {self.audio} audio", f"{ARCHIVES}/audio{low}/", kind="audio",
            ),
        )  # fmt: skip

    def _name(self, part: str) -> str:
        return f"{_FILES[self.subset]}-{part}.tsv"

    def _list(self, part: str) -> str:
        return anywhere(self._name(part), (f"data/splits/split-{self.split}", f"splits/split-{self.split}"))

    def _folders(self) -> tuple[str, ...]:
        kind = "audio-low" if self.audio == "low" else "audio"
        return (f"raw_30s/{kind}", kind, f"autotagging_moodtheme/{kind}", "")

    def published(self) -> dict[str, int]:
        """Tracks of split 0; of the others the publishers print no sizes."""
        if self.split != 0:
            return {}
        return dict(zip(("train", "valid", "test"), COUNTS[self.subset], strict=True))

    def remote(self) -> tuple[Remote, ...]:
        """The lists, and the hundred archives of the audio."""
        kind = "audio-low" if self.audio == "low" else "audio"
        archives = [f"raw_30s_{kind}-{i:02d}.tar" for i in range(100)]
        folder = f"splits/split-{self.split}"
        return (
            *(Remote(f"{LISTS}/split-{self.split}/{self._name(p)}", f"{folder}/{self._name(p)}") for p in _PARTS),
            *(Remote(f"{ARCHIVES}/{kind}/{one}", f"archives/{one}", unpack=f"raw_30s/{kind}") for one in archives),
        )

    def read(self, root: Path) -> Reading:
        """The tracks of the three lists, in their order."""
        classes = CLASSES[self.subset]
        known = frozenset(classes)
        folder = audio_folder(root, self._folders(), [f"{i:02d}" for i in range(100)])
        entries: list[Entry] = []
        seen: dict[str, str] = {}
        for part, split in _PARTS.items():
            file = self.table(root, self._list(part), what=f"the {split} list")
            columns = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "TAGS")
            for line, row in read_rows(file, columns=columns, separator="\t"):
                # The header has one column of tags, rows have one cell for each: further ones are kept without a name.
                more: list[str] = row.get(None, [])  # type: ignore[call-overload]
                has = {tag.strip() for tag in (row["TAGS"], *more) if tag.strip()}
                if odd := sorted(has - known):
                    raise wrong(
                        file, f"has a tag that is none of the {len(classes)} of {self.subset} ({odd[0]})", line=line
                    )
                path, track = row["PATH"].strip(), row["TRACK_ID"]
                if not _PATH.fullmatch(path) or not has:
                    raise wrong(file, f"has no path of an mp3 or no tag ({path[:60]!r})", line=line)
                if track in seen:
                    raise wrong(file, f"names a track of the {seen[track]} list again ({track})", line=line)
                seen[track] = split
                path = path.removesuffix(".mp3") + (".low.mp3" if self.audio == "low" else ".mp3")
                labels = {"tags": [tag for tag in classes if tag in has]}
                groups = {"artist": [row["ARTIST_ID"]], "album": [row["ALBUM_ID"]]}
                entries.append(Entry(audio_file(root, folder + path), split, labels, groups=groups))
        return Reading((Field("tags", "multilabel", classes, "none"),), entries, group="artist")
