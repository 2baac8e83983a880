"""Profiles of encoders whose invariances are known by construction."""

import json

import numpy as np
import pytest

from contramuse.errors import UserError
from contramuse.probes import profile as module
from contramuse.probes.hearing import Ear, Hearing
from contramuse.probes.profile import Profile, profile, similarity, tables
from contramuse.probes.profile_words import verdict
from contramuse.probes.run import System
from minilibrary import write_library
from minimodel import embedded_library


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), tracks=30, seconds=2.4)


@pytest.fixture(scope="module")
def given(library, tmp_path_factory):
    return embedded_library(library, tmp_path_factory.mktemp("model"))


def bands(x):
    """Energies of 24 bands of the mean spectrum."""
    return np.abs(np.fft.rfft(x[:22050]))[: 24 * 400].reshape(24, 400).sum(axis=1) + 1e-9


def even(x):
    """Shape of the spectrum: does not hear the level."""
    return np.log(bands(x) / bands(x).sum())


def level(x):
    """Log-energies: a change of level moves every band by the same amount, a linear function of the decibels."""
    return np.log(bands(x))


def profiled(monkeypatch, library, given, folder, **settings):
    ears = {"even": even, "level": level}
    systems = [System(name, "model", np.zeros((len(library), 24), np.float32)) for name in ears]
    monkeypatch.setattr(module.systems, "compared_systems", lambda *a, **k: systems)
    hearing = Hearing(
        {n: Ear(n, lambda s, f=f: np.stack([f(x) for x in s]).astype(np.float32)) for n, f in ears.items()},
        {n: (n, slice(None)) for n in ears},
    )
    monkeypatch.setattr(module, "hearing_of", lambda *a, **k: hearing)
    return profile([given], library=library, settings=Profile(resamples=200, **settings), folder=folder)


def test_gain_leaves_one_alone_and_can_be_read_off_the_other(monkeypatch, library, given, tmp_path):
    part = profiled(monkeypatch, library, given, tmp_path, factors=("gain",), seconds=2.0)
    assert json.loads(json.dumps(part)) == part
    for p in part["points"]:
        if p["system"] == "even":
            assert p["similarity"] == pytest.approx(1, abs=1e-4)
            assert (p["rank"], p["first"]) == (1, 1)
    found = {e["system"]: e for e in part["equivariance"]}
    assert found["level"]["r2"] > 0.999
    assert found["level"]["low"] > 0.999
    assert found["even"]["r2"] < 0.1  # rounding leaves differences of 1e-6 and nothing to read in them
    assert found["level"]["r2_alone"] < found["level"]["r2"]
    gain = part["factors"][0]
    assert verdict(part, "even", gain) == ("invariant", "cannot be read off")
    assert verdict(part, "level", gain) == ("changed", "can be read off")
    assert "gain hardly changes the vectors of even" in part["words"][1]
    assert len(list(tables(part))) == 2


def test_an_offset_is_measured_where_tracks_are_long_enough(monkeypatch, library, given, tmp_path):
    part = profiled(monkeypatch, library, given, tmp_path, factors=("time offset",), seconds=2.0)
    assert {p["amount"] for p in part["points"]} == {0.1}
    part = profiled(monkeypatch, library, given, tmp_path, factors=("time offset",), seconds=10.0)
    assert part["points"] == []
    assert part["words"][-1] == "time offset: the tracks are too short for it."
    list(tables(part))


def test_similarity_is_a_cosine_and_a_rank():
    rng = np.random.default_rng(0)
    clean, other = rng.normal(size=(2, 12, 5))
    own, rank = similarity(clean, other)
    for i in range(12):
        cosines = [clean[j] @ other[i] / np.linalg.norm(clean[j]) / np.linalg.norm(other[i]) for j in range(12)]
        assert own[i] == pytest.approx(cosines[i])
        assert rank[i] == 1 + sum(c > cosines[i] for c in cosines)
    np.testing.assert_array_equal(similarity(clean, clean)[1], 1)


@pytest.mark.slow
def test_a_model_beside_its_baselines(library, given, tmp_path):
    settings = Profile(
        factors=("gain", "low-pass"), tracks=20, seconds=1.5, resamples=100, baselines=("random", "mfcc")
    )
    part = profile([given], library=library, settings=settings, folder=tmp_path)
    assert [one["name"] for one in part["systems"]] == ["tiny", "random weights", "MFCC statistics"]
    assert len(part["points"]) == 3 * (6 + 4)
    assert all(-1 <= p["similarity"] <= 1 for p in part["points"])
    assert profile([given], library=library, settings=settings, folder=tmp_path) == part


def test_mistakes_are_told():
    with pytest.raises(UserError, match="is no factor"):
        Profile(factors=("weather",))
    with pytest.raises(UserError, match="tracks"):
        Profile(tracks=2)
