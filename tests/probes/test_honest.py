"""What makes the numbers honest, each guard with something that it catches: take the guard away and its test fails."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.probes import Settings, probe
from contramuse.probes.cache import CODE, remembered
from contramuse.probes.clusters import cluster_tracks
from contramuse.probes.folds import Fold, cross_validation
from contramuse.probes.leaks import leaks
from contramuse.probes.run import System, predict
from contramuse.probes.tasks import Task, library_tasks, membership
from memorylibrary import QUICK, Library, N, embedded, knowing
from minilibrary import write_library
from minimodel import make_model


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


def leaking(root):
    """A split that tests four tracks of artists that it learns from; two files hold the audio of learnt ones."""
    library = Library(root, split=["train"] * 78 + ["valid"] * 20 + ["test"] * 22)
    library.audio = [f"hash{i}" for i in range(N)]
    library.audio[100], library.audio[119] = "hash3", "hash97"
    return library


def test_a_split_that_leaks_is_told_and_counted(tmp_path):
    library = leaking(tmp_path)
    settings = dataclasses.replace(QUICK, protocol="split", tasks=("genre",), probes=("linear",))
    results = probe(embedded(tmp_path, knowing(library)), library=library, settings=settings)
    found = results["leaks"]
    assert found["audio"] == {"count": 2, "examples": [["3.wav", "100.wav"], ["97.wav", "119.wav"]]}
    assert found["groups"]["artist"]["count"] == 2  # 98 and 99 are of the artist of 95 to 97
    assert found["groups"]["artist"]["examples"][0] == ["95.wav", "98.wav"]
    assert [said for said in results["words"] if said.startswith("Leak: ")] == [
        "Leak: 2 of 22 tested tracks have the very audio of a track that was learnt from "
        "(tested 100.wav, learnt 3.wav).",
        "Leak: 2 of 22 tested tracks share their artist with a track that was learnt from "
        "(tested 98.wav, learnt 95.wav).",
    ]


def test_folds_by_artist_leak_no_artist_and_say_so(library):
    folds = cross_validation(np.arange(N) // 5, k=5, seed=0)
    found = leaks(library, np.arange(N), folds)
    assert found["audio"]["count"] == found["groups"]["artist"]["count"] == 0
    assert found["words"] == ["No tested track shares its audio or artist with one that was learnt from."]
    torn = leaks(library, np.arange(N), cross_validation(np.arange(N), k=5, seed=0))
    assert torn["groups"]["artist"]["count"] == N


def test_settings_are_chosen_without_the_tested_tracks(library, tmp_path):
    """Test labels that would favour other settings change neither a choice nor an answer."""
    vectors = knowing(library).astype(np.float32) + np.random.default_rng(0).normal(size=(N, 16)).astype(np.float32)
    (fold,) = [Fold(np.arange(80), np.arange(80, 100), np.arange(100, N))]
    tasks = library_tasks(library, np.arange(N), ["genre", "tags", "tempo"])
    for task in tasks:
        for name in ("linear", "mlp", "knn"):
            found = []
            for seed in range(4):
                y = task.y.copy()
                if seed:
                    y[100:] = np.random.default_rng(seed).permutation(y[100:])
                other = dataclasses.replace(task, y=y)
                answers, _ = predict(System("s", "model", vectors), task=other, probe=name, plan=[(0, [fold])])
                found.append((answers.chosen, answers.scores[0].tolist()))
            assert all(one == found[0] for one in found), (task.name, name)


def test_the_choice_does_depend_on_the_validation_tracks(library):
    """Or else the test before would prove nothing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    x = (rng.normal(size=(N, 30)) + 0.6 * y[:, None] * (np.arange(30) < 4)).astype(np.float32)
    fold, chosen = Fold(np.arange(60), np.arange(60, 110), np.arange(110, N)), set()
    for seed in range(6):
        labels = y.copy()
        labels[60:110] = np.random.default_rng(seed).permutation(labels[60:110]) if seed else labels[60:110]
        task = Task("t", "multiclass", ("a", "b"), labels, np.ones(N, np.bool_))
        chosen.add(predict(System("s", "model", x), task=task, probe="linear", plan=[(0, [fold])])[0].chosen[0])
    assert len(chosen) > 1


@pytest.mark.parametrize("tests", [[np.arange(80, 120), np.arange(119, 120)], [np.arange(80, 120), np.arange(80, 120)]])
def test_a_track_that_would_be_scored_twice_stops_the_probe(tests):
    folds = [Fold(np.arange(50), np.arange(50, 80), test) for test in tests]
    task = Task("t", "multiclass", ("a", "b"), np.arange(N) % 2, np.ones(N, np.bool_))
    x = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    with pytest.raises(AssertionError, match="exactly once"):
        predict(System("s", "model", x), task=task, probe="linear", plan=[(0, folds)])


