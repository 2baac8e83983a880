"""Vectors of genres and tags, learnt from which of them stand together on a track (word2vec)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.playlists import library_lists
from contramuse.catalogue.vectors import ClassVectors, write_vectors
from contramuse.errors import LibraryError, MissingDependencyError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contramuse.catalogue.library import Library

PREFERRED = ("genre", "genres", "tags")


@dataclass(frozen=True)
class Words:
    """How to learn word vectors; gensim's continuous bag of words at its defaults, as PlaylistContrastive used it.

    Args:
        dim: numbers per class.
        epochs: passes over the tracks.
        seed: of the first vectors.
    """

    dim: int = 128
    epochs: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("--dim", self.dim), ("--epochs", self.epochs)):
            if value < 1:
                raise UserError("is not possible", name=name, value=value, fix="Give 1 or more.")

    def fit(self, sentences: Sequence[Sequence[str]]) -> dict[str, NDArray[np.float32]]:
        """The vector of every word of ``sentences``; the window is the longest sentence, so that order is no matter.

        On one thread, so that the same seed gives the same numbers.

        Raises:
            MissingDependencyError: gensim is not installed.
        """
        try:
            from gensim.models import Word2Vec
        except ImportError as error:
            fix = "Run pip install 'contramuse[playlists]'."
            raise MissingDependencyError("is not installed", name="package", value="gensim", fix=fix) from error
        model: Any = Word2Vec(
            [list(sentence) for sentence in sentences],
            vector_size=self.dim, window=max(len(s) for s in sentences), min_count=1, workers=1,
            epochs=self.epochs, seed=self.seed,
        )  # fmt: skip
        return {word: np.array(model.wv[word], np.float32) for word in model.wv.index_to_key}


@dataclass(frozen=True)
class MadeWords:
    """What became of classes and tracks."""

    classes: int
    classes_without: int
    tracks: int
    longest: int


def default_fields(library: Library) -> tuple[str, ...]:
    """The fields that word vectors are learnt from unless others are named: genres and tags.

    Raises:
        LibraryError: the library has neither.
    """
    found = tuple(name for name in PREFERRED if name in library.fields and library.fields[name].kind != "numeric")
    if not found:
        fix = f"Name fields with --field; it has {', '.join(library.fields) or 'none'}."
        raise LibraryError("has no field called genre or tags", name="library", value=library.root, fix=fix)
    return found


def make_genre_vectors(
    library: Library, fields: Sequence[str], *, name: str, how: Words, splits: Sequence[str]
) -> MadeWords:
    """Learn a vector for every class of ``fields`` and store them, with the mean of its classes for every track.

    Args:
        library: whose tracks.
        fields: label fields with classes; a track's sentence is its classes of all of them.
        name: of the vectors.
        how: the word vectors.
        splits: whose tracks are learnt from; a mean is stored for every track with a class that was learnt.

    Raises:
        LibraryError: no such field, a numeric one, or no track with two classes.
    """
    words, of_track = _sentences(library, fields)
    rows = np.sort(np.concatenate([library.rows(split) for split in splits]))
    sentences = [of_track[row] for row in rows.tolist() if of_track[row]]
    longest = max(map(len, sentences), default=0)
    if longest < 2:
        raise LibraryError(
            "give each track one class at most, so that no class stands beside another",
            name="--field", value=", ".join(fields), fix="Name a field with several classes per track, or two fields.",
        )  # fmt: skip
    found = how.fit([[str(word) for word in sentence] for sentence in sentences])
    vectors = np.full((len(words), how.dim), np.nan, np.float32)
    for word, vector in found.items():
        vectors[int(word)] = vector
    learnt = np.asarray(np.isfinite(vectors).all(axis=1))
    means = np.full((len(library), how.dim), np.nan, np.float32)
    for row, own in enumerate(of_track):
        known = [word for word in own if learnt[word]]
        if known:
            means[row] = vectors[known].mean(axis=0)
    provenance = {
        "kind": "word vectors", "fields": list(fields), "epochs": how.epochs, "seed": how.seed, "window": longest,
        "splits": list(splits), "sentences": len(sentences), "classes": int(learnt.sum()),
    }  # fmt: skip
    stored = ClassVectors(tuple(words[i] for i in np.flatnonzero(learnt)), vectors[learnt])
    write_vectors(library, name, means, provenance=provenance, classes=stored)
    return MadeWords(int(learnt.sum()), int((~learnt).sum()), int(np.isfinite(means[:, 0]).sum()), longest)


def _sentences(library: Library, fields: Sequence[str]) -> tuple[list[tuple[str, str]], list[list[int]]]:
    """All (field, class), and the numbers of those of every track."""
    words: list[tuple[str, str]] = []
    of_track: list[list[int]] = [[] for _ in range(len(library))]
    for field in fields:
        if field not in library.fields:
            fix = f"It has {', '.join(library.fields) or 'none'}."
            raise LibraryError("the library has no such label field", name="--field", value=field, fix=fix)
        lists = library_lists(library, field)
        for number, row in zip(lists.numbers.tolist(), lists.rows.tolist(), strict=True):
            of_track[row].append(len(words) + number)
        words += [(field, name) for name in lists.names]
    return words, of_track
