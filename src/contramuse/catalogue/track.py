"""Track: facts about one recording. LabelField: what one kind of label is. Neither holds audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FORMAT = 1
"""Version of the layout of a library on disk."""

Kind = Literal["multiclass", "multilabel", "numeric", "key"]
KINDS: tuple[Kind, ...] = ("multiclass", "multilabel", "numeric", "key")
Empty = Literal["unknown", "none", "stated"]
SPLITS = ("train", "valid", "test")

_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in _TONICS)
"""The 24 classes of a key field, in this order."""


@dataclass(frozen=True)
class LabelField:
    """One field of labels.

    Args:
        name: of the field.
        kind: "multiclass" (one of the classes), "multilabel" (any of them), "numeric", or "key" (one of ``KEYS``).
        classes: the classes in order; empty for numeric.
        source: where it comes from, e.g. "labels.csv" or "file tags".
        empty: what the absence of a tag means in a multi-label field. "unknown": a track without tags is unlabelled, a
            track with some has none of the others. "none": a track may be known to have none. "stated": only tags that
            are stated as present or as absent are known.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    source: str = ""
    empty: Empty = "unknown"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain = {"name": self.name, "kind": self.kind, "classes": list(self.classes), "source": self.source}
        return plain | ({} if self.empty == "unknown" else {"empty": self.empty})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LabelField:
        """The inverse of ``to_json``."""
        return cls(
            name=value["name"], kind=value["kind"], classes=tuple(value["classes"]), source=value["source"],
            empty=value.get("empty", "unknown"),
        )  # fmt: skip


@dataclass(frozen=True)
class Track:
    """Facts about one recording.

    Args:
        id: hexadecimal hash of the file's content.
        path: of the file, relative to the folder; bytes that are no UTF-8 are written ``\\xNN``.
        title, artist, album, genre: from the file's own tags or the labels file, "" where unknown.
        year: of release, None where unknown.
        seconds: length of the decoded audio.
        split: "train", "valid" or "test".
        labels: field -> class, classes or number; fields without a value for this track are absent.
        groups: name -> groups of that name that the track belongs to ("artist", "album", "playlists", ...).
        stems: names of its stems.
    """

    id: str
    path: str
    title: str = ""
    artist: str = ""
    album: str = ""
    genre: str = ""
    year: int | None = None
    seconds: float = 0.0
    split: str = "train"
    labels: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stems: tuple[str, ...] = ()
