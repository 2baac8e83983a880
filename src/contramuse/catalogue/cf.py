"""Collaborative-filtering vectors of tracks, factorised from who is in which playlist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from contramuse.catalogue.vectors import write_vectors
from contramuse.errors import LibraryError, MissingDependencyError, UserError, demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contramuse.catalogue.library import Library
    from contramuse.catalogue.playlists import Lists

KNOWABLE = ("train", "valid")
"""Splits whose tracks may be factorised; what is known of test tracks must come from their audio."""


@dataclass(frozen=True)
class Factorisation:
    """How to factorise the matrix of lists and tracks.

    Args:
        method: "bpr", Bayesian personalised ranking (Rendle et al. 2009): a track of a list should score higher than
            one that is in none of it; each track also has a bias. "als", weighted least squares (Hu et al. 2008).
        dim: numbers per track, the bias not counted; 300 in PlaylistContrastive (there by LightFM's WARP loss).
        epochs: None is 100 for bpr and 15 for als.
        learning_rate: of bpr.
        regularization: weight of the squared factors.
        seed: of the first factors and of the order.
    """

    method: Literal["bpr", "als"] = "bpr"
    dim: int = 300
    epochs: int | None = None
    learning_rate: float = 0.05
    regularization: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        checks: list[tuple[str, Any, bool, str]] = [
            ("--method", self.method, self.method in ("bpr", "als"), "Give bpr or als."),
            ("--dim", self.dim, self.dim >= 1, "Give 1 or more; 300 is the default."),
            ("--epochs", self.epochs, self.epochs is None or self.epochs >= 1, "Give 1 or more."),
        ]
        demand(checks)

    @property
    def passes(self) -> int:
        """Epochs, given or by default."""
        return self.epochs or (100 if self.method == "bpr" else 15)

    def fit(self, lists: Lists, *, tracks: int) -> NDArray[np.float32]:
        """The vectors of the tracks: the second of ``factors``."""
        return self.factors(lists, tracks=tracks)[1]

    def factors(self, lists: Lists, *, tracks: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Factorise, on one thread, so that the same seed gives the same numbers.

        Args:
            lists: of the tracks that may be known.
            tracks: of the library.

        Returns:
            float32 [lists d] and [n d]: the factors of every list and of every track; with bpr the last number (d =
            dim + 1) is the bias of a track and 1 of a list. NaN for an empty list and for a track that is in none.

        Raises:
            MissingDependencyError: implicit is not installed.
        """
        import scipy.sparse
        from threadpoolctl import threadpool_limits

        known, columns = np.unique(lists.rows, return_inverse=True)
        used, rows = np.unique(lists.numbers, return_inverse=True)  # empty lists would shift the random numbers
        ones = np.ones(len(rows), np.float32)
        matrix = scipy.sparse.csr_matrix((ones, (rows, columns)), shape=(len(used), len(known)))
        kind = self._kind()  # imported before the limit, which holds for libraries that are loaded
        with threadpool_limits(limits=1, user_api="blas"):  # implicit's own loops are much slower beside BLAS threads
            model = self._model(kind)
            model.fit(matrix, show_progress=False)
        return _placed(model.user_factors, used, len(lists)), _placed(model.item_factors, known, tracks)

    def _kind(self) -> Any:
        try:
            from implicit.cpu.als import AlternatingLeastSquares
            from implicit.cpu.bpr import BayesianPersonalizedRanking
        except ImportError as error:
            fix = "Run pip install 'contramuse[playlists]'."
            raise MissingDependencyError("is not installed", name="package", value="implicit", fix=fix) from error
        return AlternatingLeastSquares if self.method == "als" else BayesianPersonalizedRanking

    def _model(self, kind: Any) -> Any:
        common = {"regularization": self.regularization, "iterations": self.passes, "num_threads": 1}
        if self.method == "als":
            return kind(self.dim, random_state=self.seed, **common)
        return kind(self.dim, learning_rate=self.learning_rate, random_state=self.seed, **common)


def _placed(factors: Any, rows: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    out = np.full((count, factors.shape[1]), np.nan, np.float32)
    out[rows] = factors
    return out


@dataclass(frozen=True)
class MadeFactors:
    """What became of the tracks: how many have a vector, are in no list, or are of another split."""

    dim: int
    with_vector: int
    in_no_list: int
    other_splits: int
    lists: int


def make_cf_vectors(
    library: Library, lists: Lists, *, name: str, how: Factorisation, splits: Sequence[str], source: str
) -> MadeFactors:
    """Factorise the lists of the tracks of ``splits`` and store the vectors in the library.

    Args:
        library: whose tracks.
        lists: playlists, or any other lists.
        name: of the vectors.
        how: the factorisation.
        splits: of "train" and "valid"; tracks of other splits are never inside.
        source: where the lists come from, for the record.

    Raises:
        UserError: another split is asked for.
        LibraryError: no track of these splits is in a list together with another.
    """
    for split in splits:
        if split not in KNOWABLE:
            fix = f"Give {' or '.join(KNOWABLE)}, or both: a test track that is factorised is no test of its audio."
            raise UserError("is not possible", name="--splits", value=split, fix=fix)
    rows = np.sort(np.concatenate([library.rows(split) for split in splits]))
    inside = lists.within(rows)
    if not (np.diff(inside.starts) >= 2).any():
        raise LibraryError(
            f"has no two tracks of {' and '.join(splits)} in one list",
            name="library",
            value=library.root,
            fix="Prepare it with a column of playlists (--labels), or give --playlists FILE.",
        )
    vectors = how.fit(inside, tracks=len(library))
    known = np.asarray(np.isfinite(vectors).all(axis=1))
    assert not known[np.setdiff1d(np.arange(len(library)), rows)].any(), "a track of another split is inside"
    used = int((np.diff(inside.starts) > 0).sum())
    made = MadeFactors(vectors.shape[1], int(known.sum()), len(rows) - int(known.sum()), len(library) - len(rows), used)
    provenance = {
        "kind": "collaborative filtering", "method": how.method, "factors": how.dim, "epochs": how.passes,
        "learning_rate": how.learning_rate if how.method == "bpr" else None, "regularization": how.regularization,
        "seed": how.seed, "splits": list(splits), "lists": used, "memberships": len(inside.rows), "source": source,
        "last_column": "bias of the track" if how.method == "bpr" else "factor",
    }  # fmt: skip
    write_vectors(library, name, vectors, provenance=provenance)
    return made