def test_a_track_that_a_later_seed_forgets_stops_the_probe():
    whole, less = (Fold(np.arange(50), np.arange(50, 80), np.arange(80, stop)) for stop in (120, 110))
    task = Task("t", "multiclass", ("a", "b"), np.arange(N) % 2, np.ones(N, np.bool_))
    x = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    with pytest.raises(AssertionError, match="exactly once"):
        predict(System("s", "model", x), task=task, probe="linear", plan=[(0, [whole]), (1, [less])])


def test_batch_normalisation_of_a_frozen_encoder_does_not_drift(tmp_path):
    """Embedding leaves the statistics of a frozen encoder alone, even of one that someone put into training mode."""
    library = write_library(tmp_path / "library", tracks=4, seconds=3.0)
    model = load(make_model(tmp_path / "model", recipe="clmr"))
    norms = [m for m in model.tower.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    embed_library(model, library, tmp_path / "first")
    model.tower.train()
    before = {name: value.clone() for name, value in model.tower.state_dict().items()}
    embed_library(model, library, tmp_path / "second")
    after = model.tower.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(norm.training for norm in norms)
    first, second = (Embeddings.open(tmp_path / name).vectors for name in ("first", "second"))
    np.testing.assert_array_equal(first, second)


def test_clusters_are_decided_by_the_library_and_said(library, tmp_path):
    rows = np.arange(N)
    found, name, said = cluster_tracks(library, rows, "auto")
    assert name == "artist"
    assert len(np.unique(found)) == 24
    assert said == "Intervals draw whole groups: 24 by artist, of 120 tested tracks."
    assert cluster_tracks(library, rows, "tracks")[0] is None
    assert cluster_tracks(library, rows, "genre")[1] == "genre"
    few, name, said = cluster_tracks(library, rows[:20], "auto")
    assert few is None
    assert "4 groups by artist are too few" in said
    library.info = {"dataset": {"group": "genre"}}
    assert cluster_tracks(library, rows, "auto")[1] == "artist"  # three genres are too few


def test_intervals_are_wider_when_tracks_of_an_artist_stand_together(library, tmp_path):
    library.data["genre"] = np.repeat(np.random.default_rng(0).integers(0, 3, 24), 5)
    artist = np.repeat(np.random.default_rng(1).normal(size=(24, 4)), 5, axis=0)
    x = np.concatenate([np.eye(3)[library.data["genre"]] + 0.8 * artist[:, :3], artist], axis=1)
    wide, narrow = (
        probe(
            embedded(tmp_path, x), library=library,
            settings=Settings(tasks=("genre",), probes=("knn",), baselines=(), seeds=1, resamples=300, resample=way),
        )["tasks"][0]["results"][0]
        for way in ("auto", "tracks")
    )  # fmt: skip
    assert wide["value"] == narrow["value"]
    assert wide["high"] - wide["low"] > 1.3 * (narrow["high"] - narrow["low"])


def test_results_are_kept_until_damaged(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"values": [0.1, None, {"a": "b"}], "tuple": (1, 2)}

    first, kept = remembered(tmp_path, "key", compute)
    assert not kept
    again, kept = remembered(tmp_path, "key", compute)
    assert kept
    assert len(calls) == 1
    assert again["values"] == first["values"]
    file = tmp_path / "key.json"
    whole = file.read_text()
    for damage in (whole[:-20], whole.replace("0.1", "0.2"), "[]", "", whole.replace('"key"', '"other"')):
        file.write_text(damage)
        found, kept = remembered(tmp_path, "key", compute)
        assert not kept
        assert found["values"] == first["values"]
    assert remembered(tmp_path, "another", compute)[1] is False


def test_kept_results_depend_on_every_module_that_they_are_computed_by():
    import ast
    from pathlib import Path

    import contramuse.probes as package

    folder, needed, waiting = Path(package.__file__).parent, set(), ["session", "few"]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contramuse.probes"):
                inner = node.module.removeprefix("contramuse.probes").lstrip(".")
                waiting += [inner] if inner else [alias.name for alias in node.names]
    assert needed == set(CODE)


def test_albums_of_one_title_are_one_only_where_an_artist_or_a_folder_says_so():
    titles = ["Hits", "Hits", "Hits", "Hits", "Tunes", "", "Mix", "Mix"]
    artists = ["A", "A", "B", "", "A", "A", "C", "D"]
    paths = ["x/1", "y/2", "z/3", "z/4", "x/5", "x/6", "mix/7", "mix/8"]
    library = SimpleNamespace(
        fields={}, paths=paths, track=lambda i: SimpleNamespace(groups={"artist": (), "album": ()}),
        groups=lambda name: [(one,) if one else () for one in {"album": titles, "artist": artists}[name]],
    )  # fmt: skip
    found = membership(library, "album", np.arange(8))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert found[2] == found[3]  # a folder of one album
    assert found[6] == found[7]
    assert found[5] == ()
    assert len(set(found)) == 5


def test_the_group_that_folds_keep_apart_is_drawn_whole(library):
    settings = dataclasses.replace(QUICK, group="artist", protocol="folds")
    assert settings.drawn == "artist"
    assert dataclasses.replace(settings, resample="tracks").drawn == "tracks"
    assert dataclasses.replace(settings, group=None).drawn == "auto"
