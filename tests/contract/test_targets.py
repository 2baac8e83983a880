"""Every target through one test: shape, range, symmetry, and independence of a pair from all others."""

from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest
import torch

from contramuse.catalogue.track import KEYS, LabelField
from contramuse.rows import UNKNOWN, Rows
from contramuse.targets import (
    TARGETS,
    Any,
    Dice,
    Given,
    InverseFrequency,
    Jaccard,
    Kernel,
    Key,
    Lookup,
    Plugin,
    Product,
    Same,
    Shared,
    Sum,
    Target,
    Tempo,
    given,
)


def example(kind: str, folder) -> Target:
    generator = np.random.default_rng(0)
    for name, size in (("given", 8), ("lookup", 5)):
        matrix = generator.random((size, size)).astype(np.float32)
        np.save(folder / f"{name}.npy", (matrix + matrix.T) / 2)
    return {
        "same": Same(by="artist"),
        "shared": Shared(labels="tags"),
        "dice": Dice(labels="tags"),
        "jaccard": Jaccard(labels="tags"),
        "inverse_frequency": InverseFrequency(labels="tags", measure="jaccard"),
        "kernel": Kernel(value="tempo", width=10.0),
        "tempo": Tempo(value="tempo"),
        "key": Key(labels="key"),
        "lookup": Lookup(labels="tags", file=str(folder / "lookup.npy")),
        "given": Given(file=str(folder / "given.npy")),
        "plugin": Plugin(name="same_artist"),
        "any": Any(of=(Same(), Dice(labels="tags"))),
        "product": Product(of=(Same(by="artist"), Kernel(value="tempo", width=5.0))),
        "sum": Sum(of=(Same(by="artist"), InverseFrequency(labels="tags")), weights=(0.25, 0.75)),
    }[kind]


def same_artist(q: Rows, k: Rows) -> torch.Tensor:
    return Same(by="artist")(q, k)


@pytest.fixture
def installed(monkeypatch):
    """A package that offers the target "same_artist"."""
    points = EntryPoints([EntryPoint("same_artist", f"{__name__}:same_artist", given.PLUGINS)])
    monkeypatch.setattr(given, "entry_points", lambda group: points.select(group=group))
    given._installed.cache_clear()
    yield
    given._installed.cache_clear()


def rows(count: int = 8) -> Rows:
    generator = torch.Generator().manual_seed(5)
    tempo = 60 + 100 * torch.rand(count, 1, generator=generator)
    tempo[0] = float("nan")
    artist = torch.randint(0, 3, (count,), generator=generator)
    artist[1] = UNKNOWN
    key = torch.eye(24)[torch.randint(0, 24, (count,), generator=generator)]
    key[2] = 0
    return Rows.of(
        track=list(range(count)),
        artist=artist,
        labels={"tags": (torch.rand(count, 5, generator=generator) < 0.4).float(), "key": key},
        values={"tempo": tempo},
    )


class LibraryOf:
    """What ``Target.learn`` asks a library for."""

    def __init__(self, who: Rows) -> None:
        self.fields = {
            "tags": LabelField("tags", "multilabel", tuple("abcde")),
            "key": LabelField("key", "key", KEYS),
            "tempo": LabelField("tempo", "numeric"),
        }
        self._found = {"tags": who.labels["tags"].numpy(), "tempo": who.values["tempo"][:, 0].double().numpy()}

    def labels(self, name: str) -> np.ndarray:
        return self._found[name]


@pytest.mark.parametrize("kind", TARGETS)
def test_target_contract(kind, tmp_path, installed):
    who = rows()
    target = example(kind, tmp_path).learn(LibraryOf(who), np.arange(8))
    likeness = target(who, who)
    assert likeness.shape == (8, 8)
    assert likeness.dtype == torch.float32
    assert torch.isfinite(likeness).all()
    assert (likeness >= 0).all()
    assert (likeness <= 1 + 1e-6).all()
    assert torch.allclose(likeness, likeness.T)
    part = target(who[2:5], who[torch.tensor([7, 0])])
    assert torch.allclose(part, likeness[2:5][:, [7, 0]], atol=1e-7)


@pytest.mark.parametrize("kind", TARGETS)
def test_learning_reads_only_the_rows_that_are_trained_on(kind, tmp_path, installed):
    who = rows()
    trained, other = np.arange(5), rows()
    other.labels["tags"][5:] = 1 - other.labels["tags"][5:]
    target = example(kind, tmp_path)
    one, two = (target.learn(LibraryOf(facts), trained)(who, who) for facts in (who, other))
    assert torch.equal(one, two)


@pytest.mark.parametrize("kind", TARGETS)
def test_the_fields_that_a_target_names_are_those_that_it_reads(kind, tmp_path, installed):
    who = rows()
    target = example(kind, tmp_path)
    learnt = target.learn(LibraryOf(who), np.arange(8))
    told = Rows(
        ids=who.ids,
        silent=who.silent,
        labels={name: x for name, x in who.labels.items() if name in target.fields()},
        values={name: x for name, x in who.values.items() if name in target.fields()},
    )
    assert torch.equal(learnt(told, told), learnt(who, who))
