"""Bootstrap over tracks: intervals of a metric, and of the difference of two systems on the same resamples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from contramuse.probes.metrics import weighted_mean

TIE = 1e-12
LEVEL = 0.95
"""Coverage that the intervals claim."""


@dataclass(frozen=True)
class Draws:
    """The same draws for whoever asks: drawn again from the seed, block by block, so that memory is bounded.

    Args:
        n: tracks.
        count: draws.
        seed: of the generator.
        clusters: int64 [n], tracks of one number stay together; None takes single tracks.
        block: largest number of values held at once.
    """

    n: int
    count: int = 1000
    seed: int = 0
    clusters: Int[np.ndarray, " n"] | None = None
    block: int = 4_000_000

    def units(self) -> tuple[Int[np.ndarray, " n"], int]:
        """The number of each track's cluster, from 0, int64 [n], and how many clusters there are."""
        members = np.arange(self.n) if self.clusters is None else np.unique(self.clusters, return_inverse=True)[1]
        return members, int(members.max()) + 1 if self.n else 0

    def sizes(self) -> Iterator[int]:
        """How many draws stand in each block."""
        step = max(1, self.block // max(1, self.n))
        for start in range(0, self.count, step):
            yield min(step, self.count - start)


@dataclass(frozen=True)
class Resamples(Draws):
    """Resamples with replacement, of single tracks or of whole clusters."""

    def blocks(self) -> Iterator[Float[np.ndarray, "n r"]]:
        """How often each track stands in each resample, float32 [n r], r at a time."""
        generator = np.random.default_rng(self.seed)
        members, units = self.units()
        for r in self.sizes():
            drawn = generator.integers(0, units, size=(r, units))
            drawn += np.arange(r)[:, None] * units
            counts = np.bincount(drawn.ravel(), minlength=r * units).reshape(r, units)
            yield np.ascontiguousarray(counts.T[members], dtype=np.float32)


@dataclass(frozen=True)
class Interval:
    """A value and its percentile interval; low and high are NaN where fewer than half of the resamples have a value."""

    value: float
    low: float
    high: float


def interval(
    value: float,
    distribution: NDArray[np.float64],
    *,
    level: float = LEVEL,
    bounds: tuple[float, float] = (float("-inf"), float("inf")),
) -> Interval:
    """The percentile interval of a bootstrap ``distribution`` [r], moved so that its mean is the ``value``.

    A resample has fewer different tracks than the sample. Metrics that are not plain means depend on that (average
    precision of a rare tag rises with fewer different positives), and without the move an interval can miss its value.
    The move may carry an end beyond ``bounds``, what the metric can be; there it is cut.
    """
    known = centred(value, distribution)
    if len(known) * 2 < len(distribution) or len(known) == 0 or np.isnan(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).clip(*bounds)
    return Interval(value, float(low), float(high))


def mean_interval(values: Float[np.ndarray, " n"], draw: Resamples, *, bounds: tuple[float, float]) -> Interval:
    """The interval of the mean of one value per track; ``bounds`` as ``interval`` takes them."""
    drawn = np.concatenate([weighted_mean(values, w) for w in draw.blocks()])
    return interval(float(values.mean()), drawn, bounds=bounds)


def centred(value: float, distribution: NDArray[np.float64]) -> NDArray[np.float64]:
    """The known values of a bootstrap distribution, moved so that their mean is ``value``."""
    known = distribution[~np.isnan(distribution)]
    return known + (value - known.mean()) if len(known) else known


@dataclass(frozen=True)
class Difference(Interval):
    """The paired difference a - b: positive where a is better; p of no difference, from the same resamples."""

    p: float

    @property
    def verdict(self) -> str:
        """ "better", "worse" or "not distinguished": the last whenever the interval includes zero or is unknown."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not distinguished"


def difference(value: float, a: NDArray[np.float64], b: NDArray[np.float64], *, level: float = LEVEL) -> Difference:
    """Paired bootstrap of a - b over the same resamples [r]: its interval and its p-value.

    p is twice the share of resamples on the far side of zero; it counts (k + 1) / (r + 1), so that it is never 0, and
    half of the ties on either side. A resample in which both are equal stays a tie when the others are moved: where few
    tracks differ, many are, and a move to either side would name a winner.
    """
    gap = a - b
    span = interval(value, gap, level=level)
    if np.isnan(span.low):
        return Difference(span.value, span.low, span.high, float("nan"))
    known = np.where(np.abs(gap[~np.isnan(gap)]) < TIE, 0.0, centred(value, gap))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    ties = 0.5 * np.count_nonzero(np.abs(known) < TIE)
    below = np.count_nonzero(known <= -TIE) + ties
    above = np.count_nonzero(known >= TIE) + ties
    p = min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1))
    return Difference(value, float(low), float(high), float(p))
