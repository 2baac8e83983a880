"""The check of a library that nobody labelled."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from contramuse.catalogue.library import Library
from contramuse.catalogue.prepare import prepare
from contramuse.checkpoint.model import load
from contramuse.embeddings import Embeddings, embed_library
from contramuse.errors import LibraryError, UserError
from contramuse.probes import own as module
from contramuse.probes.neighbours import nearest, standardised
from contramuse.probes.own import Own, own, tables
from contramuse.probes.run import System
from contramuse.probes.standing import Group, Standing, standings
from minilibrary import write_library
from minimodel import make_model

QUIET = Own(resamples=200, copies=0, baselines=())


def quiet(message):
    pass


def standing(groups, artist, *, tempo=None, key=None):
    clusters = np.unique([a[0] for a in artist], return_inverse=True)[1]
    facts = {"artist": 0, "album": 0, "genre": 0, "tempo": "known", "key": "known"}
    return Standing(groups, artist, clusters.astype(np.int64), tempo, key, facts)


def test_precision_by_group_is_a_loop():
    """Genre with the artist's own tracks left out, album among all: against loops over the tracks."""
    rng = np.random.default_rng(0)
    n, x = 60, standardised(np.random.default_rng(1).normal(size=(60, 5)))
    artist = [(f"a{i}",) for i in rng.integers(0, 12, n)]
    genre = [(f"g{i}",) if i < 3 else () for i in rng.integers(0, 4, n)]
    groups = [Group("genre", genre, artist, ""), Group("artist", artist, None, "")]
    measures = module._together({"x": x}, {"x": nearest(x, k=10)}, standing(groups, artist), QUIET, quiet)
    assert [(m.facts["group"], m.facts["k"]) for m in measures] == [
        (g, k) for g in ("genre", "artist") for k in (1, 5, 10)
    ]
    for measure in measures:
        k, barred = measure.facts["k"], measure.facts["group"] == "genre"
        own = genre if barred else artist
        shares, chances = [], []
        for i in range(n):
            others = [j for j in range(n) if j != i and not (barred and set(artist[i]) & set(artist[j]))]
            right = [j for j in others if set(own[i]) & set(own[j])]
            if right:
                first = sorted(others, key=lambda j: -float(x[i] @ x[j]))[:k]
                shares.append(sum(j in right for j in first) / k)
                chances.append(len(right) / len(others))
        np.testing.assert_allclose(measure.values["x"], shares)
        assert measure.facts["chance"] == pytest.approx(np.mean(chances), abs=1e-6)
        assert measure.facts["queries"] == len(shares)


def test_agreement_of_tempo_and_key_is_a_loop():
    rng = np.random.default_rng(0)
    n, x = 50, standardised(np.random.default_rng(1).normal(size=(50, 4)))
    artist = [(f"a{i}",) for i in rng.integers(0, 10, n)]
    tempo = np.where(rng.random(n) < 0.1, np.nan, rng.choice([60.0, 90, 120, 181], n))
    found = module._agreements({"x": x}, standing([], artist, tempo=tempo), quiet)
    (measure,) = found
    shares = []
    for i in np.flatnonzero(np.isfinite(tempo)):
        others = [j for j in range(n) if j != i and artist[i] != artist[j]]
        near = [j for j in sorted(others, key=lambda j: -float(x[i] @ x[j]))[:10] if np.isfinite(tempo[j])]
        folds = [np.log2(tempo[j] / tempo[i]) for j in near]
        shares.append(np.mean([abs(f - round(f)) < np.log2(1.04) for f in folds]))
    np.testing.assert_allclose(measure.values["x"], shares)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """32 files in one folder, all that is known of them in their ID3 tags: 8 artists, 2 albums each, 3 genres."""
    import mutagen.easyid3
    import soundfile

    root = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    t = np.arange(int(2.2 * 22050)) / 22050
    for i in range(32):
        artist = i // 4
        tones = sum(
            0.1 * np.sin(2 * np.pi * f * t) for f in 200 * (1 + artist) * np.array([1, 1.5, 2.2]) + rng.uniform(0, 9, 3)
        )
        file = root / f"{i:02d}.mp3"
        soundfile.write(file, tones + 0.01 * rng.standard_normal(len(t)), 22050)
        tags = mutagen.easyid3.EasyID3()
        tags["artist"], tags["album"], tags["genre"] = (
            f"Artist {artist}",
            f"Best of {i // 2 % 2}",
            ("Jazz", "Rock", "Folk")[artist % 3],
        )
        tags.save(file)
    prepare(root, root.parent / f"{root.name}-library")
    return Library.open(root.parent / f"{root.name}-library")


