"""Any folder of music whose sub-folders say what the files are: ``genre/artist/song.mp3``, or nothing at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contramuse.catalogue.datasets.base import About, Dataset, Entry, Field, Needed, Reading
from contramuse.catalogue.datasets.places import audio_below
from contramuse.catalogue.splits import split_named
from contramuse.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Folder(Dataset):
    """Files below a folder, labelled by the name of the folder that they lie in.

    Args:
        labels: "top": the first folder below the root is the class; "parent": the folder that holds the file;
            "none": no labels.
        split: "made": splits are made here; "top": the first folder is the split (train, valid, test and their usual
            other names), and classes are counted from the second.
    """

    about: ClassVar = About(
        title="Any folder",
        home="",
        audio="Your own files, in any format that can be decoded.",
        licence="Yours.",
        citation="",
    )

    labels: Literal["top", "parent", "none"] = "top"
    split: Literal["made", "top"] = "made"

    @property
    def split_name(self) -> str:
        """The split's name."""
        return "as its folders say" if self.split == "top" else "made here"

    def needed(self) -> tuple[Needed, ...]:
        """Nothing in particular."""
        return ()

    def read(self, root: Path) -> Reading:
        """All files that are called like audio, in order of path."""
        entries, left_out, unnamed = [], [], []
        for path in sorted(audio_below(root, root)):
            if (text := os.fsencode(path).decode("utf-8", "backslashreplace")) != path:
                unnamed.append(text)
                continue
            parts = path.split("/")
            split = ""
            if self.split == "top":
                if len(parts) < 2:
                    left_out.append(path)
                    continue
                split, parts = split_named(parts[0]), parts[1:]
            found = {"top": parts[0], "parent": parts[-2] if len(parts) > 1 else "", "none": ""}[self.labels]
            label = {"class": found} if found and len(parts) > 1 else {}
            entries.append(Entry(path, split, label))
        if not entries:
            fix = "Give the folder that holds the music."
            raise UserError("holds no audio", name="--root", value=root, fix=fix)
        fields = () if self.labels == "none" else (Field("class", "multiclass"),)
        out = {"not in the folder of a split": left_out, "their names are no text in UTF-8": unnamed}
        return Reading(fields, entries, {why: paths for why, paths in out.items() if paths})
