"""Targets against slow loops over sets, numbers and names, one pair at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contramuse.catalogue.track import KEYS, LabelField
from contramuse.rows import UNKNOWN, Rows
from contramuse.targets import Dice, InverseFrequency, Jaccard, Kernel, Key, Lookup, Same, Shared, Tempo

CLASSES = "abcde"
SETS = st.lists(st.frozensets(st.sampled_from(CLASSES)), min_size=1, max_size=6)
FIFTHS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F")
RELATIVES = ("A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F", "C", "G", "D")


def told(sets) -> Rows:
    hot = torch.tensor([[float(name in one) for name in CLASSES] for one in sets])
    return Rows.of(track=list(range(len(sets))), labels={"tags": hot})


class Library:
    def __init__(self, sets) -> None:
        self.fields = {"tags": LabelField("tags", "multilabel", tuple(CLASSES))}
        self._hot = told(sets).labels["tags"].numpy()

    def labels(self, name: str) -> np.ndarray:
        return self._hot


def expect(target, q: Rows, k: Rows, of) -> None:
    got = target(q, k)
    for i in range(len(q)):
        for j in range(len(k)):
            assert float(got[i, j]) == pytest.approx(of(i, j), abs=2e-5), (i, j)


@settings(max_examples=25, deadline=None)
@given(a=SETS, b=SETS, at_least=st.integers(1, 3))
def test_shared_dice_and_jaccard(a, b, at_least):
    q, k = told(a), told(b)
    expect(Shared(labels="tags", at_least=at_least), q, k, lambda i, j: float(len(a[i] & b[j]) >= at_least))
    expect(
        Dice(labels="tags"), q, k,
        lambda i, j: 2 * len(a[i] & b[j]) / (len(a[i]) + len(b[j])) if a[i] or b[j] else 0.0,
    )  # fmt: skip
    expect(Jaccard(labels="tags"), q, k, lambda i, j: len(a[i] & b[j]) / len(a[i] | b[j]) if a[i] | b[j] else 0.0)


@settings(max_examples=25, deadline=None)
@given(a=SETS, b=SETS, library=SETS.filter(any))
def test_inverse_frequency(a, b, library):
    labelled = [one for one in library if one]

    def weight(names) -> float:
        return sum(math.log(len(labelled) / max(1, sum(name in one for one in labelled))) for name in names)

    def dice(i: int, j: int) -> float:
        both = weight(a[i]) + weight(b[j])
        return 2 * weight(a[i] & b[j]) / both if both > 1e-9 else 0.0

    def jaccard(i: int, j: int) -> float:
        return weight(a[i] & b[j]) / weight(a[i] | b[j]) if weight(a[i] | b[j]) > 1e-9 else 0.0

    rows = np.arange(len(library))
    for measure, of in (("dice", dice), ("jaccard", jaccard)):
        target = InverseFrequency(labels="tags", measure=measure).learn(Library(library), rows)
        expect(target, told(a), told(b), of)


@settings(max_examples=20, deadline=None)
@given(a=SETS, b=SETS, seed=st.integers(0, 99))
def test_lookup(a, b, seed, tmp_path_factory):
    file = tmp_path_factory.mktemp("lookup") / f"{seed}.npy"
    table = np.random.default_rng(seed).random((5, 5))
    np.save(file, table)

    def of(i: int, j: int) -> float:
        found = [table[CLASSES.index(x), CLASSES.index(y)] for x in a[i] for y in b[j]]
        return sum(found) / len(found) if found else 0.0

    expect(Lookup(labels="tags", file=str(file)), told(a), told(b), of)


NUMBERS = st.lists(st.floats(20, 400) | st.just(math.nan), min_size=1, max_size=5)


def numbered(values) -> Rows:
    return Rows.of(track=list(range(len(values))), values={"x": torch.tensor(values, dtype=torch.float32)[:, None]})


@settings(max_examples=25, deadline=None)
@given(a=NUMBERS, b=NUMBERS, width=st.floats(5, 50))
def test_kernels_and_tempos(a, b, width):
    def bell(distance: float, width: float) -> float:
        return 0.0 if math.isnan(distance) else math.exp(-(distance**2) / (2 * width**2))

    def around(distance: float, period: float) -> float:
        return min(distance % period, period - distance % period)

    q, k = numbered(a), numbered(b)
    expect(Kernel(value="x", width=width), q, k, lambda i, j: bell(abs(a[i] - b[j]), width))
    expect(
        Kernel(value="x", width=width, metric="circular", period=100.0), q, k,
        lambda i, j: bell(around(abs(a[i] - b[j]), 100.0), width),
    )  # fmt: skip
    expect(
        Tempo(value="x", width=0.3), q, k,
        lambda i, j: bell(around(abs(math.log2(a[i] / b[j])), 1.0), 0.3),
    )  # fmt: skip


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_keys_by_walking_the_circle(width):
    """Step by step round the circle, on which each minor key is written beside its relative major."""
    place = {f"{tonic} major": i for i, tonic in enumerate(FIFTHS)} | {
        f"{tonic} minor": i for i, tonic in enumerate(RELATIVES)
    }
    rows = Rows.of(track=list(range(24)), labels={"key": torch.eye(24)})

    def of(i: int, j: int) -> float:
        a, b = KEYS[i], KEYS[j]
        steps = next(n for n in range(7) if place[b] in ((place[a] + n) % 12, (place[a] - n) % 12))
        changed = a.split()[1] != b.split()[1]
        return math.exp(-(steps**2 + 0.25 * changed) / (2 * width**2))

    expect(Key(labels="key", width=width, relative=0.5), rows, rows, of)


@settings(max_examples=20, deadline=None)
@given(ids=st.lists(st.integers(-1, 3), min_size=1, max_size=6))
def test_same(ids):
    rows = Rows.of(artist=ids)
    expect(Same(by="artist"), rows, rows, lambda i, j: float(ids[i] == ids[j] != UNKNOWN))
