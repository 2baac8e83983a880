"""The space in which tracks are compared: every part of a vector is centred and made as long as the others.

The similarity of two vectors is the weighted mean of their parts' cosines. Weights stand on the query's side alone, so
that one index serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contramuse.errors import UserError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Space:
    """Parts and centre of a collection's vectors.

    Args:
        centre: float32 [h], taken off every vector.
        parts: widths by name, in order; their sum is h. Most collections have one part.
    """

    centre: Floats
    parts: Mapping[str, int]

    def unit(self, vectors: Floats) -> Floats:
        """Vectors float32 [... h] centred, of length 1 as a whole, and each part as long as the others.

        A part that is nothing but zeros before it is centred stays so: a query that says nothing of it.
        """
        made = [_unit(part, mean) for part, mean in zip(self._cut(vectors), self._cut(self.centre), strict=True)]
        joined: Floats = np.concatenate(made, axis=-1) / np.float32(math.sqrt(len(made)))
        return joined

    def weighed(self, unit: Floats, weights: Mapping[str, float]) -> Floats:
        """Queries float32 [... h] out of ``unit``, whose inner product with others is the weighted mean of cosines.

        Args:
            unit: from ``unit``.
            weights: by part; a part that is not named weighs 1.

        Raises:
            UserError: see ``weights_of``.
        """
        known = weights_of(self.parts, weights)
        total = sum(known.values())
        factors = [np.full(width, known[name] * len(known) / total) for name, width in self.parts.items()]
        return np.asarray(unit * np.concatenate(factors), np.float32)

    def _cut(self, vectors: Floats) -> list[Floats]:
        places = np.cumsum(list(self.parts.values()))[:-1]
        return np.split(np.asarray(vectors, np.float32), places, axis=-1)


def _unit(part: Floats, centre: Floats) -> Floats:
    moved = np.where((part == 0).all(axis=-1, keepdims=True), np.float32(0.0), part - centre)
    length = np.linalg.norm(moved, axis=-1, keepdims=True)
    return moved / np.maximum(length, 1e-12)  # type: ignore[no-any-return]


def weights_of(parts: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, float]:
    """The weight of every part, 1 where none is given.

    Raises:
        UserError: there is no such part; a weight is below 0 or not finite; none is above 0.
    """
    listed = f"The parts of these embeddings: {', '.join(parts)}."
    for name, weight in weights.items():
        if name not in parts:
            raise UserError("is not a part of these embeddings", name="--weigh", value=name, fix=listed)
        if not 0 <= weight < math.inf:
            fix = "Give 0 or more, e.g. 0.5."
            raise UserError("is not a weight", name=f"--weigh {name}", value=weight, fix=fix)
    known = {name: float(weights.get(name, 1.0)) for name in parts}
    if not any(known.values()):
        raise UserError("leave nothing to compare: all are 0", name="--weigh", fix=listed)
    return known


def read_weights(text: str) -> dict[str, float]:
    """Weights as written: ``key=2,tempo=0.5``.

    Raises:
        UserError: it has another form.
    """
    found: dict[str, float] = {}
    for word in text.split(","):
        name, _, number = (piece.strip() for piece in word.partition("="))
        try:
            found[name] = float(number)
        except ValueError as error:
            fix = "Write PART=NUMBER, several joined by commas, e.g. key=2,tempo=0.5."
            raise UserError("is not a weight", name="--weigh", value=word, fix=fix) from error
    return found