@pytest.mark.slow
def test_a_folder_with_tags_alone(folder, tmp_path):
    embed_library(load(make_model(tmp_path / "model", seed=7)), folder, tmp_path / "out")
    given = Embeddings.open(tmp_path / "out")
    settings = Own(resamples=200, copies=20)
    part = own([given], library=folder, settings=settings, folder=tmp_path / "work")
    assert json.loads(json.dumps(part)) == part
    assert [one["name"] for one in part["systems"]] == ["tiny", "random weights", "MFCC statistics", "mean log-mel"]
    assert (part["known"]["artist"], part["known"]["album"], part["known"]["genre"]) == (32, 32, 32)
    groups = {r["group"] for r in part["results"] if r["measure"] == "precision"}
    assert groups == {"artist", "artist, other albums", "album", "genre"}
    value = {(r["system"], r["measure"], r.get("group"), r.get("k")): r for r in part["results"]}
    assert value["MFCC statistics", "precision", "artist", 1]["value"] > 0.9  # artists differ in pitch and nothing else
    assert value["MFCC statistics", "precision", "artist", 10]["best"] == pytest.approx(0.3)
    assert value["tiny", "near_duplicates", "re-encoded", None]["value"] > 0.9
    assert {r["measure"] for r in part["results"]} >= {"precision", "hubness", "orphans", "near_duplicates", "key"}
    assert "estimated from the audio" in part["known"]["key"]
    assert all(r["low"] <= r["value"] <= r["high"] for r in part["results"])
    assert own([given], library=folder, settings=settings, folder=tmp_path / "work") == part
    assert len(list(tables(part))) == 1
    assert part["words"][0].startswith("32 tracks; 32 have an artist in their tags")


def test_albums_of_two_artists_with_one_title_are_two(folder, tmp_path):
    found = standings(folder, np.arange(32), 5.0, folder=tmp_path, progress=quiet)
    album = next(g for g in found.groups if g.name == "album")
    assert len({name for own in album.members for name in own}) == 16
    assert len(np.unique(found.clusters)) == 8
    few = standings(folder, np.arange(24), 5.0, folder=tmp_path, progress=quiet)
    assert len(np.unique(few.clusters)) == 24  # six artists are too few to draw whole


def test_tempo_and_genre_of_the_library_go_before_estimates(tmp_path):
    library = write_library(tmp_path / "library", tracks=24, seconds=1.0)
    found = standings(library, np.arange(24), 5.0, folder=tmp_path, progress=quiet)
    np.testing.assert_array_equal(found.tempo, 60.0 + np.arange(24))
    assert found.facts["tempo"] == "from the library's field of tempi"
    assert [g.name for g in found.groups] == ["artist", "genre"]


def test_without_tags_folders_are_what_is_known(tmp_path):
    library = write_library(tmp_path / "library", tracks=24, seconds=1.0)

    def groups(name):
        raise LibraryError("has no such group", fix="")

    bare = SimpleNamespace(
        group_names=[], fields={}, info={}, paths=[f"{i // 4}/{i}.mp3" for i in range(24)], groups=groups,
        store=library.store, ids=library.ids, fingerprint="x", sample_rate=22050,
    )  # fmt: skip
    found = standings(bare, np.arange(24), 5.0, folder=tmp_path, progress=quiet)
    assert [g.name for g in found.groups] == ["folder"]
    assert len(np.unique(found.clusters)) == 24


def test_less_is_better_of_hubs_and_orphans():
    rng = np.random.default_rng(0)
    even, crowded = rng.normal(size=(2, 200))
    counts = {"a": np.round(even + 10), "b": np.round(np.exp(2 * crowded))}
    measure = module.Measure("hubness", counts, np.arange(200), {"k": 10})
    systems = [
        System("a", "model", np.zeros((1, 1), np.float32)),
        System("b", "baseline", np.zeros((1, 1), np.float32)),
    ]
    results, differences = module._told([measure], systems, QUIET)
    assert results[0]["value"] < results[1]["value"]
    assert differences[0]["verdict"] == "better"


def test_mistakes_are_told():
    with pytest.raises(UserError, match="at"):
        Own(at=(20,))
