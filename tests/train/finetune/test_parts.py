"""Labels, windows, shares and aggregation, each against what it says."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from torch import nn

from contramuse.catalogue.library import Library
from contramuse.catalogue.track import LabelField
from contramuse.errors import LibraryError, UserError
from contramuse.probes.tasks import Task
from contramuse.train.finetune.data import LabelledData, spread, whole_windows
from contramuse.train.finetune.labels import Scale, check_divided, choose, loss_of, read_labels, without_empty
from contramuse.train.finetune.module import build_head
from contramuse.train.finetune.scoring import aggregate, by_class, confusion, results
from contramuse.train.finetune.settings import Settings

N = 40


def catalogue(stated: Any = None, **labels: tuple[str, tuple[str, ...], Any]) -> Any:
    """A library as far as labels go: name -> (kind, classes, values); which tags are stated, by name of the field."""
    stated = stated or {}
    fields = {name: LabelField(name, kind, classes) for name, (kind, classes, _) in labels.items()}  # type: ignore[arg-type]

    def known(name: str) -> Any:
        kind, _, y = labels[name]
        if name in stated:
            return stated[name].any(axis=1)
        return np.isfinite(y) if kind == "numeric" else (y > 0).any(axis=1) if kind == "multilabel" else y >= 0

    return SimpleNamespace(
        fields=fields, labels=lambda name: labels[name][2], known=known, stated=lambda name: stated.get(name)
    )


def test_tags_of_which_nothing_is_stated_have_no_part_in_loss_or_results() -> None:
    rng = np.random.default_rng(0)
    stated = rng.random((N, 3)) < 0.6
    tags = ((rng.random((N, 3)) < 0.5) & stated).astype(np.float32)
    out = read_labels(catalogue({"tags": stated}, tags=("multilabel", ("a", "b", "c"), tags)), ["tags"], untagged="out")
    assert (np.isnan(out.y) == ~stated).all()
    logits = torch.from_numpy(rng.normal(size=(N, 3)).astype(np.float32))
    cells = [
        np.log1p(np.exp(-logits[i, c].item())) if tags[i, c] else np.log1p(np.exp(logits[i, c].item()))
        for i in range(N) for c in range(3) if stated[i, c]
    ]  # fmt: skip
    loss = loss_of(logits, torch.from_numpy(out.y), kind="binary")
    assert loss.item() == pytest.approx(np.mean(cells), rel=1e-5)
    (task,) = out.tasks(np.flatnonzero(out.known))
    found = by_class(task, logits.double().numpy()[out.known])
    for c, one in enumerate(found):
        rows = stated[:, c] & out.known
        assert one["tracks"] == tags[rows, c].sum()
        assert one["average_precision"] == pytest.approx(
            average_precision_score(tags[rows, c], logits.numpy()[rows, c]), abs=1e-5
        )


def test_each_kind_of_field_and_who_is_unlabelled() -> None:
    rng = np.random.default_rng(0)
    tags = (rng.random((N, 3)) < 0.3).astype(np.float32)
    tags[:4] = 0
    numbers = rng.normal(size=(2, N))
    numbers[0, 5] = np.nan
    classes = rng.integers(-1, 3, N)
    library = catalogue(
        tags=("multilabel", ("a", "b", "c"), tags), arousal=("numeric", (), numbers[0]),
        valence=("numeric", (), numbers[1]), genre=("multiclass", ("x", "y", "z"), classes),
    )  # fmt: skip
    out = read_labels(library, ["tags"], untagged="out")
    assert (out.known == tags.any(axis=1)).all()
    assert out.loss == "binary"
    assert read_labels(library, ["tags"], untagged="in").known.all()
    both = read_labels(library, ["arousal", "valence"], untagged="out")
    assert both.y.shape == (N, 2)
    assert both.known.sum() == N - 1
    assert [task.name for task in both.tasks(np.arange(3))] == ["arousal", "valence"]
    genre = read_labels(library, ["genre"], untagged="out")
    assert (genre.known == (classes >= 0)).all()
    assert genre.loss == "classes"
    with pytest.raises(LibraryError, match=r"cannot be learnt together \(genre is multiclass, arousal is numeric\)"):
        read_labels(library, ["genre", "arousal"], untagged="out")


def test_numbers_are_learnt_on_the_scale_of_the_training_tracks() -> None:
    y = np.random.default_rng(1).normal(5, 3, size=(2, N))
    labels = read_labels(
        catalogue(a=("numeric", (), y[0]), b=("numeric", (), y[1])), ["a", "b"], untagged="out"
    )  # fmt: skip
    train = np.arange(30)
    scale = Scale.of(labels, train)
    targets = scale.targets(labels, train)
    torch.testing.assert_close(targets.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(targets.std(dim=0, unbiased=False), torch.ones(2))
    np.testing.assert_allclose(targets.numpy() * scale.deviation + scale.mean, y.T[:30], rtol=1e-5)


def test_classes_are_matched_by_name() -> None:
    genre = read_labels(catalogue(g=("multiclass", ("a", "b", "c"), np.array([0, 1, 2, -1]))), ["g"], untagged="out")
    kept = genre.keep(("c", "new", "a"), untagged="out")
    assert kept.y.tolist() == [2, -1, 0, -1]
    assert kept.known.tolist() == [True, False, True, False]
    hot = np.eye(3, dtype=np.float32)
    tags = read_labels(catalogue(t=("multilabel", ("a", "b", "c"), hot)), ["t"], untagged="out")
    kept = tags.keep(("c", "new"), untagged="out")
    assert kept.y.tolist() == [[0, 0], [0, 0], [1, 0]]
    assert kept.known.tolist() == [False, False, True]
    assert tags.keep(("c", "new"), untagged="in").known.all()


def test_classes_without_a_training_track() -> None:
    labels = read_labels(catalogue(g=("multiclass", tuple("abcd"), np.arange(N) % 3)), ["g"], untagged="out")
    with pytest.raises(LibraryError, match=r"no training track has d\..*--empty drop"):
        without_empty(labels, np.arange(20), empty="refuse", untagged="out")
    assert without_empty(labels, np.arange(20), empty="drop", untagged="out").classes == tuple("abc")


@pytest.mark.parametrize(
    ("kind", "classes", "y", "what"),
    [
        ("multiclass", ("a", "b"), np.zeros(N, np.int64), "class"),
        ("multilabel", ("a", "b"), np.tile([1.0, 0.0], (N, 1)).astype(np.float32), "labels"),
        ("numeric", (), np.full(N, 3.0), "value"),
    ],
)
def test_a_split_of_one_class(kind: str, classes: tuple[str, ...], y: Any, what: str) -> None:
    labels = read_labels(catalogue(f=(kind, classes, y)), ["f"], untagged="out")
    with pytest.raises(LibraryError, match=f"every track of the test split has the same {what}"):
        check_divided(labels, np.arange(N), split="test")
    with pytest.raises(LibraryError, match="no track of the valid split has a label"):
        check_divided(labels, np.arange(0), split="valid")


def test_the_share_is_of_labelled_training_tracks() -> None:
    y = np.arange(200) % 4
    y[150:] = -1
    labels = read_labels(catalogue(g=("multiclass", tuple("abcd"), y)), ["g"], untagged="out")
    rows = np.arange(20, 190)
    chosen = choose(labels, rows, Settings(fields=("g",), share=0.1))
    assert len(chosen) == 13
    assert ((chosen >= 20) & (chosen < 150)).all()
    by_sets = choose(labels, rows, Settings(fields=("g",), share=0.01, share_rule="powerset"))
    assert sorted(y[by_sets]) == [0, 1, 2, 3]


def test_losses_are_torchs() -> None:
    z = torch.randn(5, 3)
    classes, hot = torch.tensor([0, 2, 1, 1, 0]), torch.randint(0, 2, (5, 3)).float()
    torch.testing.assert_close(loss_of(z, classes, kind="classes"), -z.log_softmax(1)[torch.arange(5), classes].mean())
    sigmoid = z.sigmoid()
    slow = -(hot * sigmoid.log() + (1 - hot) * (1 - sigmoid).log()).mean()
    torch.testing.assert_close(loss_of(z, hot, kind="binary"), slow)
    torch.testing.assert_close(loss_of(z, hot, kind="numbers"), ((z - hot) ** 2).mean())


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(5, 12), st.integers(1, 4))
def test_windows_cover_tracks_without_overlap(lengths: list[int], window: int, most: int) -> None:
    rows, starts = whole_windows(np.arange(len(lengths)), np.array(lengths), window=window)
    for row, length in enumerate(lengths):
        own = starts[rows == row]
        assert own.tolist() == [window * i for i in range(max(length // window, 1))]
    chosen = spread(rows, most=most)
    assert len(set(chosen.tolist())) == len(chosen)
    for row in range(len(lengths)):
        here, total = (rows[chosen] == row).sum(), (rows == row).sum()
        assert here == min(most, total)


def data_of(library: Library, **changed: Any) -> LabelledData:
    labels = read_labels(library, ["genre"], untagged="out")
    rows = library.rows("train")
    settings = Settings(fields=("genre",), batch=7, **changed)
    return LabelledData(
        library, labels, Scale.of(labels, rows), train=rows, valid=library.rows("valid"), settings=settings,
        window=11025,
    )  # fmt: skip


def test_an_epoch_has_every_track_once_at_another_place_each_time(library: Library) -> None:
    data = data_of(library)
    assert data.per_epoch == 4
    epochs = [[data.batch(4 * e + i) for i in range(4)] for e in range(2)]
    for batches in epochs:
        assert sorted(np.concatenate([b.rows for b in batches])) == library.rows("train").tolist()
        assert [len(b) for b in batches] == [6, 6, 6, 6]
        for b in batches:
            assert b.x.shape == (6, 1, 11025)
            assert b.y.tolist() == library.labels("genre")[b.rows].tolist()
    assert epochs[0][0].rows.tolist() != epochs[1][0].rows.tolist()
    row = epochs[0][0].rows[0]
    again = next(b for b in epochs[1] if row in b.rows)
    assert not torch.equal(epochs[0][0].x[0], again.x[again.rows.tolist().index(row)])


def test_all_segments_of_all_tracks(library: Library) -> None:
    data = data_of(library, segments="all")
    assert len(data) == 24 * 3
    found = [data.batch(i) for i in range(data.per_epoch)]
    assert (
        np.bincount(np.concatenate([b.rows for b in found]), minlength=40)[library.rows("train")].tolist() == [3] * 24
    )


def test_the_stream_goes_on_after_what_was_trained_on(library: Library) -> None:
    data = data_of(library)
    stream = iter(data.train_dataloader())
    first = [next(stream) for _ in range(5)]
    data.trained_on(first[2])
    other = data_of(library)
    other.load_state_dict(data.state_dict())
    stream = iter(other.train_dataloader())
    assert torch.equal(next(stream).x, first[3].x)
    data.close()
    other.close()


@pytest.mark.parametrize("loss", ["binary", "classes", "numbers"])
def test_aggregation_variants(loss: str) -> None:
    torch.manual_seed(0)
    windows, head = torch.randn(4, 6), build_head("mlp", dim_in=6, out=3)
    logits = [head(w[None])[0] for w in windows]
    squash = {"binary": torch.sigmoid, "classes": lambda z: z.softmax(0), "numbers": lambda z: z}[loss]
    expected = {
        "probabilities": sum(squash(z) for z in logits) / 4,
        "logits": sum(logits) / 4,
        "embeddings": head((sum(windows) / 4)[None])[0],
    }
    for rule, value in expected.items():
        torch.testing.assert_close(aggregate(windows, head, rule=rule, loss=loss), value)  # type: ignore[arg-type]


def test_heads_are_those_that_were_published() -> None:
    mlp, linear = build_head("mlp", dim_in=512, out=50), build_head("linear", dim_in=512, out=50)
    assert [p.shape for p in mlp.parameters()] == [torch.Size([512, 512]), torch.Size([50, 512])]
    assert sum(p.numel() for p in linear.parameters()) == 512 * 50 + 50
    assert not any(isinstance(m, nn.Dropout) for m in mlp.modules())


def test_results_have_intervals_and_classes() -> None:
    rng = np.random.default_rng(2)
    y = (rng.random((60, 4)) < 0.3).astype(np.float32)
    task = Task("tags", "multilabel", tuple("abcd"), y, np.ones(60, bool))
    rows = results([task], y + 0.1 * rng.random((60, 4)), resamples=100, seed=0)
    assert {row["metric"]: row["value"] for row in rows} == {
        "roc_auc": 1.0, "average_precision": 1.0, "roc_auc_by_track": 1.0, "average_precision_by_track": 1.0,
    }  # fmt: skip
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert [row["tracks"] for row in by_class(task, y)] == y.sum(axis=0).tolist()
    one = Task("g", "multiclass", ("a", "b"), np.array([0, 0, 1]), np.ones(3, bool))
    table = confusion(one, np.array([[1.0, 0], [0, 1], [0, 1]]))
    assert table.tolist() == [[1, 1], [0, 1]]
    key = Task("key", "key", ("C major", "G major", "A minor"), np.array([0, 0, 1, 2]), np.ones(4, bool))
    rows = results([key], np.eye(3)[[0, 1, 1, 2]], resamples=100, seed=0)
    assert {row["metric"]: row["value"] for row in rows} == {
        "key_score": (3 + 0.5) / 4, "accuracy": 0.75, "balanced_accuracy": pytest.approx((0.5 + 1 + 1) / 3, abs=1e-6),
    }  # fmt: skip
    numbers = [Task(n, "numeric", (), rng.normal(size=50), np.ones(50, bool)) for n in ("a", "b")]
    answers = np.stack([t.y for t in numbers], axis=1)
    rows = results(numbers, answers, resamples=100, seed=0)
    assert [(row["field"], row["value"]) for row in rows] == [("a", 1.0), ("b", 1.0), ("mean", 1.0)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder": "half"}, {"rate": 0.0}, {"batch": 0}, {"share": 0.0}, {"dropout": 1.0}, {"layer_decay": 0.5},
        {"start": "nothing"}, {"fields": ()}, {"fields": ("a", "a")}, {"patience": -1},
    ],
)  # fmt: skip
def test_impossible_settings(wrong: Any) -> None:
    with pytest.raises(UserError):
        Settings(**{"fields": ("genre",), **wrong})


def test_settings_are_stored_whole() -> None:
    chosen = Settings(fields=("arousal", "valence"), encoder="full", layer_decay=0.75, share=0.1)
    assert Settings.from_json(chosen.to_json()) == chosen
    with pytest.raises(UserError, match="'later': is not a setting"):
        Settings.from_json({**chosen.to_json(), "later": 1})
