"""What a reader of a published dataset is: facts about the dataset, and a reading of its annotation files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from contramuse.catalogue.datasets.places import first
from contramuse.catalogue.track import SPLITS, Kind
from contramuse.errors import UserError


@dataclass(frozen=True)
class About:
    """Facts about a dataset, for `contramuse data --list` and docs/datasets.md.

    Args:
        title: its full name.
        home: URL of its page.
        audio: where the audio is to be had, in a sentence.
        licence: of annotations and audio, as the publishers state it.
        citation: authors, title, venue, year.
        shipped: what of its facts ships inside this package, and under which licence; "" for nothing.
    """

    title: str
    home: str
    audio: str
    licence: str
    citation: str
    shipped: str = ""


@dataclass(frozen=True)
class Needed:
    """A file or folder that a reader looks for below the root.

    Args:
        path: relative to the root, with "/"; alternatives are separated by "|".
        what: it is, in a few words.
        where: URL or sentence: where it is to be had.
        md5: of the file, "" where it is not known.
        size: bytes, 0 where it is not known.
        kind: "annotations" must be there; "audio" folders may lack files, which are counted and listed.
    """

    path: str
    what: str
    where: str
    md5: str = ""
    size: int = 0
    kind: Literal["annotations", "audio", "optional"] = "annotations"

    def found(self, root: Path) -> Path | None:
        """The first of the alternatives that is there."""
        return next((root / path for path in self.path.split("|") if (root / path).exists()), None)


@dataclass(frozen=True)
class Remote:
    """A file that can be fetched.

    Args:
        url: http or https.
        path: relative to the root, where it is kept.
        md5: or SHA-1 or SHA-256 (told apart by length), "" where none is published.
        size: bytes, 0 where it is not known.
        unpack: folder relative to the root into which the archive is unpacked, None for a plain file. Parts of a split
            archive (``mp3.zip.001`` ...) are joined when the last is there.
    """

    url: str
    path: str
    md5: str = ""
    size: int = 0
    unpack: str | None = None


@dataclass(frozen=True)
class Field:
    """A label field as the dataset defines it.

    Args:
        name: of the field.
        kind: "multiclass", "multilabel", "numeric" or "key".
        classes: in the stored order that published heads have; () takes those that occur, sorted.
        empty: what a missing tag of a multi-label field means: "unknown" (an item without tags is unlabelled), "none"
            (an item without tags has none of them: it is scored), or "stated" (only tags that the item states as
            present or as absent are known).
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    empty: Literal["unknown", "none", "stated"] = "unknown"


@dataclass(frozen=True)
class Entry:
    """One item as the annotations have it.

    Args:
        path: of the audio, relative to the root, with "/" (absolute paths of the annotations are made relative).
        split: "train", "valid", "test", or "" where the dataset gives none.
        labels: field -> class, list of tags (an empty list: it has none of them), or number; absent: unknown.
        absent: field -> tags that the item is known not to have (fields of ``empty`` "stated").
        groups: name -> groups: "artist", "album", "song", "playlists", ...
        title: of the item.
        stems: stem -> path relative to the root, where the dataset has stems.
    """

    path: str
    split: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    absent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    title: str = ""
    stems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What a reader found in the annotations; nothing is said about whether the audio is there.

    Args:
        fields: label fields.
        entries: items, in the order of the annotations.
        left_out: reason -> items of the annotations that are not taken ("confidence below 2": [...]).
        said: what else there is to say, a line each.
        frame_rate: frames per second where the files are arrays of features, else 0.
        bands: of such arrays.
        group: that clips share where several come from one song or artist; intervals resample it whole ("" for none).
    """

    fields: tuple[Field, ...]
    entries: Sequence[Entry]
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said: Sequence[str] = ()
    frame_rate: float = 0.0
    bands: int = 0
    group: str = ""

    def counts(self) -> dict[str, int]:
        """Items by split ("" counts as "unsplit")."""
        found = Counter(entry.split or "unsplit" for entry in self.entries)
        return {name: found[name] for name in (*SPLITS, "unsplit") if found[name]}


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """A published dataset, read as published. Subclasses are frozen dataclasses whose fields are the user's choices.

    A choice is a ``Literal`` (or a number, or text) with the usual one as default: ``split: Literal["pons2017",
    "cleaned"] = "pons2017"``. The reader only reads annotations: it decodes nothing, evaluates nothing, unpickles
    nothing, and never fails because audio is absent.
    """

    about: ClassVar[About]

    @abstractmethod
    def needed(self) -> tuple[Needed, ...]:
        """The files and folders of the published layout that this choice needs."""

    @abstractmethod
    def read(self, root: Path) -> Reading:
        """The items of the dataset below ``root``.

        Raises:
            UserError: an annotation file is absent or is not what it should be; the message names it, the line and
                where the file is to be had.
        """

    @property
    def split_name(self) -> str:
        """The name of the split with what tells it from others; no number is printed without it."""
        return "made here"

    def published(self) -> dict[str, int]:
        """Published number of items by split ("train", "valid", "test"), {} where none is published."""
        return {}

    def remote(self) -> tuple[Remote, ...]:
        """What ``--download`` fetches, () where nothing may be fetched."""
        return ()

    def table(self, root: Path, path: str, *, what: str) -> Path:
        """The annotation file at ``path`` (alternatives separated by "|").

        Raises:
            UserError: it is not there.
        """
        found = first(root, path)
        if found is None:
            where = next((n.where for n in self.needed() if n.path == path), self.about.home)
            fix = f"It is to be had at {where}" if where.startswith("http") else where
            raise UserError(f"{what} is not there", name="--root", value=root / path.split("|")[0], fix=fix)
        return found
